"""Answers in one write: their bytes are those that uvicorn would send, whatever a client does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http import uvicorn_cycle
from support.connections import Connection
from support.factory import MakeMotorhead

GET = b"GET /sessions/s/memory HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b'{"messages":[{"role":"Human","content":"hi"}]}'
POST = b"POST /sessions/p/memory HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EXPECT = b"Expect: 100-continue\r\n"
LARGE = b"%x\r\n%b\r\n0\r\n\r\n" % (3_000, b" " * 3_000)
# What a client sends, packet by packet, and how many answers it waits for after each. A 100 is one of them.
CASES: dict[str, list[tuple[bytes, int]]] = {
    "GET": [(GET, 1)],
    "GET twice": [(GET, 1), (GET, 1)],
    "GET in parts": [(GET[:30], 0), (GET[30:], 1)],
    "pipelined": [(GET + GET + GET, 3)],
    "HEAD": [(GET.replace(b"GET", b"HEAD"), 1), (GET, 1)],
    "Connection: close": [(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 1)],
    "HTTP/1.0": [(GET.replace(b"1.1", b"1.0"), 1)],
    "not found": [(GET.replace(b"memory", b"nothing"), 1)],
    "a wrong query": [(GET.replace(b"memory", b"memory?limit=x"), 1), (GET, 1)],
    "POST": [(POST + LENGTH + b"\r\n" + BODY, 1), (GET, 1)],
    "POST, and GET at once": [(POST + LENGTH + b"\r\n" + BODY + GET, 2)],
    "POST, its body later": [(POST + LENGTH + b"\r\n", 0), (BODY[:9], 0), (BODY[9:], 1)],
    "POST in chunks": [(POST + CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), 1)],
    "POST of no JSON": [(POST + b"Content-Length: 1\r\n\r\n{", 1)],
    "POST that expects 100": [(POST + LENGTH + EXPECT + b"\r\n", 1), (BODY, 1)],
    "POST that expects 100 and does not wait": [(POST + LENGTH + EXPECT + b"\r\n" + BODY, 2)],
    "POST that is too large": [(POST + b"Content-Length: 3000\r\n\r\n" + b" " * 3_000, 1)],
    "POST in chunks that is too large": [(POST + CHUNKED + b"\r\n" + LARGE, 1)],
}


Connect = Callable[[], Connection]


@pytest.fixture
def connect(make: MakeMotorhead) -> Iterator[Connect]:
    """Connect to an application, as uvicorn does. In the end, all connections are lost."""
    made = list[Connection]()

    def connected() -> Connection:
        made.append(Connection(config))
        return made[-1]

    motorhead = make()
    motorhead.session("s").append([HumanMessage("hello"), AIMessage("hi there")])
    app = create_app(Settings(max_body_bytes=2_000), motorhead=lambda _: motorhead)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
    config.load()
    yield connected
    for each in made:
        each.protocol.connection_lost(None)


async def test_answers_are_those_of_uvicorn(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, a client receives what it would receive without the short cuts, in fewer writes."""

    async def received() -> dict[str, tuple[bytes, bool]]:
        found = {}
        for name, packets in CASES.items():
            connection = connect()
            for packet, answers in packets:
                await connection.send(packet, answers)
            found[name] = connection.received
            writes[name] = len(connection.transport.written)
        return found

    writes: dict[str, int] = {}
    short, few = await received(), writes
    with monkeypatch.context() as patched:
        patched.setattr(uvicorn_cycle, "_USED", {"an attribute that another version lacks"})
        writes = {}
        assert await received() == short
    assert (few["GET"], writes["GET"]) == (1, 2)
    assert (few["pipelined"], writes["pipelined"]) == (3, 6)
    assert (few["POST"], writes["POST"]) == (2, 4)  # and a GET
    for name in ("not found", "Connection: close", "HTTP/1.0"):
        assert few[name] == writes[name] == 2
    for name, (answer, closed) in short.items():
        assert answer.startswith(b"HTTP/1.1 "), name
        says_so = b"connection: close\r\n" in answer.lower()
        assert closed == (says_so or name == "HTTP/1.0"), name  # where closing is usual, uvicorn did not always say so


async def test_an_answer_waits_for_a_slow_client(connect: Connect) -> None:
    """Nothing is written while the client reads too slowly, and nothing at all after it has disconnected."""
    connection = connect()
    flow, waits = connection.protocol.flow, asyncio.Event()
    drain = flow.drain

    async def waiting() -> None:
        waits.set()
        await drain()

    flow.drain = waiting
    connection.protocol.pause_writing()
    await connection.send(GET, 0)
    async with asyncio.timeout(60):
        await waits.wait()
    assert not connection.transport.written
    connection.protocol.resume_writing()
    await connection.send(b"", 1)
    assert len(connection.transport.written) == 1
    await connection.send(GET, 0)
    connection.protocol.connection_lost(None)
    async with asyncio.timeout(60):
        while connection.state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert len(connection.transport.written) == 1
