"""What a request costs over REST, against a handler by hand; and whether slow summaries are felt.

    python benchmarks/rest.py [--url redis://localhost:6379] [--rounds 10] [--seconds 1] [--clients 32] [--json FILE]
                              [--agent-memory-server VENV/bin/agent-memory] [--table throughput|summaries]

Each server is a process of its own, all work on one Redis, and they are measured in turns, so that only ratios count:
medians over the rounds. Agent Memory Server is installed in an environment of its own, as by `make bench`. It cannot
append: a PUT of the same turn, which replaces what was there, is its POST.

`bare` answers bytes without reading what was asked: how fast the client is. The client is one process beside servers
and Redis, so on a machine of few cores it takes from all of them alike.

The second table is of so many requests a second, not as many as fit. Both servers are ours. With one, every turn makes
a summary due, by a model that takes two seconds; with the other, none.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import uvloop
from measuring import server, write
from rest_servers import TEXT

TURN = [{"role": "Human", "content": TEXT}, {"role": "AI", "content": TEXT}]
PREPARED = 64
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
HERE = Path(__file__).parent


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rate", type=int, default=100, help="requests a second of the second table")
    parser.add_argument("--agent-memory-server", metavar="COMMAND", help="its `agent-memory`")
    parser.add_argument("--table", choices=("throughput", "summaries"), help="this one alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = stack.enter_context(server(options.url))
        figures = {}
        for name, measure in {"throughput": throughput, "summaries": summaries}.items():
            if options.table in (None, name):
                with ExitStack() as servers:
                    figures[name] = uvloop.run(measure(options, url, servers))
    write(options.json, figures)


# --- The first table ---


async def throughput(options: argparse.Namespace, url: str, stack: ExitStack) -> dict[str, Any]:
    """Measure how many requests are answered."""
    helper = [sys.executable, str(HERE / "rest_servers.py")]
    ours = [sys.executable, "-m", "langchain_motorhead.cli.main", "serve", "--port"]
    ports = {
        "motorhead": stack.enter_context(process(ours, REDIS_URL=url)),
        "plain": stack.enter_context(process([*helper, "plain"], REDIS_URL=url)),
        "bare": stack.enter_context(process([*helper, "bare"])),
    }
    if options.agent_memory_server:
        command = [options.agent_memory_server, "api", "--host", "127.0.0.1", "--task-backend", "asyncio", "--port"]
        more = {"LONG_TERM_MEMORY": "false", "OPENAI_API_KEY": "none", "LOG_LEVEL": "WARNING"}
        ports["agent-memory-server"] = stack.enter_context(process(command, REDIS_URL=url, **more))
    for name, port in ports.items():
        await wait_for(port)
        for at in range(PREPARED):
            await ask(port, written(name, f"g{at}", TURN * 6))
    taken: dict[str, list[Measured]] = {}
    for turn in range(-1, options.rounds):
        for verb in ("GET", "POST"):
            for name, port in ports.items():
                send = reads(name) if verb == "GET" else writes(name, turn)
                measured = await saturate(port, send, options.clients, options.seconds)
                if turn >= 0:
                    taken.setdefault(f"{verb} {name}", []).append(measured)
    print(f"{'':26}{'a second':>10}{'to plain':>10}{'p50 ms':>8}{'p99 ms':>8}{'client CPU':>12}")
    figures = {}
    for name, rounds in taken.items():
        verb = name.split()[0]
        each = {
            "rate": statistics.median(one.rate for one in rounds),
            "ratio": statistics.median(
                one.rate / other.rate for one, other in zip(rounds, taken[f"{verb} plain"], strict=True)
            ),
            "p50": statistics.median(percentile(one.latencies, 50) for one in rounds) * 1e3,
            "p99": statistics.median(percentile(one.latencies, 99) for one in rounds) * 1e3,
            "client_cpu": statistics.median(one.cpu for one in rounds),
        }
        figures[name] = each
        print(
            f"{name:26}{each['rate']:10.0f}{each['ratio']:10.2f}{each['p50']:8.2f}{each['p99']:8.2f}"
            f"{each['client_cpu']:12.0%}"
        )
    return figures


def written(name: str, session: str, messages: list[dict[str, str]]) -> bytes:
    """Make the request that stores messages."""
    method, path = ("POST", f"/sessions/{session}/memory")
    if name == "agent-memory-server":
        method, path = ("PUT", f"/v1/working-memory/{session}")
        roles = {"Human": "user", "AI": "assistant"}
        messages = [{"role": roles[each["role"]], "content": each["content"]} for each in messages]
    body = orjson.dumps({"messages": messages})
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


def read(name: str, session: str, query: str = "") -> bytes:
    """Make the request that reads a session."""
    path = f"/sessions/{session}/memory{query}"
    if name == "agent-memory-server":
        path = f"/v1/working-memory/{session}"
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def reads(name: str) -> Callable[[int], bytes]:
    """Read the sessions that were prepared, in turns."""
    made = [read(name, f"g{at}") for at in range(PREPARED)]
    return lambda at: made[at % PREPARED]


def writes(name: str, turn: int) -> Callable[[int], bytes]:
    """Append five turns to each of ever new sessions: nothing is ever due."""
    session = f"p{turn}-{time.monotonic_ns()}-"
    template = written(name, f"{session}000000", TURN)
    return lambda at: template.replace(f"{session}000000".encode(), f"{session}{at // 5:06}".encode(), 1)


# --- The second table ---


async def summaries(options: argparse.Namespace, url: str, stack: ExitStack) -> dict[str, Any]:
    """Measure how long requests take while summaries are made, and while none is."""
    model = stack.enter_context(process([sys.executable, str(HERE / "rest_servers.py"), "model"]))
    ours = [sys.executable, "-m", "langchain_motorhead.cli.main", "serve", "--port"]
    settings = {"REDIS_URL": url, "SUMMARIZER_API_BASE": f"http://127.0.0.1:{model}/v1", "MOTORHEAD_MODEL": "slow"}
    ports = {}
    for name, window in (("without", "100000"), ("with", "4")):
        more = {"MOTORHEAD_NAMESPACE": name, "MOTORHEAD_MAX_WINDOW_SIZE": window, "MOTORHEAD_HARD_LIMIT": "100000"}
        ports[name] = stack.enter_context(process(ours, **settings, **more))
    await wait_for(model, b"GET")
    for port in ports.values():
        await wait_for(port)
        await ask(port, read("motorhead", "s0"))
    taken: dict[str, list[list[float]]] = {}

    def send(at: int) -> bytes:
        session = f"s{at // 2 % 200}"
        return written("motorhead", session, TURN) if at % 2 else read("motorhead", session, "?limit=4")

    for turn in range(-1, options.rounds):
        for name, port in ports.items():
            gets, posts = await steadily(port, send, options.rate, 4 * options.seconds)
            if turn >= 0:
                taken.setdefault(f"GET {name} summaries", []).append(gets)
                taken.setdefault(f"POST {name} summaries", []).append(posts)
    body = (await ask(ports["with"], b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")).decode()
    waiting = re.search(r"(?m)^motorhead_background_work (\S+)", body)
    print(f"\n{'':26}{'p50 ms':>10}{'p99 ms':>10}{'to without':>12}   at {options.rate} a second")
    figures: dict[str, Any] = {"waiting": float(waiting[1]) if waiting else None}
    for name, rounds in sorted(taken.items()):
        verb = name.split()[0]
        all_, quiet = [*chain(*rounds)], [*chain(*taken[f"{verb} without summaries"])]
        each = {"p50": percentile(all_, 50) * 1e3, "p99": percentile(all_, 99) * 1e3}
        each["ratio"] = each["p99"] / (percentile(quiet, 99) * 1e3)
        figures[name] = each
        print(f"{name:26}{each['p50']:10.2f}{each['p99']:10.2f}{each['ratio']:12.2f}")
    print(f"sessions that wait for a summary, or get one, at the end: {figures['waiting']:.0f}")
    return figures


# --- A client ---


class Measured:
    """What came of sending as much as fits: answers a second, how long each took, and the client's share of a core."""

    def __init__(self, rate: float, latencies: list[float], cpu: float, unanswered: int) -> None:
        self.rate, self.latencies, self.cpu, self.unanswered = rate, latencies, cpu, unanswered


