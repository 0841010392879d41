"""The client of a server: when the server or the network fails, and what it shares."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage
from starlette.types import Receive, Scope, Send

from langchain_motorhead import (
    ClosedError,
    InvalidInputError,
    InvalidMessageError,
    Motorhead,
    MotorheadError,
    MotorheadMemory,
    MotorheadRetriever,
    RecallNotConfiguredError,
    StoreError,
    StoreUnavailableError,
    UnsupportedError,
    Window,
)
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_faults import Flaky
from support.http_servers import served
from support.messages import contents
from support.summarizers import Ledger

pytestmark = pytest.mark.usefixtures("no_waiting")


@contextmanager
def ours(make: MakeMotorhead, *statuses: int | None, **more: Any) -> Iterator[tuple[Flaky, str]]:
    """Serve our server behind a `Flaky`. It is known to be ours, by a first request."""
    flaky = Flaky(create_app(Settings(), motorhead=lambda _: make()), **more)
    with served(flaky) as base:
        flaky.statuses = list(statuses)
        yield flaky, base


# When it fails --------------------------------------------------------------------------------------------------------


def test_requests_are_sent_again(make: MakeMotorhead) -> None:
    """A server that is away for a moment is asked again, and an append whose answer was lost is stored once."""
    with ours(make) as (flaky, base), Motorhead.from_url(base) as motorhead:
        session = motorhead.session("s")
        session.append(HumanMessage("one"))
        flaky.statuses = [503, -502, -504]
        session.append([HumanMessage("two"), HumanMessage("three")])
        flaky.statuses = [503, 429]
        assert contents(session.load().messages) == ["one", "two", "three"]
        flaky.seen, flaky.statuses = 0, [503] * 9
        with pytest.raises(StoreUnavailableError, match="cannot answer now"):
            session.load()
        assert flaky.seen == 4
        for known in (True, False):
            flaky.statuses = [-503]
            session.append(HumanMessage("again", id="1"), unless_known=known)
        assert session.load().total == 5


async def test_requests_are_sent_again_async(make: MakeMotorhead) -> None:
    """The same, async."""
    app = Flaky(create_app(Settings(), motorhead=lambda _: make()))
    with served(app) as base:
        async with Motorhead.from_url(base) as motorhead:
            session = motorhead.session("s")
            await session.aappend(HumanMessage("one"))
            app.statuses = [503, -502]
            await session.aappend(HumanMessage("two"))
            assert contents((await session.aload()).messages) == ["one", "two"]
            app.statuses = [503] * 9
            with pytest.raises(StoreUnavailableError):
                await session.aload()


def test_retry_after_is_heeded(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next try comes when the server wants it, within bounds."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    with ours(make, headers=((b"retry-after", b"3"),)) as (flaky, base), Motorhead.from_url(base) as motorhead:
        flaky.statuses = [503]
        motorhead.session("s").load()
        flaky.headers, flaky.statuses = [(b"retry-after", b"9999")], [503]
        motorhead.session("s").load()
    assert [each for each in waited if each in (3.0, 5.0)] == [3.0, 5.0]


def test_nobody_is_there() -> None:
    """A server that is not there, hangs, or is something else, is a clear error that keeps its cause."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        late = pytest.raises(StoreUnavailableError, match=r"did not answer within 0\.1 s")
        with Motorhead.from_url(f"http://user:secret@127.0.0.1:{port}", timeout=0.1) as motorhead, late as caught:
            motorhead.session("s").load()
    assert isinstance(caught.value.__cause__, httpx.ReadTimeout)
    assert "secret" not in str(caught.value)
    with Motorhead.from_url(f"http://127.0.0.1:{port}") as motorhead:
        with pytest.raises(StoreUnavailableError, match="cannot be reached") as caught:
            motorhead.session("s").append(HumanMessage("x"))
        assert isinstance(caught.value.__cause__, httpx.ConnectError)

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"<html>"})

    async def number(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"7"})

    for app in (page, number):
        with served(app) as base, Motorhead.from_url(base) as motorhead:
            for call in (motorhead.session("s").load, motorhead.sessions, lambda: motorhead.session("s").search("x")):
                with pytest.raises(StoreError, match="does not answer as a Motorhead"):
                    call()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "invalid_message", InvalidMessageError), (400, "invalid_input", InvalidInputError),
        (413, "too_many_messages", InvalidInputError), (401, "unauthorized", StoreError),
        (400, "long_term_memory_disabled", RecallNotConfiguredError), (404, "", UnsupportedError),
        (503, "redis_unavailable", StoreUnavailableError), (500, "internal", StoreError), (302, "", StoreError),
    ],
)  # fmt: skip
def test_what_the_server_says(status: int, code: str, error: type[MotorheadError]) -> None:
    """Each refusal is the error that Redis itself would be, and says what the server said."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = b'{"error": "what it said", "code": "%s"}' % code.encode()
            await send({"type": "http.response.start", "status": status, "headers": [(b"x-motorhead-wire", b"2")]})
            await send({"type": "http.response.body", "body": body})

    with served(app) as base, Motorhead.from_url(base) as motorhead:
        with pytest.raises(error, match="what it said") as caught:
            motorhead.session("s").append(HumanMessage("x"))
        assert type(caught.value) is error


def test_a_tenant_cannot_leave_its_namespace(make: MakeMotorhead, namespace: str) -> None:
    """The API key decides the namespace."""
    settings = Settings(api_keys={"one": f"{namespace}/1", "two": f"{namespace}/2"})
    app = create_app(settings, motorhead=lambda name: make(namespace=name))
    with served(app) as base:
        with Motorhead.from_url(base, api_key="one") as one, Motorhead.from_url(base, api_key="two") as two:
            one.session("s").append(HumanMessage("mine"))
            assert two.session("s").load().messages == []
            assert two.sessions() == []
            assert "one" not in repr(one)
        with Motorhead.from_url(base, api_key="three") as none, pytest.raises(StoreError, match="api_key"):
            none.session("s").load()


# The handle -----------------------------------------------------------------------------------------------------------


def test_what_is_the_servers() -> None:
    """Options that only Redis, or only a server, has are refused when the handle is made, or when it is asked for."""
    for options in ({"llm": "openai:x"}, {"namespace": "n"}, {"window": Window(4)}, {"ttl": 3, "embeddings": "x"}):
        with pytest.raises(InvalidInputError, match="configured on the server"):
            Motorhead.from_url("http://localhost:8000", **options)
    for wrong in ({"timeout": 0}, {"timeout": "1"}, {"api_key": "ü"}, {"api_key": "a\nb"}, {"client_id": 7}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            Motorhead.from_url("http://localhost:8000", **wrong)
    for url in ("http://", "https://host:port", "http://host/?a=b", "http://[::1", "http://host#x"):
        with pytest.raises(InvalidInputError, match="URL"):
            Motorhead.from_url(url)
    for make in (Motorhead.from_url, lambda url, **more: MotorheadMemory(session_id="s", url=url, **more)):
        with pytest.raises(InvalidInputError, match="api_key: only for a server"):
            make("redis://localhost:6379", api_key="k")
    with Motorhead.from_url("http://localhost:1") as motorhead:
        for call in (lambda: motorhead.window, motorhead.setup, motorhead.reindex, motorhead.store):
            with pytest.raises(UnsupportedError):
                call()
        from redisvl.query.filter import Num

        with pytest.raises(UnsupportedError, match="filter"):
            motorhead.retriever("s", filter=Num("seq") > 1).invoke("x")
        assert motorhead.namespace == "http://localhost:1"
        motorhead.flush()
    with pytest.raises(ClosedError):
        motorhead.session("s").load()


def test_making_one_does_no_io_and_shares_connections() -> None:
    """Handles of one address share their connections, until the last is closed."""
    url = f"http://127.0.0.1:1/{uuid.uuid4()}"
    first, second, other = (Motorhead.from_url(url, api_key=key) for key in ("a", "a", "b"))
    transports: list[Any] = [each._backend._transport for each in (first, second, other)]  # type: ignore[attr-defined]
    assert transports[0] is transports[1] is not transports[2]
    client = transports[0].sync_client
    first.close()
    first.close()
    assert not client.is_closed
    second.close()
    assert client.is_closed
    other.close()
    retriever = MotorheadRetriever(url=url, api_key="a", session_id="s")
    assert retriever._motorhead.namespace == "http://127.0.0.1:1"
    retriever._motorhead.close()


def test_a_hundred_threads(make: MakeMotorhead) -> None:
    """One handle serves many threads: each append of each is stored once."""
    app = create_app(Settings(), motorhead=lambda _: make(llm=Ledger(), window=Window(400)))
    with served(app) as base, Motorhead.from_url(base) as motorhead:

        def write(at: int) -> None:
            for turn in range(3):
                motorhead.session("s").append(HumanMessage(f"{at}/{turn}"))

        threads = [threading.Thread(target=write, args=(at,)) for at in range(100)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        said = contents(motorhead.session("s").load().messages)
    assert sorted(said) == sorted(f"{at}/{turn}" for at in range(100) for turn in range(3))


async def test_it_does_not_block_the_loop(make: MakeMotorhead) -> None:
    """While a request is under way the loop does other work."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with Motorhead.from_url(url, timeout=60) as motorhead:
            waiting = asyncio.create_task(motorhead.session("s").aload())
            for _ in range(20):
                await asyncio.sleep(0.01)
                assert not waiting.done()
            silent.close()
            with pytest.raises(StoreUnavailableError):
                await waiting
