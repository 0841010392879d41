"""A real Redis for simulations: its leases and pauses end by a clock of ours, however slow the machine is."""

from __future__ import annotations

from typing import Any, TypeVar

import redis

from langchain_motorhead.redis_io.connection import adopt
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.storage.operation import Operation
from simulation.simulated_redis import START, Snapshot

T = TypeVar("T")

# All that scripts set are whole seconds, and far less than this; our scripts take a lease of over ten minutes for none.
_SECOND, _LONG = 1_000, 590_000


class ServedRedis:
    """Executes operations as a driver does.

    Every key that is to expire gets nearly ten minutes after each operation, and is known to end when it should have.

    Args:
        client: Of the server.
        namespace: All whose keys are looked at. It needs no encoding.
    """

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self._store = Executor(adopt(client))
        self._client: Any = client
        self._pattern = f"motorhead:*{namespace}*"
        self._ends: dict[bytes, int] = {}
        self._now = START
        self._seen: Snapshot | None = None

    def run(self, operation: Operation[T]) -> T:
        """Execute an operation."""
        try:
            return self._store.run(operation)
        finally:
            self._hold()

    def tick(self) -> None:
        """Let time pass until the next key expires."""
        self._seen = None
        self._now = min(self._ends.values(), default=self._now)
        if over := [key for key, end in self._ends.items() if end <= self._now]:
            self._client.delete(*over)
            self._ends = {key: end for key, end in self._ends.items() if end > self._now}

    def dump(self) -> Snapshot:
        """Give all that there is."""
        if self._seen is None:
            self._seen = Snapshot({key: self._value(key) for key in self._keys()}, dict(self._ends), self._now, 0)
        return self._seen

    def clear(self) -> None:
        """Delete all that there is."""
        if keys := self._keys():
            self._client.delete(*keys)

    def _keys(self) -> list[bytes]:
        return list(self._client.keys(self._pattern))

    def _hold(self) -> None:
        self._seen = None
        keys, ends = self._keys(), {}
        with self._client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pttl(key)
            for key, left in zip(keys, pipeline.execute(), strict=True):
                if left > _LONG // 2:
                    ends[key] = self._ends[key]
                elif left >= 0:
                    ends[key] = self._now + -(-left // _SECOND) * _SECOND
                    pipeline.pexpire(key, _LONG)
            pipeline.execute()
        self._ends = ends

    def _value(self, key: bytes) -> Any:
        kind = self._client.type(key)
        if kind == b"hash":
            return self._client.hgetall(key)
        if kind == b"list":
            return tuple(self._client.lrange(key, 0, -1))
        if kind == b"zset":
            return {member: b"%d" % score for member, score in self._client.zrange(key, 0, -1, withscores=True)}
        return self._client.get(key)