class Connection(asyncio.Protocol):
    """Sends one request at a time, and tells when its answer is there."""

    def __init__(self, answered: Callable[[Connection, bytes], object]) -> None:
        self.answered = answered
        self.buffer = b""
        self.expected = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport: Any = transport

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self.buffer = self.buffer + data if self.buffer else data
        if not self.expected:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = LENGTH.search(self.buffer, 0, end)
            self.expected = end + 4 + int(length[1] if length else 0)
        if len(self.buffer) >= self.expected:
            answer, self.buffer, self.expected = self.buffer, b"", 0
            self.answered(self, answer)


async def saturate(
    port: int,
    request: Callable[[int], bytes],
    clients: int,
    seconds: float,
    patience: float = 30.0,
    *,
    may_fail: bool = False,
) -> Measured:
    """Have so many clients send one request after the other. The last answers may take `patience` seconds more.

    An answer that is no 200 is an error, unless requests `may_fail`: then its client stops, and it is unanswered.
    """
    loop, sent, latencies = asyncio.get_running_loop(), 0, list[float]()
    done = loop.create_future()
    open_, failed = clients, 0

    def answered(connection: Connection, answer: bytes) -> None:
        nonlocal sent, open_, failed
        now = time.perf_counter()
        if may_fail and answer[9:12] != b"200":
            failed, open_ = failed + 1, open_ - 1
            if not open_ and not done.done():
                done.set_result(None)
            return
        latencies.append(now - connection.sent)
        if answer[9:12] != b"200" and not done.done():
            done.set_exception(RuntimeError(answer[:300].decode()))
        if now < deadline:
            sent += 1
            connection.send(request(sent))
        else:
            open_ -= 1
            if not open_ and not done.done():
                done.set_result(None)

    made = [await loop.create_connection(lambda: Connection(answered), "127.0.0.1", port) for _ in range(clients)]
    started, used = time.perf_counter(), time.process_time()
    deadline = started + seconds
    for _, connection in made:
        sent += 1
        connection.send(request(sent))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done, seconds + patience)
    taken, cpu = time.perf_counter() - started, time.process_time() - used
    for transport, _ in made:
        transport.close()
    return Measured(len(latencies) / taken, latencies, cpu / taken, open_ + failed)


