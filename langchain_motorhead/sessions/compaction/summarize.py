"""Summarizing a batch of messages, as a flow: what a provider refuses is split, down to parts of messages. Pure.

A batch is always summarized in the end, unless its summarizer is out of order. `writing.py` asks for one summary. If
its input is refused, because it is too long for the model or a filter does not let it pass, the same input would be
refused again. So it is split in half, again and again. The smallest part that is still refused is extracted. What a
filter refuses is kept from the model from then on (`withheld.py`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_motorhead.flows.protocol import (
    Flow,
    RefusedInputError,
    Summarize,
    Summary,
    SummaryInput,
    Writer,
    trace_metadata,
)
from langchain_motorhead.sessions.checks.reasons import Reason
from langchain_motorhead.sessions.compaction.window import Part, chunk, halves
from langchain_motorhead.sessions.compaction.withheld import join_withheld, split_withheld
from langchain_motorhead.sessions.compaction.writing import Account, Request, Writing, WritingTask, Written
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.leases import renew

logger = logging.getLogger(__name__)

REFUSED_INPUT = "refused input"
"""What refused inputs are counted as, beside the reasons of rejected answers."""

UNREADABLE = "unreadable message"
"""What messages are counted as that are stored, and cannot be read or written as text. They are left out."""

COUNTED = (*(reason.value for reason in Reason), REFUSED_INPUT, UNREADABLE)
"""Everything that rejected answers are counted as."""

# Requests of one batch that may be refused. Then the rest is extracted: every request costs time and money.
_MAX_REFUSED_REQUESTS = 16
# A message, or a part of one, with fewer tokens is not split further.
_SMALLEST_PART_TOKENS = 64


def summarize(
    previous: str | None, chunks: Sequence[Part], writing: Writing, request: Request, account: Account, session_id: str
) -> Flow[Written]:
    """Extend a summary by one batch of messages.

    Args:
        previous: The summary so far, if there is one.
        chunks: The messages in groups that each fit into one call, oldest first.
        writing: How summaries are written.
        request: Builds requests.
        account: What was spent, and what went wrong. It is updated also if the flow fails.
        session_id: Id of the session, for the log.

    Returns:
        The new summary, and who wrote it.

    Raises:
        SummarizationError: The summarizer is out of order, and so is the fallback if there is one.
    """
    shown, withheld = split_withheld(previous)
    batch = _Batch(writing, request, account, session_id, Written(shown), withheld, deque(chunks))
    while batch.pending:
        part = batch.pending.popleft()
        smaller = chunk(part, account.budget, writing.count) if account.budget is not None else []
        if len(smaller) > 1:
            batch.pending.extendleft(reversed(smaller))
        else:
            yield from batch.advance(part)
    written = batch.written
    if not batch.withheld:
        return written
    if longer := batch.extended(previous, shown, withheld):
        return replace(written, text=longer)
    return replace(written, text=join_withheld(written.text, (yield from batch.condensed())))


def requests(keys: SessionKeys, lease_key: str, token: str, lease: int) -> Request:
    """Return what builds the requests of a worker, which renew its lease while a model answers.

    Args:
        keys: Keys of the session.
        lease_key: Key of the lease.
        token: Token that it was taken with.
        lease: Milliseconds until it expires.
    """
    heartbeat = renew(lease_key, token, lease)
    metadata = trace_metadata(keys)
    return lambda given, writer: Summarize(given, writer, heartbeat, metadata)


@dataclass(slots=True)
class _Batch:
    """A batch of which some parts are summarized, and others not yet.

    Attributes:
        written: The summary so far, without what is kept from the model.
        withheld: What is kept from the model.
        pending: The parts that are not summarized yet.
        refused: How many requests were refused.
    """

    writing: Writing
    request: Request
    account: Account
    session_id: str
    written: Written
    withheld: str
    pending: deque[Part]
    refused: int = 0

    def advance(self, part: Part) -> Flow[None]:
        """Summarize one part, or split it if it is refused."""
        task = self._task(self.written.text, part)
        try:
            if self.refused >= _MAX_REFUSED_REQUESTS:
                yield from self._withhold(part)
            else:
                self._extend((yield from task.write()))
        except RefusedInputError as error:
            size = self.writing.count(part)
            split = halves(part, self.writing.count) if len(part) > 1 or size > _SMALLEST_PART_TOKENS else ()
            self._count_refusal(part, error, split)
            if split:
                self.pending.extendleft(reversed(split))
            elif error.too_long:
                self._extend((yield from task.extract()))
            else:
                yield from self._separate(part)

    def extended(self, previous: str | None, shown: str | None, withheld: str) -> str | None:
        """Return the previous summary with what follows it now, if it stays as it is.

        Args:
            previous: The summary so far.
            shown: What the model was given of it.
            withheld: What it was not given.
        """
        added = (self.written.text or "").removeprefix(shown or "")
        extends = shown and (self.written.text or "").startswith(shown) and (not added or added.startswith("\n"))
        if not previous or not extends or not self.withheld.startswith(withheld):
            return None
        more = self.withheld[len(withheld) :].strip("\n")
        if self.writing.size(self.withheld) > self.writing.summary_tokens // 2:
            return None
        return join_withheld(f"{previous.rstrip()}{added}", more)

    def condensed(self) -> Flow[str]:
        """Return what is kept from the model, by its most informative sentences if it is long."""
        limit = self.writing.summary_tokens // 2
        if self.writing.size(self.withheld) <= limit:
            return self.withheld
        given = SummaryInput(summary=self.withheld, messages=(), max_tokens=limit)
        answer: Summary = yield self.request(given, Writer.EXTRACT)
        return answer.text or ""

    def _separate(self, part: Part) -> Flow[None]:
        """Find out whether it is the summary so far that is refused, or a part that cannot be split; keep it back."""
        if self.written.text is not None and self.refused < _MAX_REFUSED_REQUESTS:
            try:
                alone = yield from self._task(None, part).write()
            except RefusedInputError as error:
                self._count_refusal(part, error, ())
            else:
                self.withheld = f"{self.withheld}\n{self.written.text}"
                self._extend(alone)
                return
        yield from self._withhold(part)

    def _withhold(self, part: Part) -> Flow[None]:
        extract = yield from self._task(None, part).extract()
        self.withheld = f"{self.withheld}\n{extract.text or ''}"
        self.written = replace(self.written, is_extract=True)

    def _extend(self, now: Written) -> None:
        self.written = replace(
            now, is_extract=self.written.is_extract or now.is_extract, model=now.model or self.written.model
        )

    def _task(self, previous: str | None, part: Part) -> WritingTask:
        return WritingTask(previous, part, self.writing, self.request, self.account, self.session_id)

    def _count_refusal(self, part: Part, error: RefusedInputError, split: Sequence[Part]) -> None:
        self.refused += 1
        self.account.rejected[REFUSED_INPUT] += 1
        size = self.writing.count(part)
        if error.too_long and split:
            self.account.budget = max(_SMALLEST_PART_TOKENS, min(self.account.budget or self.writing.budget, size) // 2)
        logger.warning(
            "session %r: the model's provider refused %d messages of %d tokens (%s); they are %s",
            self.session_id, len(part), size, "too long" if error.too_long else "content",
            "split" if split else "extracted",
        )  # fmt: skip
