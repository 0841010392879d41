"""A Redis that is full, read-only, without replicas, or has other keys; sessions that expire; clocks that jump."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import (
    HashingEmbeddings,
    Motorhead,
    StoreError,
    StoreUnavailableError,
    Window,
    WrongKeyTypeError,
)
from langchain_motorhead.storage.keys import recall_key, session_keys
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.redis_servers import HOST, server, wait_until
from support.summarizers import AsyncLedger, Ledger, remembered

SMALL = Window(max_messages=4)


class Model(HashingEmbeddings):
    """Calls a function before it embeds."""

    before: Any = None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        if self.before:
            self.before()
        return super().embed_documents(texts)


def names(count: int) -> list[str]:
    """Give the contents of `numbered`."""
    return [f"m{at}" for at in range(count)]


def documents(client: redis.Redis, namespace: str) -> list[str]:
    """List what the keys of the documents of a session, `s`, end with."""
    begin = session_keys(namespace, "s").documents
    keys = [key.decode() for key in client.scan_iter(match="motorhead:recall:*", count=10_000)]
    return sorted(key.removeprefix(begin) for key in keys if key.startswith(begin))


@pytest.fixture
def full(client: redis.Redis) -> Iterator[Any]:
    """Makes the server refuse to take more, until the end of the test or `False`."""

    def limit(*, at_limit: bool = True) -> None:
        client.config_set("maxmemory", 1 if at_limit else 0)

    yield limit
    limit(at_limit=False)


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_full_during_a_compaction(amake: MakeMotorhead, full: Any, side: str) -> None:
    """A commit that Redis has no room for is refused whole; a session can be deleted to make room; then it goes on."""
    ledger = AsyncLedger(lambda given: full())
    motorhead = amake(llm=ledger, window=SMALL, compaction="manual")
    session, other = motorhead.session("s"), motorhead.session("t", "u")
    session.append(numbered(7))
    other.append(numbered(2))
    for _ in range(2):  # the second cannot even take the lease
        with pytest.raises(StoreError, match=r"maxmemory.*Nothing was written"):
            session.compact() if side == "sync" else await session.acompact()
        memory = session.load()
        assert (memory.summary, remembered(memory)) == (None, names(7))
    assert len(ledger.calls) == 1
    assert other.delete() if side == "sync" else await other.adelete()
    assert motorhead.sessions() == ["s"]
    full(at_limit=False)
    ledger.before = lambda given: None
    assert (session.compact() if side == "sync" else await session.acompact()).summarized == 5
    assert remembered(session.load()) == names(7)


def test_full_while_it_is_indexed(make: MakeMotorhead, client: redis.Redis, namespace: str, full: Any) -> None:
    """Documents that Redis has no room for are not counted as indexed, and follow when it has."""
    model = Model(16)
    motorhead = make(embeddings=model, compaction="manual")
    session = motorhead.session("s")
    motorhead.setup()
    model.before = full
    session.append(numbered(3))
    motorhead.flush()
    indexed = int(client.hget(session._keys.state, "indexed") or 0)
    assert documents(client, namespace) == [str(at) for at in range(indexed)]
    model.before = None
    full(at_limit=False)
    session.append(numbered(1, start=3))
    motorhead.flush()
    assert documents(client, namespace) == ["0", "1", "2", "3"]
    assert sorted(found.page_content for found in session.search("m0 m1 m2 m3", k=9)) == names(4)


async def test_a_read_only_replica(tmp_path: Path) -> None:
    """A replica is read from; what would write says that it is one, and writes nothing."""
    options = ("--repl-diskless-sync-delay", "0")
    with server(tmp_path / "a", *options) as port, server(tmp_path / "b", "--replicaof", f"{HOST} {port}") as replica:
        settings: dict[str, Any] = {"llm": AsyncLedger(), "window": SMALL, "compaction": "manual"}
        async with (
            Motorhead.from_url(f"redis://{HOST}:{port}", **settings) as primary,
            Motorhead.from_url(f"redis://{HOST}:{replica}", **settings) as motorhead,
        ):
            primary.session("s", "u").append(numbered(7))
            session = motorhead.session("s", "u")
            wait_until(lambda: session.load().total == 7)
            assert contents((await session.aload()).messages) == names(7)
            assert motorhead.sessions("u") == await motorhead.asessions() == ["s"]
            for call in (lambda: session.append(numbered(1)), session.compact, session.delete):
                with pytest.raises(StoreError, match=r"read-only replica. Connect to the primary") as caught:
                    call()
                assert isinstance(caught.value.__cause__, redis.ReadOnlyError)
            for acall in (lambda: session.aappend(numbered(1)), session.acompact, session.adelete):
                with pytest.raises(StoreError, match="read-only replica"):
                    await acall()
            assert primary.session("s").load().total == 7
            # A replica that lost its primary may be told not to answer at all.
            with redis.Redis(port=replica) as client:
                client.config_set("replica-serve-stale-data", "no")
                client.execute_command("REPLICAOF", HOST, "1")
            with pytest.raises(StoreUnavailableError, match=r"MASTER is down.*Try again") as down:
                session.load()
            assert isinstance(down.value.__cause__, redis.RedisError)


async def test_too_few_replicas(tmp_path: Path) -> None:
    """Where a primary has to have a replica and has none, nothing is accepted that a fail-over would lose."""
    with server(tmp_path) as port, redis.Redis(port=port) as client:
        options: dict[str, Any] = {"llm": AsyncLedger(), "window": SMALL, "compaction": "manual"}
        async with Motorhead.from_url(f"redis://{HOST}:{port}", **options) as motorhead:
            session = motorhead.session("s")
            session.append(numbered(7))
            client.config_set("min-replicas-to-write", 1)
            for call in (lambda: session.append(numbered(1, start=7)), session.compact):
                with pytest.raises(StoreUnavailableError, match=r"NOREPLICAS.*Nothing was written.*Try again"):
                    call()
            with pytest.raises(StoreUnavailableError, match="NOREPLICAS"):
                await session.aappend(numbered(1, start=7))
            assert remembered(session.load()) == names(7)
            client.config_set("min-replicas-to-write", 0)
            session.append(numbered(1, start=7))
            session.compact()
            assert remembered(session.load()) == names(8)


@pytest.mark.parametrize("which", ["lease", "indexing", "stale", "description"])
def test_a_key_of_another_type_beside_a_session(
    make: MakeMotorhead, client: redis.Redis, namespace: str, which: str
) -> None:
    """A foreign key where a lease, or what recall knows, should be is named and left; messages come and go."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="manual", embeddings=HashingEmbeddings(16), ttl=60)
    session = motorhead.session("s")
    key = recall_key(namespace) if which == "description" else getattr(session._keys, which)
    client.rpush(key, "somebody's")
    session.append(numbered(7))
    motorhead.flush()
    assert remembered(session.load()) == names(7)
    with pytest.raises(WrongKeyTypeError) as caught:
        session.compact()
    assert key in str(caught.value)
    assert client.lrange(key, 0, -1) == [b"somebody's"]
    assert remembered(session.load()) == names(7)
    client.delete(key)
    assert session.compact().summarized == 5
    assert remembered(session.load()) == names(7)
    assert documents(client, namespace) == [str(at) for at in range(7)]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("side", ["sync", "async"])
