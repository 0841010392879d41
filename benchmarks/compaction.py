"""How fast a worker compacts a backlog beside its model: to read, decode, plan, encode, archive and commit.

    python benchmarks/compaction.py [--messages 1000 10000 100000] [--words 20] [--json FILE]
    make bench-compaction MESSAGES=1000000

Each backlog is one session whose messages were all appended before the first summary. A process of its own compacts it
on an event loop, once without a model (`extractive`) and once with a chat model that answers at once (`model`). So what
is measured is the worker, and for `extractive` the summarizer too.

Where a process has loaded much, Python's garbage collector stops it for tens of milliseconds whenever it looks at
everything. So the worker calls `gc.freeze()` when it has loaded all, as an application should. `--no-freeze` leaves it.

- `messages/s`: by the clock, and `of CPU`: by the CPU time of the worker, which other processes disturb less.
- `stall`: the longest time that the event loop did not run, in milliseconds; `of CPU`: the most CPU time that its
  thread took between two turns of the loop, and `of all`: that of all threads, which is more than what the loop waits
  for. Where the machine is busy, the clock shows how busy, the CPU time does not.
- `memory`: how much the process grew, in MB.
- `Redis`: CPU time of Redis, in microseconds a message.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import redis
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from measuring import server, tell, write
from summaries import KNOWN, WORDS

from langchain_motorhead import Motorhead

COLUMNS = ("messages/s", "of CPU", "stall, ms", "of CPU, ms", "of all, ms", "memory, MB", "Redis, µs", "batches")
SUMMARIZERS = ("extractive", "model")
_APPENDED = 1_000
_TICK_S = 0.001


class Instant(BaseChatModel):
    """A chat model that answers at once: with some of the words that it is given."""

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
        words = dict.fromkeys(word for word in messages[-1].text.split() if word in KNOWN)
        answer = AIMessage(" ".join(list(words)[:: max(6, len(words) // 100)]) or "NONE")
        return ChatResult(generations=[ChatGeneration(message=answer)])


@dataclass
class Ticker:
    """Runs on an event loop, and keeps the longest time between two of its turns.

    Attributes:
        stall: By the clock, in seconds.
        own: The most CPU time that the thread of the loop took in one, in seconds.
        all: The most CPU time that all threads took in one.
    """

    stall: float = 0.0
    own: float = 0.0
    all: float = 0.0

    async def run(self) -> None:
        """Look at the clock every millisecond, until cancelled."""
        while True:
            clock, own, spent = time.perf_counter(), time.thread_time(), time.process_time()
            await asyncio.sleep(_TICK_S)
            self.stall = max(self.stall, time.perf_counter() - clock - _TICK_S)
            self.own = max(self.own, time.thread_time() - own)
            self.all = max(self.all, time.process_time() - spent)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    parser.add_argument("--messages", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="of the backlogs")
    parser.add_argument("--words", type=int, default=20, help="of a message, about")
    parser.add_argument("--summarizers", nargs="+", default=SUMMARIZERS, choices=SUMMARIZERS)
    parser.add_argument("--no-freeze", action="store_true", help="leave out gc.freeze()")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(asyncio.run(work(options.url, options.worker, options))))
        return
    rows: dict[str, dict[str, Any]] = {}
    with server(options.url) as url, redis.Redis.from_url(url) as client:
        for count in options.messages:
            for summarizer in options.summarizers:
                rows[f"{count:,}, {summarizer}"] = measure(url, client, count, summarizer, options)
                client.flushdb()
    tell("Compaction of a backlog, beside the model", COLUMNS, rows)
    write(options.json, {"backlogs": rows})


def measure(url: str, client: redis.Redis, count: int, summarizer: str, options: argparse.Namespace) -> dict[str, Any]:
    """Make a backlog, and let another process compact it."""
    with Motorhead.from_url(url, compaction="manual") as motorhead:
        for start in range(0, count, _APPENDED):
            motorhead.session("backlog").append(backlog(start, min(start + _APPENDED, count), options.words))
    client.config_resetstat()
    command = [sys.executable, __file__, "--url", url, "--worker", "backlog", "--summarizers", summarizer]
    command += ["--no-freeze"] if options.no_freeze else []
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603
    left_out = ("cmdstat_info", "cmdstat_config")
    stats: Any = client.info("commandstats")
    redis_us = sum(each["usec"] for name, each in stats.items() if not name.startswith(left_out))
    folded = found["summarized"]
    return {
        "messages/s": folded / found["seconds"],
        "of CPU": folded / found["cpu"],
        "stall, ms": found["stall"] * 1e3,
        "of CPU, ms": found["own"] * 1e3,
        "of all, ms": found["all"] * 1e3,
        "memory, MB": found["grown"] / 1e6,
        "Redis, µs": redis_us / folded,
        "batches": found["batches"],
    }


def backlog(start: int, end: int, words: int) -> Sequence[BaseMessage]:
    """Make messages of about so many words."""
    return [_message(at, words) for at in range(start, end)]


def _message(at: int, words: int) -> BaseMessage:
    chance = random.Random(at)  # noqa: S311 - words
    text = " ".join(chance.choices(WORDS, k=chance.randint(words // 2, words + words // 2)))
    return HumanMessage(text) if at % 2 == 0 else AIMessage(text)


async def work(url: str, session_id: str, options: argparse.Namespace) -> dict[str, Any]:
    """Compact a backlog on this event loop."""
    llm = Instant() if options.summarizers == ["model"] else None
    async with Motorhead.from_url(url, compaction="manual", llm=llm) as motorhead:
        await motorhead.session("warm").aappend(backlog(0, 40, 20))
        await motorhead.session("warm").acompact()  # what is loaded once
        gc.collect()
        if not options.no_freeze:
            gc.freeze()
        ticker = Ticker()
        before, clock, spent = _peak(), time.perf_counter(), time.process_time()
        ticking = asyncio.create_task(ticker.run())
        report = await motorhead.session(session_id).acompact()
        seconds, cpu = time.perf_counter() - clock, time.process_time() - spent
        ticking.cancel()
        left = len((await motorhead.session(session_id).aload()).messages)
    if left > 12 or report.error is not None:
        raise SystemExit(f"{left} messages are left: {report.error}")
    return {
        "summarized": report.summarized,
        "batches": report.batches,
        "seconds": seconds,
        "cpu": cpu,
        "grown": _peak() - before,
        **asdict(ticker),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
