"""A simulated Redis that computes nothing twice, for explorations that come back to the same state over and over."""

from __future__ import annotations

from typing import Any, TypeVar

from lupa import lua51

from langchain_motorhead.storage.operation import Command, Operation
from simulation.simulated_redis import SimulatedRedis, Snapshot, Value

T = TypeVar("T")


class RememberingRedis:
    """A simulated Redis that computes nothing twice: what is executed where it was before comes to what it came to.

    Attributes:
        at: Number of what there is now.
    """

    def __init__(self) -> None:
        self._redis = SimulatedRedis()
        self._snapshots = [self._redis.dump()]
        self._numbers = {frozen(self._snapshots[0]): 0}
        self._known: dict[tuple[int, tuple[Command, ...] | None], tuple[list[Any], int]] = {}
        self.at = 0

    def run(self, operation: Operation[T]) -> T:
        """Execute an operation."""
        return operation.read(self._do(operation.commands))

    def tick(self) -> None:
        """Let time pass until the next key expires."""
        self._do(None)

    def dump(self) -> Snapshot:
        """Give all that there is. It is not to be changed."""
        return self._snapshots[self.at]

    def _do(self, commands: tuple[Command, ...] | None) -> list[Any]:
        if (known := self._known.get((self.at, commands))) is None:
            self._redis.restore(self.dump())
            replies = list[Any]()
            if commands is None:
                self._redis.tick()
            else:
                try:
                    replies = self._redis.replies(commands)
                except (lua51.LuaError, ValueError) as error:  # what was written before it stays
                    replies = [error]
            after = self._redis.dump()
            number = self._numbers.setdefault(frozen(after), len(self._snapshots))
            if number == len(self._snapshots):
                self._snapshots.append(after)
            known = self._known[self.at, commands] = replies, number
        replies, self.at = known
        if replies and isinstance(replies[0], Exception):
            raise replies[0]
        return replies


def frozen(snapshot: Snapshot) -> tuple[Any, ...]:
    """Give what tells two snapshots apart. Not the time, but how long keys still live."""
    values = frozenset((key, _frozen(value)) for key, value in snapshot.values.items())
    return values, frozenset((key, end - snapshot.now) for key, end in snapshot.ends.items()), snapshot.deletions


def _frozen(value: Value) -> Any:
    return frozenset(value.items()) if isinstance(value, dict) else value
