"""Sends a whole answer in one write, where uvicorn serves.

An ASGI application sends the head of an answer and its body apart, and uvicorn checks each header and writes both to
the socket. For a small answer that takes a quarter of what uvicorn does for a request.

uvicorn has no public way for this, so this module sets the attributes of its `RequestResponseCycle` as `send` of that
class does. `tests/server/test_one_write.py` compares both ways with the installed uvicorn. They were compared with 0.38
and 0.54, the lowest and highest versions that were tried. If attributes are missing, or another ASGI server serves,
answers are sent in two messages.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.types import Send

_USED = frozenset(
    (
        "access_log", "default_headers", "disconnected", "flow", "keep_alive", "message_event", "on_response",
        "response_complete", "response_started", "scope", "transport", "waiting_for_100_continue",
    )
)  # fmt: skip


def cycle_of(send: Send) -> Any:
    """Return uvicorn's state of a request, or None if the answer has to be sent by `send`.

    Args:
        send: What the ASGI server gave to the application. If a middleware has wrapped it, that has to see the answer.
    """
    cycle: Any = getattr(send, "__self__", None)
    if type(cycle) is not _cycle_class() or cycle.access_log or cycle.response_started:
        return None
    return cycle if cycle.__dict__.keys() >= _USED else None


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
    parts.append(headers)
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts.append(b"\r\n")
    if cycle.scope["method"] != "HEAD":
        parts.append(body)
    cycle.transport.write(b"".join(parts))
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


@cache
def _cycle_class() -> object:
    """Return uvicorn's class, or a value that is no class."""
    try:
        from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    except ImportError:  # no uvicorn, or no httptools
        return ...
    return RequestResponseCycle
