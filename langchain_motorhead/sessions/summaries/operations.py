"""Redis operations on the versions of a session's summary."""

from __future__ import annotations

from typing import Any, NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.sessions.snapshot import SessionSnapshot
from langchain_motorhead.sessions.summaries.origin import Origin, kept_to_text
from langchain_motorhead.sessions.summaries.records import to_about
from langchain_motorhead.storage.keys import SessionKeys, optional_member, to_member
from langchain_motorhead.storage.operation import Command, Operation, Value, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS


class StoredSummaries(NamedTuple):
    """The versions of a session's summary at one instant.

    Attributes:
        epoch: Epoch of the session.
        user: User that the session belongs to, or None.
        first: Sequence number of the first message of the list.
        covered: How many messages the summary covers.
        records: Records, oldest first. The last version is the summary.
    """

    epoch: str
    user: str | None
    first: int
    covered: int
    records: list[bytes]


def read_summaries(keys: SessionKeys) -> Operation[StoredSummaries | None]:
    """Read the versions of a session's summary, or None if there is no such session. Atomic."""

    def parse(replies: list[Any]) -> StoredSummaries | None:
        if not replies[0]:
            return None
        epoch, user, first, covered, records = replies[0]
        return StoredSummaries(
            optional_member(epoch) or "", optional_member(user), first, covered, list(map(to_bytes, records))
        )

    return Operation((Command(SCRIPTS["summaries_read"], (keys.state, keys.summaries)),), parse)


def count_versions(keys: SessionKeys) -> Operation[int]:
    """Read how many records of the versions of a session's summary there are."""
    return Operation((Command("HGET", (keys.state,), ("versions",)),), lambda replies: int(replies[0] or 0))


def count_records(keys: SessionKeys) -> Operation[tuple[int, int]]:
    """Read how many records of the versions of a session's summary there should be, and how many there are."""
    counted = Command("HGET", (keys.state,), ("versions",))
    return Operation(
        (counted, Command("LLEN", (keys.summaries,))), lambda replies: (int(replies[0] or 0), int(replies[1]))
    )


def extend_summary(
    keys: SessionKeys,
    token: str,
    seen: SessionSnapshot,
    *,
    lease: int,
    summary: str | None,
    stop: int,
    spent: int,
    origin: Origin,
) -> Operation[bool]:
    """Store a summary that covers more messages of the archive, or do nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        token: Token that the compaction lease was taken with.
        seen: The session as it was read. It must still have its epoch and revision, and cover as many messages.
        lease: Milliseconds until the lease expires, counted from this commit.
        summary: The summary, or None if there is nothing to say.
        stop: How many messages it covers.
        spent: Tokens that the summarizer used for it.
        origin: Who wrote it, what it keeps, and which answers were rejected.

    Returns:
        Whether the summary was stored.
    """
    args: tuple[Value, ...] = (token, lease, seen.epoch or "", seen.revision, seen.covered, stop, spent)
    args += (*summary_args(summary, origin, spent), *rejected_args(origin))
    command = Command(SCRIPTS["summary_extend"], (keys.state, keys.lease, keys.summaries), args)
    return Operation((command,), lambda replies: bool(replies[0]))


def set_summary(keys: SessionKeys, seen: SessionSnapshot, summary: str, origin: Origin) -> Operation[bool]:
    """Put a text in the place of a session's summary, or do nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        seen: The session as it was read. It must still have this summary, which covers the same messages.
        summary: The text. An empty one removes the summary.
        origin: Who wrote it.

    Returns:
        Whether it was stored.

    Raises:
        StoreError: Raised by `read` if a later version of this package wrote the session.
    """
    args = (seen.epoch or "", seen.revision, seen.first, seen.covered, *summary_args(summary, origin, 0))

    def parse(replies: list[Any]) -> bool:
        if replies[0] < 0:
            raise StoreError(f"session {keys.session_id!r} was written by a later version of this package")
        return bool(replies[0])

    return Operation((Command(SCRIPTS["summary_set"], (keys.state, keys.summaries), args),), parse)


def summary_args(summary: str | None, origin: Origin, spent: int) -> tuple[Value, ...]:
    """Return a summary as `add_version` (lib_summaries.lua) takes it: the text, its author, what it keeps, and more."""
    author = "" if summary is None else origin.author.value
    return (to_member(summary or ""), author, kept_to_text(origin.kept), to_about(origin, spent))


def rejected_args(origin: Origin) -> tuple[Value, ...]:
    """Return what rejected answers are counted as, each followed by how many there were."""
    return tuple(each for pair in sorted(origin.rejected.items()) for each in pair)
