"""What can be done to a session from its page. Each action is confirmed first, and bound to what its user saw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.responses import Response

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.server.errors import NotFoundError
from langchain_motorhead.server.exports import export as export_session
from langchain_motorhead.server.page import views
from langchain_motorhead.server.page.browsing import missing, seen_state
from langchain_motorhead.server.page.forms import StaleFormError, state_of
from langchain_motorhead.server.page.visit import Answer, Visit
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import SessionSnapshot

Fields: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done to a session.

    Attributes:
        title: What the confirmation asks.
        explanation: What will happen.
        button: Label of the button that does it.
        audited: Name of it in the audit log.
        run: Does it, with the fields of the form. Returns the answer.
        seen: Digest of what the form was made from. If it has changed, the form is refused.
        grave: Whether it cannot be undone.
        changed: What the user is told if it has changed.
        edits: Whether the form has a text: that of the summary.
    """

    title: str
    explanation: str
    button: str
    audited: str
    run: Callable[[Visit, Fields], Awaitable[Answer]]
    seen: Callable[[SessionSnapshot], str]
    grave: bool = False
    changed: str = "the session was deleted and begun anew since you opened this form. Nothing was changed"
    edits: bool = False


async def confirm(visit: Visit) -> Answer:
    """Ask whether to do something to a session."""
    action, snapshot = _action(visit), await _snapshot(visit)
    return "confirm", _form(visit, action, action.seen(snapshot), snapshot.summary or "")


async def do(visit: Visit) -> Answer:
    """Do something to a session, which was confirmed."""
    action = _action(visit)
    visit.note(action.audited, session_id=visit.session_id())
    fields = await visit.form(_purpose(visit))
    try:
        if action.seen(await _snapshot(visit)) != fields.get("seen"):
            raise StaleFormError(action.changed)
        return await action.run(visit, fields)
    except Exception:
        visit.state.forms.release(fields["token"])
        raise


async def _compact(visit: Visit, _: Fields) -> Answer:
    report = await visit.motorhead.session(visit.session_id()).acompact()
    return visit.go("/session", id=visit.session_id(), done="compacted", n=report.folded)


async def _rebuild(visit: Visit, _: Fields) -> Answer:
    await visit.motorhead.session(visit.session_id()).arebuild_summary(wait=False)
    return visit.go("/session", id=visit.session_id(), done="rebuilding")


async def _set_summary(visit: Visit, fields: Fields) -> Answer:
    text = fields.get("text", "")
    try:
        await visit.motorhead.session(visit.session_id()).aset_summary(text, override="override" in fields)
    except InvalidInputError as error:  # the form again, with what was written
        values = _form(visit, ACTIONS["summary"], fields["seen"], text)
        return visit.show(
            "confirm", {**values, "problem": str(error).replace("Give override=True", "Tick the box")}, 400
        )
    return visit.go("/session", id=visit.session_id(), done="summary")


async def _delete(visit: Visit, _: Fields) -> Answer:
    if not await visit.motorhead.session(visit.session_id()).adelete():
        raise missing(visit.session_id())
    return visit.go("", done="deleted")


async def _export(visit: Visit, _: Fields) -> Response:
    return await export_session(visit.motorhead, visit.session_id())


def _epoch(snapshot: SessionSnapshot) -> str:
    return state_of(snapshot.epoch)


ACTIONS: Mapping[str, Action] = {
    "compact": Action(
        "Compact this session?",
        "Its oldest messages are summarized now, until the window is within its bounds. They stay readable in the "
        "transcript if the archive is on. This may take as long as the model needs.",
        "Compact", "compact", _compact, _epoch,
    ),
    "rebuild": Action(
        "Make the summary again?",
        "A new summary is made from the messages themselves. The old one stays in use until the new one is complete, "
        "and is kept as a version.",
        "Rebuild", "rebuild summary", _rebuild, _epoch,
    ),
    "summary": Action(
        "Edit the summary",
        "Your text stands for every message that has left the window. Later compactions continue it. The version "
        "before it is kept.",
        "Save", "edit summary", _set_summary, seen_state,
        changed="the summary was changed by somebody else, or by a compaction, since you opened this form. Nothing was "
        "changed. Open the form again to see the new one",
        edits=True,
    ),
    "export": Action(
        "Export this session?",
        "You get a file of JSON Lines with all its messages and summaries, which motorhead import reads.",
        "Download", "export session", _export, _epoch,
    ),
    "delete": Action(
        "Delete this session?",
        "Its messages, its summaries, its archive and its entries in the search index are deleted for good.",
        "Delete for good", "delete session", _delete, _epoch, grave=True,
    ),
}  # fmt: skip
"""The actions, by their name in the address."""


def _action(visit: Visit) -> Action:
    action = ACTIONS.get(visit.query("do"))
    if action is None:
        raise NotFoundError("there is no such action")
    return action


async def _snapshot(visit: Visit) -> SessionSnapshot:
    snapshot = await visit.motorhead.backend.require_redis().aexecute(operations.read(visit.keys(), 1, 0))
    if snapshot.epoch is None:
        raise missing(visit.session_id())
    return snapshot


def _purpose(visit: Visit) -> str:
    return "\n".join((visit.query("do"), visit.motorhead.namespace, visit.session_id()))


def _form(visit: Visit, action: Action, seen: str, text: str) -> dict[str, Any]:
    """Return what the confirmation shows.

    Args:
        visit: The request.
        action: What is confirmed.
        seen: Digest of what the form is made from.
        text: The text to edit.
    """
    return {
        "id": visit.session_id(),
        "action": action,
        "do": visit.query("do"),
        "token": visit.token(_purpose(visit)),
        "seen": seen,
        "text": text[: views.WHOLE_CHARS],
        "problem": "",
        "tab": "",
    }
