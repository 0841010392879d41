"""The server beside an original Motorhead at some address: requests a second, latency, CPU and memory.

    python benchmarks/motorheads.py --motorhead http://127.0.0.1:8080 [--motorhead-pid PID] [--url redis://…]
                                    [--rounds 5] [--seconds 1] [--clients 16] [--no-search] [--json FILE]

The original runs as you started it: with a Redis of its own, and with a model and embeddings from where it was told.
Ours is started here, with a Redis of its own. Both are asked in turns, so that what disturbs the machine disturbs both.
Medians of the rounds: requests a second, the time of the median and of the slowest of a hundred requests, CPU of the
server's process for a request, and its memory at the end. The last two need a process of this machine: its id is given
by `--motorhead-pid`, or found by the port.

`compacting POST` goes to a few sessions again and again, so that summaries are made all the time. Ours makes extracts,
and hashes words into vectors, unless the variables of the environment name models, as for `motorhead serve`: set
`OPENAI_API_BASE` and `OPENAI_API_KEY` to what the original was told, to compare like with like.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import uvloop
from measuring import server, tell, write
from processes import cpu_seconds, listener, resident_bytes
from rest import TURN, Measured, ask, percentile, process, read, saturate, wait_for, written

_READ_SESSIONS, _COMPACTED_SESSIONS = 16, 8
_QUESTION = orjson.dumps({"text": "word1 word2 word3"})


class Peer:
    """A server that is measured.

    Args:
        port: Its port on this machine.
        process_id: Id of its process, if known.
    """

    def __init__(self, port: int, process_id: int | None) -> None:
        self.port = port
        self.process_id = process_id
        self.taken: dict[str, list[tuple[Measured, float | None]]] = {}

    def cpu(self) -> float | None:
        """Return the seconds of CPU that it has used."""
        return None if self.process_id is None else cpu_seconds(self.process_id)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--motorhead", required=True, metavar="URL", help="an original Motorhead on this machine")
    parser.add_argument("--motorhead-pid", type=int, metavar="PID", help="its process, if its port does not tell")
    parser.add_argument("--url", help="an empty Redis for ours, emptied at the end; by default one of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--no-search", action="store_true", help="leave out retrieval: one has no long-term memory")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    theirs = urlsplit(options.motorhead)
    if theirs.hostname not in ("127.0.0.1", "localhost") or theirs.port is None:
        parser.error("--motorhead takes an address of this machine with a port, such as http://127.0.0.1:8080")
    with ExitStack() as stack:
        settings = {name: value for name, value in os.environ.items() if name.startswith(("OPENAI", "MOTORHEAD"))}
        settings["REDIS_URL"] = stack.enter_context(server(options.url))
        if not options.no_search:
            settings["MOTORHEAD_LONG_TERM_MEMORY"] = "true"
            if "OPENAI_API_BASE" not in settings:
                settings["MOTORHEAD_EMBEDDINGS"] = "hashing"
        pids: list[int] = []
        command = [sys.executable, "-m", "langchain_motorhead.cli", "serve", "--port"]
        port = stack.enter_context(process(command, pids.append, **settings))
        peers = {
            "ours": Peer(port, pids[0]),
            "original": Peer(theirs.port, options.motorhead_pid or listener(theirs.port)),
        }
        rows = uvloop.run(_measured(peers, options))
    tell("Beside an original Motorhead", list(next(iter(rows.values()))), rows)
    write(options.json, {"motorheads": rows})


async def _measured(peers: dict[str, Peer], options: argparse.Namespace) -> dict[str, dict[str, float | None]]:
    run = str(time.time_ns())  # the original may keep what an earlier run has stored
    for peer in peers.values():
        await wait_for(peer.port)
        for at in range(_READ_SESSIONS):
            await ask(peer.port, written("motorhead", f"read{run}{at}", TURN * 5))
    for turn in range(-1, options.rounds):  # the first one warms up
        for name, request in _requests(run, turn, search=not options.no_search).items():
            for peer in peers.values():
                before = peer.cpu()
                measured = await saturate(peer.port, request, options.clients, options.seconds)
                after = peer.cpu()
                cpu = None if before is None or after is None else (after - before) / len(measured.latencies)
                if turn >= 0:
                    peer.taken.setdefault(name, []).append((measured, cpu))
    return {
        f"{name}: {which}": _row(rounds, peer) for which, peer in peers.items() for name, rounds in peer.taken.items()
    }


def _requests(run: str, turn: int, *, search: bool) -> dict[str, Callable[[int], bytes]]:
    """Return what is asked, by name. What is appended goes to ever new sessions, five turns to each."""
    reads = [read("motorhead", f"read{run}{at}") for at in range(_READ_SESSIONS)]
    posts = written("motorhead", f"post{run}{turn}-000000", TURN)
    compacted = [written("motorhead", f"full{run}{at}", TURN) for at in range(_COMPACTED_SESSIONS)]
    asked: dict[str, Callable[[int], bytes]] = {
        "GET": lambda at: reads[at % len(reads)],
        "POST": lambda at: posts.replace(b"-000000", b"-%06d" % (at // 5), 1),
        "compacting POST": lambda at: compacted[at % len(compacted)],
    }
    if search:
        found = [_search(f"read{run}{at}") for at in range(_READ_SESSIONS)]
        asked["retrieval"] = lambda at: found[at % len(found)]
    return asked


def _search(session: str) -> bytes:
    head = f"POST /sessions/{session}/retrieval HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(_QUESTION)}\r\n\r\n".encode() + _QUESTION


def _row(rounds: list[tuple[Measured, float | None]], peer: Peer) -> dict[str, float | None]:
    cpu = [each for _, each in rounds if each is not None]
    return {
        "a second": statistics.median(each.rate for each, _ in rounds),
        "p50 ms": statistics.median(percentile(each.latencies, 50) for each, _ in rounds) * 1e3,
        "p99 ms": statistics.median(percentile(each.latencies, 99) for each, _ in rounds) * 1e3,
        "CPU µs": statistics.median(cpu) * 1e6 if cpu else None,
        "memory MB": None if peer.process_id is None else resident_bytes(peer.process_id) / 1e6,
    }


if __name__ == "__main__":
    main()
