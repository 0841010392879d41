"""How much time of Redis an append and a read take, compared with the same work in plain commands.

    python benchmarks/redis_time.py [--url redis://localhost:6379] [--rounds 4] [--calls 1500] [--json FILE]

Redis has one thread for commands, so this is what limits how many sessions one server serves. The figures are
microseconds a call: the least of some rounds that take turns. "In commands" is by `INFO commandstats`. "In all" is the
CPU of Redis' main thread, which also parses commands, and reads from and writes to sockets. Sessions are as long as the
column says when the rounds begin; the newest 12 messages are in the list.

Plain commands are sent in two ways: together, in one pipeline, and one by one, each after the reply to the one before.
The sessions are many, so that Redis finds their keys outside of the processor's nearest caches, as it does in use. By
default, the Redis has a search module if the wheel of one is installed. The module looks at every write.
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import redis
from measuring import TEXT, server, tell, write

from langchain_motorhead.messages.ids import UNKNOWN_CONTENT
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.keys import session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import Script

Call = Callable[[int], Any]
_LIST = 12
_SESSIONS = 300  # so many that their lists and states stay short within a round
_SEEDED = 20  # messages of an append that makes a session longer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--calls", type=int, default=1_500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with server(options.url) as url, redis.Redis.from_url(url) as client:
        rows: dict[str, dict[str, float]] = {}
        for length in (12, 1_000):
            sessions = _Sessions(client, length)
            found = _least(client, sessions.calls(), options.rounds, options.calls, sessions.trim)
            for name, (in_commands, in_all) in found.items():
                row = rows.setdefault(name, {})
                row[f"{length:,}, in commands"], row[f"{length:,}, in all"] = in_commands, in_all
        about: Any = client.info("server")
    kind = f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"Redis {about['redis_version']}"
    tell(f"Time of {kind}, in microseconds a call, by the messages of a session", list(next(iter(rows.values()))), rows)
    write(options.json, {"server": kind, "microseconds": rows})


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
            for done in range(0, length, _SEEDED):
                self._append(at, min(_SEEDED, length - done), with_ids=True)
        self.trim()

    def calls(self) -> dict[str, Call]:
        """Return what is measured, by name."""
        found: dict[str, Call] = {
            "read: LRANGE, HGETALL": self._plain_read,
            "read: the same, one by one": self._plain_read_one_by_one,
            "read": self._read,
            "read by a script": self._read_by_script,
        }
        for count in (2, 20):
            found[f"append {count}: RPUSH, HINCRBY, ZADD, HSETNX"] = lambda at, n=count: self._plain_append(at, n)  # type: ignore[misc]
            found[f"append {count}: the same, one by one"] = lambda at, n=count: self._plain_append_one_by_one(at, n)  # type: ignore[misc]
            found[f"append {count}"] = lambda at, n=count: self._append(at, n, with_ids=False)  # type: ignore[misc]
            found[f"append {count} with ids"] = lambda at, n=count: self._append(at, n, with_ids=True)  # type: ignore[misc]
        return found

    def trim(self) -> None:
        """Leave the newest messages in the lists, as compactions do."""
        for keys in self._keys:
            self._client.ltrim(keys.messages, -_LIST, -1)
            self._client.ltrim("plain:" + keys.messages, -_LIST, -1)
            fields: Any = self._client.hkeys(keys.state)
            if times := [each for each in fields if each.startswith(b"t:")]:  # of messages that left the list
                self._client.hdel(keys.state, *times)

    def _plain_read(self, at: int) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            self._send_plain_read(pipe, at)
            pipe.execute()

    def _plain_read_one_by_one(self, at: int) -> None:
        self._send_plain_read(self._client, at)

    def _send_plain_read(self, client: redis.Redis, at: int) -> None:
        keys = self._keys[at % _SESSIONS]
        client.lrange(keys.messages, 0, -1)
        client.hgetall(keys.state)

    def _read(self, at: int) -> None:
        operation = read_snapshot(self._keys[at % _SESSIONS], 0)
        if operation.plain is None:
            raise TypeError(operation)
        plain = operation.plain()
        with self._client.pipeline(transaction=False) as pipe:
            for name, keys, args, _ in plain.commands:
                pipe.execute_command(name, *keys, *args)
            plain.read(pipe.execute())

    def _read_by_script(self, at: int) -> None:
        self._send(read_snapshot(self._keys[at % _SESSIONS], 0))

    def _plain_append(self, at: int, count: int) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            self._send_plain_append(pipe, at, count)
            pipe.execute()

    def _plain_append_one_by_one(self, at: int, count: int) -> None:
        self._send_plain_append(self._client, at, count)

    def _send_plain_append(self, client: redis.Redis, at: int, count: int) -> None:
        keys = self._keys[at % _SESSIONS]
        client.rpush("plain:" + keys.messages, *[TEXT] * count)
        client.hincrby("plain:" + keys.state, "size", count)
        client.zadd("plain", {keys.member: self._now})
        client.hsetnx("plain:" + keys.state, "epoch", "x")

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


def _least(
    client: redis.Redis, works: Mapping[str, Call], rounds: int, calls: int, between: Callable[[], None]
) -> dict[str, tuple[float, float]]:
    """Return the least mean times of a call of some rounds, in microseconds of Redis: in commands, and in all."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, call in works.items():
            between()
            call(0)
            client.config_resetstat()
            before = _cpu(client)
            for at in range(calls):
                call(at)
            found[name].append((_spent(client) / calls, (_cpu(client) - before) * 1e6 / calls))
    return {name: (min(each for each, _ in taken), min(each for _, each in taken)) for name, taken in found.items()}


def _cpu(client: redis.Redis) -> float:
    """Return the seconds of CPU that the main thread of a server has used."""
    found: Any = client.info("cpu")
    return float(found["used_cpu_user_main_thread"] + found["used_cpu_sys_main_thread"])


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
