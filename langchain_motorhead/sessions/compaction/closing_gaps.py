"""Closing the gap between a summary and the list, as a flow: the messages of the archive in it are summarized.

There is such a gap after a version of the summary was removed because it covered a message that was forgotten: the
summary then is an older version. Until the gap is closed, a read reports it (`sessions/gap.py`).
"""

from __future__ import annotations

from collections import Counter

from langchain_motorhead.exceptions import SessionReplacedError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions.archive.batches import ArchivedBatch, read_batches
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.compaction.summarize import requests, summarize
from langchain_motorhead.sessions.compaction.writing import Writing, origin_of
from langchain_motorhead.sessions.snapshot import SessionSnapshot
from langchain_motorhead.sessions.summaries.operations import extend_summary
from langchain_motorhead.storage.keys import SessionKeys


def close_gap(
    keys: SessionKeys, token: str, seen: SessionSnapshot, writing: Writing, report: CompactionReport, lease: int
) -> Flow[bool]:
    """Summarize the messages of the archive that the summary does not cover, batch by batch.

    A commit does nothing if the session changed since it was read; then the flow ends.

    Args:
        keys: Keys of the session.
        token: Token that the compaction lease was taken with.
        seen: The session as it was read with the lease.
        writing: How summaries are written.
        report: Updated with each commit.
        lease: Milliseconds until the lease expires.

    Returns:
        Whether the gap is closed.

    Raises:
        SummarizationError: The summarizer is out of order. What was committed before stays.
    """
    while seen.covered < seen.first:
        budget = report.account.budget or writing.budget
        try:
            found = yield from read_batches(keys, seen.covered, seen.first, seen.epoch or "", writing, budget)
        except SessionReplacedError:
            return False
        for each in found:
            extended = yield from _extend(keys, token, seen, each, report, lease)
            if extended is None:
                return False
            seen = extended
    return True


def _extend(
    keys: SessionKeys, token: str, seen: SessionSnapshot, given: ArchivedBatch, report: CompactionReport, lease: int
) -> Flow[SessionSnapshot | None]:
    """Summarize one batch and commit. Returns the session as it is then, or None if it changed meanwhile."""
    account = report.account
    spent, rejected = account.tokens, Counter(account.rejected)
    request = requests(keys, keys.lease, token, lease)
    chunks = given.batch.chunks
    written = yield from summarize(seen.summary, chunks, given.writing, request, account, keys.session_id)
    origin = origin_of(written, seen.summary, seen.author, given.messages, account.rejected - rejected)
    stop, spent = seen.covered + given.batch.count, account.tokens - spent
    operation = extend_summary(
        keys, token, seen, lease=lease, summary=written.text, stop=stop, spent=spent, origin=origin
    )
    if not (yield operation):
        return None
    report.covered += given.batch.count
    report.batches += 1
    report.tokens += spent
    return seen._replace(summary=written.text, stored_covered=stop, author=origin.author)
