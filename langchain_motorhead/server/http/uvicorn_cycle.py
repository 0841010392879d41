"""Two short cuts where uvicorn serves: an answer is sent in one write, and a body that is there needs no time limit.

An ASGI application sends the head of an answer and its body apart, and uvicorn checks each header and writes both to
the socket. For a small answer that takes a quarter of what uvicorn does for a request.

uvicorn has no public way for this, so this module reads and sets attributes of its `RequestResponseCycle` as `send` and
`receive` of that class do. `tests/server/test_uvicorn_cycle.py` compares both ways with the installed uvicorn. If
attributes are missing, another ASGI server serves, or the connection is to be closed after the answer, requests take
ASGI's way.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.types import Receive, Send

_USED = frozenset(
    (
        "access_log", "body", "default_headers", "disconnected", "flow", "keep_alive", "message_event", "more_body",
        "on_response", "response_complete", "response_started", "scope", "transport", "waiting_for_100_continue",
    )
)  # fmt: skip
_CLOSE = (b"connection", b"close")


def cycle_of(call: Send | Receive) -> Any:
    """Return uvicorn's state of a request, or None if the application has to use `send` and `receive`.

    Args:
        call: One of them, as the ASGI server gave it to the application. If a middleware has wrapped it, that has to
            see what is sent.
    """
    cycle: Any = getattr(call, "__self__", None)
    if type(cycle) is not _cycle_class() or cycle.access_log:
        return None
    if not cycle.__dict__.keys() >= _USED:
        return None
    return cycle if cycle.keep_alive and _CLOSE not in cycle.scope["headers"] else None


def body_of(receive: Receive) -> bytes | None:
    """Return the body of a request if all of it has arrived and nothing of it was read. Otherwise None."""
    cycle = cycle_of(receive)
    if cycle is None or cycle.more_body or cycle.disconnected or not cycle.message_event.is_set():
        return None
    if cycle.response_started or cycle.waiting_for_100_continue or cycle.flow.read_paused:
        return None
    data, cycle.body = bytes(cycle.body), bytearray()
    cycle.message_event.clear()
    return data


async def send_whole(cycle: Any, headers: bytes, body: bytes) -> None:
    """Send an answer with status 200.

    Args:
        cycle: State of the request, from `cycle_of`.
        headers: Headers of the answer, each with its line end. One has the length of the body.
        body: The body.
    """
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    cycle.response_started, cycle.waiting_for_100_continue = True, False
    parts = [b"HTTP/1.1 200 OK\r\n"]
    for name, value in cycle.default_headers:
        parts += (name, b": ", value, b"\r\n")
    parts += (headers, b"\r\n")
    if cycle.scope["method"] != "HEAD":
        parts.append(body)
    cycle.transport.write(b"".join(parts))
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()


@cache
def _cycle_class() -> object:
    """Return uvicorn's class, or a value that is no class."""
    try:
        from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    except ImportError:  # no uvicorn, or no httptools
        return ...
    return RequestResponseCycle
