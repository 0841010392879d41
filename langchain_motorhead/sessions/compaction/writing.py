"""Writing one summary, as a flow: ask a model, check its answer, ask once more, else extract the messages. Pure.

Two things may happen instead of a good answer:

- *The summarizer fails*: a timeout, a rate limit, a server without an answer. The fallback is asked if there is one.
  Without one, the error ends the flow: messages stay where they are, and a later compaction tries again.
- *The answer is rejected*: it is no summary (`checks/summary.py`). The model is asked once more and shown what is
  wrong, unless that has not helped for some time. Then the fallback is asked, if there is one. Then an extract of the
  messages takes the place of the answer.

`summarize.py` deals with a third: the input is refused.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.flows.protocol import Flow, RefusedInputError, Summarize, Summary, SummaryInput, Writer
from langchain_motorhead.messages.tokens import TokenCounter, whole_count
from langchain_motorhead.sessions.checks.keeping import kept, kept_of, missing_details
from langchain_motorhead.sessions.checks.reasons import Reason, reason_code
from langchain_motorhead.sessions.compaction.correction import correction
from langchain_motorhead.sessions.compaction.window import Part
from langchain_motorhead.sessions.summaries.origin import Author, Origin

if TYPE_CHECKING:
    from langchain_motorhead.sessions.checks.source import Source

logger = logging.getLogger(__name__)

# A summary is smaller than what it replaces: this share of the messages, beside the summary so far.
_LARGEST_SHARE = 0.6
_ALWAYS_ALLOWED_TOKENS = 64
# Digits of a number that a model may find not worth keeping when it says that there is nothing new.
_SHORT_NUMBER = 2
# Of a rejected answer that the model is shown.
_MAX_SHOWN_CHARS = 2_000


class Supplement(Protocol):
    """Adds to a summary what only the extract of the same messages keeps. See `summarizers/supplement.py`."""

    def __call__(self, text: str, extract: str, *, budget: int, count: Callable[[str], int]) -> str:
        """Return the summary, with at most `budget` tokens if it had no more before."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How summaries are written.

    Attributes:
        budget: Tokens of messages that fit into one call of the summarizer.
        count: Counts the tokens of messages.
        summary_tokens: Tokens that a summary may have at most.
        has_model: Whether there is a summarizer beside the extractive one.
        has_fallback: Whether a second summarizer is called when the first one fails.
        corrects: Whether the model is asked once more when its answer is rejected.
        supplement: Adds to the model's summary what only the extract keeps. None to add nothing.
    """

    budget: int
    count: TokenCounter
    summary_tokens: int = 512
    has_model: bool = True
    has_fallback: bool = False
    corrects: bool = True
    supplement: Supplement | None = None

    def size(self, text: str | None) -> int:
        """Return the tokens of a text."""
        return self.count([HumanMessage(text)]) if text else 0


@dataclass(slots=True)
class Account:
    """What the summaries of a compaction cost, and what was wrong with answers.

    Attributes:
        tokens: Tokens that summarizers used.
        rejected: How many answers were rejected, by reason, and how many inputs were refused.
        answers: Answers of models that were checked.
        accepted: Those of them that were accepted.
        in_a_row: Answers that were rejected since the last one that was accepted.
        extracts: How many parts of batches were extracted instead of a model's summary.
        budget: Tokens of messages that fit into one call, as far as refusals have shown; None if none was too long.
    """

    tokens: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    accepted: int = 0
    in_a_row: int = 0
    extracts: int = 0
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A new summary.

    Attributes:
        text: The summary, or None if there is nothing to say.
        is_extract: Whether a part of the messages was extracted.
        is_trusted: Whether nothing was checked.
        model: Name of the model that wrote it, or empty.
        source: What it was compared with, or None if it was not compared. It may be of a part of the messages.
    """

    text: str | None
    is_extract: bool = False
    is_trusted: bool = False
    model: str = ""
    source: Source | None = field(default=None, compare=False)


Request = Callable[[SummaryInput, Writer], Summarize]
"""Builds the request for a summary: adds what it has beside the input."""


def merge_summary(previous: str | None, answer: str) -> str | None:
    """Return the summary after a summarizer's answer: the answer, or the previous summary if it says `NONE`."""
    text = answer.strip()
    return previous if text.strip("\"'`*. ").upper() == "NONE" else text


def origin_of(
    written: Written,
    previous: str | None,
    author: Author | None,
    messages: Iterable[BaseMessage | None],
    rejected: Mapping[str, int],
) -> Origin:
    """Return who wrote a summary, what it keeps, and how many answers were rejected before it.

    Args:
        written: The summary.
        previous: The summary before it.
        author: Who wrote that. Sentences of messages in it stay sentences of messages.
        messages: The messages that it covers beyond that. None for one that cannot be read.
        rejected: Answers that were rejected, by reason.
    """
    before, text = previous or "", written.text or ""
    keeps_extract = author is Author.EXTRACT and bool(before) and text.startswith(before)
    author = Author.EXTRACT if written.is_extract or keeps_extract else Author.MODEL
    if written.is_trusted and not written.is_extract:
        return Origin(author, None, rejected, written.model)
    readable = [message for message in messages if message is not None]
    if written.source is not None and written.source.is_of(readable, before):
        keeps = kept_of(written.source, text)
    else:
        keeps = kept(text, readable, previous=before)
    return Origin(author, keeps, rejected, written.model)


