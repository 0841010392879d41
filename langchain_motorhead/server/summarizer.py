"""The summarizer of the server: summaries are made in one thread beside the event loop."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.concurrency.loop_thread import LoopThread
from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.models.summarizer_client import is_async
from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer
from langchain_motorhead.summarizers.llm import budget_of, resolve_summarizer


def threaded_summarizer(llm: object | None) -> ThreadedSummarizer | Runnable[SummaryInput, Any]:
    """Give the summarizer of a server.

    Args:
        llm: A chat model, its name, or a summarizer; None for the extractive one.

    Returns:
        One that works beside the loop. What is not async is called in threads anyway, as it may wait for long.

    Raises:
        InvalidInputError: It is none of these.
    """
    summarizer = ExtractiveSummarizer() if llm is None else resolve_summarizer(llm, "llm", count_tokens)
    return ThreadedSummarizer(summarizer) if llm is None or is_async(summarizer) else summarizer


class ThreadedSummarizer(Runnable[SummaryInput, Any]):
    """Summarizes as another does, in one thread for all summaries.

    What a client of a model computes for one answer, in its HTTP library, its models of data and its tracing, takes
    some ten milliseconds in one go: on the event loop, all requests of the server would wait for that. In a thread for
    each, they would wait for as many threads as have an answer at the moment, since one alone computes at a time.

    Args:
        summarizer: Async, or one that waits for nothing.
    """

    def __init__(self, summarizer: Runnable[SummaryInput, Any]) -> None:
        self._summarizer = summarizer
        self._is_async = is_async(summarizer)
        self._beside = LoopThread()
        self.max_input_tokens = budget_of(summarizer)
        self.says_nothing = getattr(summarizer, "says_nothing", None)

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Summarize, in the thread of the caller."""
        return self._summarizer.invoke(input, config, **kwargs)

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Summarize, in the thread beside."""

        async def work() -> Any:
            if self._is_async:
                return await self._summarizer.ainvoke(input, config, **kwargs)
            return self._summarizer.invoke(input, config, **kwargs)

        return await self._beside.run(work())

    async def close(self) -> None:
        """End the thread. A later summary starts it again."""
        await self._beside.stop()
