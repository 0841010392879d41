"""The server beside an original Motorhead at some address: requests a second, latency, CPU and memory.

    python benchmarks/motorheads.py --motorhead http://127.0.0.1:8080 [--motorhead-pid PID]
                                    [--motorhead-redis redis://127.0.0.1:6380] [--url redis://…]
                                    [--rounds 5] [--seconds 1] [--clients 16] [--crowd 256]
                                    [--patience 60] [--json FILE]

The original runs as you started it: with a Redis of its own, and with a model and embeddings from where it was told.
Ours is started here, with a Redis of its own, and with long-term memory if the original has it. Both are asked in
turns, so that what disturbs the machine disturbs both. Medians of the rounds: answers a second, the time of the median
and of the slowest of a hundred, CPU of the server's processes for an answer, CPU of its Redis for one, and its memory
at the end. What a server does after the last answer, such as summaries that are still due, counts: a round ends when
both are idle. CPU and memory need a process of this machine: its id is given by `--motorhead-pid`, or found by the
port. `over 2 s` is how many requests of all rounds took longer, or got no answer, or an error.

`compacting POST` goes to a few sessions again and again, so that summaries are made all the time; the second one has
`--crowd` clients. `retrieval` is measured alone, if there is long-term memory: then every POST needs embeddings too.
Ours makes extracts, and hashes words into vectors, unless the variables of the environment name models, as for
`motorhead serve`: set `OPENAI_API_BASE` and `OPENAI_API_KEY` to what the original was told, to compare like with like.
`python benchmarks/openai_server.py PORT` is such a model, which answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import redis
import uvloop
from measuring import server, tell, write
from processes import cpu_seconds, listener, resident_bytes
from rest import TURN, Measured, ask, percentile, process, read, saturate, wait_for, written
from rest_servers import TEXT

_READ_SESSIONS, _COMPACTED_SESSIONS = 16, 8
_SLOW = 2.0
# A process that uses less than this share of a core is idle.
_IDLE_SHARE, _IDLE_SECONDS = 0.05, 0.4


class Load(NamedTuple):
    """What is asked for: the request for each number, and how many clients send requests at once."""

    request: Callable[[int], bytes]
    clients: int


class Taken(NamedTuple):
    """What one round took: the answers, and seconds of CPU of the server and of its Redis for an answer."""

    measured: Measured
    cpu: float | None
    redis: float | None


@dataclass
class Peer:
    """A server that is measured.

    Attributes:
        port: Its port on this machine.
        process_id: Id of its process, if known.
        redis: Its Redis, if known.
        taken: What each round took, by what was asked.
    """

    port: int
    process_id: int | None
    redis: redis.Redis | None
    taken: dict[str, list[Taken]] = field(default_factory=dict)

    def cpu(self) -> tuple[float | None, float | None]:
        """Return the seconds of CPU that it has used, and that its Redis has used."""
        own = None if self.process_id is None else cpu_seconds(self.process_id)
        if self.redis is None:
            return own, None
        used: Any = self.redis.info("cpu")
        return own, used["used_cpu_user"] + used["used_cpu_sys"]

    async def idle(self, patience: float) -> None:
        """Wait until it has nothing left to do, for so many seconds at most."""
        until = time.monotonic() + patience
        while self.process_id is not None and time.monotonic() < until:
            before = cpu_seconds(self.process_id)
            await asyncio.sleep(_IDLE_SECONDS)
            if cpu_seconds(self.process_id) - before <= _IDLE_SHARE * _IDLE_SECONDS:
                return

    async def measure(self, name: str, load: Load, seconds: float, patience: float) -> None:
        """Measure one round, and keep what it took."""
        before = self.cpu()
        measured = await saturate(self.port, load.request, load.clients, seconds, may_fail=True)
        await self.idle(patience)
        spent = [
            None if new is None or old is None else (new - old) / max(1, len(measured.latencies))
            for new, old in zip(self.cpu(), before, strict=True)
        ]
        self.taken.setdefault(name, []).append(Taken(measured, *spent))

    def row(self, name: str) -> dict[str, float | None]:
        """Return the medians of the rounds of one thing that was asked."""
        rounds = self.taken[name]
        latencies = [[1e3 * each for each in taken.measured.latencies] or [math.nan] for taken in rounds]
        late = sum(each > 1e3 * _SLOW for taken in latencies for each in taken)
        return {
            "a second": statistics.median(each.measured.rate for each in rounds),
            "p50 ms": statistics.median(percentile(each, 50) for each in latencies),
            "p99 ms": statistics.median(percentile(each, 99) for each in latencies),
            "over 2 s": late + sum(each.measured.unanswered for each in rounds),
            "CPU µs": _median([each.cpu for each in rounds]),
            "Redis µs": _median([each.redis for each in rounds]),
            "memory MB": None if self.process_id is None else resident_bytes(self.process_id) / 1e6,
        }


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--motorhead", required=True, metavar="URL", help="an original Motorhead on this machine")
    parser.add_argument("--motorhead-pid", type=int, metavar="PID", help="its process, if its port does not tell")
    parser.add_argument("--motorhead-redis", metavar="URL", help="its Redis, to tell how much CPU that uses")
    parser.add_argument("--url", help="an empty Redis for ours, emptied at the end; by default one of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--crowd", type=int, default=256)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for idle servers at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    theirs = urlsplit(options.motorhead)
    if theirs.hostname not in ("127.0.0.1", "localhost") or theirs.port is None:
        parser.error("--motorhead takes an address of this machine with a port, such as http://127.0.0.1:8080")
    remembers = uvloop.run(_remembers(theirs.port))
    with ExitStack() as stack:
        url = stack.enter_context(server(options.url))
        pids: list[int] = []
        command = [sys.executable, "-m", "langchain_motorhead.cli", "serve", "--port"]
        port = stack.enter_context(process(command, pids.append, **_settings(url, remembers=remembers)))
        pid = options.motorhead_pid or listener(theirs.port)
        known = options.motorhead_redis and stack.enter_context(redis.Redis.from_url(options.motorhead_redis))
        peers = {
            "ours": Peer(port, pids[0], stack.enter_context(redis.Redis.from_url(url))),
            "original": Peer(theirs.port, pid, known or None),
        }
        uvloop.run(_measure(peers, options, remembers=remembers))
        rows = {f"{name}: {which}": peer.row(name) for which, peer in peers.items() for name in peer.taken}
    tell("Beside an original Motorhead", list(next(iter(rows.values()))), dict(sorted(rows.items())))
    write(options.json, {"motorheads": rows})


def _settings(url: str, *, remembers: bool) -> dict[str, str]:
    """Return the variables of the environment that ours is started with."""
    settings = {name: value for name, value in os.environ.items() if name.startswith(("OPENAI", "MOTORHEAD"))}
    settings |= {"REDIS_URL": url, "MOTORHEAD_LONG_TERM_MEMORY": "true" if remembers else "false"}
    if remembers and "OPENAI_API_BASE" not in settings:
        settings["MOTORHEAD_EMBEDDINGS"] = "hashing"
    return settings


async def _remembers(port: int) -> bool:
    """Return whether a server has long-term memory."""
    await wait_for(port)
    return b" 400 " not in (await ask(port, _search("none", 0))).partition(b"\r\n")[0]


async def _measure(peers: dict[str, Peer], options: argparse.Namespace, *, remembers: bool) -> None:
    run = str(time.time_ns())  # the original may keep what an earlier run has stored
    for peer in peers.values():
        await wait_for(peer.port)
        for at in range(_READ_SESSIONS):
            await ask(peer.port, written("motorhead", f"read{run}{at}", TURN * 5))
        await peer.idle(options.patience)
    for turn in range(-1, options.rounds):  # the first one warms up
        for name, load in _loads(run, turn, options, remembers=remembers).items():
            for peer in list(peers.values())[:: 1 if turn % 2 else -1]:
                await peer.measure(name, load, options.seconds, options.patience)
                if turn < 0:
                    peer.taken.clear()


def _loads(run: str, turn: int, options: argparse.Namespace, *, remembers: bool) -> dict[str, Load]:
    """Return what is asked, by name. What is appended goes to ever new sessions, five turns to each."""
    if remembers:
        first = turn * 1_000_000  # no question is asked twice: its vector might still be known
        return {"retrieval": Load(lambda at: _search(f"read{run}{at % _READ_SESSIONS}", first + at), options.clients)}
    reads = [read("motorhead", f"read{run}{at}") for at in range(_READ_SESSIONS)]
    posts = written("motorhead", f"post{run}{turn}-000000", TURN)
    ordered = [{**TURN[0], "content": f"{TEXT} order 000000"}, TURN[1]]
    compacted = [written("motorhead", f"full{run}{at}", ordered) for at in range(_COMPACTED_SESSIONS)]

    def compacting(at: int) -> bytes:
        return compacted[at % len(compacted)].replace(b"order 000000", b"order %06d" % at, 1)

    return {
        "GET": Load(lambda at: reads[at % len(reads)], options.clients),
        "POST": Load(lambda at: posts.replace(b"-000000", b"-%06d" % (at // 5), 1), options.clients),
        "compacting POST": Load(compacting, options.clients),
        f"compacting POST, {options.crowd} clients": Load(compacting, options.crowd),
    }


def _search(session: str, number: int) -> bytes:
    question = orjson.dumps({"text": f"word1 word2 question {number}"})
    head = f"POST /sessions/{session}/retrieval HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(question)}\r\n\r\n".encode() + question


def _median(values: list[float | None]) -> float | None:
    """Return the median in millionths of what is known."""
    known = [1e6 * each for each in values if each is not None]
    return statistics.median(known) if known else None


if __name__ == "__main__":
    main()
