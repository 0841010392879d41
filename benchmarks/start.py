"""How fast a server starts: until its first answer, and what its later imports cost those who ask meanwhile.

    python benchmarks/start.py [--url redis://localhost:6379] [--rounds 5] [--source] [--json FILE]

Each start is a new process, in turns: of `motorhead serve` without a model, with OpenAI's client, which is never
called, and with the search; and of `plain`, a handler by hand with uvicorn, Starlette and redis-py, which does the same
and imports nothing else. `first answer` is when a read of a session is answered, `CPU` what the process has used until
then, and `to plain` the ratio of that. From then on a client asks for the session every few milliseconds, and one turn
is appended after the other, until the imports are done and the first sessions were compacted: `longest wait` is the
slowest of these reads and appends. `memory` is that of the process at the end. Medians of the rounds, but for one that
is not counted. Times are those of the machine, which has to be idle; CPU is less sensitive to what else runs.

Modules are imported as bytecode, as pip installs them. With `--source` they are compiled at each start, as after `uv
pip install` without --compile-bytecode where PYTHONDONTWRITEBYTECODE is set.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from measuring import server, tell, write
from processes import cpu_seconds, resident_bytes
from rest import HERE, TURN, ask, process, read, written

_PLAIN = "plain"
_KINDS: dict[str, dict[str, str]] = {
    _PLAIN: {},
    "no model": {},
    "with OpenAI": {"OPENAI_API_KEY": "none", "OPENAI_API_BASE": "http://127.0.0.1:9/v1", "MOTORHEAD_MODEL": "gpt-4o"},
    "with OpenAI and search": {
        "OPENAI_API_KEY": "none",
        "OPENAI_API_BASE": "http://127.0.0.1:9/v1",
        "MOTORHEAD_LONG_TERM_MEMORY": "true",
    },
}
_COMMANDS = (
    [sys.executable, "-m", "langchain_motorhead.cli", "serve", "--port"],
    [sys.executable, str(HERE / "rest_servers.py"), "plain"],
)
_WATCHED_SECONDS = 6.0
_PAUSE_SECONDS = 0.004


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=_WATCHED_SECONDS, help="how long to watch each start")
    parser.add_argument("--source", action="store_true", help="without bytecode")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in _KINDS}
    with server(options.url) as url, TemporaryDirectory() as folder:
        common = {"PYTHONDONTWRITEBYTECODE": "1" if options.source else "", "PYTHONPYCACHEPREFIX": folder}
        for at in range(-1, options.rounds):
            for name, settings in _KINDS.items():
                given = {**common, **settings, "MOTORHEAD_NAMESPACE": f"{name} {at}"}
                started = _start(url, _COMMANDS[name == _PLAIN], given, options.seconds)
                if at >= 0:
                    taken[name].append(started)
    for rounds in taken.values():
        for each, plain in zip(rounds, taken[_PLAIN], strict=True):
            each["to plain"] = each["CPU s"] / plain["CPU s"]
    rows = {
        name: {column: statistics.median(each[column] for each in rounds) for column in rounds[0]}
        for name, rounds in taken.items()
    }
    tell("Start of a server", list(next(iter(rows.values()))), rows)
    write(options.json, {"start": rows})


def _start(url: str, command: list[str], settings: dict[str, str], seconds: float) -> dict[str, float]:
    """Start a server, and watch it."""
    with ExitStack() as stack:
        begun = time.perf_counter()
        pids: list[int] = []
        port = stack.enter_context(process(command, pids.append, REDIS_URL=url, **settings))
        return uvloop.run(_watched(port, begun, pids[0], seconds))


async def _watched(port: int, begun: float, pid: int, seconds: float) -> dict[str, float]:
    request = read("motorhead", "s")
    while True:
        try:
            await ask(port, request)
            break
        except OSError:
            await asyncio.sleep(0.002)
    first, cpu = time.perf_counter() - begun, cpu_seconds(pid)
    end = time.perf_counter() + seconds
    reads, writes = await asyncio.gather(
        _waits(port, lambda _: request, end),
        _waits(port, lambda at: written("motorhead", f"s{at // 10}", TURN), end),
    )
    return {
        "first answer s": first,
        "CPU s": cpu,
        "longest wait ms": max(*reads, *writes) * 1e3,
        "p99 ms": statistics.quantiles([*reads, *writes], n=100)[98] * 1e3,
        "memory MB": resident_bytes(pid) / 1e6,
    }


async def _waits(port: int, request: Callable[[int], bytes], end: float) -> list[float]:
    waits: list[float] = []
    while time.perf_counter() < end:
        started = time.perf_counter()
        await ask(port, request(len(waits)))
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(_PAUSE_SECONDS)
    return waits


if __name__ == "__main__":
    main()
