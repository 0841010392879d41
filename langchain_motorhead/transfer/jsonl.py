r"""Sessions as JSON lines, and back. Pure: knows nothing of files or Redis.

A session is one line: `{"session": …, "namespace": …, "user": …, "created": …, "updated": …, "summary": …, "first": …,
"tokens": …, "rest": {…}, "ttl": …, "groups": […], "grouped": …, "count": …, "messages": […]}`.
What is not known is left out. Times are microseconds since 1970. Where the list is long, `messages` has the first of
its `count` messages, and lines of the form `{"session": …, "from": …, "messages": […]}` follow with the rest.

A message is the object that is stored. One that JSON would not give back byte by byte is a string of what is stored,
or `{"$base64": …}` where that is no text.

An export begins with `{"export": 1}` and ends with `{"end": N}`, N being how many sessions are between: by that a file
that was cut off is known. Lines without them are read as well.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.transfer.snapshot import ExportedSession

_TEXTS = ("user", "summary")
_NUMBERS = ("created", "updated", "first", "tokens")
_REST = re.compile(r"last|ids|(failures|size|format|t:\d{1,18})", re.ASCII)
_NUMBER = re.compile(rb"0|[1-9]\d{0,17}")
_BYTES = "$base64"
_FORMAT = b"1"
_BEGIN, _END = "export", "end"


def head_line(snapshot: ExportedSession, namespace: str, records: list[bytes]) -> bytes:
    """Write the first line of a session, with the first of its messages."""
    line: dict[str, Any] = {"session": snapshot.session_id, "namespace": namespace}
    rest: dict[str, Any] = {}
    for name, value in sorted(snapshot.state.items()):
        if name in _NUMBERS and _NUMBER.fullmatch(value):
            line[name] = int(value)
        elif name in _TEXTS:
            line[name] = _to_json(value)
        else:
            rest[name] = _to_json(value)
    line["rest"] = rest
    if snapshot.ttl:
        line["ttl"] = snapshot.ttl
    if snapshot.groups:
        line["groups"], line["grouped"] = list(snapshot.groups), snapshot.grouped
    line["count"] = snapshot.count
    line["messages"] = [_message(record) for record in records]
    return _dumps(line)


def first_line() -> bytes:
    """Write what an export begins with."""
    return _dumps({_BEGIN: 1})


def last_line(sessions: int) -> bytes:
    """Write what an export ends with."""
    return _dumps({_END: sessions})


def next_line(session_id: str, start: int, records: list[bytes]) -> bytes:
    """Write a further line of a session: its messages from position `start` on."""
    return _dumps({"session": session_id, "from": start, "messages": [_message(record) for record in records]})


def read_lines(lines: Iterable[bytes], complain: Callable[[str], object]) -> Iterator[ExportedSession]:
    """Read sessions from lines.

    Args:
        lines: Lines as written above.
        complain: Told of each line that cannot be read; its neighbours are not lost.
    """
    source, frame = _LineReader(lines), _ExportFrame(complain)
    while (raw := source.take()) is not None:
        if not raw.strip():
            continue
        number = source.number
        try:
            line = _loads(raw)
            if frame.takes(line):
                continue
            if "from" in line:
                if source.told:  # of a session that was given up
                    continue
                raise InvalidInputError("goes on with a session whose beginning is not before it")
            frame.sessions += 1
            source.told = source.whole = False
            records = _records(line)
            snapshot = _snapshot(line, _pages(source, line, records))
        except InvalidInputError as error:
            source.told = True
            complain(f"line {number}: {error}")
            continue
        yield snapshot
        source.told = not source.whole  # what is missing was told by whoever read the messages
    frame.close()


class _ExportFrame:
    """Knows whether all of an export came."""

    def __init__(self, complain: Callable[[str], object]) -> None:
        self._complain = complain
        self._open = False
        self.sessions = 0

    def takes(self, line: dict[str, Any]) -> bool:
        """Say whether a line is a first or last one, and see what it means."""
        if "session" in line or not (_BEGIN in line or _END in line):
            return False
        if _BEGIN in line:
            self.close()
            self._open, self.sessions = True, 0
        elif self._open:
            self._open = False
            if line[_END] != self.sessions:
                self._complain(f"of the {line[_END]!r:.20} sessions of the export, {self.sessions} are here")
        return True

    def close(self) -> None:
        """See that there was an end."""
        if self._open:
            self._complain("the end of the export is missing: what came was cut off. Export again")
        self._open = False


class _LineReader:
    """Lines, of which one can be put back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._back: bytes | None = None
        self.number = 0
        self.told = False
        self.whole = False

    def take(self) -> bytes | None:
        self.number += 1
        line, self._back = self._back, None
        return next(self._lines, None) if line is None else line

    def put_back(self, line: bytes) -> None:
        self.number -= 1
        self._back = line


