"""The audit: checks that each accepted message is in the window or in the summary, exactly once and in order. Pure.

It does not rely on the memory's own count of summarized messages. A recorder keeps the messages that each summary was
made of, and the audit follows the stored summary back to these messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field

from langchain_core.messages import BaseMessage

from langchain_motorhead.sessions.checks.keeping import Kept


@dataclass(frozen=True, slots=True)
class NewSummary:
    """A summary, whether or not it was stored.

    Attributes:
        before: The summary that it extends.
        marks: Ids of the messages that it was made of.
        after: The summary.
    """

    before: str | None
    marks: tuple[str, ...]
    after: str | None


class Recorder:
    """Keeps each new summary of a compaction, with the messages that it was made of.

    Attributes:
        summaries: The summaries, in order.
    """

    def __init__(self) -> None:
        self.summaries: list[NewSummary] = []

    def __call__(self, before: str | None, messages: Sequence[BaseMessage], after: str | None) -> None:
        """Keep a summary: a `Compactor` calls this."""
        marks = tuple(message.id for message in messages if message.id is not None)
        self.summaries.append(NewSummary(before, marks, after))

    def of(self, name: str) -> list[NewSummary]:
        """Return the summaries of one dialogue."""
        return [each for each in self.summaries if any(mark.rpartition("/")[0] == name for mark in each.marks)]


NONE = Kept(0, 0, 0, 0, 0, 0)


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
        kept: How many numbers, dates and names of the summarized messages are in the summary or in the window.
        readable: How many of them can be read word for word: in the window or in the archive.
        extracts: How many sessions have an extract in place of a model's summary.
    """

    accepted: int = 0
    window: int = 0
    summarized: int = 0
    lost: tuple[str, ...] = field(default=())
    doubled: tuple[str, ...] = field(default=())
    misplaced: tuple[str, ...] = field(default=())
    kept: Kept = NONE
    readable: Kept = NONE
    extracts: int = 0

    @property
    def holds(self) -> bool:
        """Whether each message is in the right place exactly once."""
        astray = self.lost or self.doubled or self.misplaced
        return not astray and self.accepted == self.window + self.summarized


def committed(summaries: Sequence[NewSummary], summary: str | None) -> list[str]:
    """Return the ids of the messages that a summary was made of, oldest first.

    Args:
        summaries: The recorded summaries of the session, oldest first. Some may never have been stored.
        summary: The summary that was read back.
    """
    chain = []
    for each in reversed(summaries):
        if each.after == summary:
            chain.append(each.marks)
            summary = each.before
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
        kept=_sum(one.kept for one in every),
        readable=_sum(one.readable for one in every),
        extracts=sum(one.extracts for one in every),
    )


def _sum(counts: Iterable[Kept]) -> Kept:
    columns = zip(*map(astuple, [NONE, *counts]), strict=True)
    return Kept(*map(sum, columns))