async def steadily(port: int, request: Callable[[int], bytes], rate: int, seconds: float) -> list[list[float]]:
    """Send so many requests a second, whatever becomes of them. A latency counts from when a request was to be sent."""
    loop, free, latencies = asyncio.get_running_loop(), list[Connection](), [list[float](), list[float]()]
    under_way: dict[Connection, tuple[int, float]] = {}

    def answered(connection: Connection, answer: bytes) -> None:
        at, due = under_way.pop(connection)
        latencies[at % 2].append(time.perf_counter() - due)
        if answer[9:12] != b"200":
            raise RuntimeError(answer[:300].decode())
        free.append(connection)

    everyone, started = [], time.perf_counter()
    for at in range(int(rate * seconds)):
        due = started + at / rate
        await asyncio.sleep(due - time.perf_counter())
        if not free:
            transport, connection = await loop.create_connection(lambda: Connection(answered), "127.0.0.1", port)
            everyone.append(transport)
            free.append(connection)
        connection = free.pop()
        under_way[connection] = (at, due)
        connection.send(request(at))
    while under_way:  # noqa: ASYNC110 - as good as an event here
        await asyncio.sleep(0.01)
    for transport in everyone:
        transport.close()
    return latencies


async def ask(port: int, request: bytes) -> bytes:
    """Send one request, and give its answer."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    transport, connection = await loop.create_connection(
        lambda: Connection(lambda _, data: answer.set_result(data)), "127.0.0.1", port
    )
    connection.send(request)
    try:
        return await asyncio.wait_for(answer, 30)
    finally:
        transport.close()


async def wait_for(port: int, method: bytes = b"GET") -> None:
    """Wait until a server answers anything."""
    for _ in range(600):
        try:
            await ask(port, method + b" /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    sys.exit("a server did not get ready")


@contextmanager
def process(
    command: list[str],
    started: Callable[[int], object] | None = None,
    log: Any = subprocess.DEVNULL,
    **environment: str,
) -> Iterator[int]:
    """Run a server on a port of this machine, its last argument. Yields the port.

    Args:
        command: The command, without the port.
        started: Gets its process id.
        log: File for what it prints. The default throws it away.
        **environment: Variables for it.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "MOTORHEAD", "AZURE"))}
    running = subprocess.Popen(  # noqa: S603 - commands of ours, and one that was given
        [*command, str(port)], env=env | environment, stdout=log, stderr=log
    )
    try:
        if started is not None:
            started(running.pid)
        yield port
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()


def percentile(values: list[float], percent: int) -> float:
    """Give a percentile."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


if __name__ == "__main__":
    main()
