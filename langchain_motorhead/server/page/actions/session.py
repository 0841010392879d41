"""The actions on a session: compact, rebuild, edit the summary, export, delete."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_motorhead.server.page.actions.action import Action, Field, Fields, Subject
from langchain_motorhead.server.page.browsing import missing
from langchain_motorhead.server.page.forms import state_of
from langchain_motorhead.server.page.visit import Answer, Visit
from langchain_motorhead.server.routes.exports import export
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot

_REPLACED = "the session was deleted and begun anew since you opened this form. Nothing was changed"


async def look(visit: Visit) -> Subject:
    """Read which session it is."""
    return _subject(visit, state_of((await _snapshot(visit)).epoch))


async def look_at_summary(visit: Visit) -> Subject:
    """Read the summary, to be edited."""
    snapshot = await _snapshot(visit)
    fields = (
        Field("text", "Summary", snapshot.summary or "", "area"),
        Field("override", "Store it without checking it against the messages", kind="box"),
    )
    seen = state_of(snapshot.epoch, snapshot.revision, snapshot.summary, snapshot.covered)
    return _subject(visit, seen, fields)


async def _compact(visit: Visit, _: Fields) -> Answer:
    report = await visit.motorhead.session(visit.session_id()).acompact()
    return visit.go("/session", id=visit.session_id(), done="compacted", n=report.summarized)


async def _rebuild(visit: Visit, _: Fields) -> Answer:
    await visit.motorhead.session(visit.session_id()).arebuild_summary(wait=False)
    return visit.go("/session", id=visit.session_id(), done="rebuilding")


async def _set_summary(visit: Visit, fields: Fields) -> Answer:
    session = visit.motorhead.session(visit.session_id())
    await session.aset_summary(fields.get("text", ""), override="override" in fields)
    return visit.go("/session", id=visit.session_id(), done="summary")


async def _delete(visit: Visit, _: Fields) -> Answer:
    if not await visit.motorhead.session(visit.session_id()).adelete():
        raise missing(visit.session_id())
    return visit.go("", done="deleted")


async def _export(visit: Visit, _: Fields) -> Answer:
    return await export(visit.motorhead, visit.session_id())


ACTIONS: Mapping[str, Action] = {
    "compact": Action(
        "Compact this session?",
        "Its oldest messages are summarized now, until the window is within its bounds. They stay readable in the "
        "transcript if the archive is on. This may take as long as the model needs.",
        "Compact", "compact", look, _compact, changed=_REPLACED,
    ),
    "rebuild": Action(
        "Make the summary again?",
        "A new summary is made from the messages themselves. The old one stays in use until the new one is complete, "
        "and is kept as a version.",
        "Rebuild", "rebuild summary", look, _rebuild, changed=_REPLACED,
    ),
    "summary": Action(
        "Edit the summary",
        "Your text stands for every message that has left the window. Later compactions continue it. The version "
        "before it is kept.",
        "Save", "edit summary", look_at_summary, _set_summary,
        changed="the summary was changed by somebody else, or by a compaction, since you opened this form. Nothing was "
        "changed. Go back for your text, and open the form again to see the new summary",
    ),
    "export": Action(
        "Export this session?",
        "You get a file of JSON Lines with all its messages and summaries, which motorhead import reads.",
        "Download", "export session", look, _export, changed=_REPLACED,
    ),
    "delete": Action(
        "Delete this session?",
        "Its messages, its summaries, its archive and its entries in the search index are deleted for good.",
        "Delete for good", "delete session", look, _delete, grave=True, changed=_REPLACED,
    ),
}  # fmt: skip
"""The actions, by their name in the address."""


def _subject(visit: Visit, seen: str, fields: tuple[Field, ...] = ()) -> Subject:
    session_id = visit.session_id()
    return Subject(session_id, visit.url("/session", id=session_id), seen, fields=fields)


async def _snapshot(visit: Visit) -> SessionSnapshot:
    snapshot = await visit.backend.aexecute(read_snapshot(visit.keys(), 1, 0))
    if snapshot.epoch is None:
        raise missing(visit.session_id())
    return snapshot
