"""Compaction as a flow: lease, snapshot, plan, summarize, commit. Decides everything, does nothing itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.flows.protocol import Flow, Pause, Summarize, Summary, SummaryInput, merge_summary
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions import compaction_operations as operations
from langchain_motorhead.sessions.compaction_operations import LeaseRefused
from langchain_motorhead.sessions.load import decode_all
from langchain_motorhead.sessions.operations import SessionSnapshot, renew
from langchain_motorhead.sessions.window import Batch, Window, plan
from langchain_motorhead.storage.keys import SessionKeys, check_user

logger = logging.getLogger(__name__)

# Milliseconds. A worker that died holds up the next one for so long; one at work renews it every few seconds.
LEASE = 10_000
_PAUSES = {"first_pause": 1_000, "longest_pause": 300_000}
_POLL = Pause(0.1)
# Messages beyond the window to look at in one go: bounds the memory of folding a session of any length.
_LOOK_AHEAD = 1_000
# Summaries in a row that the session may move on under. Each costs a call of the model.
_MOST_VAIN = 5


@dataclass(frozen=True, slots=True)
class Compactor:
    """What compaction needs to know beside the session.

    Attributes:
        window: Bounds to keep to.
        budget: Tokens of messages that the summarizer takes at once.
        count: Counts tokens.
        has_fallback: Whether there is a second summarizer to ask when the first fails.
        recall: Whether a message has to be indexed before it leaves the list.
    """

    window: Window
    budget: int
    count: TokenCounter
    has_fallback: bool = False
    recall: bool = False


@dataclass(slots=True)
class CompactionReport:
    """What a compaction did.

    Attributes:
        folded: Messages moved from the list into the summary.
        batches: Commits that took.
        tokens: Tokens that the summarizer spent.
        error: The failure that ended it, if one did.
    """

    folded: int = 0
    batches: int = 0
    tokens: int = 0
    error: SummarizationError | None = None


def compact(keys: SessionKeys, token: str, compactor: Compactor, *, explicit: bool) -> Flow[CompactionReport]:
    """Fold a session's oldest messages into its summary until nothing is due.

    Args:
        keys: Keys of the session.
        token: Random, made for this call.
        compactor: How to do it.
        explicit: Whether somebody waits for it: then it does not mind an earlier failure, and waits for another
            worker rather than leaving the work to it.

    Returns:
        What was done. A failed summarization is in its `error`; whatever was committed before it stays.
    """
    report = CompactionReport()
    limit, vain = compactor.window.max_messages + _LOOK_AHEAD, 0
    while True:
        seen: SessionSnapshot | LeaseRefused = yield operations.begin(
            keys, token, lease=LEASE, limit=limit, force=explicit
        )
        if seen is LeaseRefused.BUSY and explicit:
            yield _POLL
            continue
        if isinstance(seen, LeaseRefused):
            return report
        if keys.user_id is not None and seen.user not in (None, keys.user_id):
            yield operations.release(keys, token, seen.epoch or "")
            check_user(keys, seen.user)
        messages = decode_all(seen, keys, seen.first)
        batches = plan(messages, seen.length, compactor.window, compactor.budget, compactor.count)
        if not batches and len(messages) < seen.length and compactor.window.is_due(seen.length, None):
            limit *= 2  # one group of calls and results is larger than what was looked at
            continue
        if compactor.recall:
            batches = _indexed(batches, seen, keys)
        drift = _drift(seen, messages, compactor)
        if not batches:
            if (yield operations.release(keys, token, seen.epoch or "", drift or None)):
                continue
            return report
        try:
            before = report.batches
            whole = yield from _fold(keys, token, compactor, seen, batches, messages, drift, report)
            vain = _count_vain(vain, progress=whole or report.batches > before)
        except SummarizationError as error:
            failures, pause = yield operations.fail(keys, token, seen.epoch or "", **_PAUSES)
            logger.warning(
                "session %r: summarization failed, %d in a row, next try in %.0f s; no message was removed: %s",
                keys.session_id, failures, pause / 1000, error,
            )  # fmt: skip
            report.error = error
            return report


def _fold(
    keys: SessionKeys,
    token: str,
    compactor: Compactor,
    seen: SessionSnapshot,
    batches: Iterable[Batch],
    messages: list[BaseMessage | None],
    drift: int | None,
    report: CompactionReport,
) -> Flow[bool]:
    """Summarize and commit each batch, until the session moves on under it: then it is to be looked at anew.

    Returns:
        Whether all were committed.
    """
    at = 0
    for batch in batches:
        summary, spent = seen.summary, 0
        for chunk in batch.chunks:
            answer = yield from _summarize(keys, token, compactor, summary, chunk)
            summary, spent = merge_summary(summary, answer.text), spent + answer.tokens
        leaving = messages[at : at + batch.count]
        at += batch.count
        size = None if drift is None else drift - _size(leaving, compactor.count)
        committed = yield operations.commit_summary(
            keys,
            token,
            seen,
            lease=LEASE,
            summary=summary,
            dropped=batch.count,
            spent=spent,
            size=size,
            indexed=compactor.recall,
        )
        if not committed:
            logger.info("session %r: changed while it was summarized; nothing was removed", keys.session_id)
            return False
        seen = seen._replace(summary=summary, first=seen.first + batch.count)
        drift = None if drift is None else 0
        report.folded += batch.count
        report.batches += 1
        report.tokens += spent
    return True


def _count_vain(vain: int, *, progress: bool) -> int:
    """Count summaries in a row that could not be stored.

    Raises:
        SummarizationError: They are too many to go on paying for.
    """
    if progress:
        return 0
    if vain + 1 == _MOST_VAIN:
        raise SummarizationError(f"the session changed, or is damaged, under each of {_MOST_VAIN} summaries")
    return vain + 1


def _indexed(batches: Sequence[Batch], seen: SessionSnapshot, keys: SessionKeys) -> list[Batch]:
    """Give those of the oldest batches whose messages are all indexed: the others wait, and cost no summary yet."""
    room, ready = max(0, (seen.indexed or 0) - seen.first), list[Batch]()
    for batch in batches:
        room -= batch.count
        if room < 0:
            logger.info("session %r: messages wait to be indexed before they are summarized", keys.session_id)
            break
        ready.append(batch)
    return ready


def _summarize(
    keys: SessionKeys, token: str, compactor: Compactor, summary: str | None, chunk: tuple[BaseMessage, ...]
) -> Flow[Summary]:
    request = Summarize(
        given=SummaryInput(summary=summary, messages=chunk),
        fallback=False,
        heartbeat=renew(keys.lease, token, LEASE),
        metadata={"motorhead_session_id": keys.session_id, "motorhead_namespace": keys.namespace},
    )
    try:
        return (yield from _answer(request))
    except SummarizationError as error:
        if not compactor.has_fallback:
            raise
        logger.warning("session %r: the fallback summarizes, since %s", keys.session_id, error)
        return (yield from _answer(replace(request, fallback=True)))


def _answer(request: Summarize) -> Flow[Summary]:
    answer: Summary = yield request
    if not answer.text.strip():
        raise SummarizationError("the summarizer answered nothing")
    return answer


def _drift(seen: SessionSnapshot, messages: list[BaseMessage | None], compactor: Compactor) -> int | None:
    """Give what the stored count of the list's tokens is short of; None where it is not kept."""
    if compactor.window.max_tokens is None:
        return None
    if len(messages) < seen.length:
        return 0
    return _size(messages, compactor.count) - (seen.size or 0)


def _size(messages: Iterable[BaseMessage | None], count: TokenCounter) -> int:
    return sum(count([message]) for message in messages if message is not None)
