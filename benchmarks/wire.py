"""What a request costs the server: CPU of its process, user and system, beside a bare ASGI function on uvicorn.

    python benchmarks/wire.py [--url redis://…] [--rounds 5] [--seconds 3] [--clients 16] [--only GET|POST]
                              [--json FILE]

`wrk -t1` (https://github.com/wg/wrk) sends the requests. Server and function are measured in turns, since the same work
takes more or less CPU while others use the machine: what counts is the ratio. GET reads sessions of ten messages of 60
words. POST appends two messages to ever new sessions, five times to each, so no summary is ever due. The function
answers as many bytes. The server logs its lines to a file, as in production.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import uvloop
from measuring import server, tell, write
from processes import cpu_seconds
from rest import TURN, ask, process, wait_for, written

_SESSIONS = 16
_COUNTS = re.compile(r"(\d+) requests in ([\d.]+)(m?s)")
_FAILED = re.compile(r"(?m)^\s*(?:Non-2xx|Socket errors).*$")
_REQUESTS = """
local turn, at = '{turn}', 0
local body = {body}
function request()
  at = at + 1
  if '{verb}' == 'GET' then
    return wrk.format('GET', '/sessions/read' .. (at % {sessions}) .. '/memory')
  end
  local path = '/sessions/post' .. turn .. '-' .. math.floor(at / 5) .. '/memory'
  return wrk.format('POST', path, {{['content-type'] = 'application/json'}}, body)
end
"""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--only", choices=("GET", "POST"), help="this one alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("it needs wrk: https://github.com/wg/wrk")
    ours = [sys.executable, "-m", "langchain_motorhead.cli.main", "serve", "--port"]
    function = [sys.executable, str(Path(__file__).with_name("rest_servers.py")), "asgi"]
    with ExitStack() as stack:
        url = stack.enter_context(server(options.url))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = stack.enter_context((folder / "log").open("wb"))
        pids: list[int] = []
        ports = {
            "server": stack.enter_context(process(ours, pids.append, log=log, REDIS_URL=url)),
            "bare ASGI": stack.enter_context(process(function, pids.append)),
        }
        uvloop.run(_prepare(ports))
        taken: dict[str, list[tuple[float, float]]] = {}
        for turn in range(-1, options.rounds):  # the first one warms up
            for verb in ("GET", "POST") if options.only is None else (options.only,):
                script = _script(folder, verb, turn)
                for (name, port), pid in zip(ports.items(), pids, strict=True):
                    measured = _measure(port, pid, script, options)
                    if turn >= 0:
                        taken.setdefault(f"{verb} {name}", []).append(measured)
    rows = {}
    for name, rounds in taken.items():
        bare = taken[f"{name.split()[0]} bare ASGI"]
        rows[name] = {
            "CPU µs": statistics.median(cpu for cpu, _ in rounds) * 1e6,
            "least": min(cpu for cpu, _ in rounds) * 1e6,
            "to bare": statistics.median(one / other for (one, _), (other, _) in zip(rounds, bare, strict=True)),
            "a second": statistics.median(rate for _, rate in rounds),
        }
    tell("CPU of a request", list(next(iter(rows.values()))), rows)
    write(options.json, {"wire": rows})


async def _prepare(ports: dict[str, int]) -> None:
    for port in ports.values():
        await wait_for(port)
        for at in range(_SESSIONS):
            await ask(port, written("motorhead", f"read{at}", TURN * 5))


def _script(folder: Path, verb: str, turn: int) -> Path:
    """Write the script by which wrk makes its requests."""
    path = folder / f"{verb}.lua"
    body = "[==[" + orjson.dumps({"messages": TURN}).decode() + "]==]"
    path.write_text(_REQUESTS.format(verb=verb, turn=turn + 1, sessions=_SESSIONS, body=body))
    return path


def _measure(port: int, pid: int, script: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Return the seconds of CPU that a request took, and the requests answered in a second."""
    command = ["wrk", "-t1", f"-c{options.clients}", f"-d{options.seconds}s", "-s", str(script)]
    before = cpu_seconds(pid)
    told = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    used = cpu_seconds(pid) - before
    counts: Any = _COUNTS.search(told)
    if _FAILED.search(told) or counts is None:
        sys.exit(f"requests failed:\n{told}")
    seconds = float(counts[2]) / (1000 if counts[3] == "ms" else 1)
    return used / int(counts[1]), int(counts[1]) / seconds


if __name__ == "__main__":
    main()
