"""Operations of one turn of the event loop share a round trip, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import Motorhead, StoreError, StoreUnavailableError, WrongKeyTypeError
from langchain_motorhead.redis_io.autopipeline import AutoPipeline
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.storage.operation import Packed
from support.factory import MakeMotorhead
from support.messages import contents
from support.wiretap import wiretapped

MANUAL: dict[str, Any] = {"compaction": "manual"}


class Server:
    """Answers each command with itself, once the test allows it."""

    def __init__(self) -> None:
        self.sent: list[list[Packed]] = []
        self.answers = asyncio.Event()
        self.error: BaseException | None = None

    async def __call__(self, commands: Sequence[Packed]) -> list[Any]:
        """Take commands, and answer them."""
        self.sent.append(list(commands))
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return list(commands)


def command(at: int, size: int = 0) -> list[Packed]:
    """Give the two commands of an operation."""
    return [("A", at), ("B", at, b"x" * size)]


async def ask(pipelining: AutoPipeline, commands: list[Packed], server: Server) -> list[Any]:
    """Ask for an operation."""
    return await pipelining.send(commands, server)


async def start(pipelining: AutoPipeline, server: Server, *numbers: int) -> list[asyncio.Task[list[Any]]]:
    """Ask for operations in one turn of the loop, and let it go on."""
    tasks = [asyncio.ensure_future(ask(pipelining, command(at), server)) for at in numbers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_for_in_one_turn_goes_together() -> None:
    """The first, alone, goes at once; the others of a turn together, each with its own replies."""
    pipelining, server = AutoPipeline(), Server()
    tasks = await start(pipelining, server, 0)
    tasks += await start(pipelining, server, 1, 2, 3)
    tasks += await start(pipelining, server, 4)
    assert [[each[1] for each in batch] for batch in server.sent] == [[0, 0], [1, 1, 2, 2, 3, 3], [4, 4]]
    server.answers.set()
    assert await asyncio.gather(*tasks) == [command(at) for at in range(5)]
    server.sent.clear()
    await pipelining.send(command(5), server)
    assert len(server.sent) == 1


async def test_bounds() -> None:
    """So many commands go together, or fewer scripts; and what is large goes by itself, at once."""
    pipelining, server = AutoPipeline(), Server()
    tasks = await start(pipelining, server, *range(140))
    assert [len(batch) for batch in server.sent] == [2, 128, 128, 22]
    large: list[list[Packed]] = [command(9, 1 << 19), [("C", "x" * (1 << 19))]]  # with numbers, and without
    alone = [asyncio.ensure_future(ask(pipelining, each, server)) for each in large]
    await asyncio.sleep(0)
    assert server.sent[-2:] == large
    server.answers.set()
    assert await asyncio.gather(*tasks) == [command(at) for at in range(140)]
    assert await asyncio.gather(*alone) == large
    pipelining, server = AutoPipeline(), Server()
    scripts = [asyncio.ensure_future(ask(pipelining, [("EVALSHA", at)], server)) for at in range(40)]
    for _ in range(3):
        await asyncio.sleep(0)
    server.answers.set()
    await asyncio.gather(*scripts)
    assert [len(batch) for batch in server.sent] == [1, 32, 7]


async def test_who_is_cancelled_leaves_the_others() -> None:
    """Before it was sent, while it is, or as the one that was alone."""
    pipelining, server = AutoPipeline(), Server()
    first, *_ = await start(pipelining, server, 0)
    unsent = asyncio.ensure_future(ask(pipelining, command(1), server))
    await asyncio.sleep(0)
    unsent.cancel()
    sent, other = await start(pipelining, server, 2, 3)
    sent.cancel()
    first.cancel()
    await asyncio.sleep(0)
    server.answers.set()
    assert await other == command(3)
    for each in (first, unsent, sent):
        with pytest.raises(asyncio.CancelledError):
            await each
    assert ("A", 1) not in [each for batch in server.sent for each in batch]
    assert await pipelining.send(command(4), server) == command(4)


@pytest.mark.parametrize("error", [ConnectionError("lost"), asyncio.CancelledError()])
async def test_a_lost_connection_is_told_to_each(error: BaseException) -> None:
    """Nobody waits for ever, and the next goes out again."""
    pipelining, server = AutoPipeline(), Server()
    tasks = await start(pipelining, server, 0)
    tasks += await start(pipelining, server, 1, 2)
    server.error = error
    server.answers.set()
    answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert [type(each) for each in answers] == [type(error)] * 3
    server.error = None
    assert await pipelining.send(command(3), server) == command(3)


def test_loops_are_apart() -> None:
    """A loop that ends in the middle of something keeps no other from sending."""
    pipelining = AutoPipeline()

    async def stuck() -> None:
        server = Server()
        await start(pipelining, server, 0, 1)

    async def other() -> list[Any]:
        server = Server()
        server.answers.set()
        return await pipelining.send(command(2), server)

    asyncio.run(stuck())
    assert asyncio.run(other()) == command(2)


async def test_many_sessions_share_round_trips(url: str, namespace: str) -> None:
    """Sixty-four sessions at once are a few round trips, over the socket."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (tapped, wire):
        async with Motorhead.from_url(tapped, namespace=namespace, **MANUAL) as motorhead:
            sessions = [motorhead.session(f"s{at}") for at in range(64)]
            await asyncio.gather(*(each.aload() for each in sessions))  # connects
            await sessions[0].aappend(HumanMessage(sessions[0].session_id))
            wire.reset()
            await asyncio.gather(*(each.aappend(HumanMessage(each.session_id)) for each in sessions[1:]))
            memories = await asyncio.gather(*(each.aload() for each in sessions))
            assert wire.round_trips <= 12
    server.release()
    assert [contents(each.messages) for each in memories] == [[f"s{at}"] for at in range(64)]


async def test_one_that_fails_fails_alone(amake: MakeMotorhead, client: redis.Redis) -> None:
    """A wrong key, and a script that Redis forgot, are those operations' own matter."""
    motorhead = amake(**MANUAL)
    sessions = [motorhead.session(f"s{at}") for at in range(8)]
    client.set(sessions[3]._keys.messages, "foreign")
    await sessions[0].aload()
    client.script_flush()
    answers = await asyncio.gather(*(each.aappend(HumanMessage("x")) for each in sessions), return_exceptions=True)
    assert [type(each) for each in answers] == [type(None)] * 3 + [WrongKeyTypeError] + [type(None)] * 4
    assert [(await each.aload()).total for each in sessions if each is not sessions[3]] == [1] * 7


async def test_redis_is_away(amake: MakeMotorhead) -> None:
    """Each of the combined calls gets the error that Redis cannot be reached."""
    motorhead = Motorhead.from_url("redis://127.0.0.1:1", **MANUAL)
    answers = await asyncio.gather(*(motorhead.session(f"s{at}").aload() for at in range(5)), return_exceptions=True)
    await motorhead.aclose()
    assert [type(each) for each in answers] == [StoreUnavailableError] * 5
    assert len({id(each) for each in answers}) == 5
    assert all(isinstance(each, StoreError) and each.__cause__ is not None for each in answers)
