"""Reads with plain commands: the same as by a script, and by a script where another client writes in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Motorhead, Session, Window
from langchain_motorhead.redis_io.connection import adopt
from langchain_motorhead.redis_io.fast_path import AsyncPinnedConnections, PinnedConnections
from langchain_motorhead.sessions.append import append_records, to_record
from langchain_motorhead.sessions.operations import Dedup
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.operation import Packed, together
from support.factory import MakeMotorhead
from support.messages import contents, numbered

SMALL = Window(max_messages=4, hard_limit=6)
WRITES: dict[str, Callable[[Session], object]] = {
    "append": lambda session: session.append(HumanMessage("late")),
    "compaction": lambda session: session.compact(),
    "edit": lambda session: session.edit(7, AIMessage("edited")),
    "forget": lambda session: session.forget([6]),
    "deletion": lambda session: session.delete(),
    "deletion, and another session": lambda session: made_anew(session),
}


def made_anew(session: Session) -> None:
    """Delete the session, and make another one of the same id and length."""
    session.delete()
    session.append(numbered(8))


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """A handle without background compaction, which has read once and so knows the kind of server."""
    motorhead = make(compaction="manual", window=SMALL)
    motorhead.session("first").load()
    return motorhead


def scripts(client: redis.Redis) -> int:
    """Count the calls of scripts so far."""
    stats: Any = client.info("commandstats")
    return sum(stats[name]["calls"] for name in ("cmdstat_eval", "cmdstat_evalsha") if name in stats)


VALKEY = [b"server", b"valkey", b"version", b"9.1.2", b"mode", b"standalone", b"modules", []]
DRAGONFLY = [b"server", b"redis", b"version", b"7.4.0", b"dragonfly_version", b"df-1", b"mode", b"standalone"]


@pytest.mark.parametrize(
    ("hello", "in_order"),
    [
        (VALKEY, True),
        ({"server": "redis", "modules": [{"name": "search"}]}, True),
        (DRAGONFLY, False),
        ([b"server", b"fakeredis", b"modules", []], False),
        ([], False),
        (redis.exceptions.NoPermissionError("no permissions to run the 'hello' command"), False),
        (redis.exceptions.ConnectionError("lost"), None),
    ],
)
def test_which_servers_execute_commands_in_order(hello: Any, in_order: bool | None) -> None:
    """Those that say that they are Redis or Valkey, and answer as these do. A lost answer is asked for again."""
    connection = adopt(redis.Redis())
    connection.note_server(hello)
    assert connection.in_order is in_order


async def test_other_servers_are_read_by_scripts(url: str, client: redis.Redis, namespace: str) -> None:
    """The first read, which asks what server this is, calls a script, and so do all where order is not known."""
    with redis.Redis.from_url(url) as mine, Motorhead(mine, namespace=namespace) as motorhead:
        session, connection = motorhead.session("s"), motorhead.backend.require_redis().connection
        session.append(HumanMessage("hi"))
        called = []
        for in_order in (None, True, False, None):
            connection.in_order = in_order
            before = scripts(client)
            assert session.load().total == 1
            called.append(scripts(client) - before)
            assert connection.in_order is (in_order is not False)
            connection.in_order = in_order
            before = scripts(client)
            assert (await session.aload()).total == 1
            called.append(scripts(client) - before)
            assert connection.in_order is (in_order is not False)
        assert called == [1, 1, 0, 0, 1, 1, 1, 1]
        await motorhead.aclose()


def test_a_plain_read_is_what_a_script_reads(motorhead: Motorhead) -> None:
    """Whatever the session has, and whichever part of it is read."""
    whole, bare = motorhead.session("whole", user_id="bob"), motorhead.session("bare")
    whole.append(numbered(30))
    whole.compact()
    whole.forget([29])
    whole.append(numbered(3))
    bare.append(HumanMessage("hi"))
    backend = motorhead.backend.require_redis()
    seen = []
    for session in (whole, bare, motorhead.session("nowhere")):
        for part in ((-2, -1), (-100, -1), (1, 0), (1, 2)):
            operation = read_snapshot(session._keys, *part)
            assert operation.plain is not None
            by_script = backend.execute(operation._replace(plain=None))
            assert backend.execute(operation) == backend.execute(operation.plain()) == by_script
            seen.append(by_script)
    assert seen[0].summary
    assert (seen[0].user, seen[0].forgotten, len(seen[0].records)) == ("bob", 1, 2)
    assert seen[-1].epoch is None


@pytest.mark.parametrize("name", WRITES)
def test_a_write_between_two_commands(
    motorhead: Motorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The read is then by one script, and is what is there after the write. Without a write, no script is called."""
    session, other, send = motorhead.session("s"), motorhead.session("other"), PinnedConnections.send
    before = numbered(8)
    session.append(before)
    other.append(HumanMessage("hi"))
    WRITES[name](session)  # every script is known
    session.delete()
    session.append(before)
    written = list[int]()

    def interrupted(self: PinnedConnections, commands: Sequence[Packed]) -> list[Any]:
        if commands[0][0] != "HMGET" or written:
            return send(self, commands)
        replies = send(self, commands[:2])
        written.append(1)
        WRITES[name](session)
        written[0] = scripts(client)
        return replies + send(self, commands[2:])

    backend = motorhead.backend.require_redis()
    both = together(read_snapshot(session._keys, -6), read_snapshot(other._keys, -6))
    with monkeypatch.context() as patch:
        patch.setattr(PinnedConnections, "send", interrupted)
        memory = session.load()
        assert scripts(client) == written.pop() + 1
        if name == "append":
            snapshots = backend.execute(both)
            assert scripts(client) == written.pop() + 1
            assert [each.length for each in snapshots] == [10, 1]
    if name != "append":
        assert memory == session.load()
    expected = {
        "append": ["m3", "m4", "m5", "m6", "m7", "late"],
        "compaction": ["m6", "m7"],
        "edit": ["m2", "m3", "m4", "m5", "m6", "edited"],
        "forget": ["m2", "m3", "m4", "m5", "m7"],
        "deletion": [],
        "deletion, and another session": ["m2", "m3", "m4", "m5", "m6", "m7"],
    }
    assert contents(memory.messages) == expected[name]
    assert memory.total == {"append": 9, "deletion": 0}.get(name, 8)
    counted = scripts(client)
    session.load()
    assert scripts(client) == counted


