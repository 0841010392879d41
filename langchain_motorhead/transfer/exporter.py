"""Sessions out of Redis, as JSON lines: page by page, and each session as it was at one instant."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from langchain_motorhead.exceptions import InvalidInputError, MotorheadError, StoreUnavailableError
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.registry import Walk
from langchain_motorhead.storage.keys import SessionKeys, registry_key, session_keys
from langchain_motorhead.transfer import snapshot as snapshots
from langchain_motorhead.transfer.jsonl import head_line, next_line
from langchain_motorhead.transfer.snapshot import PAGE, ExportedSession, to_bytes

if TYPE_CHECKING:
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.client import Motorhead

# Bytes of a long session that are kept in memory; more goes to a temporary file.
_SPOOLED = 1 << 20
# How often a long session is read anew, because a compaction shortened its list meanwhile.
_TRIES = 20


def export_lines(
    motorhead: Motorhead,
    *,
    user_id: str | None = None,
    session_ids: Sequence[str] | None = None,
    report: Callable[[ExportedSession], object] = bool,  # any function of one
    complain: Callable[[str], object] | None = None,
) -> Iterator[bytes]:
    """Give the sessions of a namespace as JSON lines, in no order.

    A session that is there all the while is given once, however much is written to it meanwhile.

    Args:
        motorhead: Where they are.
        user_id: Give those of one user alone.
        session_ids: Give these alone.
        report: Told of each session that was given.
        complain: Told of a session that cannot be read, which is then left out. None to raise instead.

    Raises:
        InvalidInputError: An id cannot be used.
        StoreError: Redis could not be reached, or a session not be read.
    """
    redis = motorhead.backend.require_redis()
    namespace = motorhead.namespace
    ids = _all_ids(redis, registry_key(namespace, user_id)) if session_ids is None else iter(session_ids)
    for session_id in ids:
        keys = session_keys(namespace, session_id, user_id)
        try:
            snapshot = yield from _session(redis, keys)
        except StoreUnavailableError:
            raise
        except MotorheadError as error:
            if complain is None:
                raise
            complain(f"session {session_id!r:.80}: {error}")
            continue
        if snapshot is not None:
            report(snapshot)
        elif session_ids is not None and complain is not None:
            complain(f"session {session_id!r:.80}: there is no such session")


def read_snapshot(redis: RedisBackend, keys: SessionKeys) -> ExportedSession | None:
    """Read a session, or None where there is none. All of its messages come of one instant.

    Raises:
        SessionMovedOn: While the pages are read: a compaction shortened the list.
    """
    head = redis.execute(snapshots.read_head(keys))
    if head is None or (keys.user_id is not None and head.state.get("user", keys.user) != keys.user):
        return None

    def pages() -> Iterator[list[bytes]]:
        yield head.records
        for start in range(PAGE, head.length, PAGE):
            found = redis.execute(operations.read(keys, start, min(start + PAGE, head.length) - 1))
            same = found.epoch is not None and to_bytes(found.epoch) == head.epoch and found.first == head.first
            if not same or len(found.records) != min(PAGE, head.length - start):
                raise SessionMovedOn
            yield [to_bytes(record) for record in found.records]

    return ExportedSession(
        keys.session_id, head.state, head.length, pages(), head.ttl, head.groups, head.grouped, head.left
    )


class SessionMovedOn(Exception):  # noqa: N818 - not an error
    """A session was compacted or deleted while it was read."""


def _session(redis: RedisBackend, keys: SessionKeys) -> Generator[bytes, None, ExportedSession | None]:
    """Give the lines of a session, none before all of it was read. Returns what it is."""
    for _ in range(_TRIES):
        snapshot = read_snapshot(redis, keys)
        if snapshot is None:
            return None
        if snapshot.count <= PAGE:
            yield head_line(snapshot, keys.namespace, next(snapshot.pages))
            return snapshot
        with SpooledTemporaryFile(_SPOOLED) as spool:
            try:
                spool.writelines(_lines(snapshot, keys.namespace))
            except SessionMovedOn:
                continue
            spool.seek(0)
            yield from spool
        return snapshot
    raise InvalidInputError("it is compacted again and again while it is read. Export it when less is written to it")


def _lines(snapshot: ExportedSession, namespace: str) -> Iterator[bytes]:
    yield head_line(snapshot, namespace, next(snapshot.pages))
    start = PAGE
    for records in snapshot.pages:
        yield next_line(snapshot.session_id, start, records)
        start += len(records)


def _all_ids(redis: RedisBackend, registry: str) -> Iterator[str]:
    """Give every session that is listed all the while, once."""
    walk = Walk(registry)
    while not walk.ended:
        yield from redis.run(walk.page())
