"""Redis operation that reads messages by sequence number, from the archive and the list, at one instant."""

from __future__ import annotations

from typing import Any, NamedTuple

from langchain_motorhead.sessions.snapshot import to_times
from langchain_motorhead.storage.keys import SessionKeys, optional_member
from langchain_motorhead.storage.operation import Command, Operation, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS

# Bounds of what one script reads: compressed bytes of the archive, and messages of the list.
_CHUNKS_BYTES, _LIST_MESSAGES = 131_072, 100


class StoredRange(NamedTuple):
    """Stored messages of a session, of one instant.

    Attributes:
        epoch: Epoch of the session.
        user: User that the session belongs to, or None.
        first: Sequence number of the list's first message.
        total: Sequence number that the next message will get.
        kept_from: Sequence number from which on every message should be in the archive or the list.
        chunks: Chunks of the archive, oldest first. The first one may end before the range.
        complete: Whether these are all chunks of the range. If not, nothing was read from the list.
        start: Sequence number of the first of `records`.
        records: Messages of the list.
        times: Sequence numbers with the time that holds from each on, for `records`.
    """

    epoch: str
    user: str | None
    first: int
    total: int
    kept_from: int
    chunks: list[bytes]
    complete: bool
    start: int
    records: list[bytes]
    times: tuple[tuple[int, int], ...]


def read_range(keys: SessionKeys, start: int, stop: int | None) -> Operation[StoredRange | None]:
    """Read messages from sequence number `start` to before `stop`, or to the end: the first part of them. Atomic.

    Returns:
        At least one message, if there is one in the archive or the list. None if there is no such session.
    """
    command = Command(
        SCRIPTS["transcript_read"],
        (keys.messages, keys.state, keys.archive),
        (start, "" if stop is None else stop, _LIST_MESSAGES, _CHUNKS_BYTES),
    )

    def parse(replies: list[Any]) -> StoredRange | None:
        if not replies[0]:
            return None
        epoch, user, first, total, kept_from, chunks, complete, at, records, times = replies[0]
        return StoredRange(
            epoch=optional_member(epoch) or "",
            user=optional_member(user),
            first=first,
            total=total,
            kept_from=kept_from,
            chunks=list(map(to_bytes, chunks)),
            complete=bool(complete),
            start=at,
            records=list(map(to_bytes, records)),
            times=to_times(times),
        )

    return Operation((command,), parse)


class ArchiveCounts(NamedTuple):
    """What an archive should have, and has.

    Attributes:
        messages: Number of messages that should be in it.
        size: Bytes of its chunks.
        chunks: Number of chunks that should be in it.
        chunks_there: Number of chunks that are in it.
    """

    messages: int
    size: int
    chunks: int
    chunks_there: int


def read_archive_counts(keys: SessionKeys) -> Operation[ArchiveCounts]:
    """Read how much should be in the archive of a session, and how many chunks are."""

    def parse(replies: list[Any]) -> ArchiveCounts:
        known, there = replies
        messages, size, chunks = (int(each or 0) for each in known)
        return ArchiveCounts(messages, size, chunks, there)

    counts = Command("HMGET", (keys.state,), ("archived", "archive_bytes", "chunks"))
    return Operation((counts, Command("LLEN", (keys.archive,))), parse)
