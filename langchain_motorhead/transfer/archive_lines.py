"""The lines of an export that hold a session's archive: written and parsed here. Pure.

`{"session": …, "archive": N, "times": […], "messages": […]}` has consecutive messages from sequence number N on, each
with the time at which it was appended, in microseconds since 1970, or null. `{"session": …, "archived": N}` ends the
archive of a session, which has N messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.sessions.archive.chunks import ArchivedMessage
from langchain_motorhead.transfer.json_records import dumps, is_count, loads, records_of, to_message


class ArchiveRun(NamedTuple):
    """Consecutive messages of an archive.

    Attributes:
        first: Sequence number of the first of them.
        messages: The messages.
    """

    first: int
    messages: list[ArchivedMessage]


class Lines(Protocol):
    """Lines that are read one after the other. The last one can be put back."""

    def next(self) -> bytes | None:
        """Return the next line, or None at the end."""

    def put_back(self, line: bytes) -> None:
        """Let `next` return a line again."""


def run_line(session_id: str, run: ArchiveRun) -> bytes:
    """Return a line with messages of an archive."""
    return dumps(
        {
            "session": session_id,
            "archive": run.first,
            "times": [message.time for message in run.messages],
            "messages": [to_message(message.data) for message in run.messages],
        }
    )


def end_line(session_id: str, count: int) -> bytes:
    """Return the line that ends the archive of a session."""
    return dumps({"session": session_id, "archived": count})


def is_archive_line(line: dict[str, Any]) -> bool:
    """Return whether a line belongs to an archive."""
    return "archived" in line or is_count(line.get("archive"))


class ArchiveReader:
    """Iterates over the messages of an archive, which the next lines hold. Each is returned once.

    Args:
        lines: The lines, from the first one of the archive on.
        session_id: Session whose archive it is.
    """

    def __init__(self, lines: Lines, session_id: str) -> None:
        self._runs = _runs(lines, session_id)

    def __iter__(self) -> Iterator[ArchiveRun]:
        """Return an iterator over what was not returned yet.

        Raises:
            InvalidInputError: Raised by the iterator if messages are missing, or are not in order.
        """
        return self._runs


def _runs(lines: Lines, session_id: str) -> Iterator[ArchiveRun]:
    count, after = 0, 0
    while True:
        raw = lines.next()
        missing = InvalidInputError(f"has only {count} messages of its archive")
        if raw is None:
            raise missing
        try:
            line = loads(raw)
        except InvalidInputError as error:
            raise missing from error
        if line.get("session") != session_id or not is_archive_line(line):
            lines.put_back(raw)
            raise missing
        if "archived" in line:
            if line["archived"] != count:
                raise InvalidInputError(f"has {count} messages in its archive instead of {line['archived']!r:.20}")
            return
        records, times = records_of(line), line.get("times")
        if not isinstance(times, list) or len(times) != len(records) or not all(map(_is_time, times)):
            raise InvalidInputError("has an archive without the times of its messages")
        if line["archive"] < after or not records:
            raise InvalidInputError("has an archive whose messages are not in order")
        after, count = line["archive"] + len(records), count + len(records)
        yield ArchiveRun(line["archive"], [ArchivedMessage(*pair) for pair in zip(records, times, strict=True)])


def _is_time(value: Any) -> bool:
    return value is None or is_count(value)
