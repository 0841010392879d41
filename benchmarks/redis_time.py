"""How much time of Redis an append and a read take, beside the plain commands that they stand for.

    python benchmarks/redis_time.py [--url redis://localhost:6379] [--rounds 5] [--calls 500] [--json FILE]

Redis has one thread for commands, so this is what limits how many sessions one server serves. The figures are
microseconds a call by `INFO commandstats`: the least of some rounds that take turns. Sessions are as
long as the column says when the rounds begin; the newest 12 messages are in the list.
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from measuring import TEXT, server, tell, write

from langchain_motorhead.messages.ids import UNKNOWN_CONTENT
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.storage.keys import session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import Script

Call = Callable[[int], Any]
_LIST = 12
_SESSIONS = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with server(options.url) as url, redis.Redis.from_url(url) as client:
        rows: dict[str, dict[str, float]] = {}
        for length in (12, 1_000):
            sessions = _Sessions(client, length)
            for name, call in sessions.calls().items():
                rows.setdefault(name, {})[f"{length:,} messages"] = _least(
                    client, call, options.rounds, options.calls, sessions.trim
                )
    tell("Time of Redis, in microseconds a call", list(next(iter(rows.values()))), rows)
    write(options.json, {"microseconds": rows})


class _Sessions:
    """Sessions of some length, of which the last messages are in the list.

    Args:
        client: Of an empty server.
        length: Messages of each.
    """

    def __init__(self, client: redis.Redis, length: int) -> None:
        self._client = client
        self._keys = [session_keys("bench", f"{length}-{at}") for at in range(_SESSIONS)]
        self._now = 1_700_000_000_000_000
        for at in range(_SESSIONS):
            for _ in range(0, length, 4):
                self._append(at, 4, with_ids=True)
        self.trim()

    def calls(self) -> dict[str, Call]:
        """Return what is measured, by name."""
        found: dict[str, Call] = {"read: LRANGE, HGETALL": self._plain_read, "read": self._read}
        for count in (2, 20):
            found[f"append {count}: RPUSH, HINCRBY, ZADD, HSETNX"] = lambda at, n=count: self._plain_append(at, n)  # type: ignore[misc]
            found[f"append {count}"] = lambda at, n=count: self._append(at, n, with_ids=False)  # type: ignore[misc]
            found[f"append {count} with ids"] = lambda at, n=count: self._append(at, n, with_ids=True)  # type: ignore[misc]
        return found

    def trim(self) -> None:
        """Leave the newest messages in the lists, as compactions do."""
        for keys in self._keys:
            self._client.ltrim(keys.messages, -_LIST, -1)
            fields: Any = self._client.hkeys(keys.state)
            if times := [each for each in fields if each.startswith(b"t:")]:  # of messages that left the list
                self._client.hdel(keys.state, *times)

    def _plain_read(self, at: int) -> None:
        keys = self._keys[at % _SESSIONS]
        self._client.lrange(keys.messages, 0, -1)
        self._client.hgetall(keys.state)

    def _read(self, at: int) -> None:
        self._send(operations.read(self._keys[at % _SESSIONS], 0))

    def _plain_append(self, at: int, count: int) -> None:
        keys = self._keys[at % _SESSIONS]
        with self._client.pipeline(transaction=False) as pipe:
            pipe.rpush("plain:" + keys.messages, *[TEXT] * count)
            pipe.hincrby("plain:" + keys.state, "size", count)
            pipe.zadd("plain", {keys.member: self._now})
            pipe.hsetnx("plain:" + keys.state, "epoch", "x")
            pipe.ltrim("plain:" + keys.messages, -_LIST, -1)
            pipe.execute()

    def _append(self, at: int, count: int, *, with_ids: bool) -> None:
        self._now += 1
        records = [
            Record(
                TEXT.encode(),
                str(uuid.uuid4()) if with_ids else None,
                None,
                UNKNOWN_CONTENT if not with_ids else b"abc",
            )
            for _ in range(count)
        ]
        token = uuid.uuid4().hex[:16]
        self._send(
            operations.append(self._keys[at % _SESSIONS], records, now=self._now, token=token, ttl=0, one_slot=True)
        )

    def _send(self, operation: Operation[Any]) -> None:
        for name, keys, args, _ in operation.commands:
            if not isinstance(name, Script):
                raise TypeError(name)
            command = ("EVALSHA", name.sha, len(keys), *keys, *args)
            try:
                self._client.execute_command(*command)
            except redis.exceptions.NoScriptError:
                self._client.script_load(name.source)
                self._client.execute_command(*command)


def _least(client: redis.Redis, call: Call, rounds: int, calls: int, between: Callable[[], None]) -> float:
    """Return the least mean time of a call of some rounds, in microseconds of Redis."""
    found = []
    for _ in range(rounds):
        between()
        call(0)
        client.config_resetstat()
        for at in range(calls):
            call(at)
        found.append(_spent(client) / calls)
    return min(found)


def _spent(client: redis.Redis) -> float:
    """Return the microseconds of all commands since the last reset. A script's have those of its commands."""
    stats: Any = client.info("commandstats")
    scripts = [each["usec"] for name, each in stats.items() if name == "cmdstat_evalsha"]
    if scripts:
        return float(sum(scripts))
    left_out = ("cmdstat_info", "cmdstat_config", "cmdstat_ltrim")
    return float(sum(each["usec"] for name, each in stats.items() if not name.startswith(left_out)))


if __name__ == "__main__":
    main()
