"""Whether the formula on the page about capacity holds: memory and CPU of Redis, by the number of cluster nodes.

    python benchmarks/capacity.py [--nodes 1 3 6] [--sessions 1000] [--turns 20] [--json FILE]
    make bench-capacity

It starts clusters on this machine. Users take turns in all sessions: each turn is a read and an append of two
messages, with summaries and archives as in production. Then the memory of each shard, and the CPU time that Redis took
for a turn, are compared with what the formula says. The formula is the first Python block of
`docs/pages/operate/capacity.md`, so what is checked is what the page shows.

A model is not asked: each summary adds a text of fixed length. CPU time is that of the servers' processes, with what
the network takes, less what they take when nobody asks. Its unit is a GET, measured before and after, because other
work on the machine makes both slower.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import re
import sys
import tempfile
import time
import uuid
import zlib
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from measuring import tell, write
from summaries import WORDS

from langchain_motorhead import Motorhead, SummaryInput

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.redis_servers import cluster  # noqa: E402

PAGE = ROOT / "docs" / "pages" / "operate" / "capacity.md"
COLUMNS = ("shard", "predicted", "measured", "off by")
KEYS = ("messages", "state", "archive", "summaries", "marks")
AT_ONCE = 64
GETS = 2_000
ADDED = 300
"""Characters that each summary adds."""
LONGEST = 1_800
"""Characters from which on it is condensed."""
TEXT_WORDS = 52  # 420 bytes, of 7 letters each


class Fixed(Runnable[SummaryInput, str]):
    """A summarizer that adds a text of fixed length to the summary, and condenses it to a third when it is long."""

    is_trusted = True

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Summarize."""
        before, added = input["summary"] or "", " ".join(message.text for message in input["messages"])[:ADDED]
        return f"{before}\n{added}" if len(before) < LONGEST else f"{before[: LONGEST // 3]}\n{added}"


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3, 6])
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--turns", type=int, default=20, help="of each session, and up to three more")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for nodes in options.nodes:
        found[str(nodes)] = measured = measure(nodes, options.sessions, options.turns)
        tell(f"{nodes} nodes, {options.sessions:,} sessions, {measured['turns']:,} turns", COLUMNS, rows_of(measured))
        print(f"CPU of the process beside Redis: {measured['worker_us']:,.0f} µs a turn")
        print("bytes of a session:", {name: round(size) for name, size in measured["keys"].items()})
    write(options.json, found)


