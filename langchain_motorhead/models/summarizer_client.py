"""The summarizer client: calls a summarizer with a time limit, isolated from the user's run, and counts its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableSequence

from langchain_motorhead.concurrency.bounded_call import Done, TooManyAbandonedError, TooSlowError
from langchain_motorhead.concurrency.threads import StaysDueError
from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.flows.protocol import Summarize, Summary, SummaryInput
from langchain_motorhead.models.loops import acall_model, call_model
from langchain_motorhead.models.redaction import redact
from langchain_motorhead.models.usage import UsageHandler

TAGS = ("motorhead", "nostream")
RUN_NAME = "motorhead_summarize"


@dataclass(frozen=True, slots=True)
class SummarizerClient:
    """Answers a flow's requests for summaries.

    Args:
        summarizer: The runnable that is called.
        fallback: The runnable that is called if a request asks for the fallback.
        timeout: Time limit of one call in seconds.
    """

    summarizer: Runnable[SummaryInput, Any]
    fallback: Runnable[SummaryInput, Any] | None
    timeout: float

    def call(self, request: Summarize, heartbeat: Callable[[], object]) -> Summary:
        """Return a summary, and call `heartbeat` every few seconds during the wait.

        Raises:
            SummarizationError: The summarizer failed, returned no text, or exceeded its time limit.
        """
        runnable, usage = self._chosen(request), UsageHandler()
        config = _config(request, usage)
        awork = (lambda: _ainvoke(runnable, request, config)) if is_async(runnable) else None
        try:
            done = call_model(lambda: runnable.invoke(request.given, config), awork, self.timeout, heartbeat)
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._timeout_error(error) from error
        return _summary(done, usage, runnable, request.given)

    async def acall(self, request: Summarize, heartbeat: Callable[[], Awaitable[object]]) -> Summary:
        """Return a summary, and await `heartbeat` every few seconds during the wait.

        Raises:
            SummarizationError: The summarizer failed, returned no text, or exceeded its time limit.
        """
        runnable, usage = self._chosen(request), UsageHandler()
        config = _config(request, usage)
        awork = (lambda: _ainvoke(runnable, request, config)) if is_async(runnable) else None
        try:
            done = await acall_model(lambda: runnable.invoke(request.given, config), awork, self.timeout, heartbeat)
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._timeout_error(error) from error
        return _summary(done, usage, runnable, request.given)

    def _chosen(self, request: Summarize) -> Runnable[SummaryInput, Any]:
        return self.fallback if request.fallback and self.fallback is not None else self.summarizer

    def _timeout_error(self, error: Exception) -> SummarizationError:
        if isinstance(error, TooSlowError):
            return SummarizationError(f"the summarizer took longer than {self.timeout:g} s")
        return SummarizationError(f"the summarizer was not called: {error}")


def model_below(runnable: Any) -> BaseLanguageModel[Any] | None:
    """Return the model that a runnable is or wraps, for example by `with_retry` or `bind`; None if there is none."""
    if isinstance(runnable, BaseLanguageModel):
        return runnable
    below = runnable.first if isinstance(runnable, RunnableSequence) else _wrapped(runnable)
    return None if below is None else model_below(below)


def is_async(runnable: Any) -> bool:
    """Return whether `ainvoke` of a runnable is more than `invoke` in a thread."""
    if isinstance(runnable, BaseChatModel):
        return _overrides(runnable, BaseChatModel, "_agenerate") or _overrides(runnable, BaseChatModel, "_astream")
    if isinstance(runnable, RunnableLambda):
        return hasattr(runnable, "afunc")
    if isinstance(runnable, RunnableSequence):
        return all(is_async(step) for step in runnable.steps)
    below = _wrapped(runnable) or getattr(runnable, "model", None)  # a Summarizer is async if its model is
    return is_async(below) if isinstance(below, Runnable) else _overrides(runnable, Runnable, "ainvoke")


def _wrapped(runnable: Any) -> Any:
    return next((below for name in ("bound", "runnable", "default") if (below := getattr(runnable, name, None))), None)


def _overrides(thing: object, base: type, method: str) -> bool:
    return getattr(type(thing), method) is not getattr(base, method)


async def _ainvoke(runnable: Runnable[SummaryInput, Any], request: Summarize, config: RunnableConfig) -> Any:
    return await runnable.ainvoke(request.given, config)


def _config(request: Summarize, usage: UsageHandler) -> RunnableConfig:
    return RunnableConfig(callbacks=[usage], tags=list(TAGS), run_name=RUN_NAME, metadata=dict(request.metadata))


def _summary(future: Done, usage: UsageHandler, asked: Runnable[SummaryInput, Any], given: SummaryInput) -> Summary:
    try:
        answer = future.result()
    except asyncio.CancelledError as error:
        raise SummarizationError("the summarizer cancelled itself") from error
    except (SummarizationError, StaysDueError):
        raise
    except BaseException as error:  # also a SystemExit: it ends the call, not the waiting thread
        why = redact(str(error), model_below(getattr(asked, "model", asked)))[:200]
        raise SummarizationError(f"the summarizer raised {type(error).__name__}: {why}") from error
    if isinstance(answer, BaseMessage):
        answer = str(answer.text)
    if not isinstance(answer, str):
        raise SummarizationError(f"the summarizer must return a string or a message, not a {type(answer).__name__}")
    if not answer and (says_nothing := getattr(asked, "says_nothing", None)) is not None and says_nothing(given):
        answer = "NONE"  # these messages are compacted too, without adding to the summary
    return Summary(answer, usage.tokens)
