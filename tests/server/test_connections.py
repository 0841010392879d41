"""Connections of `motorhead serve`: requests that ask for another protocol, and headers that are too large."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from langchain_motorhead.server.connections import protocol_with_timeout
from support.connections import Connection

UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
POST = b"POST /a%20b?c=d HTTP/1.1\r\nHost: h\r\nX-Other: e\r\n"
GET = b"GET /a%20b HTTP/1.1\r\nHost: h\r\n"
LENGTH, BODY = b"Content-Length: 4\r\n", b"body"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n3\r\nody\r\n0\r\n\r\n"


@contextmanager
def connected(seconds: float = 30) -> Iterator[Connection]:
    """Connect to an application that answers with what it received."""

    async def echo(request: Request) -> Response:
        body = (await request.body()).decode()
        names = ",".join(sorted(request.headers))
        return PlainTextResponse(f"{request.method} {request.url.path}?{request.url.query} {names} {body}\n")

    config = uvicorn.Config(
        Starlette(routes=[Route("/{path}", echo, methods=["GET", "POST"])]), log_config=None, lifespan="off", ws="none"
    )
    config.load()
    connection = Connection(config, protocol_with_timeout(seconds))
    yield connection
    connection.protocol.connection_lost(None)


def _lines(connection: Connection) -> list[bytes]:
    """Return the bodies that were received."""
    return [line for line in connection.received[0].split(b"\n") if line.startswith((b"GET", b"POST"))]


@pytest.mark.parametrize("asks", [UPGRADE, UPGRADE.replace(b"h2c", b"websocket"), UPGRADE.lower()])
async def test_a_request_that_asks_for_another_protocol(asks: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered as without that, with its body, and so are those before and after it, however packets are cut."""
    posted = b"POST /a b?c=d content-length,host,x-other body"
    in_chunks = posted.replace(b"content-length,host,x-other", b"host,transfer-encoding,x-other")
    read = b"GET /a b? host "
    whole = POST + asks + LENGTH + b"\r\n" + BODY
    with connected() as connection:
        await connection.send(whole, 1)
        await connection.send(GET + b"\r\n" + POST + asks + CHUNKS + GET + asks + b"\r\n" + GET + b"\r\n", 4)
        for at in range(len(whole)):
            await connection.send(whole[at : at + 1], int(at == len(whole) - 1))
        assert _lines(connection) == [posted, read, in_chunks, read, read, posted]
        assert not connection.transport.closed
        await connection.send(whole.replace(b"ettings\r", b"ettings, close\r"), 1)
        assert connection.transport.closed
    assert not caplog.records


async def test_headers_that_are_too_large(caplog: pytest.LogCaptureFixture) -> None:
    """They are answered with 431, and the connection is closed. Bodies and other requests do not count as headers."""
    part = b"a" * 10_000
    with connected() as connection:
        await connection.send(GET + b"X: ", 0)
        for _ in range(6):
            await connection.send(part, 0)
        await connection.send(b"\r\n\r\n", 1)  # 60,000 bytes are few enough
        await connection.send(POST + b"Content-Length: 500000\r\n\r\n", 0)
        for _ in range(49):
            await connection.send(part, 0)
        await connection.send(part + (GET + b"\r\n") * 2_000 + GET + b"X: ", 2_001)
        await connection.send(part, 0)
        assert not connection.transport.closed
        for _ in range(6):
            await connection.send(part, 0)
        assert connection.transport.closed
        assert connection.transport.written[-1].startswith(b"HTTP/1.1 431 ")


async def test_headers_that_are_too_large_during_an_answer() -> None:
    """The connection is closed, and nothing is written into the answer to the request before."""
    with connected() as connection:
        await connection.send(POST + LENGTH + b"\r\n", 0)  # its answer waits for the body
        written = len(connection.transport.written)
        await connection.send(BODY + GET + b"X: ", 0)
        for _ in range(7):
            connection.protocol.data_received(b"a" * 10_000)
        assert connection.transport.closed
        assert connection.transport.written[written:] == []
