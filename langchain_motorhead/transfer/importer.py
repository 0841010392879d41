"""The importer: writes sessions into Redis, each in one atomic step, and none of them twice."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_motorhead.exceptions import InvalidInputError, InvalidMessageError, StoreError, StoreUnavailableError
from langchain_motorhead.facts.erasure import end_session
from langchain_motorhead.facts.operations import drop
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.content_digest import content_digest
from langchain_motorhead.messages.ids import MARK_BYTES, mark
from langchain_motorhead.sessions import registry_operations as listing
from langchain_motorhead.sessions.changes.operations import Identity, identify
from langchain_motorhead.sessions.erasure import erase
from langchain_motorhead.storage.keys import SessionKeys, own_fact_keys, session_keys
from langchain_motorhead.transfer import restoring
from langchain_motorhead.transfer import snapshot as snapshots
from langchain_motorhead.transfer.archive_restore import RestoredArchive
from langchain_motorhead.transfer.exporter import read_all_marks
from langchain_motorhead.transfer.facts import import_facts, parse_facts
from langchain_motorhead.transfer.forgotten import ForgottenMessages
from langchain_motorhead.transfer.jsonl import read_lines
from langchain_motorhead.transfer.policies import Existing
from langchain_motorhead.transfer.restoring import RestoreOutcome
from langchain_motorhead.transfer.snapshot import PAGE, ExportedSession, Fingerprint

if TYPE_CHECKING:
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.client import Motorhead


@dataclass(slots=True)
class ImportReport:
    """The result of an import.

    Attributes:
        imported: How many sessions were imported.
        messages: How many messages they have, in their lists and archives.
        before: How many sessions an earlier run of the same import had imported.
        facts: How many facts about users were added.
        skipped: How many sessions existed already and were left unchanged.
        problems: How many sessions or lines could not be read or were refused.
        details: The descriptions of the first of these problems.
    """

    imported: int = 0
    messages: int = 0
    before: int = 0
    skipped: int = 0
    facts: int = 0
    problems: int = 0
    details: list[str] = field(default_factory=list)

    def complain(self, problem: str) -> None:
        """Count a problem, and keep its description if there are few so far."""
        self.problems += 1
        if len(self.details) < _MAX_DETAILS:
            self.details.append(problem)


_MAX_DETAILS = 20
# Bytes of marks that are sent to Redis at once.
_STAGED_SIZE = 4_000 * MARK_BYTES


def import_lines(
    motorhead: Motorhead,
    lines: Iterable[bytes],
    existing: Existing = Existing.REFUSE,
    *,
    tally: ImportReport | None = None,
    report: Callable[[ImportReport], object] = bool,  # any function of one argument
) -> ImportReport:
    """Import sessions from JSON Lines. See `import_snapshots` for the other arguments."""
    tally = tally or ImportReport()
    redis = motorhead.backend.require_redis()

    def add_facts(line: dict[str, Any]) -> None:
        tally.facts += redis.run(import_facts(redis.namespace, parse_facts(line)))

    found = read_lines(lines, tally.complain, add_facts)
    return import_snapshots(motorhead, found, existing, tally=tally, report=report)


def import_snapshots(
    motorhead: Motorhead,
    sessions: Iterable[ExportedSession],
    existing: Existing = Existing.REFUSE,
    *,
    tally: ImportReport | None = None,
    report: Callable[[ImportReport], object] = bool,  # any function of one argument
) -> ImportReport:
    """Import sessions, each completely or not at all.

    A session that an earlier run of the same import has imported is left unchanged, even if it has grown since. So an
    interrupted import can be run again. With an embedding model, each session is indexed after it was imported.

    Args:
        motorhead: The handle to import into.
        sessions: The sessions.
        existing: What to do if another session of the same id exists.
        tally: The report to count in, or None for a new one.
        report: Called after each session.

    Returns:
        The report.

    Raises:
        EmbeddingError: The embedding model failed. The session is imported, and its messages are indexed later.
        StoreUnavailableError: Redis could not be reached. Every imported session is complete.
    """
    tally = tally or ImportReport()
    redis = motorhead.backend.require_redis()
    for snapshot in sessions:
        named = f"session {snapshot.session_id!r:.80}"
        try:
            keys = session_keys(redis.namespace, snapshot.session_id, snapshot.user_id)
            listed = restoring.listing_keys(keys, snapshot, one_slot=redis.one_slot)
            outcome = _restore(redis, listed, snapshot, replace=existing is Existing.REPLACE)
        except StoreUnavailableError:
            raise
        except (InvalidInputError, StoreError, UnicodeDecodeError) as error:
            tally.complain(f"{named}: {error}")
            continue
        if outcome is RestoreOutcome.DONE:
            tally.imported += 1
            tally.messages += snapshot.messages
        elif outcome is RestoreOutcome.DONE_BEFORE:
            tally.before += 1
        elif existing is Existing.SKIP:
            tally.skipped += 1
        else:
            tally.complain(f"{named}: another session of this id exists. It was left unchanged")
        indexing = redis.maintenance.indexing
        if indexing is not None and outcome in (RestoreOutcome.DONE, RestoreOutcome.DONE_BEFORE):
            indexing.index(keys, explicit=True, wait=True)
        report(tally)
    return tally


def _restore(redis: RedisBackend, keys: SessionKeys, snapshot: ExportedSession, *, replace: bool) -> RestoreOutcome:
    there: Identity = redis.execute(identify(keys))
    forgotten = _forgotten(redis, keys, snapshot, there) if replace and there.epoch is not None else ForgottenMessages()
    staged = _stage(redis, keys, snapshot, forgotten)
    seen, noted = "" if there.epoch is None else f"{there.epoch} {there.revision}", 0
    if replace:
        _end_facts(redis, keys, staged.digest)
    while True:
        user = redis.execute(listing.owner(keys)) if replace else None
        owner = session_keys(keys.namespace, keys.session_id, user)
        restore = restoring.restore(
            keys, snapshot, staged.records, staged.marks, staged.marked, staged.token, staged.digest,
            replace=replace, owner=owner, one_slot=redis.one_slot, chunks=staged.chunks, noted=noted, seen=seen,
        )  # fmt: skip
        outcome = redis.execute(restore)
        if outcome is RestoreOutcome.MANY_DOCUMENTS:
            noted = redis.execute(listing.document_count(keys))
            redis.execute(listing.note_erasure(keys, noted))
        elif outcome is not RestoreOutcome.OTHER_OWNER:
            break
    if noted:
        redis.run(erase(keys, noted))
    if outcome is RestoreOutcome.CHANGED:
        _unstage(redis, keys, staged.token)
        raise StoreError("messages were forgotten or edited while it was imported. Import it again")
    if outcome is RestoreOutcome.INCOMPLETE:
        raise StoreError("not all of its messages arrived in Redis. Import it again")
    if outcome in (RestoreOutcome.DONE, RestoreOutcome.DONE_BEFORE) and not redis.one_slot:
        new = outcome is RestoreOutcome.DONE
        redis.execute(restoring.list_restored(keys, int(snapshot.state["updated"]), snapshot.ttl, owner, new=new))
    return outcome


def _end_facts(redis: RedisBackend, keys: SessionKeys, digest: str) -> None:
    """Remove what was learned from a session that is about to be replaced, unless it is the imported one already."""
    there = session_keys(keys.namespace, keys.session_id)
    known = redis.execute(identify(there))
    if known.epoch is not None and not known.epoch.startswith(digest):
        redis.run(end_session(there))
        redis.execute(drop(own_fact_keys(there)))


class _Staged(NamedTuple):
    """An import that is ready to be restored.

    Attributes:
        token: Token with which its parts were staged in Redis.
        digest: Fingerprint of the import.
        records: Messages of the list, or None if they are staged.
        marks: Marks that are not staged.
        marked: How many marks are staged.
        chunks: How many chunks of the archive are staged.
    """

    token: str
    digest: str
    records: list[bytes] | None
    marks: bytes
    marked: int
    chunks: int


def _stage(redis: RedisBackend, keys: SessionKeys, snapshot: ExportedSession, forgotten: ForgottenMessages) -> _Staged:
    """Stage in Redis what is too much of a session for one request, and complete its state."""
    fingerprint = Fingerprint(keys.member, snapshot.state, snapshot.summaries)
    token, archive = secrets.token_hex(8), RestoredArchive()
    try:
        for chunks in archive.build(snapshot.archive or (), fingerprint, forgotten.replaced):
            if chunks:
                redis.execute(restoring.stage_chunks(keys, token, chunks))
        collected = _collect_records(redis, keys, snapshot, fingerprint, token, forgotten)
    except BaseException:
        _unstage(redis, keys, token)
        raise
    forgotten.drop_summaries(snapshot)
    if snapshot.archive is not None:
        first = snapshot.state.get("first", b"0")
        snapshot.state = {"archive_from": first, **snapshot.state, **archive.state}
    now = b"%d" % (time.time_ns() // 1_000)
    times = {name: snapshot.state.get("updated", now) for name in ("created", "updated")}
    snapshot.state = {**times, **snapshot.state}
    return _Staged(token, fingerprint.text, *collected, archive.chunks)


def _forgotten(redis: RedisBackend, keys: SessionKeys, snapshot: ExportedSession, there: Identity) -> ForgottenMessages:
    """Return what the session that an import replaces has forgotten."""
    head = redis.execute(snapshots.read_head(keys))
    if head is None or "forgotten" not in head.state:
        return ForgottenMessages()
    _, marks = read_all_marks(redis, keys)
    same = "created" in head.state and head.state["created"] == snapshot.state.get("created")
    return ForgottenMessages(marks, there.epoch, same=same)


def _collect_records(
    redis: RedisBackend,
    keys: SessionKeys,
    snapshot: ExportedSession,
    fingerprint: Fingerprint,
    token: str,
    forgotten: ForgottenMessages,
) -> tuple[list[bytes] | None, bytes, int]:
    """Collect the messages of a session and their marks, or stage in Redis what is too much for one request.

    Returns:
        The messages, or None if they are staged; the marks that are not staged; and how many marks are staged.
    """
    gathered: list[bytes] = []
    exported = snapshot.state.pop(snapshots.MARKS, b"")
    if len(exported) % MARK_BYTES:
        raise InvalidInputError("has marks that are not complete")
    marks, marked, done = forgotten.marks + exported, 0, 0  # the first mark of an id counts
    first = int(snapshot.state.get("first", b"0"))
    for page in chain.from_iterable(map(_pieces, snapshot.pages)):
        fingerprint.add(page)
        page = [forgotten.replaced(seq, record) for seq, record in enumerate(page, first + done)]  # noqa: PLW2901
        done += len(page)
        marks += b"".join(_marks(page))
        if snapshot.count > PAGE:
            marked = redis.execute(restoring.stage(keys, token, page, marks[:_STAGED_SIZE], marked))
            marks = marks[_STAGED_SIZE:]
        else:
            gathered += page
    if done != snapshot.count:
        raise InvalidInputError(f"has only {done} of its {snapshot.count} messages")
    while len(marks) > _STAGED_SIZE:
        marked = redis.execute(restoring.stage(keys, token, (), marks[:_STAGED_SIZE], marked))
        marks = marks[_STAGED_SIZE:]
    return gathered if snapshot.count <= PAGE else None, marks, marked


def _marks(page: list[bytes]) -> Iterator[bytes]:
    for record in page:
        if b'"id"' in record:
            try:
                message = decode(record)
            except InvalidMessageError:  # stored unchanged
                continue
            if message.id:
                yield mark(message.id, content_digest(message))


def _pieces(page: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(page), PAGE):
        yield page[start : start + PAGE]


def _unstage(redis: RedisBackend, keys: SessionKeys, token: str) -> None:
    try:
        redis.execute(restoring.unstage(keys, token))
    except StoreError:  # staged messages expire
        return
