"""Redis operations of a compaction: take the lease and read a snapshot, commit a summary, release, count a failure."""

from __future__ import annotations

from enum import Enum
from typing import Any

from langchain_motorhead.sessions.archive.chunks import ArchiveWrite
from langchain_motorhead.sessions.archive.config import Archive
from langchain_motorhead.sessions.snapshot import SessionSnapshot, to_snapshot, to_times
from langchain_motorhead.sessions.summaries.operations import rejected_args, summary_args
from langchain_motorhead.sessions.summaries.origin import Origin
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Command, Operation, Value, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS


class LeaseRefused(Enum):
    """Why a worker did not get the compaction lease. The values are those of `compaction_begin.lua`."""

    BUSY = 0
    """Another worker holds it."""
    NO_SESSION = 1
    """There is no such session."""
    PAUSED = 3
    """A summarization failed a short time ago."""
    LATER_LAYOUT = 4
    """A later version of this package wrote the session."""


_TAKEN = 2


def begin(
    keys: SessionKeys,
    token: str,
    *,
    lease: int,
    limit: int,
    force: bool,
    size: int = 2**40,
    archived: bool = False,
) -> Operation[SessionSnapshot | LeaseRefused]:
    """Take the compaction lease of a session and read its oldest messages. Atomic.

    If another worker holds the lease, the request is noted there: that worker looks at the session again before it
    releases the lease. So no request for a compaction is lost between two workers.

    Args:
        keys: Keys of the session.
        token: Random token of this worker.
        lease: Milliseconds until the lease expires.
        limit: How many messages to read at most.
        force: Whether to ignore the pause after a failure.
        size: How many bytes of messages to read, about. At least one message is read.
        archived: Whether to read what the archiver needs: the archive's newest chunk, and the messages' times.

    Returns:
        A snapshot of the session, or why the lease was refused.
    """
    touched = (keys.messages, keys.state, keys.lease, *((keys.archive,) if archived else ()))
    command = Command(SCRIPTS["compaction_begin"], touched, (token, lease, limit, int(force), size))

    def parse(replies: list[Any]) -> SessionSnapshot | LeaseRefused:
        status, *found = replies[0]
        if status != _TAKEN:
            return LeaseRefused(status)
        tail, times, *snapshot = found
        return to_snapshot(snapshot)._replace(tail=to_bytes(tail) if tail else None, times=to_times(times))

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
    origin: Origin,
    moved: ArchiveWrite | None = None,
    limits: Archive | None = None,
) -> Operation[bool]:
    """Store a summary and remove the messages that it now covers, or do nothing if the session changed. Atomic.

    The removed messages are put into the archive in the same step, if `moved` has them.

    Messages appended since the snapshot are kept.

    Args:
        keys: Keys of the session being compacted.
        token: Token that the lease was taken with.
        seen: The snapshot. The session must still have its epoch, `first` and `revision`.
        lease: Milliseconds until the lease expires, counted from this commit.
        summary: Text covering everything up to the last removed message. If it begins with the summary so far, the rest
            is stored as a segment. None if there is nothing to say.
        dropped: How many of the oldest messages to remove.
        spent: Tokens that the summarizer used for this summary.
        size: Change of the list's token count, or None if tokens are not counted.
        indexed: Whether all removed messages must be indexed for recall; if one is not, nothing is done.
        origin: Who wrote the summary, what it keeps, and which answers were rejected.
        moved: The change of the archive with the removed messages, or None to keep no archive.
        limits: What is kept of the archive. None for all of it.

    Returns:
        Whether the summary was stored.
    """
    args: tuple[Value, ...] = (token, lease, seen.epoch or "", seen.first, dropped, spent, "" if size is None else size)
    args += (int(indexed), seen.revision, *summary_args(summary, origin, spent))
    archived = () if moved is None else _to_args(moved, limits or Archive())
    args += (len(archived), *archived)
    args += rejected_args(origin)
    touched = (keys.messages, keys.state, keys.lease, keys.summaries, *(() if moved is None else (keys.archive,)))
    command = Command(SCRIPTS["compaction_commit"], touched, args)
    return Operation((command,), lambda replies: bool(replies[0]))


def release(keys: SessionKeys, token: str, epoch: str, size: int | None = None) -> Operation[bool]:
    """Release the compaction lease if this worker holds it, and change the list's token count by `size`.

    Returns:
        Whether the lease was kept, because another worker asked for a compaction meanwhile.
    """
    args = (token, epoch, "" if size is None else size)
    return Operation(
        (Command(SCRIPTS["compaction_release"], (keys.state, keys.lease), args),), lambda replies: bool(replies[0])
    )


def fail(
    keys: SessionKeys, token: str, epoch: str, *, first_pause: int, longest_pause: int
) -> Operation[tuple[int, int]]:
    """Count a failed summarization, and replace the lease by a pause that doubles with each failure in a row.

    Returns:
        The number of failures in a row, and the pause in milliseconds.
    """
    command = Command(SCRIPTS["compaction_fail"], (keys.state, keys.lease), (token, epoch, first_pause, longest_pause))
    return Operation((command,), lambda replies: (replies[0][0], replies[0][1]))


def _to_args(moved: ArchiveWrite, limits: Archive) -> tuple[Value, ...]:
    """Return what `archive_messages` (lib_archive.lua) takes."""
    return (_or_empty(limits.max_bytes), _or_empty(limits.max_age_us), _or_empty(moved.replaces), *moved.chunks)


def _or_empty(value: int | None) -> int | str:
    return "" if value is None else value
