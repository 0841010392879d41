"""Every Redis command of this package, each as data: what to send, and how to read the replies.

Imports no Redis client, and does no I/O; `store.py` executes what is described here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha1
from importlib.resources import files
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from langchain_motorhead.keys import SessionKeys, check_user, from_member, to_member

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Value: TypeAlias = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, which Redis knows by its hash once it has seen its source."""

    source: str
    sha: str


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


class Reading(NamedTuple):
    """A session as it was at one instant.

    Attributes:
        epoch: Random, made with the session; None if there is no such session.
        first: Sequence number of the list's first message: how many were folded.
        summary: Text that covers the messages before `first`, if any.
        tokens: Spent by the summarizer so far.
        failures: Summarizations that failed since the last that did not.
        user: Whose session it is, if known.
        size: Tokens of the list, where they are counted.
        indexed: Sequence number of the first message that is not indexed, where recall has begun.
        length: Messages in the list.
        records: Those of them that were asked for, as stored.
    """

    epoch: str | None
    first: int
    summary: str | None
    tokens: int
    failures: int
    user: str | None
    size: int | None
    indexed: int | None
    length: int
    records: list[bytes | str]


class Refusal(Enum):
    """Why a compaction did not get the lease."""

    BUSY = 0
    NO_SESSION = 1
    PAUSED = 3


_TAKEN = 2


class Appended(NamedTuple):
    """What an append left: messages in the list, and their tokens where they are counted."""

    length: int
    size: int | None


# What begins with the functions of another file.
_TOUCHING_DOCUMENTS = ("append", "index", "delete", "texts")


def _loaded(name: str) -> Script:
    names = ("documents", name) if name in _TOUCHING_DOCUMENTS else (name,)
    source = "\n".join((files(__package__) / "scripts" / f"{each}.lua").read_text("utf-8") for each in names)
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


# Read with the module, and not from within an event loop when first used.
SCRIPTS = {
    name: _loaded(name)
    for name in (
        "append", "read", "begin", "commit", "renew", "release", "fail", "delete", "prune",
        "unindexed", "index", "establish", "texts", "revise",
    )
}  # fmt: skip


def append(
    keys: SessionKeys,
    records: Sequence[bytes],
    *,
    now: int,
    epoch: str,
    ttl: int,
    tokens: int | None,
    recall: bool,
    one_slot: bool,
) -> Operation[Appended]:
    """Append messages to a session, making it if it is not there. Atomic.

    Args:
        keys: Keys of the session.
        records: Encoded messages, one at least.
        now: Microseconds since 1970.
        epoch: Random, made for this append: the session's epoch if it is new, and by which the same append, sent again
            because its answer was lost, is recognised.
        ttl: Milliseconds until the session expires unless written to, or 0.
        tokens: Tokens of the messages, where the window is bounded in tokens.
        recall: Whether the messages are to be indexed.
        one_slot: Whether one script may touch the session and the registries, as anywhere but in a cluster.

    Raises:
        InvalidInputError: From `read`: the session is another user's.
    """
    args = (
        keys.member,
        now,
        epoch,
        keys.user,
        ttl,
        "" if tokens is None else tokens,
        int(recall),
        keys.documents,
        *records,
    )
    session = (keys.messages, keys.state, keys.stale)
    if one_slot:
        commands: tuple[Command, ...] = (Command(SCRIPTS["append"], session + keys.registries, args),)
    else:
        # In this order, a session that exists gets listed whatever deletion is at work beside it.
        listing = (Command("ZADD", (registry,), (now, keys.member)) for registry in keys.registries)
        commands = (Command(SCRIPTS["append"], session, args), *listing)

    def read(replies: list[Any]) -> Appended:
        reply = replies[0]
        if reply[0] == 0:
            check_user(keys, from_member(reply[1]))
        return Appended(reply[1], reply[2] if len(reply) > 2 else None)

    return Operation(commands, read)


def read(keys: SessionKeys, start: int, stop: int = -1) -> Operation[Reading]:
    """Read the summary, the counts, and messages of the list from `start` to `stop`, as LRANGE takes them. Atomic."""
    command = Command(SCRIPTS["read"], (keys.messages, keys.state), (start, stop))
    return Operation((command,), lambda replies: _reading(replies[0]))


