"""A Redis of dictionaries that runs our own Lua scripts, has its own clock, and can be put back to how it was.

It knows the commands that sessions need. What it does is held against a real server in `test_simulation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from lupa import lua51

from langchain_motorhead.storage.operation import Command, Operation
from langchain_motorhead.storage.scripts import Script

T = TypeVar("T")
Value = Any
"""Of a key: bytes, a tuple (a list), or a dictionary (a hash, or a sorted set with its scores). None is changed."""

START = 1_700_000_000_000


class Snapshot(NamedTuple):
    """All that there is: values and ends by their keys, the time, and how many sessions were deleted."""

    values: dict[bytes, Value]
    ends: dict[bytes, int]
    now: int
    deletions: int


class SimulatedRedis:
    """Executes operations.

    Attributes:
        values: By their keys.
        ends: When keys expire, in ms.
        now: Time in ms. It passes only by `tick`.
    """

    def __init__(self) -> None:
        self.values: dict[bytes, Value] = {}
        self.ends: dict[bytes, int] = {}
        self.now = START
        self._deletions = 0
        self._lua = lua51.LuaRuntime(encoding=None, unpack_returned_tuples=True)
        self._scripts: dict[str, Callable[..., Any]] = {}

    def run(self, operation: Operation[T]) -> T:
        """Execute an operation."""
        return operation.read(self.replies(operation.commands))

    def replies(self, commands: Sequence[Command]) -> list[Any]:
        """Execute commands."""
        return [self._command(command) for command in commands]

    def tick(self) -> None:
        """Let time pass until the next key expires."""
        self.now = min(self.ends.values(), default=self.now)
        for key in [key for key, end in self.ends.items() if end <= self.now]:
            self._remove(key)

    def dump(self) -> Snapshot:
        """Give all that there is. It does not change."""
        return Snapshot(self.values.copy(), self.ends.copy(), self.now, self._deletions)

    def restore(self, snapshot: Snapshot) -> None:
        """Put back what there was."""
        self.values, self.ends = snapshot.values.copy(), snapshot.ends.copy()
        self.now, self._deletions = snapshot.now, snapshot.deletions

    def _command(self, command: Command) -> Any:
        given = [_bytes(each) for each in (*command.keys, *command.args)]
        if not isinstance(command.name, Script):
            return self._call(command.name.encode(), *given)
        script = self._scripts.get(command.name.sha) or self._load(command.name)
        width = len(command.keys)
        return _reply(script(self._lua.table_from(given[:width]), self._lua.table_from(given[width:])))

    def _load(self, script: Script) -> Callable[..., Any]:
        def call(name: bytes, *args: Any) -> Any:
            return self._to_lua(self._call(name, *map(_bytes, args)))

        make = self._lua.execute(
            b"return function(call)\nlocal redis = {call = call}\n"
            b"return function(KEYS, ARGV)\n" + script.source.encode() + b"\nend\nend"
        )
        made = self._scripts[script.sha] = make(call)
        return made  # type: ignore[no-any-return]

    def _to_lua(self, reply: Any) -> Any:
        if reply is None:
            return False
        return self._lua.table_from([self._to_lua(each) for each in reply]) if isinstance(reply, list) else reply

    def _call(self, name: bytes, *args: bytes) -> Any:
        return getattr(self, f"_{name.decode().lower()}")(*args)

    def _remove(self, key: bytes) -> int:
        self.ends.pop(key, None)
        was = self.values.pop(key, None)
        self._deletions += isinstance(was, dict) and b"epoch" in was
        return int(was is not None)

    def _put(self, key: bytes, value: Value) -> None:
        if value:
            self.values[key] = value
        else:
            self._remove(key)

    # Keys.

    def _exists(self, key: bytes) -> int:
        return int(key in self.values)

    def _unlink(self, *keys: bytes) -> int:
        return sum(map(self._remove, keys))

    _del = _unlink

    def _pttl(self, key: bytes) -> int:
        if key not in self.values:
            return -2
        return self.ends[key] - self.now if key in self.ends else -1

    def _pexpireat(self, key: bytes, end: bytes) -> int:
        if key not in self.values:
            return 0
        if int(end) <= self.now:
            return self._remove(key)
        self.ends[key] = int(end)
        return 1

    def _pexpire(self, key: bytes, duration: bytes) -> int:
        return self._pexpireat(key, b"%d" % (self.now + int(duration)))

    def _persist(self, key: bytes) -> int:
        return int(self.ends.pop(key, None) is not None)

    def _time(self) -> list[bytes]:
        # A session that was deleted and is made again is made later, however little.
        seconds, rest = divmod(self.now * 1_000 + self._deletions, 1_000_000)
        return [b"%d" % seconds, b"%d" % rest]

    # Strings.

    def _get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def _set(self, key: bytes, value: bytes, unit: bytes = b"", time: bytes = b"0") -> str:
        self.values[key] = value
        self.ends.pop(key, None)
        if unit:
            self.ends[key] = int(time) + (self.now if unit == b"PX" else 0)
        return "OK"

    def _append(self, key: bytes, value: bytes) -> int:
        self.values[key] = self.values.get(key, b"") + value
        return len(self.values[key])

    # Lists.

    def _llen(self, key: bytes) -> int:
        return len(self.values.get(key, ()))

    def _rpush(self, key: bytes, *records: bytes) -> int:
        self.values[key] = (*self.values.get(key, ()), *records)
        return len(self.values[key])

    def _lset(self, key: bytes, at: bytes, record: bytes) -> str:
        records = list(self.values[key])
        records[int(at)] = record
        self.values[key] = tuple(records)
        return "OK"

    def _lindex(self, key: bytes, at: bytes) -> bytes | None:
        records = self.values.get(key, ())
        return records[int(at)] if -len(records) <= int(at) < len(records) else None

    def _lpop(self, key: bytes) -> bytes | None:
        return self._pop(key, 0)

    def _rpop(self, key: bytes) -> bytes | None:
        return self._pop(key, -1)

    def _pop(self, key: bytes, at: int) -> bytes | None:
        records = list(self.values.get(key, ()))
        popped = records.pop(at) if records else None
        self._put(key, tuple(records))
        return popped

    def _lrange(self, key: bytes, start: bytes, stop: bytes) -> list[bytes]:
        return list(_part(self.values.get(key, ()), int(start), int(stop)))

    def _ltrim(self, key: bytes, start: bytes, stop: bytes) -> str:
        self._put(key, _part(self.values.get(key, ()), int(start), int(stop)))
        return "OK"

    # Hashes.

    def _hget(self, key: bytes, field: bytes) -> bytes | None:
        return self._hmget(key, field)[0]

    def _hmget(self, key: bytes, *fields: bytes) -> list[bytes | None]:
        return [*map(self.values.get(key, {}).get, fields)]

    def _hgetall(self, key: bytes) -> list[bytes]:
        return [each for pair in self.values.get(key, {}).items() for each in pair]

    def _hvals(self, key: bytes) -> list[bytes]:
        return [*self.values.get(key, {}).values()]

    def _hset(self, key: bytes, *pairs: bytes) -> int:
        was = self.values.get(key, {})
        self.values[key] = {**was, **dict(zip(pairs[::2], pairs[1::2], strict=True))}
        return len(self.values[key]) - len(was)

    def _hincrby(self, key: bytes, field: bytes, more: bytes) -> int:
        value = int(self._hget(key, field) or 0) + int(more)
        self._hset(key, field, b"%d" % value)
        return value

    def _hdel(self, key: bytes, *fields: bytes) -> int:
        was = self.values.get(key, {})
        self._put(key, {field: value for field, value in was.items() if field not in fields})
        return len(was) - len(self.values.get(key, {}))

    def _hkeys(self, key: bytes) -> list[bytes]:
        return list(self.values.get(key, {}))

    def _hstrlen(self, key: bytes, field: bytes) -> int:
        return len(self._hget(key, field) or b"")

    def _hlen(self, key: bytes) -> int:
        return len(self.values.get(key, {}))

    def _hexists(self, key: bytes, field: bytes) -> int:
        return int(field in self.values.get(key, {}))

    # Sorted sets.

    def _zadd(self, key: bytes, score: bytes, member: bytes) -> int:
        return self._hset(key, member, score)

    def _zrem(self, key: bytes, member: bytes) -> int:
        return self._hdel(key, member)

    def _zscore(self, key: bytes, member: bytes) -> bytes | None:
        return self._hget(key, member)

    def _zremrangebyscore(self, key: bytes, _: bytes, most: bytes) -> int:
        old = [member for member, score in self.values.get(key, {}).items() if float(score) <= float(most)]
        return self._hdel(key, *old)

    def _zrevrange(self, key: bytes, start: bytes, stop: bytes) -> list[bytes]:
        members = sorted(self.values.get(key, {}).items(), key=lambda pair: (float(pair[1]), pair[0]), reverse=True)
        return [member for member, _ in _part(members, int(start), int(stop))]

    def _zrange(self, key: bytes, start: bytes, stop: bytes, _: bytes = b"") -> list[bytes]:
        members = sorted(self.values.get(key, {}).items(), key=lambda pair: (float(pair[1]), pair[0]))
        return [each for pair in _part(members, int(start), int(stop)) for each in pair]


def _part(whole: Any, start: int, stop: int) -> Any:
    start = max(0, start + len(whole)) if start < 0 else start
    return whole[start : stop + len(whole) + 1 if stop < 0 else stop + 1]


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):  # as Redis makes an argument of a number of Lua's
        return b"%.17g" % value
    return str(value).encode("utf-8", "surrogatepass")


def _reply(value: Any) -> Any:
    if lua51.lua_type(value) == "table":
        return list(_until_nil(value))
    if isinstance(value, bool):
        return 1 if value else None
    return int(value) if isinstance(value, float) else value


def _until_nil(table: Any) -> Iterable[Any]:
    at = 1
    while (value := table[at]) is not None:
        yield _reply(value)
        at += 1
