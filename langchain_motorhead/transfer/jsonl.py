"""The JSON Lines format of exported sessions: written and parsed here. Pure: no files and no Redis.

A session is one line: `{"session": …, "namespace": …, "user": …, "created": …, "updated": …, "summary": …, "first": …,
"tokens": …, "rest": {…}, "ttl": …, "groups": […], "grouped": …, "summaries": […], "archive": …,
"count": …, "messages": […]}`.
Unknown fields are left out. Times are microseconds since 1970. If the list is long, `messages` has the first of its
`count` messages, and lines of the form `{"session": …, "from": …, "messages": […]}` with the others follow. If
`archive` is true, the messages of the archive stand between the first line and these; see `archive_lines.py`.

`summaries` has the records of the summary's versions, as they are stored (`sessions/summaries/records.py`).

A message is the stored JSON object. If JSON would not reproduce it byte by byte, it is a string of the stored text, or
`{"$base64": …}` if that is not valid UTF-8.

An export begins with `{"export": 1}` and ends with `{"end": N}`, where N is the number of sessions between them, so
that a truncated file is noticed. Lines without them are read too. Facts have lines of their own; see `facts.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.sessions.summaries.records import MOST_RECORDS, DamagedRecordError, read_records
from langchain_motorhead.transfer.archive_lines import ArchiveReader, is_archive_line
from langchain_motorhead.transfer.json_records import (
    MAX_NUMBER,
    dumps,
    from_json,
    is_count,
    loads,
    records_of,
    to_json,
    to_message,
)
from langchain_motorhead.transfer.snapshot import ExportedSession

_TEXT_FIELDS = ("user", "summary")
_NUMBER_FIELDS = ("created", "updated", "first", "tokens")
_OTHER_FIELD = re.compile(
    r"last|replaced|ids|marks|written_by|kept"
    r"|(failures|size|learned|tokens:facts|format|archive_from|covered|forgotten|t:\d{1,18}|rejected:[a-z ]{1,40})",
    re.ASCII,
)
_NUMBER = re.compile(rb"0|[1-9]\d{0,17}")
_FORMAT = b"1"
_BEGIN, _END = "export", "end"


def head_line(snapshot: ExportedSession, namespace: str, records: list[bytes]) -> bytes:
    """Return the first line of a session, with the first of its messages."""
    line: dict[str, Any] = {"session": snapshot.session_id, "namespace": namespace}
    rest: dict[str, Any] = {}
    for name, value in sorted(snapshot.state.items()):
        if name in _NUMBER_FIELDS and _NUMBER.fullmatch(value):
            line[name] = int(value)
        elif name in _TEXT_FIELDS:
            line[name] = to_json(value)
        else:
            rest[name] = to_json(value)
    line["rest"] = rest
    if snapshot.ttl:
        line["ttl"] = snapshot.ttl
    if snapshot.groups:
        line["groups"], line["grouped"] = list(snapshot.groups), snapshot.grouped
    if snapshot.summaries:
        line["summaries"] = list(map(to_json, snapshot.summaries))
    if snapshot.archive is not None:
        line["archive"] = True
    line["count"] = snapshot.count
    line["messages"] = [to_message(record) for record in records]
    return dumps(line)


def first_line() -> bytes:
    """Return the first line of an export."""
    return dumps({_BEGIN: 1})


def last_line(sessions: int) -> bytes:
    """Return the last line of an export."""
    return dumps({_END: sessions})


def next_line(session_id: str, start: int, records: list[bytes]) -> bytes:
    """Return a further line of a session, with its messages from position `start` on."""
    return dumps({"session": session_id, "from": start, "messages": [to_message(record) for record in records]})


def read_lines(
    lines: Iterable[bytes],
    complain: Callable[[str], object],
    on_facts: Callable[[dict[str, Any]], object] = bool,  # any function of one argument
) -> Iterator[ExportedSession]:
    """Parse sessions from lines.

    Args:
        lines: Lines in the format of this module.
        complain: Called with a message for each line that cannot be read. The other lines are read all the same.
        on_facts: Called with each line that has facts, which may raise `InvalidInputError`. See `facts.py`.
    """
    source, frame = _LineReader(lines), _ExportFrame(complain)
    while (raw := source.next()) is not None:
        if not raw.strip():
            continue
        number = source.number
        try:
            line = loads(raw)
            if frame.consume(line):
                continue
            if "facts" in line and "session" not in line:
                on_facts(line)
                continue
            if "from" in line or is_archive_line(line):
                if source.given_up:  # it belongs to a session that was given up
                    continue
                raise InvalidInputError("continues a session whose first line is missing")
            frame.sessions += 1
            source.given_up = source.whole = False
            records = records_of(line)
            archive = ArchiveReader(source, _session_id(line)) if line.get("archive") is True else None
            snapshot = _snapshot(line, _pages(source, line, records, archive), archive)
        except InvalidInputError as error:
            source.given_up = True
            complain(f"line {number}: {error}")
            continue
        yield snapshot
        source.given_up = not source.whole  # the reader of its pages has complained already
    frame.close()


class _ExportFrame:
    """Checks that an export is complete, by its first and last line."""

    def __init__(self, complain: Callable[[str], object]) -> None:
        self._complain = complain
        self._open = False
        self.sessions = 0

    def consume(self, line: dict[str, Any]) -> bool:
        """Return whether a line is the first or last line of an export, and check it if so."""
        if "session" in line or not (_BEGIN in line or _END in line):
            return False
        if _BEGIN in line:
            self.close()
            self._open, self.sessions = True, 0
        elif self._open:
            self._open = False
            if line[_END] != self.sessions:
                self._complain(f"the export has {line[_END]!r:.20} sessions, but only {self.sessions} were found")
        return True

    def close(self) -> None:
        """Complain if the last line of the export is missing."""
        if self._open:
            self._complain("the last line of the export is missing, so the file is incomplete. Export again")
        self._open = False


class _LineReader:
    """Reads lines. One line can be put back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._back: bytes | None = None
        self.number = 0
        self.given_up = False
        self.whole = False

    def next(self) -> bytes | None:
        self.number += 1
        line, self._back = self._back, None
        return next(self._lines, None) if line is None else line

    def put_back(self, line: bytes) -> None:
        self.number -= 1
        self._back = line


