"""Calling a summarizer: limited in time, cut off from the user's run, its tokens counted, its failures ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableSequence

from langchain_motorhead.concurrency.bounded_call import Done, TooManyAbandonedError, TooSlowError, acall, call
from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.flows.protocol import Summarize, Summary, SummaryInput
from langchain_motorhead.models.redaction import concealed
from langchain_motorhead.models.usage import UsageHandler

TAGS = ("motorhead", "nostream")
RUN_NAME = "motorhead_summarize"


@dataclass(frozen=True, slots=True)
class SummarizerClient:
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
        try:
            done = call(lambda: runnable.invoke(request.given, config), self.timeout, heartbeat)
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._gave_up(error) from error
        return _summary(done, usage, runnable, request.given)

    async def acall(self, request: Summarize, heartbeat: Callable[[], Awaitable[object]]) -> Summary:
        """Wait for a summary, awaiting `heartbeat` every few seconds.

        Raises:
            SummarizationError: It failed, gave no text, or took too long.
        """
        runnable, usage = self._chosen(request), UsageHandler()
        config = _config(request, usage)
        awork = (lambda: _awaited(runnable, request, config)) if is_async(runnable) else None
        try:
            done = await acall(lambda: runnable.invoke(request.given, config), awork, self.timeout, heartbeat)
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._gave_up(error) from error
        return _summary(done, usage, runnable, request.given)

    def _chosen(self, request: Summarize) -> Runnable[SummaryInput, Any]:
        return self.fallback if request.fallback and self.fallback is not None else self.summarizer

    def _gave_up(self, error: Exception) -> SummarizationError:
        if isinstance(error, TooSlowError):
            return SummarizationError(f"the summarizer took longer than {self.timeout:g} s")
        return SummarizationError(f"no summarizer was called: {error}")


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


def _config(request: Summarize, usage: UsageHandler) -> RunnableConfig:
    return RunnableConfig(callbacks=[usage], tags=list(TAGS), run_name=RUN_NAME, metadata=dict(request.metadata))


def _summary(future: Done, usage: UsageHandler, asked: Runnable[SummaryInput, Any], given: SummaryInput) -> Summary:
    try:
        answer = future.result()
    except asyncio.CancelledError as error:
        raise SummarizationError("the summarizer cancelled itself") from error
    except SummarizationError:
        raise
    except BaseException as error:  # it ends the call, and not the thread that waits for it
        why = concealed(str(error), model_below(getattr(asked, "model", asked)))[:200]
        raise SummarizationError(f"the summarizer raised {type(error).__name__}: {why}") from error
    if isinstance(answer, BaseMessage):
        answer = str(answer.text)
    if not isinstance(answer, str):
        raise SummarizationError(f"the summarizer gave a {type(answer).__name__}; it has to give a string or a message")
    if not answer and (says_nothing := getattr(asked, "says_nothing", None)) is not None and says_nothing(given):
        answer = "NONE"  # such messages leave as others do
    return Summary(answer, usage.tokens)
