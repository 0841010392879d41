"""The stored records of a summary's versions: to bytes and back, and the texts of the versions. Pure.

A record is a line of text that a Lua script can parse, a line break, and a text:

    START STOP TIME ABOUT

It covers the messages from sequence number START to before STOP. TIME is when it was stored, in microseconds since
1970, or 0 if that is not known. ABOUT is JSON: who wrote it, and more. A record with START 0 is a whole summary.
Another one is a segment: it continues the record before it, which stops where it starts. So a version of the summary is
the texts of the records from the last one with START 0 on, one directly after the other. `lib_summaries.lua` writes
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.sessions.checks.keeping import Kept
from langchain_motorhead.sessions.summaries.origin import Author, Origin, kept_to_text, to_author, to_kept

MOST_RECORDS = 32
"""Records that are kept of a session."""
_FIELDS = 3


class DamagedRecordError(StoreError):
    """A record cannot be read: another program changed it, or it is of a later version."""


class SummaryRecord(NamedTuple):
    """A stored record: a whole summary, or a segment that continues the record before it.

    Attributes:
        start: Sequence number of the first message that its text covers; 0 for a whole summary.
        stop: Sequence number after the last one.
        time: When it was stored, in microseconds since 1970, or 0 if that is not known.
        text: Its text. That of a segment begins with what separates it from the text before.
        author: Who wrote the summary that ends with it. None if that is not known.
        model: Name of the model that wrote it, or empty.
        tokens: Tokens that the summarizer used for it.
        kept: What the summary that ends with it keeps. None if that was not measured.
        rejected: Answers that were rejected before it, by reason.
    """

    start: int
    stop: int
    time: int
    text: str
    author: Author | None = None
    model: str = ""
    tokens: int = 0
    kept: Kept | None = None
    rejected: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of a summary: a whole summary, and the segments that continue it.

    Attributes:
        segments: Its records, in order.
        text: Its text.
    """

    segments: tuple[SummaryRecord, ...]
    text: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", "".join(segment.text for segment in self.segments))

    @property
    def last(self) -> SummaryRecord:
        """The record that it ends with."""
        return self.segments[-1]


def to_about(origin: Origin, tokens: int) -> bytes:
    """Return what a record says about its text, as JSON in one line.

    Args:
        origin: Where the text is from.
        tokens: Tokens that the summarizer used for it.
    """
    about: dict[str, Any] = {"by": origin.author.value, "kept": kept_to_text(origin.kept), "model": origin.model}
    about |= {"tokens": tokens, "rejected": {str(reason): count for reason, count in origin.rejected.items()}}
    return orjson.dumps({name: value for name, value in about.items() if value or name in ("by", "kept")})


def read_record(record: bytes) -> SummaryRecord:
    """Parse a record.

    Raises:
        DamagedRecordError: It is none.
    """
    line, found, text = record.partition(b"\n")
    *numbers, about = line.split(b" ", _FIELDS)
    if not found or len(numbers) != _FIELDS or not all(number.isdigit() for number in numbers):
        raise DamagedRecordError("a record has no header")
    start, stop, time = map(int, numbers)
    try:
        data = orjson.loads(about)
        text_ = text.decode("utf-8", "surrogatepass")
    except (orjson.JSONDecodeError, UnicodeDecodeError) as error:
        raise DamagedRecordError("a record is neither JSON nor text") from error
    if not isinstance(data, dict) or start > stop:
        raise DamagedRecordError("a record covers no messages, or is not described")
    rejected = data.get("rejected")
    counts = rejected if isinstance(rejected, dict) else {}
    return SummaryRecord(
        start, stop, time, text_,
        author=to_author(data.get("by")),
        model=str(data.get("model", "")),
        tokens=_count(data.get("tokens")),
        kept=to_kept(str(data.get("kept", ""))),
        rejected={str(reason): _count(count) for reason, count in counts.items()},
    )  # fmt: skip


def read_records(records: Sequence[bytes]) -> list[SummaryRecord]:
    """Parse records, of which the first is a whole summary, and each segment continues the one before it.

    Raises:
        DamagedRecordError: One is none, or a segment does not continue the record before it.
    """
    found = list[SummaryRecord]()
    for each in map(read_record, records):
        if each.start and (not found or found[-1].stop != each.start):
            raise DamagedRecordError("a record does not continue the one before it")
        found.append(each)
    return found


def versions_of(records: Sequence[bytes]) -> list[StoredVersion]:
    """Return the versions of a summary, oldest first. What cannot be read, or lacks its beginning, is left out."""
    return list(_versions(records))


def _versions(records: Sequence[bytes]) -> Iterator[StoredVersion]:
    chain = list[SummaryRecord]()
    for record in records:
        try:
            each = read_record(record)
        except DamagedRecordError:
            chain = []
            continue
        if each.start and (not chain or chain[-1].stop != each.start):
            chain = []
            continue
        chain = [*chain, each] if each.start else [each]
        yield StoredVersion(tuple(chain))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
