"""Making a session's summary again from its messages, as a flow.

The new summary grows beside the stored one, batch by batch, under a lease of its own, while compactions go on. When it
covers as many messages, it takes the place of the stored one in one atomic script, if the session's `revision` still is
what it was. A worker that was interrupted is followed by one that goes on where it stopped.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from langchain_motorhead.exceptions import InvalidInputError, SessionReplacedError, StoreError, SummarizationError
from langchain_motorhead.flows.leases import with_lease
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.sessions.archive.batches import ArchivedBatch, read_batches
from langchain_motorhead.sessions.compaction.summarize import requests, summarize
from langchain_motorhead.sessions.compaction.writing import Account, Writing, origin_of
from langchain_motorhead.sessions.summaries import rebuild_operations as operations
from langchain_motorhead.sessions.summaries.operations import StoredSummaries, read_summaries
from langchain_motorhead.sessions.summaries.origin import Author, Origin
from langchain_motorhead.sessions.summaries.rebuild_operations import RebuildRefused, Rebuilt, Swap
from langchain_motorhead.sessions.summaries.records import SummaryRecord, versions_of
from langchain_motorhead.storage.keys import SessionKeys, check_user
from langchain_motorhead.storage.leases import give_up

logger = logging.getLogger(__name__)

LEASE_MS = 10_000
_POLL_PAUSE = Pause(0.1)
# How often it is begun again because the session changed. Each time costs calls of the model.
_MAX_BEGINNINGS = 5


@dataclass(slots=True)
class RebuildReport:
    """The result of making a summary again.

    Attributes:
        messages: How many messages the new summary covers.
        batches: Number of calls of the summarizer whose answers were stored.
        tokens: Tokens that the summarizer used.
        extracts: How many times an extract was used, because the model's answer was rejected or its input refused.
        rejected: How many answers of the model were rejected, by reason, and how many of its inputs were refused.
    """

    messages: int = 0
    batches: int = 0
    tokens: int = 0
    extracts: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rebuilder:
    """How summaries are made again.

    Attributes:
        writing: How summaries are written.
        kind: A name for the way, without spaces. What was begun in another way is not continued.
        on_progress: Called after each batch with the number of messages that the new summary covers, and of those that
            it has to cover.
    """

    writing: Writing
    kind: str
    on_progress: Callable[[int, int], object] | None = None


@dataclass(slots=True)
class _State:
    """How far the new summary came.

    Attributes:
        stop: How many messages it covers.
        text: Its text, or None.
        origin: Who wrote it, and what it keeps.
    """

    stop: int = 0
    text: str | None = None
    origin: Origin = field(default_factory=lambda: Origin(Author.MODEL))


def rebuild(keys: SessionKeys, token: str, rebuilder: Rebuilder) -> Flow[RebuildReport]:
    """Make the summary of a session again from its messages. The old one stays in use until the new one is complete.

    Waits if another worker does so. Does nothing if no message was summarized yet.

    Args:
        keys: Keys of the session.
        token: Random token of this worker, for the lease.
        rebuilder: How summaries are made again.

    Raises:
        InvalidInputError: There is no such session, it belongs to another user, or messages of it are not kept.
        SummarizationError: The summarizer failed, or the session kept changing. What was made so far is continued by
            the next call.
        SessionReplacedError: The session was deleted meanwhile.
        StoreError: Messages are missing in the archive, or Redis refused or could not be reached.
    """
    report, account = RebuildReport(), Account()
    flow = _rebuild(keys, token, rebuilder, report, account)
    try:
        return (yield from with_lease(flow, give_up(keys.rebuilding, token)))
    finally:
        report.extracts, report.rejected = account.extracts, dict(account.rejected)


def _rebuild(
    keys: SessionKeys, token: str, rebuilder: Rebuilder, report: RebuildReport, account: Account
) -> Flow[RebuildReport]:
    beginnings = 0
    while True:
        seen: Rebuilt | RebuildRefused = yield operations.begin_rebuild(keys, token, rebuilder.kind, lease=LEASE_MS)
        if seen is RebuildRefused.BUSY:
            yield _POLL_PAUSE
            continue
        if seen is RebuildRefused.NO_SESSION:
            raise (SessionReplacedError if beginnings else InvalidInputError)(
                f"there is no session {keys.session_id!r}"
            )
        if isinstance(seen, RebuildRefused):
            raise StoreError(f"session {keys.session_id!r} was written by a later version of this package")
        check_user(keys, seen.user)
        beginnings += 1
        if beginnings > _MAX_BEGINNINGS:
            raise SummarizationError(f"the summary was begun {_MAX_BEGINNINGS} times: the session kept changing")
        if not seen.first or (yield from _complete(keys, token, seen, rebuilder, report, account)):
            break
        logger.info("session %r: changed while its summary was made again; it is begun again", keys.session_id)
    yield give_up(keys.rebuilding, token)
    return report


def _complete(
    keys: SessionKeys, token: str, seen: Rebuilt, rebuilder: Rebuilder, report: RebuildReport, account: Account
) -> Flow[bool]:
    """Make the new summary, and put it in the place of the old one. Returns false if the session changed meanwhile."""
    state = yield from _begin(keys, token, seen, rebuilder)
    first, writing = seen.first, rebuilder.writing
    while state is not None:
        while state.stop < first:
            budget = account.budget or writing.budget
            found = yield from read_batches(keys, state.stop, first, seen.epoch, writing, budget, strict=True)
            for each in found:
                if not (yield from _add(keys, token, seen, rebuilder, state, each, report, account)):
                    return False
                if rebuilder.on_progress is not None:
                    rebuilder.on_progress(state.stop, first)
        swap: Swap = yield operations.swap_rebuilt(
            keys, token, rebuilder.kind, seen, stop=state.stop, origin=state.origin
        )
        report.messages = state.stop
        if swap.first is None:
            return swap.done
        first = swap.first
    return False


def _begin(keys: SessionKeys, token: str, seen: Rebuilt, rebuilder: Rebuilder) -> Flow[_State | None]:
    """Return how far the new summary is: where a worker before stopped, or at the first message that is kept.

    What is not kept stays summarized as it is: the oldest version that covers it is the beginning. None if the session
    changed.

    Raises:
        InvalidInputError: There is no such version but the summary itself.
    """
    if versions := versions_of(seen.records):
        return _state_of(versions[-1].last, versions[-1].text)
    if not seen.kept_from:
        return _State()
    stored: StoredSummaries | None = yield read_summaries(keys)
    found = [each for each in versions_of(stored.records if stored else ()) if each.last.stop >= seen.kept_from]
    oldest = min(found, key=lambda each: each.last.stop, default=None)
    if oldest is None or oldest.last.stop >= seen.first:
        raise InvalidInputError(
            f"messages 0 to {seen.kept_from - 1} of session {keys.session_id!r} are not kept word for word, so "
            "that the summary cannot be made again"
        )
    state = _state_of(oldest.last, oldest.text)
    added = yield operations.add_rebuilt(
        keys, token, rebuilder.kind, seen,
        lease=LEASE_MS, start=0, stop=state.stop, summary=state.text, spent=0, origin=state.origin,
    )  # fmt: skip
    return state if added else None


def _state_of(last: SummaryRecord, text: str) -> _State:
    return _State(last.stop, text or None, Origin(last.author or Author.MODEL, last.kept, {}, last.model))


def _add(
    keys: SessionKeys,
    token: str,
    seen: Rebuilt,
    rebuilder: Rebuilder,
    state: _State,
    given: ArchivedBatch,
    report: RebuildReport,
    account: Account,
) -> Flow[bool]:
    """Summarize one batch, and store it. Returns false if the session changed meanwhile."""
    spent, rejected = account.tokens, Counter(account.rejected)
    request = requests(keys, keys.rebuilding, token, LEASE_MS)
    written = yield from summarize(state.text, given.batch.chunks, given.writing, request, account, keys.session_id)
    origin = origin_of(written, state.text, state.origin.author, given.messages, account.rejected - rejected)
    stop, spent = state.stop + given.batch.count, account.tokens - spent
    added: bool = yield operations.add_rebuilt(
        keys, token, rebuilder.kind, seen,
        lease=LEASE_MS, start=state.stop, stop=stop, summary=written.text, spent=spent, origin=origin,
    )  # fmt: skip
    if added:
        state.stop, state.text, state.origin = stop, written.text, origin
        report.batches += 1
        report.tokens += spent
    return added
