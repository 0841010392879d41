"""The commands of sorted sets, for the simulated Redis. A sorted set is a dictionary of members with their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SortedSets:
    """Commands that begin with Z.

    Attributes:
        values: Values of all keys. A value is replaced, never changed.
    """

    values: dict[bytes, Any]

    def _put(self, key: bytes, value: Any) -> None:
        """Replace a value, or delete the key if the value is empty."""
        raise NotImplementedError

    def _zadd(self, key: bytes, score: bytes, member: bytes) -> int:
        was = self.values.get(key, {})
        self.values[key] = {**was, member: score}
        return len(self.values[key]) - len(was)

    def _zrem(self, key: bytes, *members: bytes) -> int:
        was = self.values.get(key, {})
        left = {member: score for member, score in was.items() if member not in members}
        self._put(key, left)
        return len(was) - len(left)

    def _zscore(self, key: bytes, member: bytes) -> bytes | None:
        score: bytes | None = self.values.get(key, {}).get(member)
        return score

    def _zcard(self, key: bytes) -> int:
        return len(self.values.get(key, ()))

    def _zrange(self, key: bytes, start: bytes, stop: bytes, *options: bytes) -> list[bytes]:
        return _members(part(self._sorted(key), int(start), int(stop)), options)

    def _zrevrange(self, key: bytes, start: bytes, stop: bytes, *options: bytes) -> list[bytes]:
        return _members(part(self._sorted(key)[::-1], int(start), int(stop)), options)

    def _zrangebyscore(self, key: bytes, least: bytes, most: bytes, *options: bytes) -> list[bytes]:
        return _members([pair for pair in self._sorted(key) if _within(pair[1], least, most)], options)

    def _zrevrangebyscore(self, key: bytes, most: bytes, least: bytes, *options: bytes) -> list[bytes]:
        return _members([pair for pair in self._sorted(key)[::-1] if _within(pair[1], least, most)], options)

    def _zremrangebyscore(self, key: bytes, least: bytes, most: bytes) -> int:
        return self._zrem(key, *(member for member, score in self._sorted(key) if _within(score, least, most)))

    def _zremrangebyrank(self, key: bytes, start: bytes, stop: bytes) -> int:
        return self._zrem(key, *(member for member, _ in part(self._sorted(key), int(start), int(stop))))

    def _sorted(self, key: bytes) -> list[tuple[bytes, bytes]]:
        return sorted(self.values.get(key, {}).items(), key=lambda pair: (float(pair[1]), pair[0]))


def part(whole: Any, start: int, stop: int) -> Any:
    """Give the elements from one position to another, as LRANGE takes them."""
    start = max(0, start + len(whole)) if start < 0 else start
    return whole[start : stop + len(whole) + 1 if stop < 0 else stop + 1]


def _members(pairs: Sequence[tuple[bytes, bytes]], options: tuple[bytes, ...]) -> list[bytes]:
    """Give members, with their scores and only so many of them if the options say so."""
    if b"LIMIT" in options:
        at = options.index(b"LIMIT")
        pairs = pairs[int(options[at + 1]) :][: int(options[at + 2])]
    return [each for pair in pairs for each in (pair if b"WITHSCORES" in options else pair[:1])]


def _within(score: bytes, least: bytes, most: bytes) -> bool:
    above = float(score) > float(least[1:]) if least.startswith(b"(") else float(score) >= float(least)
    return above and (float(score) < float(most[1:]) if most.startswith(b"(") else float(score) <= float(most))