def _pages(
    source: _LineReader, line: dict[str, Any], records: list[bytes], archive: ArchiveReader | None
) -> Iterator[list[bytes]]:
    """Return an iterator over the messages of a session, in pages.

    Raises:
        InvalidInputError: Messages are missing.
    """
    for _ in archive or ():  # what nobody has read of it
        pass
    count, session = line.get("count", len(records)), line["session"]
    done = 0
    while True:
        if done + len(records) > count:
            raise InvalidInputError(f"has more messages than its count of {count}")
        if records:
            yield records
        done += len(records)
        if done == count:
            source.whole = True
            return
        raw = source.next()
        missing = InvalidInputError(f"has only {done} of its {count} messages")
        if raw is None:
            raise missing
        try:
            following = loads(raw)
            if following.get("session") != session or following.get("from") != done:
                source.put_back(raw)
                raise missing
            records = records_of(following)
        except InvalidInputError as error:
            raise missing from error
        if not records:
            raise missing


def _snapshot(line: dict[str, Any], pages: Iterator[list[bytes]], archive: ArchiveReader | None) -> ExportedSession:
    session, count, ttl = _session_id(line), line.get("count", len(line["messages"])), line.get("ttl", 0)
    if not is_count(count) or not is_count(ttl):
        raise InvalidInputError("has a count or ttl that is not a number")
    state = {**_known_fields(line), **_other_fields(line.get("rest", {}))}
    if state.setdefault("format", _FORMAT) != _FORMAT:
        raise InvalidInputError("has the format of a later version of this package")
    groups = line.get("groups", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) and group for group in groups):
        raise InvalidInputError("has groups that are not a list of names")
    return ExportedSession(
        session, state, count, pages, ttl, tuple(groups), line.get("grouped") is True, archive=archive,
        summaries=_summaries(line),
    )  # fmt: skip


def _session_id(line: dict[str, Any]) -> str:
    session = line.get("session")
    if not isinstance(session, str) or not session:
        raise InvalidInputError("has no session id")
    return session


def _summaries(line: dict[str, Any]) -> tuple[bytes, ...]:
    given = line.get("summaries", [])
    if not isinstance(given, list) or len(given) > MOST_RECORDS:
        raise InvalidInputError("has summaries that are not a list of records")
    records = tuple(from_json(record, "summaries") for record in given)
    try:
        read_records(records)
    except DamagedRecordError as error:
        raise InvalidInputError(f"has summaries of which {error}") from error
    return records


def _known_fields(line: dict[str, Any]) -> dict[str, bytes]:
    state: dict[str, bytes] = {}
    for name in _TEXT_FIELDS:
        if line.get(name) is not None:
            state[name] = from_json(line[name], name)
    if state.get("user") == b"":
        raise InvalidInputError("has an empty user")
    for name in _NUMBER_FIELDS:
        if line.get(name) is not None:
            if not is_count(line[name]):
                raise InvalidInputError(f"has a {name} that is not a number")
            state[name] = b"%d" % line[name]
    return state


def _other_fields(rest: Any) -> dict[str, bytes]:
    state: dict[str, bytes] = {}
    if not isinstance(rest, dict):
        raise InvalidInputError("has a rest that is not an object")
    for name, value in rest.items():
        match = _OTHER_FIELD.fullmatch(name)
        if match is None:
            raise InvalidInputError(f"has the unknown field {name!r:.40}. A later version of this package may know it")
        state[name] = from_json(value, name)
        number = state[name].removeprefix(b"-")
        if match[1] and not (_NUMBER.fullmatch(number) and int(number) <= MAX_NUMBER):
            raise InvalidInputError(f"has a {name} that is not a number")
    return state
