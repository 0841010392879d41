"""Compaction, as a flow: move the oldest messages of a session into its summary.

To compact a session is to take its lease, read a snapshot, plan which messages leave the window (`window.py`),
summarize them with the summary so far, and commit: store the new summary and remove the messages in one atomic script.
To summarize is one call of the model within that. The lease keeps two workers from paying for the same summary. No
message is lost without it: a commit does nothing if the session changed since the snapshot.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import MotorheadError, SummarizationError
from langchain_motorhead.flows.leases import with_lease
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions.archive.archiver import Archiver
from langchain_motorhead.sessions.archive.config import Archive
from langchain_motorhead.sessions.compaction import operations
from langchain_motorhead.sessions.compaction.measuring import measured, usable
from langchain_motorhead.sessions.compaction.operations import LeaseRefused, release
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.compaction.summarize import UNREADABLE, requests, summarize
from langchain_motorhead.sessions.compaction.window import Batch, Part, Window, plan
from langchain_motorhead.sessions.compaction.writing import Writing, origin_of
from langchain_motorhead.sessions.load import decode_all
from langchain_motorhead.sessions.slices import computed
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot
from langchain_motorhead.storage.keys import SessionKeys, check_user
from langchain_motorhead.storage.leases import give_up

logger = logging.getLogger(__name__)

# How long a worker that crashed keeps others away. A worker that runs renews its lease every few seconds.
LEASE_MS = 10_000
# Pauses after the first of several failures, and at most.
_PAUSES_MS = {"first_pause": 1_000, "longest_pause": 300_000}
_POLL_PAUSE = Pause(0.1)
# Messages read beyond the window at a time: bounds the memory needed to compact a session of any length.
_LOOK_AHEAD_MESSAGES = 1_000
_LOOK_AHEAD_BYTES = 4_000_000
# How much longer it takes to plan a message of any size than a byte of JSON: a thousand short ones take 10 ms.
_PLANNING_COST = 250
# Summaries in a row that could not be committed because the session changed. Each costs a call of the model.
_MAX_VAIN_SUMMARIES = 5


@dataclass(frozen=True, slots=True)
class Compactor:
    """How sessions are compacted.

    Attributes:
        window: Bounds of the messages that are kept word for word.
        writing: How summaries are written.
        recall: Whether a message has to be indexed for recall before it is removed from the list.
        archive: What is kept of the messages that are removed from the list, or None to keep nothing.
        on_summary: Called with each new summary before it is committed: the summary before it, the messages that it was
            made of, and the summary.
    """

    window: Window
    writing: Writing
    recall: bool = False
    archive: Archive | None = None
    on_summary: Callable[[str | None, Part, str | None], None] | None = None

    @property
    def count(self) -> TokenCounter:
        """Counts the tokens of messages."""
        return self.writing.count


def compact(keys: SessionKeys, token: str, compactor: Compactor, *, explicit: bool) -> Flow[CompactionReport]:
    """Compact a session until it is within its window. The lease is released in the end, also after a failure.

    Args:
        keys: Keys of the session.
        token: Random token of this worker, for the lease.
        compactor: How sessions are compacted.
        explicit: Whether a caller waits for the result. If so, the pause after a failure is ignored, and the flow waits
            for another worker that compacts the session, instead of leaving the work to it.

    Returns:
        What was done. If a summarization failed, `error` says how; what was committed before stays.

    Raises:
        InvalidInputError: The session belongs to another user.
        StoreError: Redis refused, or could not be reached.
    """
    flow = _limited(keys, token, _compact(keys, token, compactor, explicit=explicit))
    return with_lease(flow, give_up(keys.lease, token))


def _limited(keys: SessionKeys, token: str, flow: Flow[CompactionReport]) -> Flow[CompactionReport]:
    """Run a compaction, and treat an unexpected error, such as one that a stored message causes, as a failure.

    It is counted, and the next attempts pause, so one session does not keep a worker busy.
    """
    try:
        return (yield from flow)
    except MotorheadError:
        raise
    except Exception as error:
        logger.exception("session %r: compaction failed unexpectedly; no message was removed", keys.session_id)
        seen: SessionSnapshot = yield read_snapshot(keys, 1, 0)
        yield operations.fail(keys, token, seen.epoch or "", **_PAUSES_MS)
        failed = SummarizationError(f"compaction failed unexpectedly: {type(error).__name__}")
        failed.__cause__ = error
        return CompactionReport(error=failed)


def _compact(keys: SessionKeys, token: str, compactor: Compactor, *, explicit: bool) -> Flow[CompactionReport]:
    report = CompactionReport()
    limit, size, vain = compactor.window.max_messages + _LOOK_AHEAD_MESSAGES, _LOOK_AHEAD_BYTES, 0
    while True:
        seen: SessionSnapshot | LeaseRefused = yield operations.begin(
            keys,
            token,
            lease=LEASE_MS,
            limit=limit,
            force=explicit,
            size=size,
            archived=compactor.archive is not None,
        )
        if seen is LeaseRefused.BUSY and explicit:
            yield _POLL_PAUSE
            continue
        if isinstance(seen, LeaseRefused):
            report.is_paused = seen is LeaseRefused.PAUSED
            return report
        if keys.user_id is not None and seen.user not in (None, keys.user_id):
            yield release(keys, token, seen.epoch or "")
            check_user(keys, seen.user)
        if seen.covered < seen.first:
            from langchain_motorhead.sessions.compaction.closing_gaps import close_gap  # gaps are rare

            flow = close_gap(keys, token, seen, compactor.writing, report, LEASE_MS)
        else:
            planned = yield from _plan(seen, keys, compactor, report)
            if planned is None:
                limit, size = 2 * limit, 2 * size
                continue
            if not planned.batches:
                if (yield release(keys, token, seen.epoch or "", planned.drift or None)):
                    continue
                return report
            flow = _fold(keys, token, seen, planned, report)
        vain = yield from _attempt(keys, token, seen, report, flow, vain)
        if report.error is not None:
            return report


class _Plan(NamedTuple):
    """What a compaction is to do.

    Attributes:
        batches: The batches to summarize; none if nothing is due.
        messages: The messages of the list that were read.
        drift: How much larger the list's token count is than the stored one, or None if tokens are not counted.
        compactor: How the session is compacted. Its counter has counted the messages.
    """

    batches: Sequence[Batch]
    messages: list[BaseMessage | None]
    drift: int | None
    compactor: Compactor


def _plan(
    seen: SessionSnapshot, keys: SessionKeys, compactor: Compactor, report: CompactionReport
) -> Flow[_Plan | None]:
    """Decide what a compaction is to do. None if one group of tool calls and results is larger than what was read."""
    decoded = yield from decode_all(seen, keys, seen.first)
    messages = yield from usable(decoded, keys.session_id, seen.first)
    count = yield from measured(messages, compactor.count)
    compactor = replace(compactor, writing=replace(compactor.writing, count=count))
    budget = report.account.budget or compactor.writing.budget
    planning = partial(plan, messages, seen.length, compactor.window, budget, compactor.count, seen.size)
    batches = yield from computed(planning, sum(map(len, seen.records)) + _PLANNING_COST * len(messages))
    if not batches and len(messages) < seen.length and compactor.window.is_due(seen.length, seen.size):
        return None
    if compactor.recall:
        batches = _indexed(batches, seen, keys)
    return _Plan(batches, messages, _drift(seen, messages, compactor), compactor)


def _attempt(
    keys: SessionKeys, token: str, seen: SessionSnapshot, report: CompactionReport, flow: Flow[bool], vain: int
) -> Flow[int]:
    """Run a flow that commits summaries. If the summarizer fails, the report says so, and the lease becomes a pause.

    Args:
        keys: Keys of the session.
        token: Token that the lease was taken with.
        seen: The session as it was read.
        report: What was done so far.
        flow: Returns whether everything was committed.
        vain: How many summaries in a row could not be committed.

    Returns:
        How many there are now.
    """
    before = report.batches
    try:
        whole = yield from flow
        return _count_vain(vain, progress=whole or report.batches > before)
    except SummarizationError as error:
        failures, pause = yield operations.fail(keys, token, seen.epoch or "", **_PAUSES_MS)
        logger.warning(
            "session %r: summarization failed, %d in a row, next try in %.0f s; no message was removed: %s",
            keys.session_id, failures, pause / 1000, error,
        )  # fmt: skip
        report.error = error
        return vain
    finally:
        report.extracts, report.rejected = report.account.extracts, dict(report.account.rejected)


def _fold(keys: SessionKeys, token: str, seen: SessionSnapshot, planned: _Plan, report: CompactionReport) -> Flow[bool]:
    """Summarize and commit each batch, until a commit finds that the session has changed since it was read.

    Returns:
        Whether all batches were committed.
    """
    at, (batches, messages, drift, compactor) = 0, planned
    archiver = None if compactor.archive is None else Archiver(seen)
    request = requests(keys, keys.lease, token, LEASE_MS)
    large = sum(map(len, seen.records))
    for batch in batches:
        account = report.account
        spent, rejected = account.tokens, Counter(account.rejected)
        written = yield from summarize(seen.summary, batch.chunks, compactor.writing, request, account, keys.session_id)
        spent = account.tokens - spent
        if compactor.on_summary is not None:
            given = tuple(message for part in batch.chunks for message in part)
            compactor.on_summary(seen.summary, given, written.text)
        leaving = messages[at : at + batch.count]
        at += batch.count
        size = None if drift is None else drift - _size(leaving, compactor.count)
        moved = None if archiver is None else (yield from computed(partial(archiver.move, batch.count), large))
        counted = account.rejected - rejected + Counter({UNREADABLE: leaving.count(None)})
        tracing = partial(origin_of, written, seen.summary, seen.author, leaving, counted)
        origin = yield from computed(tracing, large)
        committed = yield operations.commit_summary(
            keys,
            token,
            seen,
            lease=LEASE_MS,
            summary=written.text,
            dropped=batch.count,
            spent=spent,
            size=size,
            indexed=compactor.recall,
            moved=moved,
            limits=compactor.archive,
            origin=origin,
        )
        if not committed:
            logger.info(
                "session %r: changed while it was summarized; no message was removed",
                keys.session_id,
            )
            return False
        seen = seen._replace(summary=written.text, first=seen.first + batch.count, author=origin.author)
        drift = None if drift is None else 0
        report.summarized += batch.count
        report.archived += 0 if moved is None else moved.growth
        report.batches += 1
        report.tokens += spent
    return True


def _count_vain(vain: int, *, progress: bool) -> int:
    """Return the number of summaries in a row that could not be committed.

    Raises:
        SummarizationError: They are too many: each costs a call of the model.
    """
    if progress:
        return 0
    if vain + 1 == _MAX_VAIN_SUMMARIES:
        raise SummarizationError(
            f"{_MAX_VAIN_SUMMARIES} summaries in a row could not be stored: the session kept changing, or is damaged"
        )
    return vain + 1


def _indexed(batches: Sequence[Batch], seen: SessionSnapshot, keys: SessionKeys) -> list[Batch]:
    """Return the oldest batches whose messages are all indexed. The others wait, and are not summarized yet."""
    room, ready = max(0, (seen.indexed or 0) - seen.first), list[Batch]()
    for batch in batches:
        room -= batch.count
        if room < 0:
            logger.info("session %r: messages are not summarized before they are indexed for recall", keys.session_id)
            break
        ready.append(batch)
    return ready


def _drift(seen: SessionSnapshot, messages: list[BaseMessage | None], compactor: Compactor) -> int | None:
    """Return how much larger the list's token count is than the stored one, or None if tokens are not counted."""
    if compactor.window.max_tokens is None:
        return None
    if len(messages) < seen.length:
        return 0
    return _size(messages, compactor.count) - (seen.size or 0)


def _size(messages: Iterable[BaseMessage | None], count: TokenCounter) -> int:
    return sum(count([message]) for message in messages if message is not None)
