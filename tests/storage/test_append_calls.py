"""The commands that the script of an append executes in Redis: counted, as each adds about a microsecond."""

from __future__ import annotations

from typing import Any

from langchain_motorhead.messages.ids import UNKNOWN_CONTENT
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.storage.keys import session_keys
from simulation.simulated_redis import SimulatedRedis

KEYS = session_keys("ns", "s")


class Counted(SimulatedRedis):
    """Notes the commands that it executes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def _call(self, name: bytes, *args: bytes) -> Any:
        self.names.append(name.decode())
        return super()._call(name, *args)

    def append(self, *ids: str | None, ttl: int = 0) -> list[str]:
        """Append messages with these ids. Returns the commands."""
        self.names = []
        token = f"{self.ends!s}{len(self.values)}{ids}{ttl}"[-16:].rjust(16)
        records = [Record(b"{}", each, None, b"abc" if each else UNKNOWN_CONTENT) for each in ids]
        appended = self.run(operations.append(KEYS, records, now=1, token=token, ttl=ttl, one_slot=True))
        assert appended is not None
        assert appended.added == len(ids)
        return self.names


def test_an_append_reads_once_and_writes_three_keys() -> None:
    """It lists the session, appends, and notes that; with ids, it also reads and writes their marks once."""
    server = Counted()
    server.append(None, None)
    assert server.append(None) == ["HMGET", "ZADD", "RPUSH", "HSET"]
    server.append("a", "b")
    assert server.append("c", None, "d") == ["HMGET", "HMGET", "ZADD", "RPUSH", "HSET", "HSET"]
    assert server.append(None, None, None) == ["HMGET", "ZADD", "RPUSH", "HSET"]


def test_only_a_new_session_asks_for_the_life_of_its_registry() -> None:
    """One that expires extends it each time."""
    server = Counted()
    assert "PERSIST" in server.append(None)
    assert "PERSIST" not in server.append(None, None)
    assert server.append(None, "x", ttl=9).count("PEXPIRE") == 5
