"""The HTTP connections of `motorhead serve`: when they are closed.

A connection is closed if its client does not send the headers of a request in time. Streams of events end when the
server stops.

Uvicorn has no time limit for headers, so slow clients could use up all connections. How long a body may
take is limited in `http/request.py`, and how long a connection may be idle by uvicorn.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_Base: Any = AutoHTTPProtocol


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
    """Return uvicorn's HTTP protocol with a limit for the time until the headers of a request have arrived.

    It can be pickled, so it can be passed to other processes.

    Args:
        seconds: The limit: from the start of a connection, or from the first byte of a later request on. 0 for none.
    """
    return partial(_Protocol, seconds) if seconds else AutoHTTPProtocol


class _Protocol(_Base):  # type: ignore[misc]
    _timer: asyncio.TimerHandle | None = None

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

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._timer = self.loop.call_later(self._seconds, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
