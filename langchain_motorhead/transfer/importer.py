"""Sessions into Redis, each at once or not at all, and none of them twice."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from langchain_motorhead.exceptions import InvalidInputError, InvalidMessageError, StoreError, StoreUnavailableError
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.ids import fingerprints
from langchain_motorhead.sessions import registry_operations as listing
from langchain_motorhead.storage.keys import SessionKeys, session_keys
from langchain_motorhead.transfer import snapshot as snapshots
from langchain_motorhead.transfer.jsonl import read_lines
from langchain_motorhead.transfer.policies import Existing
from langchain_motorhead.transfer.snapshot import PAGE, ExportedSession, Fingerprint, RestoreOutcome

if TYPE_CHECKING:
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.client import Motorhead


@dataclass(slots=True)
class ImportReport:
    """What an import came to.

    Attributes:
        imported: Sessions that were put in place.
        messages: Their messages.
        before: Sessions that an earlier run of the same import had put in place.
        skipped: Sessions that were there, and were left as they are.
        problems: What could not be read, or was refused. The first of them are in `told`.
    """

    imported: int = 0
    messages: int = 0
    before: int = 0
    skipped: int = 0
    problems: int = 0
    told: list[str] = field(default_factory=list)

    def complain(self, problem: str) -> None:
        """Count a problem."""
        self.problems += 1
        if len(self.told) < _TOLD:
            self.told.append(problem)


_TOLD = 20
# Ids of messages by which a session knows them again.
_REMEMBERED = 128


def import_lines(
    motorhead: Motorhead,
    lines: Iterable[bytes],
    existing: Existing = Existing.REFUSE,
    *,
    tally: ImportReport | None = None,
    report: Callable[[ImportReport], object] = bool,  # any function of one
) -> ImportReport:
    """Import sessions from JSON lines. For the rest, see `import_snapshots`."""
    tally = tally or ImportReport()
    return import_snapshots(motorhead, read_lines(lines, tally.complain), existing, tally=tally, report=report)


def import_snapshots(
    motorhead: Motorhead,
    sessions: Iterable[ExportedSession],
    existing: Existing = Existing.REFUSE,
    *,
    tally: ImportReport | None = None,
    report: Callable[[ImportReport], object] = bool,  # any function of one
) -> ImportReport:
    """Put sessions in place, each with all that belongs to it or not at all.

    A session that is there because of an earlier run of the same import is left as it is, also if it went on since: so
    an import that was interrupted can be run again. With an embedding model, each is indexed when it is in place.

    Args:
        motorhead: Where to.
        sessions: The sessions.
        existing: What to do with another session of the same id.
        tally: To count in. None for a new one.
        report: Told after each session.

    Returns:
        What it came to.

    Raises:
        EmbeddingError: The embedding model failed. The session is in place; its messages are indexed later.
        StoreUnavailableError: Redis could not be reached. What is in place is whole.
    """
    tally = tally or ImportReport()
    redis = motorhead.backend.require_redis()
    for snapshot in sessions:
        named = f"session {snapshot.session_id!r:.80}"
        try:
            keys = session_keys(redis.namespace, snapshot.session_id, snapshot.user_id)
            listed = snapshots.listing_keys(keys, snapshot, one_slot=redis.one_slot)
            outcome = _restore(redis, listed, snapshot, replace=existing is Existing.REPLACE)
        except StoreUnavailableError:
            raise
        except (InvalidInputError, StoreError, UnicodeDecodeError) as error:
            tally.complain(f"{named}: {error}")
            continue
        if outcome is RestoreOutcome.DONE:
            tally.imported += 1
            tally.messages += snapshot.count
        elif outcome is RestoreOutcome.DONE_BEFORE:
            tally.before += 1
        elif existing is Existing.SKIP:
            tally.skipped += 1
        else:
            tally.complain(f"{named}: there is another session of that id. It was left as it is")
        if redis.maintenance.indexer is not None and outcome in (RestoreOutcome.DONE, RestoreOutcome.DONE_BEFORE):
            redis.maintenance.index(keys, explicit=True, wait=True)
        report(tally)
    return tally


def _restore(redis: RedisBackend, keys: SessionKeys, snapshot: ExportedSession, *, replace: bool) -> RestoreOutcome:
    fingerprint = Fingerprint(keys.member, snapshot.state)
    token = secrets.token_hex(8)
    try:
        records = _gather(redis, keys, snapshot, fingerprint, token)
    except BaseException:
        if snapshot.count > PAGE:
            _unstage(redis, keys, token)
        raise
    now = b"%d" % (time.time_ns() // 1_000)
    times = {name: snapshot.state.get("updated", now) for name in ("created", "updated")}
    snapshot.state = {**times, **snapshot.state}
    while True:
        user = redis.execute(listing.owner(keys)) if replace else None
        owner = session_keys(keys.namespace, keys.session_id, user)
        outcome = redis.execute(
            snapshots.restore(
                keys, snapshot, records, token, fingerprint.text, replace=replace, owner=owner, one_slot=redis.one_slot
            )
        )
        if outcome is not RestoreOutcome.OTHER_OWNER:
            break
    if outcome is RestoreOutcome.INCOMPLETE:
        raise StoreError("its messages did not all arrive in Redis. Import it again")
    if outcome in (RestoreOutcome.DONE, RestoreOutcome.DONE_BEFORE) and not redis.one_slot:
        new = outcome is RestoreOutcome.DONE
        redis.execute(snapshots.list_restored(keys, int(snapshot.state["updated"]), owner, new=new))
    return outcome


def _gather(
    redis: RedisBackend, keys: SessionKeys, snapshot: ExportedSession, fingerprint: Fingerprint, token: str
) -> list[bytes] | None:
    """Read the messages of a session; stage them, and give None, where they are more than a page."""
    gathered: list[bytes] = []
    ids = None if "ids" in snapshot.state else deque[str](maxlen=_REMEMBERED)
    done = 0
    for page in chain.from_iterable(map(_pieces, snapshot.pages)):
        fingerprint.add(page)
        done += len(page)
        if ids is not None:
            ids.extend(_ids(page))
        if snapshot.count > PAGE:
            redis.execute(snapshots.stage(keys, token, page))
        else:
            gathered += page
    if done != snapshot.count:
        raise InvalidInputError(f"has {done} of its {snapshot.count} messages; the rest is missing")
    if ids:
        snapshot.state["ids"] = fingerprints(list(dict.fromkeys(ids))).encode()
    return gathered if snapshot.count <= PAGE else None


def _ids(page: list[bytes]) -> Iterator[str]:
    for record in page:
        if b'"id"' in record:
            try:
                id_ = decode(record).id
            except InvalidMessageError:  # kept as it is
                continue
            if id_:
                yield id_


def _pieces(page: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(page), PAGE):
        yield page[start : start + PAGE]


def _unstage(redis: RedisBackend, keys: SessionKeys, token: str) -> None:
    try:
        redis.execute(snapshots.unstage(keys, token))
    except StoreError:  # it expires by itself
        return
