"""What a turn costs, against a raw redis-py pipeline that does the same and builds the same messages.

    python benchmarks/session.py [--url redis://localhost:6379] [--rounds 2000]

Both sides take turns in one process and on one server, so that only the ratio of their medians counts. The raw side
sends the fewest commands that could keep a session (a list, a hash, a sorted set) in one pipeline without a
transaction, encodes with orjson, and builds messages with langchain-core's own constructors.
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid
from collections.abc import Callable
from functools import partial

import orjson
import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead import Motorhead

TEXT = " ".join(f"word{at % 7}" for at in range(40))
TURN = [HumanMessage(TEXT), AIMessage(TEXT)]
CLASSES: dict[str, type[BaseMessage]] = {"Human": HumanMessage, "AI": AIMessage}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", default="embedded://")
    parser.add_argument("--rounds", type=int, default=2000)
    options = parser.parse_args()
    with Motorhead.from_url(options.url, namespace=f"bench-{uuid.uuid4()}", compaction="manual") as motorhead:
        motorhead.sessions()
        # The same kind of client, unless --url names another server than the embedded one.
        client = motorhead._engine.driver.store.connection.sync_client
        print(f"{'':28}{'raw µs':>10}{'ours µs':>10}{'ratio':>8}")
        for size in (12, 1_000, 10_000):
            ours, raw = motorhead.session(f"s{size}"), Raw(client, f"raw-{uuid.uuid4()}")
            for _ in range(size // 2):
                ours.append(TURN)
                raw.append(TURN)
            report(f"read 24 of {size}" if size > 24 else f"read {size}", raw.read, ours.load, options.rounds)
        for size in (0, 10_000):
            ours, raw = motorhead.session(f"a{size}"), Raw(client, f"raw-{uuid.uuid4()}")
            for _ in range(size // 2):
                ours.append(TURN)
                raw.append(TURN)
            report(f"append a turn to {size}", partial(raw.append, TURN), partial(ours.append, TURN), options.rounds)
            raw.delete()
        for session_id in motorhead.sessions():
            motorhead.session(session_id).delete()


class Raw:
    """A session by hand."""

    def __init__(self, client: redis.Redis, key: str) -> None:
        self.client, self.key, self.state = client, key, f"{key}:state"

    def append(self, messages: list[BaseMessage]) -> None:
        """Store a turn."""
        roles = {"human": "Human", "ai": "AI"}
        records = [orjson.dumps({"role": roles[message.type], "content": message.content}) for message in messages]
        now = time.time_ns() // 1_000
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.rpush(self.key, *records)
            pipeline.hset(self.state, mapping={"updated": now})
            pipeline.zadd("raw-sessions", {self.key: now})
            pipeline.execute()

    def read(self) -> list[BaseMessage]:
        """Read the newest 24 messages, and what else a prompt needs."""
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.hmget(self.state, "summary", "first", "tokens")
            pipeline.lrange(self.key, -24, -1)
            _, records = pipeline.execute()
        loaded = (orjson.loads(record) for record in records)
        return [CLASSES[record["role"]](content=record["content"]) for record in loaded]

    def delete(self) -> None:
        """Leave nothing behind."""
        self.client.delete(self.key, self.state, "raw-sessions")


def report(name: str, raw: Callable[[], object], ours: Callable[[], object], rounds: int) -> None:
    """Time both in turns, and print their medians and ratio."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, taken in zip((raw, ours), times, strict=True):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
    medians = [statistics.median(taken) * 1e6 for taken in times]
    print(f"{name:28}{medians[0]:10.0f}{medians[1]:10.0f}{medians[1] / medians[0]:8.2f}")


if __name__ == "__main__":
    main()
