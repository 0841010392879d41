"""A Redis operation as data: the commands to send, and a function that reads their replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from langchain_motorhead.storage.scripts import Script

T = TypeVar("T")


T_co = TypeVar("T_co", covariant=True)


Value: TypeAlias = str | bytes | int | float


class Command(NamedTuple):
    """One command: its name or script, the keys it touches, and what follows or precedes them."""

    name: str | Script
    keys: tuple[str, ...]
    args: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation(Generic[T_co]):
    """One round trip.

    Attributes:
        commands: Sent together. Not a transaction: what must be atomic is one script.
        read: Makes the result of the raw replies, one for each command.
    """

    commands: tuple[Command, ...]
    read: Callable[[list[Any]], T_co]


Packed: TypeAlias = tuple[Any, ...]
"""A command as it is sent: its name, then its arguments."""


def together(*operations: Operation[Any]) -> Operation[list[Any]]:
    """Put operations into one round trip, in their order. Each is as atomic as it is, all of them are not."""
    commands = tuple(command for operation in operations for command in operation.commands)

    def read(replies: list[Any]) -> list[Any]:
        results, start = list[Any](), 0
        for operation in operations:
            end = start + len(operation.commands)
            results.append(operation.read(replies[start:end]))
            start = end
        return results

    return Operation(commands, read)


def ignore_replies(_: list[Any]) -> None:
    """Return None, whatever was replied: the `read` of an operation that is executed for its effect alone."""
