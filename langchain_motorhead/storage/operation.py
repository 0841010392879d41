"""Redis operations as data: the commands of one round trip, and a function that parses their replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from langchain_motorhead.storage.scripts import SCRIPTS, Script

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Value: TypeAlias = str | bytes | int | float
"""An argument of a command."""


class Command(NamedTuple):
    """A Redis command.

    Attributes:
        name: Name of the command, such as `"HGET"` or `"FT.SEARCH"`, or a script.
        keys: Keys that the command touches. They stand directly after the name, or after a script's number of keys.
        args: Arguments after the keys.
        near: In a cluster, the search module is asked on the node of this key only. None for all primaries.
    """

    name: str | Script
    keys: tuple[str, ...]
    args: tuple[Value, ...] = ()
    near: str | None = None


class TornReadError(Exception):
    """The replies to an operation's commands are inconsistent: another client wrote between them.

    Args:
        again: What is to be executed instead, with the same result. None for the operation without plain commands.
    """

    def __init__(self, again: Operation[Any] | None = None) -> None:
        super().__init__("another client wrote between the commands of a read")
        self.again = again


class Operation(NamedTuple, Generic[T_co]):
    """The commands of one round trip, and how to parse their replies.

    Attributes:
        commands: Commands that are sent together. They are no transaction: what must be atomic is one script.
        read: Parses the raw replies, one for each command, into the result.
        split: Builds an operation with the same result whose commands have only keys of one cluster slot each. It is
            executed instead where a server refuses keys of several slots. None if this operation is already so.
        plain: Builds an operation with the same result whose commands, without a script, take less of Redis' time. It
            is tried first where a server executes the commands of a connection in order. Its `read` raises a
            `TornReadError` if this operation, or a part of it, is to be executed after all. None if there is none.
    """

    commands: tuple[Command, ...]
    read: Callable[[list[Any]], T_co]
    split: Callable[[], Operation[T_co]] | None = None
    plain: Callable[[], Operation[T_co]] | None = None


Packed: TypeAlias = tuple[Any, ...]
"""A command as it is sent: its name, then its arguments."""


def together(*operations: Operation[Any]) -> Operation[list[Any]]:
    """Build one operation that executes several in one round trip, in their order.

    Each operation stays as atomic as it is alone. All of them together are not atomic.
    """

    def read(replies: list[Any]) -> list[Any]:
        return [operation.read(some) for operation, some in _with_replies(operations, replies)]

    def split() -> Operation[list[Any]]:
        return together(*(each if each.split is None else each.split() for each in operations))

    splits = split if any(each.split for each in operations) else None

    def plain() -> Operation[list[Any]]:
        plain_ones = [each if each.plain is None else each.plain() for each in operations]
        return Operation(_commands(plain_ones), lambda replies: _read_plainly(operations, plain_ones, replies), splits)

    return Operation(
        _commands(operations), read, splits, plain=plain if any(each.plain for each in operations) else None
    )


def _commands(operations: Sequence[Operation[Any]]) -> tuple[Command, ...]:
    return tuple(command for operation in operations for command in operation.commands)


def _with_replies(
    operations: Sequence[Operation[Any]], replies: list[Any]
) -> Iterator[tuple[Operation[Any], list[Any]]]:
    """Return an iterator over operations with the replies to their own commands."""
    start = 0
    for operation in operations:
        end = start + len(operation.commands)
        yield operation, replies[start:end]
        start = end


def _read_plainly(
    operations: Sequence[Operation[Any]], plain_ones: Sequence[Operation[Any]], replies: list[Any]
) -> list[Any]:
    """Parse the replies to the plain forms of operations.

    Raises:
        TornReadError: Some operations must be executed in their usual form. Only these: the others are done, and may
            have written.
    """
    results, again = list[Any](), dict[int, Operation[Any]]()
    for at, (plain, some) in enumerate(_with_replies(plain_ones, replies)):
        try:
            results.append(plain.read(some))
        except TornReadError as error:
            results.append(None)
            again[at] = error.again or operations[at]
    if not again:
        return results
    rest = together(*again.values())

    def completed(replies: list[Any]) -> list[Any]:
        found = dict(zip(again, rest.read(replies), strict=True))
        return [found.get(at, result) for at, result in enumerate(results)]

    raise TornReadError(Operation(rest.commands, completed))


def read_primary(name: str, key: str, *args: Value) -> Command:
    """Build a command that reads a key on the primary, also through a client that reads from replicas.

    Use it for everything that decides about a removal.

    Args:
        name: Name of the command, such as `"ZRANGE"`.
        key: The key.
        *args: Arguments after the key.
    """
    return Command(SCRIPTS["primary_read"], (key,), (name, *args))


def ignore_replies(_: list[Any]) -> None:
    """Return None for any replies: the `read` of an operation that is executed for its effect alone."""


def to_bytes(value: Any) -> bytes:
    """Return a reply as bytes, even if the client has decoded it."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
