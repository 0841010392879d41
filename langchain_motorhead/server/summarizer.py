"""The server's summarizer, which runs in a thread of its own, so that requests do not wait for it."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.concurrency.loop_thread import LoopThread
from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.models.summarizer_client import is_async
from langchain_motorhead.summarizers.creating import budget_of, resolve_summarizer
from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer
from langchain_motorhead.summarizers.prompting import DEFAULT_OUTPUT_TOKENS


def threaded_summarizer(
    llm: object | None, summary_tokens: int = DEFAULT_OUTPUT_TOKENS
) -> ThreadedSummarizer | Runnable[SummaryInput, Any]:
    """Return a summarizer that does not block the event loop.

    Args:
        llm: A chat model, the name of one, or a summarizer; None for the extractive summarizer.
        summary_tokens: Largest number of tokens of an answer, for a chat model or a name.

    Returns:
        The summarizer in a thread of its own. One that is not async is returned as it is: its callers already run it
        in a thread for each call, because it may block for long.

    Raises:
        InvalidInputError: `llm` is none of these.
    """
    summarizer = ExtractiveSummarizer() if llm is None else resolve_summarizer(llm, "llm", count_tokens, summary_tokens)
    return ThreadedSummarizer(summarizer) if llm is None or is_async(summarizer) else summarizer


class ThreadedSummarizer(Runnable[SummaryInput, Any]):
    """Runs another summarizer, with one thread for all summaries.

    For one answer, a model's client computes for about ten milliseconds without a pause: HTTP, data models, tracing. On
    the server's event loop, all requests would wait for that. With a thread for each summary, requests would compete
    with as many threads as have an answer at the moment.

    Args:
        summarizer: An async summarizer, or one that never waits.
    """

    def __init__(self, summarizer: Runnable[SummaryInput, Any]) -> None:
        self._summarizer = summarizer
        self._is_async = is_async(summarizer)
        self._thread = LoopThread("motorhead-summaries")
        self.max_input_tokens = budget_of(summarizer)
        self.says_nothing = getattr(summarizer, "says_nothing", None)
        self.note_timeout = getattr(summarizer, "note_timeout", None)
        self.is_trusted = getattr(summarizer, "is_trusted", False)
        self.is_extract = getattr(summarizer, "is_extract", False)

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Summarize in the caller's thread."""
        return self._summarizer.invoke(input, config, **kwargs)

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Summarize in the summarizer's thread."""

        async def work() -> Any:
            if self._is_async:
                return await self._summarizer.ainvoke(input, config, **kwargs)
            return self._summarizer.invoke(input, config, **kwargs)

        return await self._thread.run(work())

    async def close(self) -> None:
        """Stop the thread and cancel its summaries. A later summary starts it again."""
        await self._thread.stop()