async def test_expired_in_the_middle(
    amake: MakeMotorhead, client: redis.Redis, namespace: str, side: str, again: bool
) -> None:
    """A session that expires while it is summarized stays gone, and one begun meanwhile by its id is not touched."""

    def expire(given: object) -> None:
        ledger.before = lambda given: None
        client.pexpire(session._keys.messages, 1)
        client.pexpire(session._keys.state, 1)
        wait_until(lambda: not client.exists(session._keys.state, session._keys.messages))
        if again:
            session.append(numbered(2, start=20))

    ledger = AsyncLedger(expire)
    motorhead = amake(llm=ledger, window=SMALL, compaction="manual", ttl=60)
    session = motorhead.session("s", "u")
    session.append(numbered(7))
    report = session.compact() if side == "sync" else await session.acompact()
    assert (len(ledger.calls), report.summarized) == (1, 0)
    memory = session.load()
    assert (memory.summary, contents(memory.messages)) == (None, ["m20", "m21"] if again else [])
    assert motorhead.sessions() == (["s"] if again else [])
    left = {key: client.pttl(key) for key in client.scan_iter(match=f"motorhead:*{namespace[-36:]}/s}}*", count=10_000)}
    assert all(time_left > 0 for time_left in left.values())


def test_expired_while_it_is_indexed(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Nothing of a session that expires while it is embedded gets into the index."""
    model = Model(16)
    motorhead = make(embeddings=model, compaction="manual", ttl=60)
    session = motorhead.session("s")
    motorhead.setup()

    def expire() -> None:
        client.pexpire(session._keys.messages, 1)
        client.pexpire(session._keys.state, 1)
        wait_until(lambda: not client.exists(session._keys.state, session._keys.messages))

    model.before = expire
    session.append(numbered(3))
    motorhead.flush()
    assert documents(client, namespace) == []
    assert session.search("m1") == []


DAY = 86_400 * 10**9


@pytest.mark.parametrize("jumps", [[DAY], [-DAY], [DAY, -DAY, 400 * DAY], ["1970"], ["1970", 0]])
def test_a_writers_clock_jumps(
    make: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch, jumps: list[Any]
) -> None:
    """Whatever a writer's clock says, messages keep their order, are summarized and found, and sessions listed."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline", embeddings=HashingEmbeddings(16), ttl=60)
    session, other = motorhead.session("s", "u"), motorhead.session("t", "u")
    total = 0
    for jump in [0, *jumps]:
        now = 3 if jump == "1970" else time.time_ns() + jump
        monkeypatch.setattr("langchain_motorhead.sessions.append.time.time_ns", lambda now=now: now)
        for each in (session, other):
            each.append([HumanMessage(f"m{at}", id=f"{each.session_id}{at}") for at in range(total, total + 3)])
            each.append(HumanMessage(f"m{total}", id=f"{each.session_id}{total}"))
        total += 3
        assert sorted(motorhead.sessions("u")) == ["s", "t"]
        assert 0 < client.pttl(session._keys.state) <= 60_000
    monkeypatch.undo()
    for each in (session, other):
        memory = each.load()
        assert (remembered(memory), memory.backlog) == (names(total), 0)
        assert len(each.search("m0 m1 m2", k=99)) == total
    assert documents(client, namespace) == sorted(str(at) for at in range(total))


@pytest.mark.parametrize("held", ["lease", "indexing"])
def test_the_clock_of_redis_is_set_back(make: MakeMotorhead, client: redis.Redis, held: str) -> None:
    """A lease of a worker that died before Redis' clock was set back by a day does not hold for a day."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="manual", embeddings=HashingEmbeddings(16))
    session = motorhead.session("s")
    client.set(getattr(session._keys, held), "of a dead worker", px=86_400_000)
    session.append(numbered(7))
    assert session.compact().summarized == 5
    assert remembered(session.load()) == names(7)