def begin(keys: SessionKeys, token: str, *, lease: int, limit: int, force: bool) -> Operation[Reading | Refusal]:
    """Take the lease for a compaction and read the oldest `limit` messages. Atomic.

    Whoever holds the lease already is told to look again before giving it back, so that no request for a compaction is
    forgotten between two workers.

    Args:
        keys: Keys of the session.
        token: Random, made for this compaction.
        lease: Milliseconds after which others may take over.
        limit: How many messages to read.
        force: Whether to ignore the pause after a failure.

    Returns:
        A reading, or why there is none.
    """
    command = Command(SCRIPTS["begin"], (keys.messages, keys.state, keys.lease), (token, lease, limit, int(force)))

    def parse(replies: list[Any]) -> Reading | Refusal:
        status, *reading = replies[0]
        return _reading(reading) if status == _TAKEN else Refusal(status)

    return Operation((command,), parse)


def commit_summary(
    keys: SessionKeys,
    token: str,
    seen: Reading,
    *,
    lease: int,
    summary: str | None,
    dropped: int,
    spent: int,
    size: int | None,
    indexed: bool,
) -> Operation[bool]:
    """Store a summary and drop the messages that it now covers, or do nothing if the session moved on.

    Atomic. Messages appended since the snapshot are kept.

    Args:
        keys: Keys of the session being compacted.
        token: Token that the lease was taken with.
        seen: The snapshot; its epoch and `first` must still hold.
        lease: Milliseconds to hold the lease for longer.
        summary: Text covering everything up to the last dropped message, or None to keep the stored one.
        dropped: How many of the oldest messages it covers.
        spent: Tokens that the summarizer spent on it.
        size: Change of the list's count of tokens, where they are counted.
        indexed: Whether to drop only what is indexed, and otherwise nothing.

    Returns:
        Whether the commit took place.
    """
    stored = (0,) if summary is None else (1, to_member(summary))
    args = (token, lease, seen.epoch or "", seen.first, dropped, spent, "" if size is None else size)
    command = Command(SCRIPTS["commit"], (keys.messages, keys.state, keys.lease), (*args, int(indexed), *stored))
    return Operation((command,), lambda replies: bool(replies[0]))


def renew(lease_key: str, token: str, lease: int) -> Operation[None]:
    """Hold a lease for `lease` milliseconds from now, if it is still ours."""
    return Operation((Command(SCRIPTS["renew"], (lease_key,), (token, lease)),), _nothing)


def give_up(lease_key: str, token: str) -> Operation[None]:
    """Give a lease back, if it is still ours."""
    return Operation((Command(SCRIPTS["renew"], (lease_key,), (token, 0)),), _nothing)


def release(keys: SessionKeys, token: str, epoch: str, size: int | None = None) -> Operation[bool]:
    """Give the lease back, and correct the list's count of tokens by `size`.

    Returns:
        Whether the lease was kept, since somebody asked for a compaction in the meantime.
    """
    args = (token, epoch, "" if size is None else size)
    return Operation((Command(SCRIPTS["release"], (keys.state, keys.lease), args),), lambda replies: bool(replies[0]))


def fail(
    keys: SessionKeys, token: str, epoch: str, *, first_pause: int, longest_pause: int
) -> Operation[tuple[int, int]]:
    """Count a failed summarization, and turn the lease into a pause that doubles with each failure.

    Returns:
        Failures in a row, and the pause in milliseconds.
    """
    command = Command(SCRIPTS["fail"], (keys.state, keys.lease), (token, epoch, first_pause, longest_pause))
    return Operation((command,), lambda replies: (replies[0][0], replies[0][1]))


def _reading(reply: Sequence[Any]) -> Reading:
    epoch, first, summary, tokens, failures, user, size, indexed, length, records = reply
    return Reading(
        epoch=_text(epoch),
        first=int(first or 0),
        summary=_text(summary),
        tokens=int(tokens or 0),
        failures=int(failures or 0),
        user=_text(user),
        size=None if size is None else int(size),
        indexed=None if indexed is None else int(indexed),
        length=length,
        records=records,
    )


def _text(value: bytes | str | None) -> str | None:
    return None if value is None else from_member(value)


def _nothing(_: list[Any]) -> None:
    return None
