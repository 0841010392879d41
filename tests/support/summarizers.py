"""Summarizers that keep everything, so that what a summary covers can be read from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead import Memory, SummaryInput

SEPARATOR = "\u241f"


class Ledger(Runnable[SummaryInput, str]):
    """Summarizes by keeping everything, so that what a summary covers can be read from it. It asks not to be checked.

    Args:
        before: Called with each input before it answers; may raise, or wait.
    """

    is_trusted = True

    def __init__(self, before: Callable[[SummaryInput], object] = lambda given: None) -> None:
        self.before = before
        self.calls: list[SummaryInput] = []

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """Append the contents of the messages to the summary."""
        self.calls.append(input)
        self.before(input)
        said = [str(message.content) for message in input["messages"]]
        return SEPARATOR.join([input["summary"], *said] if input["summary"] else said)


class AsyncLedger(Ledger):
    """The same, natively async."""

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """Append the contents of the messages to the summary."""
        return self.invoke(input, config)


def remembered(memory: Memory) -> list[str]:
    """Give the contents of everything that a memory knows, in its order: summarized by a `Ledger`, then the window."""
    folded = memory.summary.split(SEPARATOR) if memory.summary else []
    return folded + [str(message.content) for message in memory.messages]


def fail(given: SummaryInput) -> None:
    """Fail as a provider would."""
    raise ConnectionError("the model is away")


def hang(given: SummaryInput) -> str:
    """Not answer at all in any time that a caller would wait."""
    time.sleep(3)
    return "too late"


def trusted(summarizer: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return a summarizer whose answers are summaries as they are: no check of them."""
    summarizer.is_trusted = True  # type: ignore[attr-defined]
    return summarizer
