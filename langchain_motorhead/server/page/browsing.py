"""Views that only read: sessions, users, one session with its transcript, its summary and its part of the prompt."""

from __future__ import annotations

from langchain_core.messages import BaseMessage

from langchain_motorhead.server.http.errors import NotFoundError
from langchain_motorhead.server.page import views
from langchain_motorhead.server.page.events import list_state, session_state
from langchain_motorhead.server.page.reading import USERS_SESSIONS, Overview, list_page, list_users, read_overview
from langchain_motorhead.server.page.visit import Answer, Visit
from langchain_motorhead.sessions.archive.transcript import read_page

PAGE_MESSAGES = 50
"""Messages on a page of a transcript."""

_NEWEST = 6
_VERSIONS_ON_OVERVIEW = 3
_DONE = {
    "compacted": "Compacted. Messages summarized: {n}.",
    "rebuilding": "The summary is being made again. The old one stays in use until the new one is complete.",
    "summary": "The summary was replaced. The version before it is kept.",
    "deleted": "The session was deleted.",
    "edited": "The message was edited. What was made with its old text is made again.",
    "forgotten": "Forgotten for good. Messages removed: {n}.",
    "remembered": "The fact was stored, and is pinned.",
    "corrected": "The fact was corrected. Your text is pinned.",
    "pinned": "The fact is pinned.",
    "fact-forgotten": "The fact was forgotten.",
    "user-deleted": "The user was deleted. Sessions deleted: {n}.",
}
"""What a page says after an action. The address only has the name of it, and a number."""


async def sessions(visit: Visit) -> Answer:
    """Show sessions by last activity."""
    backend, text, user, at = visit.backend, visit.query("q"), visit.query("user"), visit.number("at")
    found = await backend.arun(list_page(backend.namespace, user or None, text, at))
    rows = [views.session_row(each, backend.window) for each in found.sessions]
    newest = [] if at or text or user else [(each.session_id, each.active) for each in found.sessions[:1]]
    live = visit.url("/events", seen=list_state(newest) if newest else "")
    values = {"rows": rows, "page": found, "q": text, "user": user, "at": at, "here": "sessions", "live": live}
    return "sessions", {**values, "done": done(visit)}


async def users(visit: Visit) -> Answer:
    """Show users by last activity."""
    backend, at = visit.backend, visit.number("at")
    found, more = await backend.arun(list_users(backend.namespace, at))
    rows = [(each, views.to_time(each.active)) for each in found]
    return "users", {
        "rows": rows,
        "more": more,
        "at": at,
        "here": "users",
        "done": done(visit),
        "looked_at": USERS_SESSIONS,
    }


async def session(visit: Visit) -> Answer:
    """Show a session: where its messages are, its summary, and its newest messages."""
    overview = await _overview(visit, _NEWEST)
    snapshot = overview.snapshot
    window = visit.motorhead.backend.window
    versions = views.version_views(overview.versions)
    values = {
        "versions": versions[:_VERSIONS_ON_OVERVIEW],
        "more_versions": max(0, len(versions) - _VERSIONS_ON_OVERVIEW),
        "messages": views.newest_messages(snapshot),
        "summary": None if snapshot.summary is None else views.cut(snapshot.summary, views.WHOLE_CHARS),
        "tab": "overview",
        "done": done(visit),
        "window": window,
    }
    return "session", {**head(visit, overview), **values}


async def summary(visit: Visit) -> Answer:
    """Show the versions of a summary, with what each covers."""
    overview = await _overview(visit, 1)
    versions = views.version_views(overview.versions)
    return "summary", {**head(visit, overview), "versions": versions, "tab": "summary"}


async def transcript(visit: Visit) -> Answer:
    """Show a page of the messages of a session, from a sequence number on."""
    keys, start = visit.keys(), visit.number("start")
    backend = visit.backend
    found = await backend.arun(read_page(keys, start, start + PAGE_MESSAGES, PAGE_MESSAGES, None))
    if found.epoch is None:
        raise missing(keys.session_id)
    items: list[tuple[int, object]] = [
        (each.seq, views.message_view(each.seq, each.message, each.time)) for each in found.messages
    ]
    items += [(gap.first, gap) for gap in found.gaps]
    last = max(0, found.total - 1) // PAGE_MESSAGES * PAGE_MESSAGES
    following = start + PAGE_MESSAGES if found.next is None else found.next
    values = {
        "id": keys.session_id,
        "items": [item for _, item in sorted(items, key=lambda pair: pair[0])],
        "start": start,
        "stop": min(following, found.total),
        "total": found.total,
        "before": max(0, start - PAGE_MESSAGES) if start else None,
        "after": following if following < found.total else None,
        "last": last,
        "tab": "transcript",
        "live": visit.url("/session/events", id=keys.session_id),
        "done": done(visit),
    }
    return "transcript", values


async def message(visit: Visit) -> Answer:
    """Show one message as a whole, with what can be done to it."""
    found, _ = await read_message(visit)
    view = views.message_view(visit.number("seq"), found, None, views.WHOLE_CHARS)
    return "message", {"id": visit.session_id(), "message": view, "tab": "transcript", "done": done(visit)}


async def read_message(visit: Visit) -> tuple[BaseMessage, str | None]:
    """Read the message in the query, and the epoch of its session.

    Raises:
        NotFoundError: There is no such message, or it cannot be read.
    """
    keys, seq = visit.keys(), visit.number("seq")
    found = await visit.backend.arun(read_page(keys, seq, seq + 1, 1, None))
    if found.epoch is None:
        raise missing(keys.session_id)
    if not found.messages:
        reason = f"it is {found.gaps[0].reason.value}" if found.gaps else "there is none with this number"
        raise NotFoundError(f"message {seq} cannot be shown: {reason}")
    return found[0].message, found.epoch


def done(visit: Visit) -> str:
    """Return what was done before a page is shown, or an empty text."""
    text = _DONE.get(visit.query("done"), "")
    return text.format(n=visit.number("n")) if text else ""


def head(visit: Visit, overview: Overview) -> dict[str, object]:
    """Return what the pages of a session have in common."""
    snapshot = overview.snapshot
    return {
        "id": visit.session_id(),
        "user": snapshot.user,
        "created": views.to_time(overview.created),
        "updated": views.to_time(overview.updated),
        "total": snapshot.first + snapshot.length,
        "failures": snapshot.failures,
        "tokens": snapshot.tokens,
        "bar": views.bar(overview, visit.motorhead.backend.window),
        "chunks_missing": max(0, overview.archive.chunks - overview.archive.chunks_there),
        "live": visit.url("/session/events", id=visit.session_id(), seen=session_state(snapshot)),
    }


def missing(session_id: str) -> NotFoundError:
    """Return the error for a session that does not exist, or does not exist any more."""
    return NotFoundError(f"there is no session {session_id!r:.200}. It was deleted, or it expired")


async def _overview(visit: Visit, newest: int) -> Overview:
    overview = await visit.backend.arun(read_overview(visit.keys(), newest))
    if overview is None:
        raise missing(visit.session_id())
    return overview
