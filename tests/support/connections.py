"""A client's connection to an application behind uvicorn, without a socket."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState


class Transport:
    """Keeps what a server writes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return the addresses of a connection."""
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 9000)}.get(name, default)

    def write(self, data: bytes) -> None:
        """Keep what is written."""
        assert not self.closed
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Return whether the server has closed the connection."""
        return self.closed

    def close(self) -> None:
        """Note that the server closes the connection."""
        self.closed = True

    def pause_reading(self) -> None:
        """Do nothing: what a test sends, it sends."""

    resume_reading = pause_reading


class Connection:
    """A client's connection to a server.

    Args:
        config: Configuration of uvicorn.
        protocol: What makes the server's end of it.
    """

    def __init__(self, config: uvicorn.Config, protocol: Any = HttpToolsProtocol) -> None:
        self.state, self.transport = ServerState(), Transport()
        self.state.default_headers = [(b"date", b"today")]
        self.protocol = protocol(config=config, server_state=self.state, app_state={})
        self.protocol.access_log = False  # pytest gives handlers to the logger, which turns it on
        self.protocol.connection_made(self.transport)

    async def send(self, packet: bytes, answers: int) -> None:
        """Send a packet, and wait until so many answers are complete."""
        before = self._answers
        self.protocol.data_received(packet)
        async with asyncio.timeout(60):
            while self._answers < before + answers:  # noqa: ASYNC110 - it is done in some iterations
                await asyncio.sleep(0)

    @property
    def received(self) -> tuple[bytes, bool]:
        """What the server has sent, without what is random, and whether it has closed the connection."""
        sent = b"".join(self.transport.written)
        return re.sub(rb"x-request-id: \w{16}\r\n", b"x-request-id\r\n", sent), self.transport.closed

    @property
    def _answers(self) -> int:
        return self.state.total_requests + b"".join(self.transport.written).count(b"HTTP/1.1 100 ")
