"""A summarizer whose work is done in one thread beside the event loop, so that no request waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.extractive import ExtractiveSummarizer
from langchain_motorhead.flows import SummaryInput
from langchain_motorhead.summarization import budget_of, resolve_summarizer
from langchain_motorhead.summarizing import is_async
from langchain_motorhead.tokens import count_tokens


def off_loop(llm: object | None) -> OffLoop | Runnable[SummaryInput, Any]:
    """Give the summarizer of a server.

    Args:
        llm: A chat model, its name, or a summarizer; None for the extractive one.

    Returns:
        One that works beside the loop. What is not async is called in threads anyway, as it may wait for long.

    Raises:
        InvalidInputError: It is none of these.
    """
    summarizer = ExtractiveSummarizer() if llm is None else resolve_summarizer(llm, "llm", count_tokens)
    return OffLoop(summarizer) if llm is None or is_async(summarizer) else summarizer


class OffLoop(Runnable[SummaryInput, Any]):
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
        self._beside = _Beside()
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


class _Beside:
    """An event loop in a thread, from the first work on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._started()))

    async def stop(self) -> None:
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="motorhead-summaries", daemon=True
                )
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