async def test_a_write_between_two_commands_of_a_loop(
    motorhead: Motorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the async methods."""
    session, written = motorhead.session("s"), list[int]()
    send = AsyncPinnedConnections.send
    await session.aappend(numbered(8))

    async def interrupted(self: AsyncPinnedConnections, commands: Sequence[Packed]) -> list[Any]:
        if commands[0][0] != "HMGET" or written:
            return await send(self, commands)
        replies = await send(self, commands[:2])
        session.append(HumanMessage("late"))
        written.append(scripts(client))
        return replies + await send(self, commands[2:])

    monkeypatch.setattr(AsyncPinnedConnections, "send", interrupted)
    memory = await session.aload()
    assert (contents(memory.messages)[-2:], memory.total) == (["m7", "late"], 9)
    assert scripts(client) == written[0] + 1
    assert (await session.aload()).total == 9
    assert scripts(client) == written[0] + 1


def test_an_append_before_a_torn_read_is_not_repeated(
    motorhead: Motorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of operations in one round trip, only the read is done again, and the append has its own result."""
    session, backend, send = motorhead.session("s"), motorhead.backend.require_redis(), PinnedConnections.send
    session.append(numbered(8))
    written = list[int]()

    def interrupted(self: PinnedConnections, commands: Sequence[Packed]) -> list[Any]:
        if written or len(commands) == 1:
            return send(self, commands)
        replies = send(self, commands[:-1])
        written.append(1)
        session.append(HumanMessage("late"))
        written[0] = scripts(client)
        return replies + send(self, commands[-1:])

    records = [to_record(each, backend.append_config) for each in numbered(2, 8)]
    append = append_records(session._keys, records, backend.append_config, Dedup.SKIP_KNOWN)
    monkeypatch.setattr(PinnedConnections, "send", interrupted)
    appended, snapshot = backend.execute(together(append, read_snapshot(session._keys, -6)))
    assert (appended.added, appended.length) == (2, 10)
    assert snapshot.length == 11
    assert scripts(client) == written[0] + 1
    assert contents(session.load().messages)[-3:] == ["m8", "m9", "late"]
