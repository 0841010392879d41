"""The HTTP connections of `motorhead serve`: when they are closed.

A connection is closed if its client does not send the headers of a request in time, or sends too many. Streams of
events end when the server stops.

Uvicorn has no time limit for headers, so slow clients could use up all connections. It has no limit for their size
either, and the time that httptools takes for a header grows with the square of its size. How long a body may take is
limited in `http/request.py`, and how long a connection may be idle by uvicorn.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn

_Base: Any
try:
    from langchain_motorhead.server.http.upgrades import PlainProtocol

    _Base = PlainProtocol
except ImportError:  # no httptools. h11 ignores what asks for another protocol
    from uvicorn.protocols.http.h11_impl import H11Protocol

    _Base = H11Protocol
# Limit for the headers of a request. The bytes that were received together with its first byte do not count.
_MAX_HEAD_BYTES = 1 << 16
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 26\r\n"
    b"content-type: text/plain; charset=utf-8\r\n\r\nThe headers are too large."
)


class StoppingServer(uvicorn.Server):
    """A server that tells its application when it is to stop, in `app.state.stopping`.

    It stops by itself if the application says in `app.state.failure` why it cannot work.

    Args:
        config: Configuration of uvicorn.
        on_start: Called in a thread as soon as requests are answered.
    """

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], object] | None = None) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer requests."""
        await super().startup(sockets)
        if self.started and self._on_start is not None:
            await asyncio.to_thread(self._on_start)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop. It is called ten times a second."""
        app: Any = self.config.app
        return await super().on_tick(counter) or app.state.failure is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        app: Any = self.config.app
        app.state.stopping = True
        await super().shutdown(sockets)


def protocol_with_timeout(seconds: float) -> Any:
    """Return uvicorn's HTTP protocol with limits for the headers of a request: their size, and how long they may take.

    It can be pickled, so it can be passed to other processes.

    Args:
        seconds: The limit: from the start of a connection, or from the first byte of a later request on. 0 for none.
    """
    return partial(_Protocol, seconds)


class _Protocol(_Base):  # type: ignore[misc]
    _timer: asyncio.TimerHandle | None = None
    # The request whose headers are not complete, and their bytes beyond those that were received with the first.
    _head: object = None
    _head_bytes = 0

    def __init__(self, seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._seconds = seconds

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = self.cycle  # the request whose headers arrived last
        if cycle is not None and not cycle.response_complete:
            self._stop()
        elif self._timer is None:
            self._start()
        if self.scope is not None and (cycle is None or cycle.scope is not self.scope):
            self._limit_head(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _limit_head(self, size: int) -> None:
        """Close the connection if the headers of the request that has begun are too large."""
        if self._head is not self.scope:
            self._head, self._head_bytes = self.scope, 0  # there may be more than headers in what was received
            return
        self._head_bytes += size
        if self._head_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _start(self) -> None:
        if self._seconds:
            self._timer = self.loop.call_later(self._seconds, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