def rows_of(measured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Compare with the formula."""
    plan = formula()(
        sessions=measured["sessions"],
        messages=2 * measured["turns"] / measured["sessions"],
        message_bytes=measured["message_bytes"],
        summary_bytes=ADDED,
        archive_share=measured["archive_share"],
        get_us=measured["get_us"],
    )
    shards = measured["memory"]
    rows = {
        f"memory {at}": row(f"{at + 1} of {len(shards)}, MB", plan.memory() / len(shards) / 1e6, size / 1e6)
        for at, size in enumerate(shards)
    }
    rows["memory"] = row("all, MB", plan.memory() / 1e6, sum(shards) / 1e6)
    rows["CPU of a turn"] = row("all, µs", plan.turn_us(), measured["cpu_us"])
    return rows


def row(shard: str, predicted: float, measured: float) -> dict[str, Any]:
    """Make a row of the table."""
    return {
        "shard": shard,
        "predicted": predicted,
        "measured": measured,
        "off by": f"{(measured / predicted - 1) * 100:+.0f} %",
    }


def formula() -> Any:
    """Return the class on the page that is the formula."""
    block = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    if block is None:
        raise SystemExit(f"{PAGE} has no formula")
    names: dict[str, Any] = {"__name__": __name__}
    with redirect_stdout(io.StringIO()):  # it prints the table of the page
        exec(block[1], names)  # noqa: S102 - the page of this repository
    return names["Installation"]


def measure(nodes: int, sessions: int, turns: int) -> dict[str, Any]:
    """Let users take turns on a cluster of its own."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ports = stack.enter_context(cluster(Path(folder), nodes=nodes))
        clients = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        url = f"redis+cluster://127.0.0.1:{ports[0]}"
        asyncio.run(talk(url, "warm", range(10 * nodes), 20))  # scripts, connections
        with Motorhead.from_url(url, namespace="warm") as motorhead:
            for session_id in motorhead.sessions(size=1_000):
                motorhead.session(session_id).delete()
        used = [_used(each) for each in clients]
        idle, unit = _idle(clients), _get_us(clients[0])
        spent, started = [_spent(each) for each in clients], time.perf_counter()
        own = time.process_time()
        taken = asyncio.run(talk(url, "shop", range(sessions), turns))
        seconds, own = time.perf_counter() - started, time.process_time() - own
        cpu = sum(_spent(each) - before for each, before in zip(clients, spent, strict=True)) - idle * seconds
        unit += _get_us(clients[0])
        memory = [_used(each) - before for each, before in zip(clients, used, strict=True)]
        keys = {name: _key_size(clients, f"motorhead:{{shop/s*}}:{name}") for name in KEYS}
        keys["lists of sessions"] = _key_size(clients, "motorhead:sessions:shop*", of=sessions)
        return {
            "sessions": sessions,
            "turns": taken,
            "message_bytes": len(_turn(0)[0].text),
            "memory": memory,
            "cpu_us": cpu * 1e6 / taken,
            "worker_us": own * 1e6 / taken,
            "get_us": min(unit),  # what else happens only adds to it
            "archive_share": _archive_share(),
            "keys": keys,
        }


async def talk(url: str, namespace: str, numbers: Sequence[int], turns: int) -> int:
    """Take turns in sessions, in rotation: `turns` to `turns + 3` in each, so that windows are not all equally full."""
    todo = iter([(number, turn) for turn in range(turns + 3) for number in numbers if turn < turns + number % 4])
    taken = 0

    async def user(motorhead: Motorhead) -> None:
        nonlocal taken
        for number, turn in todo:
            session = motorhead.session(f"s{number}", user_id=f"u{number}")
            await session.aload()
            await session.aappend(_turn(turn))
            taken += 1

    async with Motorhead.from_url(url, namespace=namespace, llm=Fixed(), compaction="inline") as motorhead:
        await asyncio.gather(*(user(motorhead) for _ in range(AT_ONCE)))
    return taken


def _turn(at: int) -> list[BaseMessage]:
    words = [WORDS[(at * 31 + each * 17) % len(WORDS)] for each in range(TEXT_WORDS)]
    ids = uuid.uuid4(), uuid.uuid4()
    return [HumanMessage(" ".join(words), id=str(ids[0])), AIMessage(" ".join(reversed(words)), id=str(ids[1]))]


def _used(client: redis.Redis) -> int:
    memory: Any = client.info("memory")
    return int(memory["used_memory_dataset"]) + int(memory["used_memory_overhead"]) - int(memory["mem_clients_normal"])


def _spent(client: redis.Redis) -> float:
    cpu: Any = client.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


def _idle(clients: Sequence[redis.Redis]) -> float:
    """Measure how many cores the servers take together when nobody asks: in a cluster, nodes talk to each other."""
    before, started = sum(map(_spent, clients)), time.perf_counter()
    time.sleep(1)
    return (sum(map(_spent, clients)) - before) / (time.perf_counter() - started)


def _get_us(client: redis.Redis) -> list[float]:
    """Measure the CPU time that a server takes for a GET, in microseconds, a few times."""
    key, idle, found = _own_key(client), _idle([client]), []
    for _ in range(3):
        before, started = _spent(client), time.perf_counter()
        for _ in range(GETS):
            client.get(key)
        found.append((_spent(client) - before - idle * (time.perf_counter() - started)) * 1e6 / GETS)
    return found


def _own_key(client: redis.Redis) -> str:
    for at in range(1_000):
        try:
            client.get(f"key {at}")
        except redis.ResponseError:  # it belongs to another node
            continue
        return f"key {at}"
    raise SystemExit("a node has no slots")


def _archive_share() -> float:
    """Return what compression leaves of the messages here, beside their text."""
    texts = [message.text for at in range(16) for message in _turn(at)]
    return len(zlib.compress("\n".join(texts).encode())) / sum(map(len, texts))


def _key_size(clients: Sequence[redis.Redis], pattern: str, of: int = 0) -> float:
    sizes: list[int] = []
    for client in clients:
        for key in client.scan_iter(pattern, 1_000):
            if len(sizes) < 400 or of:
                sizes.append(int(client.memory_usage(key, 0) or 0))  # type: ignore[arg-type]
    return sum(sizes) / (of or len(sizes) or 1)


if __name__ == "__main__":
    main()
