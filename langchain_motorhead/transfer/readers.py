"""Readers for the Redis keys of other packages, which they only read and never write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from langchain_motorhead.exceptions import InvalidInputError, InvalidMessageError, StoreError, StoreUnavailableError
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.redis_io.connection import connect
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.redis_io.scan import scan_keys
from langchain_motorhead.storage.keys import from_member
from langchain_motorhead.storage.operation import Command, Operation, to_bytes
from langchain_motorhead.transfer.legacy_messages import from_json, from_line
from langchain_motorhead.transfer.policies import Source
from langchain_motorhead.transfer.snapshot import PAGE, ExportedSession

Complain = Callable[[str], object]
_MICROSECONDS = 1_000_000
# Keys of the original Motorhead's registries: without a namespace, and the prefix of those with one.
_UNGROUPED, _GROUPS = "sessions", "sessions:"
# In the year 5138. A greater number is not a time in seconds.
_MAX_TIME_SECONDS = 10**11


@dataclass(frozen=True, slots=True)
class Reader:
    """A Redis to read from.

    Attributes:
        executor: Executes the commands.
        prefix: The prefix of the keys of messages.
        complain: Called with a message for each session or key that cannot be read.
    """

    executor: Executor
    prefix: str
    complain: Complain

    def ask(self, *commands: Command) -> list[Any]:
        """Send commands, and return their replies."""
        return self.executor.run(Operation(commands, list))

    def scan(self, prefix: str, kind: str) -> Iterator[str]:
        """Return an iterator over the keys of a type that have a prefix, each once."""
        self.ask(Command("EXISTS", (prefix,)))  # reports connection errors better than a scan does
        for raw in scan_keys(self.executor.connection, prefix, kind):
            try:
                yield from_member(raw)
            except UnicodeDecodeError:
                self.complain(f"key {raw!r:.80}: it is not UTF-8")


def read_source(source: Source, url: str, complain: Complain, prefix: str | None = None) -> Iterator[ExportedSession]:
    """Return an iterator over the sessions that another package keeps in a Redis.

    Args:
        source: The package.
        url: URL of the Redis.
        complain: Called with a message for each session or key that cannot be read. The others are read all the same.
        prefix: The prefix of the keys of messages, if it is not the default of that package.

    Raises:
        InvalidInputError: This is not a URL of Redis.
        StoreUnavailableError: Redis could not be reached.
    """
    read, default = SOURCES[source]
    connection = connect(url)
    try:
        yield from read(Reader(Executor(connection), default if prefix is None else prefix, complain))
    finally:
        connection.close()


def _read_motorhead(reader: Reader) -> Iterator[ExportedSession]:
    """Read `session:ID`, `context:ID`, `tokens:ID`, and the times of last activity in `sessions` and `sessions:NS`."""
    registries = [_UNGROUPED, *reader.scan(_GROUPS, "zset")]
    known = set()
    for key in reader.scan(reader.prefix, "list"):
        session_id = key.removeprefix(reader.prefix)
        known.add(session_id)
        yield from _read_one(reader, session_id, _motorhead_session, registries)
    for key in reader.scan("context:", "string"):  # sessions without messages
        if (session_id := key.removeprefix("context:")) not in known:
            yield from _read_one(reader, session_id, _motorhead_session, registries)


def _motorhead_session(reader: Reader, session_id: str, registries: list[str]) -> ExportedSession:
    command = Command
    *_, (lines, context, tokens) = reader.ask(
        command("MULTI", ()),
        command("LRANGE", (reader.prefix + session_id,), (0, -1)),
        command("GET", (f"context:{session_id}",)),
        command("GET", (f"tokens:{session_id}",)),
        command("EXEC", ()),
    )
    for reply in (lines, context, tokens):
        if isinstance(reply, Exception):
            raise StoreError(f"it cannot be read: {reply}")
    state: dict[str, bytes] = {}
    if context:
        state["summary"] = to_bytes(context)
    if tokens and to_bytes(tokens).isdigit():
        state["tokens"] = b"%d" % int(to_bytes(tokens))
    found = _listed(reader, session_id, registries)
    if times := [seconds for seconds in found.values() if 0 < seconds < _MAX_TIME_SECONDS]:
        state["created"] = state["updated"] = _micro(max(times))
    snapshot = _snapshot(reader, session_id, [to_bytes(line) for line in reversed(lines)], from_line, state)
    snapshot.groups = tuple(key.removeprefix(_GROUPS) for key in found if len(key) > len(_GROUPS))
    snapshot.grouped = bool(snapshot.groups) and _UNGROUPED not in found
    return snapshot


def _listed(reader: Reader, session_id: str, registries: list[str]) -> dict[str, float]:
    """Return the registries that list a session, each with the time of its last activity."""
    found: dict[str, float] = {}
    for registry in registries:
        try:
            (score,) = reader.ask(Command("ZSCORE", (registry,), (session_id,)))
        except StoreUnavailableError:
            raise
        except StoreError:  # another program's key of that name
            continue
        if score is not None:
            found[registry] = float(score)
    return found


def _read_community(reader: Reader) -> Iterator[ExportedSession]:
    """Read `message_store:ID`."""
    for key in reader.scan(reader.prefix, "list"):
        session_id = key.removeprefix(reader.prefix)
        yield from _read_one(reader, session_id, _community_session)


def _community_session(reader: Reader, session_id: str) -> ExportedSession:
    key = reader.prefix + session_id
    (length,) = reader.ask(Command("LLEN", (key,)))
    records: list[bytes] = []
    # Positions counted from the end, where the oldest message is, stay the same while messages are added.
    for done in range(0, length, PAGE):
        stop = min(done + PAGE, length)
        (page,) = reader.ask(Command("LRANGE", (key,), (-stop, -done - 1)))
        records += (to_bytes(each) for each in reversed(page))
    return _snapshot(reader, session_id, records, from_json, {})


def _read_langchain_redis(reader: Reader) -> Iterator[ExportedSession]:
    """Read the JSON documents of langchain-redis, one for each message."""
    sessions: dict[str, list[tuple[float, str]]] = {}
    keys = reader.scan(reader.prefix, "ReJSON-RL")
    while page := list(islice(keys, PAGE)):
        replies = reader.ask(*(Command("JSON.GET", (key,), ("$.session_id", "$.timestamp")) for key in page))
        for key, reply in zip(page, replies, strict=True):
            found = orjson.loads(to_bytes(reply)) if reply is not None else {}
            match found.get("$.session_id"), found.get("$.timestamp"):
                case [str(session_id)], [int() | float() as time] if session_id:
                    sessions.setdefault(session_id, []).append((float(time), key))
                case _:
                    reader.complain(f"key {key!r:.120}: it is not a message with a session_id and a timestamp")
    for session_id, entries in sessions.items():
        entries.sort()
        yield from _read_one(reader, session_id, _langchain_redis_session, entries)


def _langchain_redis_session(reader: Reader, session_id: str, entries: list[tuple[float, str]]) -> ExportedSession:
    documents: list[bytes] = []
    for start in range(0, len(entries), PAGE):
        page = entries[start : start + PAGE]
        replies = reader.ask(*(Command("JSON.GET", (key,)) for _, key in page))
        documents += (b"" if reply is None else to_bytes(reply) for reply in replies)
    state = {name: _micro(time) for name, (time, _) in (("created", entries[0]), ("updated", entries[-1]))}
    return _snapshot(reader, session_id, documents, from_json, state)


def _read_one(
    reader: Reader, session_id: str, read: Callable[..., ExportedSession], *args: Any
) -> Iterator[ExportedSession]:
    """Read one session, so that an error in it does not affect the others."""
    try:
        yield read(reader, session_id, *args)
    except StoreUnavailableError:
        raise
    except (StoreError, InvalidInputError) as error:
        reader.complain(f"session {session_id!r:.80}: {error}")


def _snapshot(
    reader: Reader,
    session_id: str,
    stored: Iterable[bytes],
    convert: Callable[[bytes], bytes],
    state: dict[str, bytes],
) -> ExportedSession:
    """Return the session for the stored messages, oldest first, without those that cannot be read."""
    records: list[bytes] = []
    for at, each in enumerate(stored):
        try:
            record = convert(each)
            decode(record)
        except InvalidMessageError as error:
            reader.complain(f"session {session_id!r:.80}, message {at} from the oldest: {error}")
            continue
        records.append(record)
    if not records and "summary" not in state:
        raise InvalidInputError("none of its messages can be read")
    state["format"] = b"1"
    pages = (records[start : start + PAGE] for start in range(0, len(records), PAGE))
    return ExportedSession(session_id, state, len(records), pages)


def _micro(seconds: float) -> bytes:
    if not 0 < seconds < _MAX_TIME_SECONDS:
        raise InvalidInputError(f"its time {seconds!r} is not a time in seconds")
    return b"%d" % round(seconds * _MICROSECONDS)


SOURCES: Mapping[Source, tuple[Callable[[Reader], Iterator[ExportedSession]], str]] = {
    Source.MOTORHEAD: (_read_motorhead, "session:"),
    Source.LANGCHAIN_REDIS: (_read_langchain_redis, "chat:"),
    Source.LANGCHAIN_COMMUNITY: (_read_community, "message_store:"),
}
