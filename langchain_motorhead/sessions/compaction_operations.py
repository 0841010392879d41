"""The Redis commands of a compaction, as data: lease, snapshot, commit."""

from __future__ import annotations

from enum import Enum
from typing import Any

from langchain_motorhead.sessions.operations import SessionSnapshot, to_reading
from langchain_motorhead.storage.keys import SessionKeys, to_member
from langchain_motorhead.storage.operation import Command, Operation, Value
from langchain_motorhead.storage.scripts import SCRIPTS


class LeaseRefused(Enum):
    """Why a compaction did not get the lease."""

    BUSY = 0
    NO_SESSION = 1
    PAUSED = 3


_TAKEN = 2


def begin(
    keys: SessionKeys, token: str, *, lease: int, limit: int, force: bool
) -> Operation[SessionSnapshot | LeaseRefused]:
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
    command = Command(
        SCRIPTS["compaction_begin"], (keys.messages, keys.state, keys.lease), (token, lease, limit, int(force))
    )

    def parse(replies: list[Any]) -> SessionSnapshot | LeaseRefused:
        status, *reading = replies[0]
        return to_reading(reading) if status == _TAKEN else LeaseRefused(status)

    return Operation((command,), parse)


def commit_summary(
    keys: SessionKeys,
    token: str,
    seen: SessionSnapshot,
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
        seen: The snapshot; its epoch, `first` and summary must still hold.
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
    args: tuple[Value, ...] = (token, lease, seen.epoch or "", seen.first, dropped, spent, "" if size is None else size)
    args += (int(indexed), to_member(seen.summary or ""), *stored)
    command = Command(SCRIPTS["compaction_commit"], (keys.messages, keys.state, keys.lease), args)
    return Operation((command,), lambda replies: bool(replies[0]))


def release(keys: SessionKeys, token: str, epoch: str, size: int | None = None) -> Operation[bool]:
    """Give the lease back, and correct the list's count of tokens by `size`.

    Returns:
        Whether the lease was kept, since somebody asked for a compaction in the meantime.
    """
    args = (token, epoch, "" if size is None else size)
    return Operation(
        (Command(SCRIPTS["compaction_release"], (keys.state, keys.lease), args),), lambda replies: bool(replies[0])
    )


def fail(
    keys: SessionKeys, token: str, epoch: str, *, first_pause: int, longest_pause: int
) -> Operation[tuple[int, int]]:
    """Count a failed summarization, and turn the lease into a pause that doubles with each failure.

    Returns:
        Failures in a row, and the pause in milliseconds.
    """
    command = Command(SCRIPTS["compaction_fail"], (keys.state, keys.lease), (token, epoch, first_pause, longest_pause))
    return Operation((command,), lambda replies: (replies[0][0], replies[0][1]))
