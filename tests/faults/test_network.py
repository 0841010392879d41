"""Connections cut and delayed at each step: what was acknowledged is there, a retry doubles nothing, errors tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import redis
import redis.asyncio
from langchain_core.messages import BaseMessage
from redis.backoff import NoBackoff

from langchain_motorhead import HashingEmbeddings, Motorhead, Session, StoreUnavailableError, SummaryInput, Window
from langchain_motorhead.storage.keys import session_keys
from support.messages import contents, numbered
from support.proxy import CUTS, How, Proxy, proxied
from support.summarizers import AsyncLedger, remembered

SMALL = Window(max_messages=4)
SIDES = ["sync", "async"]


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A proxy in front of the server."""
    with proxied(unquote(url.removeprefix("unix://"))) as proxy:
        yield proxy


async def call(side: str, target: Any, method: str, *args: Any) -> Any:
    """Call a method, or its async version."""
    return getattr(target, method)(*args) if side == "sync" else await getattr(target, f"a{method}")(*args)


async def is_cut(side: str, target: Any, method: str, *args: Any) -> StoreUnavailableError:
    """Call a method that fails, and give the error, which has to have redis-py's as its cause."""
    with pytest.raises(StoreUnavailableError, match=r"cannot be reached.*Check the URL") as caught:
        await call(side, target, method, *args)
    assert isinstance(caught.value.__cause__, redis.ConnectionError | redis.TimeoutError)
    return caught.value


def named(count: int, start: int = 0) -> list[BaseMessage]:
    """Make numbered messages that have ids."""
    return [each.model_copy(update={"id": f"id{at}"}) for at, each in enumerate(numbered(count, start), start)]


def names(count: int) -> list[str]:
    """Give the contents of `numbered`."""
    return [f"m{at}" for at in range(count)]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("side", SIDES)
async def test_an_append_that_is_cut(proxy: Proxy, namespace: str, side: str, how: How, known: bool) -> None:
    """It is stored whole or not at all; the error says so, and to append again, which stores what has ids once."""
    async with Motorhead.from_url(proxy.url, namespace=namespace, compaction="manual") as motorhead:
        session = motorhead.session("s", "u")
        before = named(2) if known else []
        if known:  # and so is the script, which else goes with its source
            await call(side, session, "append", before)
        messages = named(3, start=len(before))
        proxy.spoil("session_append", how)
        error = await is_cut(side, session, "append", messages)
        assert "may have been stored" in str(error)
        assert "append them again" in str(error)
        stored = len(before) if how == "unsent" else len(before) + 3
        assert contents((await call(side, session, "load")).messages) == names(stored)
        for _ in range(2):
            await call(side, session, "append", messages)
        assert contents((await call(side, session, "load")).messages) == names(len(before) + 3)
        assert await call(side, motorhead, "sessions", "u") == ["s"]


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("side", SIDES)
async def test_catching_up_that_is_cut(proxy: Proxy, namespace: str, side: str, how: How) -> None:
    """A whole conversation that is given again stores what is new of it, once, and is read right."""
    async with Motorhead.from_url(proxy.url, namespace=namespace, compaction="manual") as motorhead:
        session = motorhead.session("s")
        await call(side, session, "catch_up", named(2))
        proxy.spoil("session_append", how)
        assert "may have been stored" in str(await is_cut(side, session, "catch_up", named(5)))
        assert contents((await call(side, session, "catch_up", named(6))).messages) == names(6)


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("side", SIDES)
async def test_a_read_or_deletion_that_is_cut(proxy: Proxy, namespace: str, side: str, how: How) -> None:
    """A read that failed can be repeated, and so can a deletion, which is complete or did nothing."""
    async with Motorhead.from_url(proxy.url, namespace=namespace, compaction="manual") as motorhead:
        session = motorhead.session("s", "u")
        await call(side, session, "append", named(3))
        for command in ("session_read", "LLEN"):  # the first read, which asks what server it is, and all others
            fault = proxy.spoil(command, how)
            assert "stored" not in str(await is_cut(side, session, "load"))
            assert fault.met.is_set()
            assert contents((await call(side, session, "load")).messages) == names(3)
        proxy.spoil("session_delete", how)
        await is_cut(side, session, "delete")
        assert (await call(side, session, "load")).total == (3 if how == "unsent" else 0)
        assert await call(side, session, "delete") is (how == "unsent")
        assert (await call(side, session, "load")).total == 0
        assert await call(side, motorhead, "sessions") == []


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("step", ["compaction_begin", "compaction_commit", "compaction_release", "compaction_fail"])
@pytest.mark.parametrize("side", SIDES)
async def test_a_compaction_that_is_cut(proxy: Proxy, namespace: str, side: str, step: str, how: How) -> None:
    """Whichever of its commands is cut, each message is in the summary or in the list, and the next one goes on."""

    def before(given: SummaryInput) -> None:
        if step == "compaction_fail" and len(ledger.calls) == 1:
            raise RuntimeError("no summary")

    ledger = AsyncLedger(before)
    async with Motorhead.from_url(
        proxy.url, namespace=namespace, compaction="manual", llm=ledger, window=SMALL
    ) as motorhead:
        session = motorhead.session("s")
        await call(side, session, "append", numbered(7))
        fault = proxy.spoil(step, how)
        await is_cut(side, session, "compact")
        assert fault.met.is_set()
        memory = await call(side, session, "load")
        assert remembered(memory) == names(7)
        committed = step == "compaction_release" or (step == "compaction_commit" and how != "unsent")
        assert memory.summarized == (5 if committed else 0)
        assert (await call(side, session, "compact")).summarized == (
            0 if committed else 5
        )  # and need not wait for a lease
        memory = await call(side, session, "load")
        assert (remembered(memory), memory.backlog) == (names(7), 0)


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("step", ["index_begin", "index_describe", "FT.CREATE", "index_commit"])
@pytest.mark.parametrize("side", SIDES)
async def test_indexing_that_is_cut(
    proxy: Proxy, client: redis.Redis, namespace: str, side: str, step: str, how: How
) -> None:
    """Whichever of its commands is cut, the next message has all of them indexed, each once."""
    async with Motorhead.from_url(
        proxy.url, namespace=namespace, compaction="manual", embeddings=HashingEmbeddings(32)
    ) as motorhead:
        session = motorhead.session("s")
        fault = proxy.spoil(step, how)
        await call(side, session, "append", named(3))
        await call(side, motorhead, "flush")
        assert fault.met.is_set()
        await call(side, session, "append", named(1, start=3))
        await call(side, motorhead, "flush")
        begin = session_keys(namespace, "s").documents
        keys = [key.decode().removeprefix(begin) for key in client.scan_iter(match="*recall*", count=10_000)]
        assert sorted(key for key in keys if key.isdigit()) == ["0", "1", "2", "3"]
        found = await call(side, session, "search", "m0 m1 m2 m3", 9)
        assert sorted(document.page_content for document in found) == names(4)


