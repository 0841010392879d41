"""The summarizer client: calls a summarizer with a time limit, isolated from the user's run, and counts its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableSequence

from langchain_motorhead.concurrency.bounded_call import BoundedCalls, Done, TooManyAbandonedError, TooSlowError
from langchain_motorhead.concurrency.threads import StaysDueError
from langchain_motorhead.exceptions import SummarizationError, UnusableAnswerError
from langchain_motorhead.flows.protocol import RefusedInputError, Summarize, Summary, SummaryInput, Writer
from langchain_motorhead.models.loops import acall_model, call_model
from langchain_motorhead.models.redaction import redact
from langchain_motorhead.models.refused_inputs import Refusal, refusal_of
from langchain_motorhead.models.usage import UsageHandler

TAGS = ("motorhead", "nostream")
RUN_NAME = "motorhead_summarize"
# Of the name of a model that is stored with its summaries.
_NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class SummarizerClient:
    """Answers a flow's requests for summaries.

    A summarizer may have these attributes: `is_trusted`, true if its answers are summaries as they are, so that they
    are neither read nor checked; `says_nothing`, a function that returns whether an empty answer to an input is right;
    `note_timeout`, a function that is called when a call has exceeded its time limit.

    Args:
        summarizers: The runnable for each writer. One without a runnable of its own is the first of them.
        timeout: Time limit of one call in seconds.
        read: Returns the summary that an answer holds, or None if it says that there is nothing new.
    """

    summarizers: dict[Writer, Runnable[SummaryInput, Any]]
    timeout: float
    read: Callable[[Any], str | None]
    _calls: dict[Writer, BoundedCalls] = field(default_factory=lambda: {writer: BoundedCalls() for writer in Writer})

    def call(self, request: Summarize, heartbeat: Callable[[], object]) -> Summary:
        """Return a summary, and call `heartbeat` every few seconds during the wait.

        Raises:
            RefusedInputError: The provider refused the input, and would refuse it again.
            SummarizationError: The summarizer failed, or exceeded its time limit.
        """
        runnable, usage = self._chosen(request), UsageHandler()
        config = _config(request, usage)
        calls = self._calls[request.writer]
        awork = (lambda: _ainvoke(runnable, request, config)) if is_async(runnable) else None
        try:
            done = call_model(calls, lambda: runnable.invoke(request.given, config), awork, self.timeout, heartbeat)
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._timeout_error(error, runnable) from error
        return self._summary(done, usage, runnable, request.given)

    async def acall(self, request: Summarize, heartbeat: Callable[[], Awaitable[object]]) -> Summary:
        """Return a summary, and await `heartbeat` every few seconds during the wait. See `call`."""
        runnable, usage = self._chosen(request), UsageHandler()
        config = _config(request, usage)
        calls = self._calls[request.writer]
        awork = (lambda: _ainvoke(runnable, request, config)) if is_async(runnable) else None
        try:
            done = await acall_model(
                calls, lambda: runnable.invoke(request.given, config), awork, self.timeout, heartbeat
            )
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._timeout_error(error, runnable) from error
        return self._summary(done, usage, runnable, request.given)

    def _chosen(self, request: Summarize) -> Runnable[SummaryInput, Any]:
        return self.summarizers.get(request.writer) or self.summarizers[Writer.MODEL]

    def _timeout_error(self, error: Exception, asked: Runnable[SummaryInput, Any]) -> SummarizationError:
        if isinstance(error, TooSlowError):
            if (note_timeout := getattr(asked, "note_timeout", None)) is not None:
                note_timeout()
            return SummarizationError(f"the summarizer took longer than {self.timeout:g} s")
        return SummarizationError(f"the summarizer was not called: {error}")

    def _summary(
        self, future: Done, usage: UsageHandler, asked: Runnable[SummaryInput, Any], given: SummaryInput
    ) -> Summary:
        try:
            answer = future.result()
            if not getattr(asked, "is_trusted", False) and _may_hold_text(answer):
                return Summary(self.read(answer), usage.tokens, model=name_of(asked))
        except asyncio.CancelledError as error:
            raise SummarizationError("the summarizer cancelled itself") from error
        except UnusableAnswerError as error:
            return Summary("", usage.tokens, unusable=error.reason)
        except (SummarizationError, StaysDueError):
            raise
        except BaseException as error:  # also a SystemExit: it ends the call, not the waiting thread
            raise _translate(error, asked) from error
        if isinstance(answer, BaseMessage):
            answer = str(answer.text)
        if not isinstance(answer, str):
            raise SummarizationError(f"the summarizer must return a string or a message, not a {type(answer).__name__}")
        if not answer and (says_nothing := getattr(asked, "says_nothing", None)) is not None and says_nothing(given):
            answer = "NONE"  # these messages are compacted too, without adding to the summary
        extracts = getattr(asked, "is_extract", False)
        return Summary(answer, usage.tokens, is_trusted=True, is_extract=extracts, model=name_of(asked))


def model_below(runnable: Any) -> BaseLanguageModel[Any] | None:
    """Return the model that a runnable is or wraps, for example by `with_retry` or `bind`; None if there is none."""
    if isinstance(runnable, BaseLanguageModel):
        return runnable
    below = runnable.first if isinstance(runnable, RunnableSequence) else _wrapped(runnable)
    return None if below is None else model_below(below)


def name_of(summarizer: Runnable[Any, Any]) -> str:
    """Return the name of the model that a summarizer asks, else the name of its class; empty if it asks none."""
    model = model_below(getattr(summarizer, "model", summarizer))
    if model is None:
        return ""
    names = (getattr(model, attribute, None) for attribute in ("model_name", "model", "model_id", "deployment_name"))
    name = next((each for each in names if isinstance(each, str) and each), type(model).__name__)
    return redact(name, model)[:_NAME_CHARS].encode("utf-8", "replace").decode()


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


def _may_hold_text(answer: Any) -> bool:
    """Return whether an answer is a text or a message, or structured output: a mapping, a list, a model of pydantic."""
    return isinstance(answer, str | BaseMessage | Mapping | list) or hasattr(answer, "model_dump")


def _translate(error: BaseException, asked: Runnable[SummaryInput, Any]) -> SummarizationError:
    """Return our error for what a summarizer raised, without the secrets of its model."""
    why = redact(str(error), model_below(getattr(asked, "model", asked)))[:200]
    message = f"the summarizer raised {type(error).__name__}: {why}"
    refusal = refusal_of(error)
    if refusal is None:
        return SummarizationError(message)
    return RefusedInputError(message, too_long=refusal is Refusal.TOO_LONG)
