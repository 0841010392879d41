"""The extractive summarizer: a summary without a model, made of the most informative sentences within a token budget.

`selection.py` weighs and selects the sentences. `sentences.py` reads, splits and writes them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.summarizers.selection import (
    Candidate,
    Prices,
    Terms,
    bound,
    candidates_of,
    pick,
    pick_new,
    size_of,
    weigh,
)
from langchain_motorhead.summarizers.sentences import Sentence, read_messages, read_summary, write

MIN_TOKENS = 16
# Shares of the budget: what is selected when a summary is condensed, and the room from which on it is extended.
_CONDENSED, _LEAST_ROOM = 2 / 3, 1 / 4
_SAMPLED, _SAMPLE_CHARS = 50, 4000  # sentences and characters by which a token is priced
_INLINE_CHARS = 100_000  # take about 0.1 s, the longest time that the event loop is blocked


class ExtractiveSummarizer(Runnable[SummaryInput, str]):
    """Keeps the most informative sentences of a dialogue, in order, without a model or a network.

    Each sentence of the previous summary and of the new messages, including tool calls, is a set of weighted terms.
    Names and numbers weigh more than words, recurring words more than others, and courtesies nothing. Sentences are
    selected greedily by the weight of terms that no selected sentence has, relative to their length. What a tool did
    counts more; questions and look-ups count less. One share of the budget is for the beginning of the dialogue, and
    one for the newest sentences. All sentences compete for the rest: an old fact stays until better ones need its room,
    and a tool call loses its result first.

    The same input gives the same summary in every process. If anything was said, the summary is not empty.

    Args:
        max_tokens: Largest number of tokens of a summary, at least 16.
        token_counter: Returns the number of tokens of messages. Without it, 4 bytes of UTF-8 count as a token.

    Raises:
        InvalidInputError: `max_tokens` is less than 16.
    """

    is_trusted = True  # its summaries are not checked as a model's are
    is_extract = True

    def __init__(self, *, max_tokens: int = 256, token_counter: TokenCounter | None = None) -> None:
        if max_tokens < MIN_TOKENS:
            raise InvalidInputError(f"max_tokens must be at least {MIN_TOKENS}, not {max_tokens}")
        self.max_tokens = max_tokens
        self.token_counter = token_counter

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_tokens={self.max_tokens})"

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Return the new summary. A previous summary that is empty or reads `NONE` is ignored."""
        return self._call_with_config(self._summarize, input, config, **kwargs)

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Return the new summary, as `invoke` does, without blocking the event loop."""
        return await self._acall_with_config(self._asummarize, input, config, **kwargs)

    def says_nothing(self, given: SummaryInput) -> bool:
        """Return whether there is nothing to keep, as in blank messages. An empty answer is then correct."""
        return not any(read_summary(given["summary"] or "")) and not read_messages(given["messages"])

    async def _asummarize(self, given: SummaryInput) -> str:
        # A counter may load its encoding or call a service.
        chars = len(given["summary"] or "") + sum(len(message.text) for message in given["messages"])
        if self.token_counter is not None or chars > _INLINE_CHARS:
            return await asyncio.to_thread(self._summarize, given)
        return self._summarize(given)

    def _summarize(self, given: SummaryInput) -> str:
        summary = (given["summary"] or "").strip()
        summary = "" if summary == "NONE" else summary
        old, new, known = list(read_summary(summary)), read_messages(given["messages"]), Terms()
        candidates = candidates_of(old, new)
        limit = max(MIN_TOKENS, min(self.max_tokens, given.get("max_tokens", self.max_tokens)))
        if not candidates:
            return ""
        if summary and not given["messages"] and self._count(summary) <= limit:
            return summary
        prices = self._prices(candidates)
        if summary and (longer := self._extended(summary, candidates, limit, prices, known)) is not None:
            return longer
        # Room for the next messages is left, so that they can be added without another selection.
        limit = max(MIN_TOKENS, min(limit, int(_CONDENSED * self.max_tokens))) if summary else limit
        budget = max(limit - prices.overhead, 1.0)
        candidates = candidates_of(old, new)
        bound(candidates, budget, prices)
        weigh(candidates, known)
        return self._fit(pick(candidates, budget, prices), limit)

    def _extended(
        self, summary: str, candidates: list[Candidate], limit: int, prices: Prices, known: Terms
    ) -> str | None:
        """Return the summary with what the messages add to it, or None if there is too little room for that."""
        size = self._count(summary)
        if size > limit:
            return None
        if not any(each.old for each in candidates):
            return None
        bound([each for each in candidates if not each.old], max(limit - prices.overhead, 1.0), prices)
        weigh(candidates, known)
        added, complete = pick_new(candidates, limit - size, prices)
        if not complete and self.max_tokens - size < _LEAST_ROOM * self.max_tokens:
            return None
        while added:
            text = write(each.sentence for each in sorted(added, key=lambda each: each.index))
            if self._count(longer := f"{summary}\n{text}") <= limit:
                return longer
            added.pop()
        return summary

    def _count(self, text: str) -> int:
        return math.ceil(size_of(text) / 4) if self.token_counter is None else self.token_counter([HumanMessage(text)])

    def _prices(self, candidates: list[Candidate]) -> Prices:
        if self.token_counter is None:
            return Prices(0.0, 0.25)
        sample = write(_first(candidates[:: len(candidates) // _SAMPLED + 1]))[:_SAMPLE_CHARS]
        overhead = self._count("")
        return Prices(overhead, max((self._count(sample) - overhead) / size_of(sample), 0.01))

    def _fit(self, picked: list[Candidate], limit: int) -> str:
        """Return the selected sentences as text, without the last ones if the counter finds too many tokens."""
        while True:
            text = write(c.sentence for c in sorted(picked, key=lambda c: c.index))
            count = self._count(text)
            if count <= limit:
                return text
            only = picked[0].sentence
            if len(picked) > 1:
                del picked[max(1, min(len(picked) - 1, len(picked) * limit // count)) :]
            elif len(only.text) > 1:
                picked[0].sentence = only.clipped(len(only.text) * 3 // 4)
            else:
                return ""


def _first(candidates: Sequence[Candidate]) -> Iterator[Sentence]:
    """Yield the first sentences, until they fill a sample."""
    room = _SAMPLE_CHARS
    for candidate in candidates:
        yield candidate.full
        room -= len(candidate.full.text)
        if room <= 0:
            return
