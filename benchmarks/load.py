"""What many sessions take: memory against what the documentation states, and the time of an append and a read.

    python benchmarks/load.py [--url redis://localhost:6379] [--sessions 10000] [--messages 1000000]

Processes write turns to all sessions in rotation, as many users at once would. The summarizer is down all the time, so
every message stays in the list. Then sessions are read at random and counted. A read returns each message, in the
summary or word for word, or reports that it does not. Then the summarizer is up, and all sessions are summarized and
counted again. It ends with 1 if a message is missing without being reported, or if Redis or a process takes more memory
than stated. Alone on its server: memory is that of the server.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import random
import resource
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

import redis
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from langchain_motorhead import Motorhead, SummaryInput
from langchain_motorhead.redis_io.embedded import acquire

# Bytes, rounded as in docs/pages/operate/operations.md, and those of a process that writes.
SESSION, MESSAGE, ROUNDED, PROCESS = 610, 490, 1.02, 120 << 20
TEXT = " ".join(f"word{at % 60:02}" for at in range(60))
TURN = [HumanMessage(TEXT), AIMessage(TEXT)]
READS = 5_000


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", default="embedded://")
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    server = acquire(options.url) if options.url.startswith("embedded") else None
    url = server.url if server else options.url
    namespace = f"load-{uuid.uuid4()}"
    with (
        redis.Redis.from_url(url) as client,
        Motorhead.from_url(url, namespace=namespace, llm=Up(), archive=False) as motorhead,
    ):
        motorhead.session("first").append(TURN)  # makes the scripts known
        motorhead.session("first").delete()
        before = used(client)
        shares = write(url, namespace, options)
        taken = [each for share in shares for each in share[0]]
        seconds, peak = max(share[1] for share in shares), max(share[2] for share in shares)
        stored = options.sessions * (options.messages // options.sessions // 2) * 2
        took, stated = used(client) - before, options.sessions * SESSION + stored * MESSAGE
        print(f"{options.sessions:,} sessions, {stored:,} messages of {len(TEXT)} bytes, {options.processes} processes")
        print(f"append a turn: {quantiles(taken)}; {stored / seconds:,.0f} messages/s in all")
        print(f"memory of Redis: {took / 1e6:,.0f} MB, stated {stated / 1e6:,.0f} MB")
        print(f"memory of a process that wrote: {peak / (1 << 20):,.0f} MB at most, stated {PROCESS >> 20} MB")
        print("with the summarizer down:")
        missing = check(motorhead, options.sessions, stored // options.sessions)
        started = time.perf_counter()
        folded = sum(motorhead.session(f"s{at}").compact().summarized for at in range(options.sessions))
        print(f"summarized {folded:,} messages in {time.perf_counter() - started:.0f} s; after that:")
        missing += check(motorhead, options.sessions, stored // options.sessions)
        print(f"missing messages: {missing:,}")
        started = time.perf_counter()
        while ids := motorhead.sessions(size=1_000):
            for session_id in ids:
                motorhead.session(session_id).delete()
        print(f"deleted in {time.perf_counter() - started:.0f} s; {used(client) - before:,} bytes are left of it")
    if server:
        server.release()
    sys.exit(bool(missing or took > stated * ROUNDED or peak > PROCESS))


def write(url: str, namespace: str, options: Any) -> list[tuple[list[float], float, int]]:
    """Write from all processes at once. Returns of each the seconds of appends and of all, and its peak memory."""
    context = multiprocessing.get_context("spawn")
    shares = [range(at, options.sessions, options.processes) for at in range(options.processes)]
    turns = options.messages // options.sessions // 2
    with context.Pool(options.processes) as pool:
        return pool.starmap(write_share, [(url, namespace, share, turns) for share in shares], chunksize=1)


def write_share(url: str, namespace: str, share: Sequence[int], turns: int) -> tuple[list[float], float, int]:
    """Write some turns to each of some sessions, in rotation, and keep the time of some appends."""
    logging.disable(logging.WARNING)
    taken, begun = [], time.perf_counter()
    with Motorhead.from_url(url, namespace=namespace, llm=RunnableLambda(down)) as motorhead:
        for turn in range(turns):
            for at in share:
                started = time.perf_counter()
                motorhead.session(f"s{at}").append(TURN)
                if (at + turn) % 10 == 0:
                    taken.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return taken, time.perf_counter() - begun, peak


class Up(Runnable[SummaryInput, str]):
    """A summarizer that is up, at once."""

    is_trusted = True  # what it returns keeps nothing

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Summarize."""
        return "A summary."


def down(_: Any) -> str:
    """Fail, as a summarizer that is down."""
    raise ConnectionError("down")


def check(motorhead: Motorhead, sessions: int, expected: int) -> int:
    """Count what is missing of all sessions without being reported, and time reads of some."""
    missing, taken = 0, []
    reads = set(random.Random(1).sample(range(sessions), min(sessions, READS)))  # noqa: S311
    for at in range(sessions):
        started = time.perf_counter()
        memory = motorhead.session(f"s{at}").load()
        if at in reads:
            taken.append(time.perf_counter() - started)
        reported = 0 if memory.gap is None else memory.gap.count
        missing += expected - memory.summarized - reported - len(memory.messages)
    print(f"read a session: {quantiles(taken)}")
    started = time.perf_counter()
    motorhead.sessions(size=20)
    print(f"list the newest 20 sessions: {(time.perf_counter() - started) * 1e3:.2f} ms")
    return missing


def used(client: redis.Redis) -> int:
    """Give the bytes that the server has taken for data."""
    info: Any = client.info("memory")
    return int(info["used_memory"])


def quantiles(seconds: list[float]) -> str:
    """Say what times are like."""
    cut = statistics.quantiles(seconds, n=100)
    return f"{cut[49] * 1e3:.2f} ms in the middle, {cut[98] * 1e3:.2f} ms of one in a hundred"


if __name__ == "__main__":
    main()