def _pages(source: _LineReader, line: dict[str, Any], records: list[bytes]) -> Iterator[list[bytes]]:
    """Give the messages of a session.

    Raises:
        InvalidInputError: Some are missing.
    """
    count, session = line.get("count", len(records)), line["session"]
    done = 0
    while True:
        if done + len(records) > count:
            raise InvalidInputError(f"has more messages than the {count} it says")
        if records:
            yield records
        done += len(records)
        if done == count:
            source.whole = True
            return
        raw = source.take()
        missing = InvalidInputError(f"has {done} of its {count} messages; the rest is missing")
        if raw is None:
            raise missing
        try:
            following = _loads(raw)
            if following.get("session") != session or following.get("from") != done:
                source.put_back(raw)
                raise missing
            records = _records(following)
        except InvalidInputError as error:
            raise missing from error
        if not records:
            raise missing


def _snapshot(line: dict[str, Any], pages: Iterator[list[bytes]]) -> ExportedSession:
    session, count, ttl = line.get("session"), line.get("count", len(line["messages"])), line.get("ttl", 0)
    if not isinstance(session, str) or not session:
        raise InvalidInputError("is not of a session: it has no id")
    if not _is_count(count) or not _is_count(ttl):
        raise InvalidInputError("has a count or ttl that is not a number")
    state = {**_known_fields(line), **_other_fields(line.get("rest", {}))}
    if state.setdefault("format", _FORMAT) != _FORMAT:
        raise InvalidInputError("was written by a later version, in another format")
    groups = line.get("groups", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) and group for group in groups):
        raise InvalidInputError("has groups that are not a list of names")
    return ExportedSession(session, state, count, pages, ttl, tuple(groups), line.get("grouped") is True)


def _known_fields(line: dict[str, Any]) -> dict[str, bytes]:
    state: dict[str, bytes] = {}
    for name in _TEXTS:
        if line.get(name) is not None:
            state[name] = _from_json(line[name], name)
    if state.get("user") == b"":
        raise InvalidInputError("has an empty user")
    for name in _NUMBERS:
        if line.get(name) is not None:
            if not _is_count(line[name]):
                raise InvalidInputError(f"has a {name} that is not a number")
            state[name] = b"%d" % line[name]
    return state


def _other_fields(rest: Any) -> dict[str, bytes]:
    state: dict[str, bytes] = {}
    if not isinstance(rest, dict):
        raise InvalidInputError("has a rest that is not an object")
    for name, value in rest.items():
        match = _REST.fullmatch(name)
        if match is None:
            raise InvalidInputError(f"has something unknown: {name!r:.40}. A later version may know it")
        state[name] = _from_json(value, name)
        if match[1] and not _NUMBER.fullmatch(state[name].removeprefix(b"-")):
            raise InvalidInputError(f"has a {name} that is not a number")
    return state


def _records(line: dict[str, Any]) -> list[bytes]:
    messages = line.get("messages")
    if not isinstance(messages, list):
        raise InvalidInputError("has no list of messages")
    return [_record(message) for message in messages]


def _record(message: Any) -> bytes:
    if isinstance(message, dict) and not (len(message) == 1 and _BYTES in message):
        try:
            return orjson.dumps(message)
        except TypeError:
            return json.dumps(message, separators=(",", ":")).encode()
    return _from_json(message, "message")


def _message(record: bytes) -> Any:
    try:
        # A level or two deeper than it will be in a line.
        (((message,),),) = orjson.loads(b"[[[" + record + b"]]]")
        if type(message) is dict and _BYTES not in message and orjson.dumps(message) == record:
            return message
    except (ValueError, TypeError):
        pass
    return _to_json(record)


def _to_json(value: bytes) -> Any:
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return {_BYTES: base64.b64encode(value).decode("ascii")}


def _from_json(value: Any, name: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and isinstance(text := value.get(_BYTES), str):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInputError(f"has a {name} that is not base64") from error
    raise InvalidInputError(f"has a {name} that cannot be one")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 10**18


def _dumps(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line) + b"\n"
    except TypeError:  # a lone surrogate, which JSON can only carry escaped
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _loads(raw: bytes) -> dict[str, Any]:
    try:
        line = orjson.loads(raw)
    except ValueError:
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError("is not JSON") from error
    if not isinstance(line, dict):
        raise InvalidInputError("is not a JSON object")
    return line
