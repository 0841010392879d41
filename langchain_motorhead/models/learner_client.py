"""The learner client: calls a learner of facts with a time limit, apart from the user's run, and counts its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.concurrency.bounded_call import BoundedCalls, Done, TooManyAbandonedError, TooSlowError
from langchain_motorhead.concurrency.threads import StaysDueError
from langchain_motorhead.exceptions import LearningError, UnusableOperationsError
from langchain_motorhead.flows.protocol import Learn, Learned, RefusedLearningError, Writer
from langchain_motorhead.models.loops import acall_model, call_model
from langchain_motorhead.models.redaction import redact
from langchain_motorhead.models.refused_inputs import refusal_of
from langchain_motorhead.models.summarizer_client import TAGS, is_async, model_below
from langchain_motorhead.models.usage import UsageHandler

RUN_NAME = "motorhead_learn"


@dataclass(frozen=True, slots=True)
class LearnerClient:
    """Answers a flow's requests to learn facts.

    A learner may have the attribute `repairs`, true if it asks its model itself for a better answer to replace one that
    cannot be used.

    Args:
        learners: The runnable for each writer.
        timeout: Time limit of one call in seconds.
        read: Returns the operations that an answer holds.
    """

    learners: dict[Writer, Runnable[Any, Any]]
    timeout: float
    read: Callable[[Any], list[Any]]
    _calls: dict[Writer, BoundedCalls] = field(default_factory=lambda: {writer: BoundedCalls() for writer in Writer})

    def call(self, request: Learn, heartbeat: Callable[[], object]) -> Learned:
        """Return what a learner proposes, and call `heartbeat` every few seconds during the wait.

        Raises:
            RefusedLearningError: The provider refused the input, and would refuse it again.
            LearningError: The learner failed, or exceeded its time limit.
        """
        learner, usage = self.learners[request.writer], UsageHandler()
        config, calls = _config(request, usage), self._calls[request.writer]
        awork = (lambda: _ainvoke(learner, request, config)) if is_async(learner) else None
        try:
            done = call_model(calls, lambda: learner.invoke(request.given, config), awork, self.timeout, heartbeat)
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._timeout_error(error) from error
        return self._learned(done, usage, learner)

    async def acall(self, request: Learn, heartbeat: Callable[[], Awaitable[object]]) -> Learned:
        """Return what a learner proposes, and await `heartbeat` every few seconds during the wait. See `call`."""
        learner, usage = self.learners[request.writer], UsageHandler()
        config, calls = _config(request, usage), self._calls[request.writer]
        awork = (lambda: _ainvoke(learner, request, config)) if is_async(learner) else None
        try:
            done = await acall_model(
                calls, lambda: learner.invoke(request.given, config), awork, self.timeout, heartbeat
            )
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._timeout_error(error) from error
        return self._learned(done, usage, learner)

    def _timeout_error(self, error: Exception) -> LearningError:
        if isinstance(error, TooSlowError):
            return LearningError(f"the learner took longer than {self.timeout:g} s")
        return LearningError(f"the learner was not called: {error}")

    def _learned(self, done: Done, usage: UsageHandler, learner: Runnable[Any, Any]) -> Learned:
        is_final = getattr(learner, "repairs", False) is True
        try:
            return Learned(self.read(done.result()), usage.tokens, is_final=is_final)
        except asyncio.CancelledError as error:
            raise LearningError("the learner cancelled itself") from error
        except UnusableOperationsError as error:
            return Learned((), usage.tokens, unusable=error.reason, is_final=is_final)
        except (LearningError, StaysDueError):
            raise
        except BaseException as error:  # also a SystemExit: it ends the call, not the waiting thread
            why = redact(str(error), model_below(getattr(learner, "model", learner)))[:200]
            message = f"the learner raised {type(error).__name__}: {why}"
            kind = LearningError if refusal_of(error) is None else RefusedLearningError
            raise kind(message) from error


async def _ainvoke(learner: Runnable[Any, Any], request: Learn, config: RunnableConfig) -> Any:
    return await learner.ainvoke(request.given, config)


def _config(request: Learn, usage: UsageHandler) -> RunnableConfig:
    return RunnableConfig(callbacks=[usage], tags=list(TAGS), run_name=RUN_NAME, metadata=dict(request.metadata))
