"""How many turns a second one event loop serves, of 1, 64 and 512 sessions at once: append, then read.

    python benchmarks/crowd.py [--url redis://localhost:6379] [--sessions 1 64 512] [--rounds 7] [--json FILE]
                               [--only floor motorhead]

A turn appends two messages of 60 words and reads the newest 24. `floor` does it with one client of redis.asyncio that
all sessions share, and two pipelines without a transaction:

    RPUSH floor:ID RECORD RECORD; HSET floor:ID:state updated NOW; ZADD floor-sessions NOW floor:ID
    HMGET floor:ID:state summary first tokens; LRANGE floor:ID -24 -1

A record is `{"role": "Human", "content": TEXT}`, made by orjson. What is read goes through `orjson.loads` and the
constructors `HumanMessage` and `AIMessage` of langchain-core, record by record.

Each library runs in a process of its own, which imports nothing of the others. They take turns on one server, so that
only one works at a time. Each round begins with new sessions of 24 messages, and after a garbage collection. The
figures are medians of the rounds: turns a second as a multiple of floor's in the same round, and microseconds of CPU a
turn, of the process and of Redis.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
import uuid
import warnings
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson
import redis
import redis.asyncio
from langchain_core.messages import BaseMessage
from measuring import CLASSES, READ, TURN, server, tell, write
from typing_extensions import override


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
        from langchain_motorhead import Motorhead

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


LIBRARIES: dict[str, type[Crowd]] = {each.name: each for each in (Floor, Ours, Agents, LangChainRedis)}


class Round(NamedTuple):
    """What was measured: turns a second, and seconds of CPU a turn, of the process and of Redis."""

    rate: float
    cpu: float
    redis_cpu: float


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 64, 512])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", nargs="+", choices=LIBRARIES, default=list(LIBRARIES), metavar="LIBRARY")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    parser.add_argument("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(LIBRARIES[options.serve](options.url))
        return
    names = list(dict.fromkeys([Floor.name, *options.only]))
    figures: dict[str, Any] = {"turns": {}, "rates": {}, "cpu": {}, "redis": {}}
    with server(options.url) as url, started(names, url) as processes:
        for count in options.sessions:
            row, there = f"{count} at once", [name for name in names if LIBRARIES[name].most >= count]
            rounds: list[dict[str, Round]] = [
                {name: ask(processes[name], count, options.seconds) for name in there}
                for _ in range(options.rounds + 1)
            ][1:]  # the first warms up
            figures["rates"][row] = median(rounds, lambda each, _: each.rate)
            figures["turns"][row] = median(rounds, lambda each, floor: each.rate / floor.rate)
            figures["cpu"][row] = median(rounds, lambda each, _: round(each.cpu * 1e6))
            figures["redis"][row] = median(rounds, lambda each, _: round(each.redis_cpu * 1e6))
    tell("Turns a second, as a multiple of floor", names, figures["turns"])
    tell("CPU time of a turn, in µs", names, figures["cpu"])
    tell("Redis' CPU time of a turn, in µs", names, figures["redis"])
    write(options.json, figures)


def median(rounds: Sequence[dict[str, Round]], figure: Callable[[Round, Round], float]) -> dict[str, float]:
    """Give the median of a figure, which may depend on floor's round, by the name of the library."""
    return {name: statistics.median(figure(each[name], each[Floor.name]) for each in rounds) for name in rounds[0]}


@contextmanager
def started(names: Sequence[str], url: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Start a process for each library, and end them."""
    command = [sys.executable, __file__, "--url", url, "--serve"]
    processes = {
        name: subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        for name in names
    }
    try:
        yield processes
    finally:
        for process in processes.values():
            process.communicate()


def ask(process: subprocess.Popen[str], count: int, seconds: float) -> Round:
    """Have a process measure one round."""
    asked, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
    print(count, seconds, file=asked, flush=True)
    if not (answer := answers.readline()):
        raise SystemExit(f"a process ended with exit code {process.wait()}")
    return Round(*json.loads(answer))


def serve(crowd: Crowd) -> None:
    """Measure a round for each line of the input."""
    warnings.simplefilter("ignore", DeprecationWarning)  # of peers
    with asyncio.Runner() as runner, redis.Redis.from_url(crowd.url) as client:
        for line in sys.stdin:
            count, seconds = line.split()
            print(json.dumps(runner.run(measure(crowd, client, int(count), float(seconds)))), flush=True)
        runner.run(crowd.close())


async def measure(crowd: Crowd, client: redis.Redis, count: int, seconds: float) -> Round:
    """Let so many new sessions do one turn after the other, for so long."""
    works = [crowd.turn(f"{uuid.uuid4()}") for _ in range(count)]
    for _ in range(READ // len(TURN)):  # so that no library reads fewer
        await asyncio.gather(*(work() for work in works))
    gc.collect()
    done, of_redis = 0, redis_cpu(client)
    started, used = time.perf_counter(), time.process_time()

    async def one(work: Callable[[], Awaitable[object]]) -> None:
        nonlocal done
        while time.perf_counter() < started + seconds:
            await work()
            done += 1

    await asyncio.gather(*map(one, works))
    took, used = time.perf_counter() - started, time.process_time() - used
    return Round(done / took, used / done, (redis_cpu(client) - of_redis) / done)


def redis_cpu(client: redis.Redis) -> float:
    """Give the seconds of CPU that a server has used."""
    found: Any = client.info("cpu")
    return float(found["used_cpu_user"] + found["used_cpu_sys"])


if __name__ == "__main__":
    main()
