"""Transcripts: the messages of a session by sequence number, word for word, from the archive and the list. A flow.

A message has its sequence number for good, wherever it is stored. Each part of a transcript is read at one instant, so
a compaction that moves messages meanwhile neither hides nor repeats one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, overload

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidInputError, InvalidMessageError, SessionReplacedError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.tombstones import is_tombstone
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.sessions.archive.archiver import with_times
from langchain_motorhead.sessions.archive.chunks import ArchivedMessage, DamagedChunkError, read_chunk, read_header
from langchain_motorhead.sessions.archive.operations import StoredRange, read_range
from langchain_motorhead.storage.keys import SessionKeys, check_user

# A page ends with the message that reaches this size, so that pages of large messages fit in memory.
_PAGE_BYTES = 4_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GapReason(StrEnum):
    """Why messages are missing from a transcript."""

    NOT_KEPT = "not kept"
    """They were summarized with `archive=False` or by an earlier version, or a limit of the archive removed them."""
    MISSING = "missing"
    """They should be in the archive, and are not: Redis evicted it, or another program deleted it."""
    DAMAGED = "damaged"
    """They are stored, but their bytes cannot be read."""
    FORGOTTEN = "forgotten"
    """`Session.forget` removed them."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages that a transcript does not have.

    Attributes:
        first: Sequence number of the first of them.
        last: Sequence number of the last of them.
        reason: Why they are missing.
    """

    first: int
    last: int
    reason: GapReason


@dataclass(frozen=True, slots=True)
class TranscriptMessage:
    """A message of a transcript.

    Attributes:
        seq: Its sequence number in the session, counted from 0. It never changes.
        time: When it was stored. None if that is not known, as of messages stored by an earlier version.
        message: The message, as `Session.load` returned it. One that was stored without an id has its permanent id.
    """

    seq: int
    time: datetime | None
    message: BaseMessage

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.seq}, {self.message.type}, id={self.message.id!r})"


@dataclass(frozen=True, slots=True)
class Transcript(Sequence[TranscriptMessage]):
    """Messages of a session, oldest first. It is a sequence of them.

    Attributes:
        messages: The messages.
        gaps: What is missing between them, or before them. Empty if they are complete.
        total: Number of messages ever stored in the session.
        next: Sequence number at which to go on reading, or None if these are all that were asked for.
        epoch: Random identifier of the session, from its first message to its deletion. None if there is no session.
    """

    messages: list[TranscriptMessage] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    total: int = 0
    next: int | None = None
    epoch: str | None = None

    def __repr__(self) -> str:
        gaps = f", {counted(len(self.gaps), 'gap')}" if self.gaps else ""
        return f"Transcript({len(self.messages)} of {counted(self.total, 'message')}{gaps}, next={self.next})"

    @overload
    def __getitem__(self, at: int) -> TranscriptMessage: ...
    @overload
    def __getitem__(self, at: slice) -> list[TranscriptMessage]: ...
    def __getitem__(self, at: int | slice) -> TranscriptMessage | list[TranscriptMessage]:
        """Return the message at a position of this transcript, which is its sequence number only if none is missing."""
        return self.messages[at]

    def __len__(self) -> int:
        """Return how many messages there are."""
        return len(self.messages)

    def __iter__(self) -> Iterator[TranscriptMessage]:
        """Return an iterator over the messages."""
        return iter(self.messages)


class RecordPage(NamedTuple):
    """Consecutive messages of a session, as stored.

    Attributes:
        records: The messages with their sequence numbers.
        gaps: What is missing between them.
        total: Number of messages ever stored in the session.
        next: Sequence number at which to go on, or None at the end of the range.
        epoch: Epoch of the session, or None if there is none.
    """

    records: list[tuple[int, ArchivedMessage]]
    gaps: list[Gap]
    total: int
    next: int | None
    epoch: str | None


def check_range(start: int, stop: int | None) -> None:
    """Raise if a range of sequence numbers cannot be read.

    Raises:
        InvalidInputError: A number is negative, or is not a whole number.
    """
    for name, value in (("start", start), ("stop", stop)):
        if value is None and name == "stop":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
            raise InvalidInputError(f"{name} must be a sequence number, counted from 0, not {value!r}")


def read_page(keys: SessionKeys, start: int, stop: int | None, limit: int, epoch: str | None) -> Flow[Transcript]:
    """Read the messages of a session from sequence number `start` to before `stop`, or to its end: a page of them.

    Args:
        keys: Keys of the session.
        start: Sequence number to begin with.
        stop: Sequence number to stop before, or None.
        limit: How many messages to return at most. Fewer are returned if they are large.
        epoch: Epoch that the session must have, or None for any.

    Returns:
        The messages. Its `next` is where the next page begins.

    Raises:
        InvalidInputError: The session belongs to another user, or the range cannot be read.
        SessionReplacedError: The session has another epoch.
    """
    page = yield from read_records(keys, start, stop, limit, epoch)
    messages, gaps = list[TranscriptMessage](), page.gaps.copy()
    for seq, (data, time) in page.records:
        if is_tombstone(data):
            _add_gap(gaps, Gap(seq, seq, GapReason.FORGOTTEN))
            continue
        try:
            message = decode(data, derived_id(page.epoch, seq))
        except InvalidMessageError:
            _add_gap(gaps, Gap(seq, seq, GapReason.DAMAGED))
        else:
            messages.append(TranscriptMessage(seq, to_datetime(time), message))
    return Transcript(messages, sorted(gaps, key=lambda gap: gap.first), page.total, page.next, page.epoch)


def read_records(keys: SessionKeys, start: int, stop: int | None, limit: int, epoch: str | None) -> Flow[RecordPage]:
    """Read a page of messages of a session as they are stored. See `read_page`."""
    check_range(start, stop)
    records, gaps, size, total = list[tuple[int, ArchivedMessage]](), list[Gap](), 0, 0
    at: int | None = start
    while at is not None and len(records) < limit and size < _PAGE_BYTES:
        found: StoredRange | None = yield read_range(keys, at, stop)
        if found is not None:
            check_user(keys, found.user)
        there = None if found is None else found.epoch
        if epoch is not None and there != epoch:
            raise SessionReplacedError(f"session {keys.session_id!r} was deleted while it was read")
        if found is None:
            return RecordPage([], [], 0, None, None)
        epoch, total = found.epoch, found.total
        at = _collect(found, at, stop, records, gaps)
        size = sum(len(message.data) for _, message in records)
    if len(records) > limit:
        at = records[limit][0]
        del records[limit:]
        gaps = [Gap(gap.first, min(gap.last, at - 1), gap.reason) for gap in gaps if gap.first < at]
    return RecordPage(records, gaps, total, at, epoch)


def join_pages(
    read: Callable[[int, int | None, str | None], Generator[Any, Any, Transcript]], start: int, stop: int | None
) -> Generator[Any, Any, Transcript]:
    """Read all pages of a range into one transcript, by flows of any backend.

    Args:
        read: Builds the flow that reads a page from a sequence number, to before another, of the session with an epoch.
        start: Sequence number of the first message.
        stop: Sequence number to stop before, or None for the end of the session as it is at the first page.

    Raises:
        SessionReplacedError: The session was deleted meanwhile.
    """
    page = yield from read(start, stop, None)
    messages, gaps, total = page.messages, page.gaps, page.total
    stop = total if stop is None else stop
    while page.next is not None and page.next < stop:
        page = yield from read(page.next, stop, page.epoch)
        messages += page.messages
        for gap in page.gaps:
            _add_gap(gaps, gap)
    return replace(page, messages=messages, gaps=gaps, total=total, next=None)


def to_datetime(time: int | None) -> datetime | None:
    """Return a time that is given in microseconds since 1970; None if it is missing or out of range."""
    try:
        return None if time is None else _EPOCH + timedelta(microseconds=time)
    except OverflowError:
        return None


def _collect(
    found: StoredRange, start: int, stop: int | None, records: list[tuple[int, ArchivedMessage]], gaps: list[Gap]
) -> int | None:
    """Add the messages and gaps of what was read. Returns where to go on, or None at the end of the range."""
    end = found.total if stop is None else min(stop, found.total)
    at, damaged = start, False

    def skip_to(seq: int, reason: GapReason) -> None:
        nonlocal at
        if reason is GapReason.MISSING and at < (known := min(seq, found.kept_from)):
            _add_gap(gaps, Gap(at, known - 1, GapReason.NOT_KEPT))
            at = known
        if at < seq:
            _add_gap(gaps, Gap(at, seq - 1, reason))
            at = seq

    for chunk in found.chunks:
        try:
            header = read_header(chunk)
        except DamagedChunkError:
            damaged = True  # where the next chunk begins shows which messages it had
            continue
        if header.last < at:
            continue
        skip_to(min(header.first, end), GapReason.DAMAGED if damaged else GapReason.MISSING)
        damaged = False
        try:
            records += [each for each in enumerate(read_chunk(chunk), header.first) if at <= each[0] < end]
            at = min(header.last + 1, end)
        except DamagedChunkError:
            skip_to(min(header.last + 1, end), GapReason.DAMAGED)
    if not found.complete:
        return at if at < end else None
    skip_to(min(found.start, end), GapReason.DAMAGED if damaged else GapReason.MISSING)
    records += enumerate(with_times(found.records, found.start, found.times), found.start)
    at = found.start + len(found.records) if found.records else at
    return at if at < end else None


def _add_gap(gaps: list[Gap], gap: Gap) -> None:
    if gaps and gaps[-1].last + 1 == gap.first and gaps[-1].reason is gap.reason:
        gap = Gap(gaps.pop().first, gap.last, gap.reason)
    gaps.append(gap)