@dataclass(slots=True)
class WritingTask:
    """Messages that are summarized with one request, or with two if the first answer is rejected.

    Attributes:
        source: What answers are compared with, once one was.
    """

    previous: str | None
    messages: Part
    writing: Writing
    request: Request
    account: Account
    session_id: str
    source: Source | None = None

    def write(self) -> Flow[Written]:
        """Summarize by the model, else by the fallback, else by an extract.

        Raises:
            RefusedInputError: The model's provider refused the messages.
            SummarizationError: The summarizer is out of order, and so is the fallback if there is one.
        """
        if not self.writing.has_model:
            return (yield from self.extract(in_place_of_model=False))
        try:
            written = yield from self._ask_model()
        except RefusedInputError:
            raise
        except SummarizationError as error:
            if not self.writing.has_fallback:
                raise
            logger.warning("session %r: the fallback summarizer is used, because %s", self.session_id, error)
            written, _ = yield from self._ask(Writer.FALLBACK)
        else:
            if written is None and self.writing.has_fallback:
                written = yield from self._ask_fallback()
        return written or (yield from self.extract())

    def extract(self, *, in_place_of_model: bool = True) -> Flow[Written]:
        """Summarize by an extract of the messages."""
        answer = yield from self._call(Writer.EXTRACT)
        self.account.extracts += in_place_of_model
        return Written(merge_summary(self.previous, answer.text or ""), is_extract=True, source=self.source)

    def _ask_model(self) -> Flow[Written | None]:
        """Ask the model, and once more if its answer is rejected. None if no answer is accepted."""
        written, correcting = yield from self._ask(Writer.MODEL)
        if written is None and self.writing.corrects:
            try:
                written, _ = yield from self._ask(Writer.MODEL, correcting)
            except RefusedInputError:
                return None  # the answer and the correction made it too long
        return written

    def _ask_fallback(self) -> Flow[Written | None]:
        try:
            written, _ = yield from self._ask(Writer.FALLBACK)
        except SummarizationError:
            return None
        return written

    def _ask(self, writer: Writer, correcting: Part = ()) -> Flow[tuple[Written | None, Part]]:
        """Ask a summarizer. Return None instead of a rejected answer, and what to say to the model about it."""
        answer = yield from self._call(writer, correcting)
        if answer.is_trusted:
            text = merge_summary(self.previous, answer.text or "")
            return Written(text, answer.is_extract, is_trusted=True, model=answer.model), ()
        self.account.answers += 1
        reasons = self._faults(answer)
        if reasons:
            codes = [reason_code(each) for each in reasons]
            self.account.rejected.update(codes)
            self.account.in_a_row += 1
            logger.warning(
                "session %r: a summary by the %s was rejected: %s", self.session_id, writer.value, ", ".join(codes)
            )
            # What an addition follows is shown to the model in any case.
            said = (answer.text or "").removeprefix((self.previous or "").rstrip())
            shown = said.strip()[:_MAX_SHOWN_CHARS] or "(no summary)"
            return None, (AIMessage(shown), HumanMessage(correction(reasons)))
        self.account.accepted += 1
        self.account.in_a_row = 0
        return Written((yield from self._supplemented(answer.text)), model=answer.model, source=self.source), ()

    def _faults(self, answer: Summary) -> list[str]:
        """Return why an answer must not replace the messages and the summary so far."""
        if answer.unusable:
            return [answer.unusable]
        if answer.text is None:
            return []
        if (size := self.writing.size(answer.text)) > self._max_tokens() + _ALWAYS_ALLOWED_TOKENS:
            return [f"{Reason.TOO_LONG}: it has {size:,} tokens, and may have {self._max_tokens():,}"]
        from langchain_motorhead.sessions.checks.source import Source  # with large patterns
        from langchain_motorhead.sessions.checks.summary import check_against

        if self.source is None:
            self.source = Source(self.messages, self.previous or "")
        return check_against(answer.text, self.source)

    def _supplemented(self, text: str | None) -> Flow[str | None]:
        """Return a summary with the details that only the extract keeps. None is the summary so far, unchanged."""
        if self.writing.supplement is None:
            return text or self.previous
        try:
            extract = yield from self._call(Writer.EXTRACT)
        except SummarizationError as error:
            logger.warning("session %r: nothing was added to the summary, because %s", self.session_id, error)
            return text or self.previous
        stays, found = text or self.previous or "", merge_summary("", extract.text or "") or ""
        if text is None:
            missing = missing_details(stays, found)
            if not (missing.names or missing.dates or any(len(each) > _SHORT_NUMBER for each in missing.numbers)):
                return self.previous
        added = self.writing.supplement(stays, found, budget=self._max_tokens(), count=self.writing.size)
        return added.strip() or self.previous

    def _call(self, writer: Writer, correcting: Part = ()) -> Flow[Summary]:
        given = SummaryInput(summary=self.previous, messages=self.messages, max_tokens=self._max_tokens())
        if correcting:
            given["correction"] = correcting
        answer: Summary = yield self.request(given, writer)
        self.account.tokens += whole_count(answer.tokens) or 0
        if answer.is_trusted and not (answer.text or "").strip():
            raise SummarizationError("the summarizer returned nothing")
        return answer

    def _max_tokens(self) -> int:
        """Return how many tokens the new summary may have."""
        share = int(_LARGEST_SHARE * self.writing.count(self.messages))
        return min(self.writing.summary_tokens, self.writing.size(self.previous) + max(share, _ALWAYS_ALLOWED_TOKENS))
