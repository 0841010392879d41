"""The exporter: writes sessions as JSON Lines, page by page, each session as it was at one moment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import groupby
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from langchain_motorhead.backends.facts import Owner
from langchain_motorhead.exceptions import (
    InvalidInputError,
    MotorheadError,
    SessionReplacedError,
    StoreUnavailableError,
)
from langchain_motorhead.sessions.archive.transcript import GapReason, read_records
from langchain_motorhead.sessions.marks import read_marks
from langchain_motorhead.sessions.registry import Walk
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.keys import SessionKeys, from_member, registry_key, session_keys
from langchain_motorhead.storage.operation import to_bytes
from langchain_motorhead.transfer import snapshot as snapshots
from langchain_motorhead.transfer.archive_lines import ArchiveRun, end_line, run_line
from langchain_motorhead.transfer.facts import export_facts
from langchain_motorhead.transfer.jsonl import head_line, next_line
from langchain_motorhead.transfer.snapshot import PAGE, ExportedSession, Head

if TYPE_CHECKING:
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.client import Motorhead

logger = logging.getLogger(__name__)

# A long session is kept in memory up to this size, and in a temporary file beyond it.
_MAX_SPOOLED_BYTES = 1 << 20
# How often a long session is read again if a compaction shortens its list meanwhile.
_MAX_ATTEMPTS = 20


def export_lines(
    motorhead: Motorhead,
    *,
    user_id: str | None = None,
    session_ids: Sequence[str] | None = None,
    report: Callable[[ExportedSession], object] = bool,  # any function of one argument
    complain: Callable[[str], object] | None = None,
) -> Iterator[bytes]:
    """Return an iterator over the sessions of a namespace as JSON Lines, in no particular order.

    The facts about their users follow, unless only some sessions are exported. Facts about a user without sessions are
    exported with that `user_id` only.

    A session that exists during the whole export is exported exactly once, however much is written to it meanwhile.

    Args:
        motorhead: The handle to export from.
        user_id: Export only the sessions of this user.
        session_ids: Export only these sessions.
        report: Called with each exported session.
        complain: Called with a message for each session that cannot be read, which is then left out. None to raise.

    Raises:
        InvalidInputError: An id is invalid.
        StoreError: Redis could not be reached, or a session could not be read.
    """
    redis = motorhead.backend.require_redis()
    namespace = motorhead.namespace
    ids = _all_ids(redis, registry_key(namespace, user_id)) if session_ids is None else iter(session_ids)
    learned: dict[Owner, dict[str, int]] = {} if user_id is None else {Owner(user_id): {}}
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
            user, count = snapshot.user_id, int(snapshot.state.get("learned", 0))
            if user is not None or count:
                numbers = learned.setdefault(Owner(user) if user is not None else Owner(session_id=session_id), {})
                numbers |= {session_id: count} if count else {}
        elif session_ids is not None and complain is not None:
            complain(f"session {session_id!r:.80}: there is none. motorhead sessions list shows those that there are")
    for owner, numbers in learned.items() if session_ids is None else ():
        line = redis.run(export_facts(namespace, owner, numbers))
        if line is not None:
            yield line


def read_session(redis: RedisBackend, keys: SessionKeys) -> ExportedSession | None:
    """Return a session, or None if it does not exist. All its messages are of one moment.

    Raises:
        SessionMovedOn: Raised while the pages are read, if a compaction has shortened the list.
    """
    epoch, marks = read_all_marks(redis, keys)
    head = redis.execute(snapshots.read_head(keys))
    if head is not None and head.epoch == epoch and marks:
        head.state[snapshots.MARKS] = marks
    if head is None or (keys.user_id is not None and head.state.get("user", keys.user) != keys.user):
        return None

    def pages() -> Iterator[list[bytes]]:
        yield head.records
        for start in range(PAGE, head.length, PAGE):
            found = redis.execute(read_snapshot(keys, start, min(start + PAGE, head.length) - 1))
            same = found.epoch is not None and to_bytes(found.epoch) == head.epoch and found.first == head.first
            if not same or len(found.records) != min(PAGE, head.length - start):
                raise SessionMovedOn
            yield [to_bytes(record) for record in found.records]

    archive = _archive(redis, keys, head) if head.archived else None
    return ExportedSession(
        keys.session_id, head.state, head.length, pages(), head.ttl, head.groups, head.grouped, head.left, archive,
        head.summaries, head.archived,
    )  # fmt: skip


def read_all_marks(redis: RedisBackend, keys: SessionKeys) -> tuple[bytes | None, bytes]:
    """Return the epoch of a session and the marks of its messages.

    They are read before the messages: a mark of a message that is not exported would let an import refuse it later.
    """
    epoch: bytes | None = None
    place: int | None = 0
    marks = list[bytes]()
    while place is not None:
        found, place, page = redis.execute(read_marks(keys, place))
        if found != epoch:
            epoch, marks = found, []
        marks.append(page)
    return epoch, b"".join(marks)


def _archive(redis: RedisBackend, keys: SessionKeys, head: Head) -> Iterator[ArchiveRun]:
    """Return an iterator over the messages of a session that left its list before the head was read."""
    at: int | None = 0
    while at is not None:
        try:
            page = redis.run(read_records(keys, at, head.first, PAGE, from_member(head.epoch)))
        except SessionReplacedError:
            raise SessionMovedOn from None
        for gap in page.gaps:
            if gap.reason is not GapReason.NOT_KEPT:
                logger.warning(
                    "session %r: messages %d to %d of the archive are not exported: they are %s",
                    keys.session_id, gap.first, gap.last, gap.reason,
                )  # fmt: skip
        for _, group in groupby(enumerate(page.records), lambda pair: pair[1][0] - pair[0]):
            run = [record for _, record in group]
            yield ArchiveRun(run[0][0], [message for _, message in run])
        at = page.next


class SessionMovedOn(Exception):  # noqa: N818 - not an error
    """A session was compacted or deleted while it was being read."""


def _session(redis: RedisBackend, keys: SessionKeys) -> Generator[bytes, None, ExportedSession | None]:
    """Yield the lines of a session after all of it was read, and return the session, or None if it does not exist."""
    for _ in range(_MAX_ATTEMPTS):
        snapshot = read_session(redis, keys)
        if snapshot is None:
            return None
        if snapshot.count <= PAGE and snapshot.archive is None:
            yield head_line(snapshot, keys.namespace, next(snapshot.pages))
            return snapshot
        with SpooledTemporaryFile(_MAX_SPOOLED_BYTES) as spool:
            try:
                spool.writelines(_lines(snapshot, keys.namespace))
            except SessionMovedOn:
                continue
            spool.seek(0)
            yield from spool
        return snapshot
    raise InvalidInputError("it was compacted each time while it was being read. Export it when less is written to it")


def _lines(snapshot: ExportedSession, namespace: str) -> Iterator[bytes]:
    yield head_line(snapshot, namespace, next(snapshot.pages))
    if snapshot.archive is not None:
        count = 0
        for run in snapshot.archive:
            yield run_line(snapshot.session_id, run)
            count += len(run.messages)
        yield end_line(snapshot.session_id, count)
    start = PAGE
    for records in snapshot.pages:
        yield next_line(snapshot.session_id, start, records)
        start += len(records)


def _all_ids(redis: RedisBackend, registry: str) -> Iterator[str]:
    """Return an iterator over the ids of sessions. One that is listed all the time occurs exactly once."""
    walk = Walk(registry)
    while not walk.ended:
        yield from redis.run(walk.page())
