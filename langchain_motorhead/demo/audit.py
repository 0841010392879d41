"""The balance: whether every accepted message is in the window or in the summary, once and in order. Pure.

The summary's share is not taken on trust: a recorder around the summarizer keeps what each summary was made of, and the
summary that was read back is followed to the inputs that led to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.sessions.compaction import merge_summary


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A summarization that succeeded, whether or not its result was committed.

    Attributes:
        before: Summary that it was given.
        marks: Ids of the messages that it was given.
        after: Summary that it made.
    """

    before: str | None
    marks: tuple[str, ...]
    after: str | None


class Recorder(Runnable[SummaryInput, str]):
    """A summarizer that keeps what another one was asked and answered.

    Attributes:
        calls: What it was asked, in order.
        max_input_tokens: Tokens that the other one takes at once, if it says so.
    """

    def __init__(self, summarizer: Runnable[SummaryInput, Any]) -> None:
        self.calls: list[ModelCall] = []
        self.max_input_tokens: int | None = getattr(summarizer, "max_input_tokens", None)
        self._summarizer = summarizer

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Summarize, and record it."""
        return self._record(input, self._summarizer.invoke(input, config, **kwargs))

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Summarize, and record it."""
        return self._record(input, await self._summarizer.ainvoke(input, config, **kwargs))

    def calls_of(self, name: str) -> list[ModelCall]:
        """List what was asked about one dialogue."""
        return [call for call in self.calls if any(mark.rpartition("/")[0] == name for mark in call.marks)]

    def _record(self, given: SummaryInput, answer: str) -> str:
        if answer.strip():
            marks = tuple(message.id for message in given["messages"] if message.id is not None)
            self.calls.append(ModelCall(given["summary"], marks, merge_summary(given["summary"], answer)))
        return answer


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the accepted messages.

    Attributes:
        accepted: Messages that appends accepted.
        window: Messages read back from the list.
        summarized: Messages that the memory says its summary covers.
        lost: Marks of accepted messages that are neither in the list nor in what the summary was made of.
        doubled: Marks that are in both, or twice in one.
        misplaced: Marks that are not where they were accepted.
    """

    accepted: int = 0
    window: int = 0
    summarized: int = 0
    lost: tuple[str, ...] = field(default=())
    doubled: tuple[str, ...] = field(default=())
    misplaced: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether each message is in its place, and nowhere else."""
        astray = self.lost or self.doubled or self.misplaced
        return not astray and self.accepted == self.window + self.summarized


def committed(calls: Sequence[ModelCall], summary: str | None) -> list[str]:
    """List the messages that a summary was made of, oldest first, by following it back to the one it extends.

    Args:
        calls: What was recorded for the session, oldest first. Some of it may never have been committed.
        summary: Summary as it was read back.
    """
    chain = []
    for call in reversed(calls):
        if call.after == summary:
            chain.append(call.marks)
            summary = call.before
    return [mark for marks in reversed(chain) for mark in marks]


def balance(
    accepted: Sequence[str], summarized: Sequence[str], window: Sequence[str], counted: int | None = None
) -> Balance:
    """Compare what a session accepted with what was found of it.

    Args:
        accepted: Marks of the accepted messages, in order.
        summarized: Marks of the messages that the summary was made of, in order.
        window: Marks of the messages in the list, in order.
        counted: How many messages the memory says the summary covers, if that may be something else.
    """
    found = [*summarized, *window]
    times = Counter(found)
    known = set(accepted)
    order = [mark for mark in dict.fromkeys(found) if mark in known]
    expected = [mark for mark in accepted if mark in times]
    return Balance(
        accepted=len(accepted),
        window=len(window),
        summarized=len(summarized) if counted is None else counted,
        lost=tuple(mark for mark in accepted if mark not in times),
        doubled=tuple(mark for mark, count in times.items() if count > 1),
        misplaced=tuple(mark for mark, right in zip(order, expected, strict=True) if mark != right),
    )


def total(balances: Iterable[Balance]) -> Balance:
    """Add up the balances of several sessions."""
    every = list(balances)
    return Balance(
        accepted=sum(one.accepted for one in every),
        window=sum(one.window for one in every),
        summarized=sum(one.summarized for one in every),
        lost=tuple(mark for one in every for mark in one.lost),
        doubled=tuple(mark for one in every for mark in one.doubled),
        misplaced=tuple(mark for one in every for mark in one.misplaced),
    )
