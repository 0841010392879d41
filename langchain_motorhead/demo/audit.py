"""The audit: checks that each accepted message is in the window or in the summary, exactly once and in order. Pure.

It does not rely on the memory's own count of summarized messages. A recorder around the summarizer keeps the input of
each summary, and the audit follows the stored summary back to these inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.sessions.writing import merge_summary


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A successful call of the summarizer, whether or not its summary was stored.

    Attributes:
        before: The previous summary that it was given.
        marks: Ids of the messages that it was given.
        after: The summary that it returned.
    """

    before: str | None
    marks: tuple[str, ...]
    after: str | None


class Recorder(Runnable[SummaryInput, str]):
    """A summarizer that records the inputs and outputs of another one.

    Attributes:
        calls: The calls, in order.
        max_input_tokens: The largest number of input tokens of the other summarizer, if known.
    """

    def __init__(self, summarizer: Runnable[SummaryInput, Any]) -> None:
        self.calls: list[ModelCall] = []
        self.max_input_tokens: int | None = getattr(summarizer, "max_input_tokens", None)
        self.is_trusted = getattr(summarizer, "is_trusted", False)
        self.is_extract = getattr(summarizer, "is_extract", False)
        self._summarizer = summarizer

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Return the summary, and record the call."""
        return self._record(input, self._summarizer.invoke(input, config, **kwargs))

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Return the summary, and record the call."""
        return self._record(input, await self._summarizer.ainvoke(input, config, **kwargs))

    def calls_of(self, name: str) -> list[ModelCall]:
        """Return the calls with messages of one dialogue."""
        return [call for call in self.calls if any(mark.rpartition("/")[0] == name for mark in call.marks)]

    def _record(self, given: SummaryInput, answer: str) -> str:
        if answer.strip():
            marks = tuple(message.id for message in given["messages"] if message.id is not None)
            self.calls.append(ModelCall(given["summary"], marks, merge_summary(given["summary"], answer)))
        return answer


@dataclass(frozen=True, slots=True)
class Balance:
    """Where the accepted messages are.

    Attributes:
        accepted: How many messages appends accepted.
        window: How many messages were read back from the list.
        summarized: How many messages the summary covers, as the memory reports it.
        lost: Ids of accepted messages that are neither in the list nor in the inputs of the summary.
        doubled: Ids that are in both, or twice in one of them.
        misplaced: Ids that are not in the order in which they were accepted.
    """

    accepted: int = 0
    window: int = 0
    summarized: int = 0
    lost: tuple[str, ...] = field(default=())
    doubled: tuple[str, ...] = field(default=())
    misplaced: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether each message is in the right place exactly once."""
        astray = self.lost or self.doubled or self.misplaced
        return not astray and self.accepted == self.window + self.summarized


def committed(calls: Sequence[ModelCall], summary: str | None) -> list[str]:
    """Return the ids of the messages that a summary was made of, oldest first.

    Args:
        calls: The recorded calls of the session, oldest first. The summaries of some may never have been stored.
        summary: The summary that was read back.
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
    """Return where the accepted messages of a session are.

    Args:
        accepted: Ids of the accepted messages, in order.
        summarized: Ids of the messages that the summary was made of, in order.
        window: Ids of the messages in the list, in order.
        counted: How many messages the summary covers, as the memory reports it; None if that is not known.
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
    """Return the sum of the balances of several sessions."""
    every = list(balances)
    return Balance(
        accepted=sum(one.accepted for one in every),
        window=sum(one.window for one in every),
        summarized=sum(one.summarized for one in every),
        lost=tuple(mark for one in every for mark in one.lost),
        doubled=tuple(mark for one in every for mark in one.doubled),
        misplaced=tuple(mark for one in every for mark in one.misplaced),
    )