@pytest.mark.parametrize("side", SIDES)
async def test_an_answer_that_comes_too_late(proxy: Proxy, namespace: str, side: str) -> None:
    """A call ends when its time is over, and the answer that comes later is not taken for that of another call."""
    url = f"{proxy.url}?socket_timeout=1"
    async with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
        session, other = motorhead.session("s"), motorhead.session("t")
        await call(side, session, "append", named(1))
        await call(side, other, "append", numbered(1, start=8))
        for command, method, args in (("session_append", "append", (named(2, start=1),)), ("LLEN", "load", ())):
            fault = proxy.spoil(command, "late")
            error = await is_cut(side, session, method, *args)
            assert "timeout" in str(error).lower()
            fault.go.set()
            for _ in range(3):
                assert contents((await call(side, other, "load")).messages) == ["m8"]
                assert contents((await call(side, session, "load")).messages) == names(3)
        await call(side, session, "append", named(3))
        assert contents((await call(side, session, "load")).messages) == names(3)


@pytest.mark.parametrize("command", ["session_append", "session_read", "LLEN"])
async def test_a_cancelled_call_leaves_no_answer_behind(proxy: Proxy, namespace: str, command: str) -> None:
    """A task that is cancelled while it waits for Redis gives nobody else its answer."""
    async with Motorhead.from_url(proxy.url, namespace=namespace, compaction="manual") as motorhead:
        session, other = motorhead.session("s"), motorhead.session("t")
        await session.aappend(named(1))
        await other.aappend(numbered(1, start=8))
        if command == "LLEN":  # of a read after the first one
            await other.aload()
        fault = proxy.spoil(command, "late")
        task = asyncio.create_task(session.aappend(named(3)) if command == "session_append" else session.aload())
        assert await asyncio.to_thread(fault.met.wait, 20)
        for _ in range(10):  # it has to be past sending, in which Python 3.11 may overlook a cancellation
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        fault.go.set()
        memories = await asyncio.gather(*(each.aload() for each in [other, session] * 5))
        assert {tuple(contents(memory.messages)) for memory in memories[::2]} == {("m8",)}
        await session.aappend(named(3))
        assert contents((await session.aload()).messages) == names(3)


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("side", SIDES)
async def test_a_client_that_sends_again(proxy: Proxy, namespace: str, side: str, how: How) -> None:
    """What redis-py sends again by itself, as a user's client is configured to do, is stored once, also without ids."""
    client: Any
    if side == "sync":
        from redis.retry import Retry

        client = redis.Redis(port=proxy.port, retry=Retry(NoBackoff(), 3))
    else:
        from redis.asyncio.retry import Retry as AsyncRetry

        client = redis.asyncio.Redis(port=proxy.port, retry=AsyncRetry(NoBackoff(), 3))
    async with Motorhead(client, namespace=namespace, compaction="manual") as motorhead:
        session: Session = motorhead.session("s")
        for start in (0, 2):
            fault = proxy.spoil("session_append", how)
            await call(side, session, "append", numbered(2, start=start))
            assert fault.met.is_set()
        assert contents((await call(side, session, "load")).messages) == names(4)
    await asyncio.to_thread(client.close) if side == "sync" else await client.aclose()


async def test_a_network_that_is_gone_for_a_while(proxy: Proxy, namespace: str) -> None:
    """When every connection is cut at once, all calls fail as they should, and the handle works on by itself."""
    async with Motorhead.from_url(proxy.url, namespace=namespace, compaction="manual") as motorhead:
        sessions = [motorhead.session(f"s{at}") for at in range(10)]
        await asyncio.gather(*(session.aappend(named(1)) for session in sessions))
        faults = [proxy.spoil("session_append", CUTS[at % 3]) for at in range(10)]
        failed = 0
        while not all(fault.met.is_set() for fault in faults):  # several appends share a request, and its fault
            results = await asyncio.gather(
                *(session.aappend(named(2, start=1)) for session in sessions), return_exceptions=True
            )
            assert {type(result) for result in results} <= {StoreUnavailableError, type(None)}
            failed += sum(result is not None for result in results)
        assert failed >= len(faults)
        await asyncio.gather(*(session.aappend(named(2, start=1)) for session in sessions))
        for session in sessions:
            assert contents((await session.aload()).messages) == names(3)
