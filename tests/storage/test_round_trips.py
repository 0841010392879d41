"""What goes over the wire: counted at the socket and by the server, never timed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Motorhead, MotorheadChatMessageHistory, MotorheadMemory
from langchain_motorhead.redis_io.embedded import acquire
from support.factory import MakeMotorhead
from support.messages import numbered
from support.wiretap import Wire, wiretapped

TURN = [HumanMessage("How far is the moon?"), AIMessage("384,400 km.")]
SIZES = (10, 1_000, 10_000)


@pytest.fixture
def tapped() -> Iterator[tuple[str, Wire]]:
    """A URL of the shared server whose traffic is counted."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (url, wire):
        yield url, wire
    server.release()


def test_append_and_read_are_one_round_trip_each(tapped: tuple[str, Wire], namespace: str) -> None:
    """Whatever the number of messages stored or appended, from the first use on a connection that is open."""
    url, wire = tapped
    with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
        motorhead.sessions()  # connects
        down = {}
        for size in SIZES:
            session = motorhead.session(f"s{size}", user_id="u")
            wire.reset()
            session.append(numbered(size))
            assert wire.round_trips == 1
            session.append(TURN)
            assert wire.round_trips == 2
            wire.reset()
            session.load()
            assert wire.round_trips == 1
            down[size] = wire.down
        assert abs(down[10_000] - down[1_000]) < 200  # the digits of longer ids


async def test_async_append_and_read_are_one_round_trip_each(tapped: tuple[str, Wire], namespace: str) -> None:
    """The same for the async methods."""
    url, wire = tapped
    async with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
        await motorhead.asessions()
        for size in SIZES:
            session = motorhead.session(f"s{size}", user_id="u")
            await session.aappend(numbered(size))
            wire.reset()
            await session.aappend(TURN)
            await session.aload()
            assert wire.round_trips == 2


def test_opening_costs_nothing(tapped: tuple[str, Wire], namespace: str) -> None:
    """Making a handle, a session or a face sends nothing, and does not even connect."""
    url, wire = tapped
    with Motorhead.from_url(url, namespace=namespace) as motorhead:
        motorhead.session("s", user_id="u")
        motorhead.history("s")
        motorhead.memory("s")
        alone = MotorheadChatMessageHistory("s", url=url)
        memory = MotorheadMemory(session_id="s", url=url)
        assert (wire.round_trips, wire.up) == (0, 0)
        alone.motorhead.close()
        memory.chat_memory.motorhead.close()


def test_faces_cost_what_sessions_cost(tapped: tuple[str, Wire], namespace: str) -> None:
    """A history or memory reads in one round trip, and stores a turn in one."""
    url, wire = tapped
    with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
        history, memory = motorhead.history("h"), motorhead.memory("m")
        motorhead.sessions()
        for work in (
            lambda: history.add_messages(TURN),
            lambda: history.messages,
            lambda: memory.save_context({"input": "hi"}, {"output": "hello"}),
            lambda: memory.load_memory_variables({}),
        ):
            wire.reset()
            work()
            assert wire.round_trips == 1


def test_the_server_runs_as_many_commands_at_any_size(client: redis.Redis, make: MakeMotorhead) -> None:
    """The commands that an append and a read cost do not depend on how much is stored."""
    motorhead = make(compaction="manual")
    motorhead.session("warm").append(TURN)
    motorhead.session("warm").load()
    seen = set()
    for size in SIZES:
        session = motorhead.session(f"s{size}")
        session.append(numbered(size))
        client.config_resetstat()
        session.append(TURN)
        session.load()
        stats: Any = client.info("commandstats")
        seen.add(tuple(sorted((name, row["calls"]) for name, row in stats.items() if "config" not in name)))
    assert len(seen) == 1
    [calls] = seen
    assert dict(calls)["cmdstat_evalsha"] == 1  # the append; a read needs no script


def test_a_forgotten_script_is_sent_again(client: redis.Redis, make: MakeMotorhead) -> None:
    """A server that lost its scripts, as by a restart, gets them again, and the caller notices nothing."""
    session = make(compaction="manual").session("s", user_id="u")
    for _ in range(3):
        session.append(TURN)
        session.load()
        client.script_flush()
    assert session.load().total == 6


def test_a_message_takes_little_more_than_its_text(client: redis.Redis, make: MakeMotorhead) -> None:
    """Redis' memory for messages of 60 words is at most 1.1 times that of a list of bare role and content objects."""
    text = " ".join(f"word{at % 10}" for at in range(60))
    messages = [HumanMessage(text) if at % 2 else AIMessage(text) for at in range(1_000)]
    session = make(compaction="manual").session("s", user_id="u")
    session.append(messages)
    bare = session._keys.messages + ":bare"
    role = {"human": "Human", "ai": "AI"}
    client.rpush(bare, *(f'{{"role":"{role[message.type]}","content":"{text}"}}' for message in messages))
    ours: Any = [client.memory_usage(key, samples=0) for key in (session._keys.messages, session._keys.state)]
    theirs: Any = client.memory_usage(bare, samples=0)
    client.delete(bare)
    assert sum(ours) <= 1.1 * theirs
