"""Calling a summarizer: limited in time, cut off from the user's run, its tokens counted, its failures ours.

It runs in an empty context, so that no callback, stream or tracing parent of the user's run reaches it, and in a thread
of its own where it is not async, since nothing else can end the wait for a call that hangs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableSequence

from langchain_motorhead.compaction import HEARTBEAT
from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.flows import Summarize, Summary, SummaryInput
from langchain_motorhead.usage import UsageHandler

TAGS = ("motorhead", "nostream")
RUN_NAME = "motorhead_summarize"

# Threads of calls that were given up on. A model that hangs for an hour must not fill the process with them.
_MOST_ABANDONED = 16


@dataclass(frozen=True, slots=True)
class SummarizerCalls:
    """Answers requests for summaries.

    Args:
        summarizer: Asked first.
        fallback: Asked where a request says so.
        timeout: Seconds that an answer may take.
    """

    summarizer: Runnable[SummaryInput, Any]
    fallback: Runnable[SummaryInput, Any] | None
    timeout: float

    def call(self, request: Summarize, heartbeat: Callable[[], object]) -> Summary:
        """Wait for a summary, calling `heartbeat` every few seconds.

        Raises:
            SummarizationError: It failed, gave no text, or took too long.
        """
        runnable, usage = self._chosen(request), UsageHandler()
        config = _config(request, usage)
        future = _in_thread(lambda: runnable.invoke(request.given, config))
        deadline = time.monotonic() + self.timeout
        try:
            while not wait([future], _until(deadline)).done:
                if time.monotonic() >= deadline:
                    raise self._too_slow()
                heartbeat()
        finally:
            _give_up(future)
        return _summary(future, usage)

    async def acall(self, request: Summarize, heartbeat: Callable[[], Awaitable[object]]) -> Summary:
        """Wait for a summary, awaiting `heartbeat` every few seconds.

        Raises:
            SummarizationError: It failed, gave no text, or took too long.
        """
        runnable, usage = self._chosen(request), UsageHandler()
        config = _config(request, usage)
        future: asyncio.Future[Any]
        thread: Future[Any] | None = None
        if is_async(runnable):
            future = asyncio.get_running_loop().create_task(_awaited(runnable, request, config), context=Context())
        else:
            thread = _in_thread(lambda: runnable.invoke(request.given, config))
            future = asyncio.wrap_future(thread)
        deadline = time.monotonic() + self.timeout
        try:
            while not (await asyncio.wait({future}, timeout=_until(deadline)))[0]:
                if time.monotonic() >= deadline:
                    raise self._too_slow()
                await heartbeat()
        finally:
            if not future.done():
                future.add_done_callback(_ignored)
                future.cancel()
                if thread is not None:
                    _give_up(thread)
        return _summary(future, usage)

    def _chosen(self, request: Summarize) -> Runnable[SummaryInput, Any]:
        return self.fallback if request.fallback and self.fallback is not None else self.summarizer

    def _too_slow(self) -> SummarizationError:
        return SummarizationError(f"the summarizer took longer than {self.timeout:g} s")


def model_below(runnable: Any) -> BaseLanguageModel[Any] | None:
    """Give the model that a runnable is, or that it wraps, as by `with_retry`, `with_fallbacks` or `bind`."""
    if isinstance(runnable, BaseLanguageModel):
        return runnable
    below = runnable.first if isinstance(runnable, RunnableSequence) else _wrapped(runnable)
    return None if below is None else model_below(below)


def is_async(runnable: Any) -> bool:
    """Say whether `ainvoke` of a runnable is more than `invoke` in a thread of the event loop's own pool."""
    if isinstance(runnable, BaseChatModel):
        return _overrides(runnable, BaseChatModel, "_agenerate") or _overrides(runnable, BaseChatModel, "_astream")
    if isinstance(runnable, RunnableLambda):
        return hasattr(runnable, "afunc")
    if isinstance(runnable, RunnableSequence):
        return all(is_async(step) for step in runnable.steps)
    below = _wrapped(runnable) or getattr(runnable, "model", None)  # a Summarizer is as async as its model
    return is_async(below) if isinstance(below, Runnable) else _overrides(runnable, Runnable, "ainvoke")


def _wrapped(runnable: Any) -> Any:
    return next((below for name in ("bound", "runnable", "default") if (below := getattr(runnable, name, None))), None)


def _overrides(thing: object, base: type, method: str) -> bool:
    return getattr(type(thing), method) is not getattr(base, method)


async def _awaited(runnable: Runnable[SummaryInput, Any], request: Summarize, config: RunnableConfig) -> Any:
    return await runnable.ainvoke(request.given, config)


def _ignored(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _until(deadline: float) -> float:
    return max(0.0, min(HEARTBEAT, deadline - time.monotonic()))


def _config(request: Summarize, usage: UsageHandler) -> RunnableConfig:
    return RunnableConfig(callbacks=[usage], tags=list(TAGS), run_name=RUN_NAME, metadata=dict(request.metadata))


def _summary(future: Future[Any] | asyncio.Future[Any], usage: UsageHandler) -> Summary:
    try:
        answer = future.result()
    except asyncio.CancelledError as error:
        raise SummarizationError("the summarizer cancelled itself") from error
    except SummarizationError:
        raise
    except BaseException as error:  # it ends the call, and not the thread that waits for it
        raise SummarizationError(f"the summarizer raised {type(error).__name__}: {str(error)[:200]}") from error
    if isinstance(answer, BaseMessage):
        answer = str(answer.text)
    if not isinstance(answer, str):
        raise SummarizationError(f"the summarizer gave a {type(answer).__name__}; it has to give a string or a message")
    return Summary(answer, usage.tokens)


_abandoned: set[Future[Any]] = set()


def _give_up(future: Future[Any]) -> None:
    """Keep count of a thread that goes on, until it ends."""
    if not future.done():
        _abandoned.add(future)
        future.add_done_callback(_abandoned.discard)


def _in_thread(call: Callable[[], Any]) -> Future[Any]:
    """Run a call in a daemon thread of its own, in an empty context."""
    if len(_abandoned) >= _MOST_ABANDONED:
        raise SummarizationError(f"{len(_abandoned)} earlier calls of a summarizer took too long and still run")
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            future.set_result(Context().run(call))
        except BaseException as error:  # noqa: BLE001 - it is the waiting thread's
            # A future of asyncio takes no StopIteration.
            future.set_exception(RuntimeError("StopIteration") if isinstance(error, StopIteration) else error)

    threading.Thread(target=work, name="motorhead-summarizer", daemon=True).start()
    return future
