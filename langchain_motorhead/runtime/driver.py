"""The flow driver: runs flows (`flows/protocol.py`), sync or async, by answering what they yield."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.concurrency.threads import run_in_thread
from langchain_motorhead.exceptions import (
    InvalidInputError,
    RecallNotConfiguredError,
    StoreError,
    StoreUnavailableError,
)
from langchain_motorhead.flows.protocol import Compute, Embed, Flow, Learn, Pause, Request, Summarize
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.runtime.telemetry import Telemetry
from langchain_motorhead.storage.operation import Operation

if TYPE_CHECKING:
    from langchain_motorhead.models.embedding_client import EmbeddingClient
    from langchain_motorhead.models.learner_client import LearnerClient
    from langchain_motorhead.models.summarizer_client import SummarizerClient

T = TypeVar("T")

NO_RECALL = (
    "recall needs an embedding model: give embeddings=, such as "
    '"openai:text-embedding-3-small". Messages and summaries need none'
)
NO_FACTS = "nothing is learned without facts=, such as facts=Facts(llm=...). What was learned before can be read"
# Time for each operation by which a cancelled flow cleans up. The event loop may be about to end.
_CLEANUP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Driver:
    """Runs flows. The clients of models are made by the first request for them, since they import a lot.

    Attributes:
        executor: Executes operations.
        summarizer: Answers requests for summaries.
        embedder: Answers requests for embeddings. None without recall.
        learner: Answers requests to learn facts. None without facts.
        telemetry: Watches what is done.
    """

    executor: Executor
    summarizer: Deferred[SummarizerClient]
    embedder: Deferred[EmbeddingClient] | None = None
    learner: Deferred[LearnerClient] | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow until it returns.

        Returns:
            What the flow returned.

        Raises:
            MotorheadError: What the flow raised, or did not handle.
        """
        answer: Any = None
        failed: BaseException | None = None
        while True:
            try:
                request = flow.send(answer) if failed is None else flow.throw(failed)
            except StopIteration as end:
                return cast("T", end.value)
            answer, failed = None, None
            try:
                answer = self._answer(request)
            except BaseException as error:  # noqa: BLE001 - the flow handles it, or cleans up and raises it
                failed = error

    async def arun(self, flow: Flow[T]) -> T:
        """Run a flow until it returns. See `run`."""
        answer: Any = None
        failed: BaseException | None = None
        cancelled = False
        while True:
            try:
                request = flow.send(answer) if failed is None else flow.throw(failed)
            except StopIteration as end:
                return cast("T", end.value)
            answer, failed = None, None
            try:
                if isinstance(request, Operation) and not cancelled:  # most are
                    answer = await self.executor.arun(request)
                else:
                    answer = await (self._aclean_up(request) if cancelled else self._aanswer(request))
            except BaseException as error:  # noqa: BLE001 - the flow handles it, or cleans up and raises it
                failed = error
                cancelled = cancelled or not isinstance(error, Exception)

    def _answer(self, request: Request) -> Any:
        if isinstance(request, Operation):
            return self.executor.run(request)
        if isinstance(request, Pause):
            return time.sleep(request.seconds)
        if isinstance(request, Compute):
            return request.work()
        client = self._client(request).get()
        with self.telemetry.asking(request, client if isinstance(request, Embed) else None) as noted:
            return noted(client.call(request, lambda: self._beat(request)))

    async def _aanswer(self, request: Request) -> Any:
        if isinstance(request, Operation):
            return await self.executor.arun(request)
        if isinstance(request, Pause):
            return await asyncio.sleep(request.seconds)
        if isinstance(request, Compute):
            return await run_in_thread(request.work)
        client = await self._client(request).aget()
        with self.telemetry.asking(request, client if isinstance(request, Embed) else None) as noted:
            return noted(await client.acall(request, lambda: self._abeat(request)))

    async def _aclean_up(self, request: Request) -> Any:
        try:
            return await asyncio.wait_for(self._aanswer(request), _CLEANUP_SECONDS)
        except TimeoutError as error:
            raise StoreUnavailableError("Redis did not answer while a cancelled task cleaned up") from error

    def _client(self, request: Summarize | Learn | Embed) -> Deferred[Any]:
        """Return what answers a request to a model."""
        if isinstance(request, Summarize):
            return self.summarizer
        if isinstance(request, Learn):
            if self.learner is None:
                raise InvalidInputError(NO_FACTS)
            return self.learner
        if self.embedder is None:
            raise RecallNotConfiguredError(NO_RECALL)
        return self.embedder

    # A lost heartbeat ends nothing: the lease only saves duplicate work.

    def _beat(self, request: Summarize | Learn | Embed) -> None:
        if request.heartbeat is not None:
            with contextlib.suppress(StoreError):
                self.executor.run(request.heartbeat)

    async def _abeat(self, request: Summarize | Learn | Embed) -> None:
        if request.heartbeat is not None:
            with contextlib.suppress(StoreError):
                await self.executor.arun(request.heartbeat)
