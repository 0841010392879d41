"""Live updates: server-sent events that tell an open page that what it shows has changed.

A stream ends after a while, and the browser opens the next one. So a server that stops does not wait for it, and a
sign-in that has ended is noticed. A change in between is found by the id of the last event; the address of a page's
first stream says what the page was made from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from starlette.responses import Response, StreamingResponse

from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.server.page.forms import state_of
from langchain_motorhead.server.page.reading import newest_activity
from langchain_motorhead.server.page.rendering import HEADERS
from langchain_motorhead.server.page.visit import Answer, Visit
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot

MAX_STREAMS = 100
"""Streams that a server has open at a time. A further page is not updated."""

_LOOK_EVERY_SECONDS = 2.0
_LOOKS = 10
_RETRY_MS = 1_000
_NO_CONTENT = 204  # the browser does not ask again


async def session_events(visit: Visit) -> Answer:
    """Tell when a session changes."""
    keys = visit.keys()
    backend = visit.backend

    async def look() -> str:
        return session_state(await backend.aexecute(read_snapshot(keys, 1, 0)))

    return _stream(visit, look)


async def list_events(visit: Visit) -> Answer:
    """Tell when the list of sessions changes."""
    backend = visit.backend

    async def look() -> str:
        return list_state(await backend.aexecute(newest_activity(backend.namespace)))

    return _stream(visit, look)


def session_state(snapshot: SessionSnapshot) -> str:
    """Return a digest of what the pages of a session depend on."""
    return state_of(
        snapshot.epoch, snapshot.revision, snapshot.first, snapshot.length, snapshot.covered, snapshot.failures
    )


def list_state(newest: Sequence[tuple[str, float]]) -> str:
    """Return a digest of what the list of sessions depends on.

    Args:
        newest: Id and time of the session that was active last, if there is any.
    """
    return state_of(list(newest))


def _stream(visit: Visit, look: Callable[[], Awaitable[str]]) -> Response:
    state = visit.state
    if state.streams >= MAX_STREAMS:
        return Response(status_code=_NO_CONTENT, headers=HEADERS)
    # Read now: an address that cannot be read is refused before the stream begins.
    known = visit.request.headers.get("last-event-id") or visit.query("seen")

    async def events() -> AsyncIterator[str]:
        state.streams += 1
        try:
            seen = known
            yield f"retry: {_RETRY_MS}\n\n"
            for _ in range(_LOOKS):
                now = await look()
                if now != seen:
                    yield f"id: {now}\nevent: {'changed' if seen else 'seen'}\ndata:\n\n"
                    seen = now
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
                if visit.request.app.state.stopping:
                    return
        except MotorheadError:
            return  # the browser asks again
        finally:
            state.streams -= 1

    return StreamingResponse(events(), headers=HEADERS, media_type="text/event-stream")
