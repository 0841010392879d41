"""How many turns a second one event loop serves, of 1, 64 and 512 sessions at once: append, then read.

    python benchmarks/crowd.py [--url redis://localhost:6379] [--sessions 1 64 512] [--rounds 7] [--json FILE]

Beside a pipeline of redis.asyncio for each, with the same commands as a pipeline by hand, messages decoded in all; and
beside other libraries. All take turns in one process and on one server, so that only ratios count; the CPU time is this
process's, a turn.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
import uuid
import warnings
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import redis.asyncio
from langchain_core.messages import BaseMessage
from measuring import TURN, server, tell, write
from peers import CLASSES, READ
from typing_extensions import override

from langchain_motorhead import Motorhead


class Crowd(ABC):
    """A library's sessions, async.

    Args:
        url: Of the server.
    """

    name = ""
    most = 512
    """Sessions at once beyond which it is not measured."""

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    def turn(self, session: str) -> Callable[[], Awaitable[object]]:
        """Give what appends a turn to a session, and reads it."""

    @abstractmethod
    async def close(self) -> None:
        """Close it."""


class OneClient(Crowd):
    """Sessions through a client of redis.asyncio."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = redis.asyncio.Redis.from_url(url, max_connections=1_024)

    @override
    async def close(self) -> None:
        await self.client.aclose()


class Floor(OneClient):
    """A pipeline of redis.asyncio for each operation."""

    name = "floor"

    @override
    def turn(self, session: str) -> Callable[[], Awaitable[list[BaseMessage]]]:
        key, state = f"floor:{session}", f"floor:{session}:state"
        roles = {"human": "Human", "ai": "AI"}

        async def turn() -> list[BaseMessage]:
            records = [orjson.dumps({"role": roles[each.type], "content": each.content}) for each in TURN]
            now = time.time_ns() // 1_000
            async with self.client.pipeline(transaction=False) as pipeline:
                pipeline.rpush(key, *records)
                pipeline.hset(state, mapping={"updated": now})
                pipeline.zadd("floor-sessions", {key: now})
                await pipeline.execute()
            async with self.client.pipeline(transaction=False) as pipeline:
                pipeline.hmget(state, ["summary", "first", "tokens"])
                pipeline.lrange(key, -READ, -1)
                _, found = await pipeline.execute()
            loaded = (orjson.loads(record) for record in found)
            return [CLASSES[record["role"]](content=record["content"]) for record in loaded]

        return turn


class Ours(Crowd):
    """This package."""

    name = "motorhead"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.motorhead = Motorhead.from_url(url, namespace="crowd", compaction="manual")

    @override
    def turn(self, session: str) -> Callable[[], Awaitable[list[BaseMessage]]]:
        opened = self.motorhead.session(session)

        async def turn() -> list[BaseMessage]:
            await opened.aappend(TURN)
            messages: list[BaseMessage] = (await opened.aload()).messages
            return messages

        return turn

    @override
    async def close(self) -> None:
        await self.motorhead.aclose()


class Agents(OneClient):
    """RedisSession of the OpenAI Agents SDK."""

    name = "Agents SDK"

    @override
    def turn(self, session: str) -> Callable[[], Awaitable[list[Any]]]:
        from agents.extensions.memory import RedisSession

        opened = RedisSession(session, redis_client=self.client)
        roles = {"human": "user", "ai": "assistant"}

        async def turn() -> list[Any]:
            items: list[Any] = [{"role": roles[each.type], "content": each.content} for each in TURN]
            await opened.add_items(items)
            return list(await opened.get_items(READ))

        return turn


class LangChainRedis(Crowd):
    """RedisChatMessageHistory of langchain-redis, whose async side is its sync one in threads."""

    name = "langchain-redis"
    most = 64

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = redis.Redis.from_url(url, protocol=2)  # it does not understand the other

    @override
    def turn(self, session: str) -> Callable[[], Awaitable[list[BaseMessage]]]:
        from langchain_redis import RedisChatMessageHistory

        opened: Any = RedisChatMessageHistory(session, redis_client=self.client)

        async def turn() -> list[BaseMessage]:
            await opened.aadd_messages(TURN)
            return list(await opened.aget_messages())

        return turn

    @override
    async def close(self) -> None:
        self.client.close()


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 64, 512])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # of peers
    figures: dict[str, Any] = {"turns": {}, "rates": {}, "cpu": {}}
    with server(options.url) as url:
        crowds = [cls(url) for cls in (Floor, Ours, Agents, LangChainRedis)]
        for count in options.sessions:
            await measure([each for each in crowds if each.most >= count], count, options, figures)
        for each in crowds:
            await each.close()
    names = [each.name for each in crowds]
    tell("Turns a second, as a multiple of floor", names, figures["turns"])
    tell("CPU time of a turn, in µs", names, figures["cpu"])
    write(options.json, figures)


async def measure(crowds: Sequence[Crowd], count: int, options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Time so many sessions of each, in turns, each time with new sessions."""
    taken: dict[str, list[tuple[float, float]]] = {each.name: [] for each in crowds}
    for turn in range(options.rounds + 1):
        for each in crowds:
            works = [each.turn(f"{uuid.uuid4()}") for _ in range(count)]
            # All begin with as many messages, so that no library reads fewer.
            for _ in range(READ // len(TURN)):
                await asyncio.gather(*(work() for work in works))
            measured = await serve(works, options.seconds)
            if turn:
                taken[each.name].append(measured)
    row = f"{count} at once"
    figures["rates"][row] = {name: statistics.median(rate for rate, _ in each) for name, each in taken.items()}
    figures["cpu"][row] = {name: round(statistics.median(cpu for _, cpu in each) * 1e6) for name, each in taken.items()}
    figures["turns"][row] = {
        name: statistics.median(rate / other for (rate, _), (other, _) in zip(each, taken[Floor.name], strict=True))
        for name, each in taken.items()
    }


async def serve(works: Sequence[Callable[[], Awaitable[object]]], seconds: float) -> tuple[float, float]:
    """Have each do one turn after the other. Returns turns a second, and seconds of CPU time a turn."""
    done, started, used = 0, time.perf_counter(), time.process_time()

    async def one(work: Callable[[], Awaitable[object]]) -> None:
        nonlocal done
        while time.perf_counter() < started + seconds:
            await work()
            done += 1

    await asyncio.gather(*map(one, works))
    return done / (time.perf_counter() - started), (time.process_time() - used) / done


if __name__ == "__main__":
    asyncio.run(main())
