"""Run flows: do what they ask for, sync or async."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from langchain_motorhead.exceptions import RecallNotConfiguredError, StoreError
from langchain_motorhead.flows.protocol import Embed, Flow, Pause, Summarize
from langchain_motorhead.models.embedding_client import EmbeddingClient
from langchain_motorhead.models.summarizer_client import SummarizerClient
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")


NO_RECALL = (
    "recall needs an embedding model: give embeddings=, such as "
    '"openai:text-embedding-3-small". Messages and summaries need none'
)


@dataclass(frozen=True, slots=True)
class Driver:
    """Runs flows.

    Args:
        store: Executes their operations.
        summaries: Answers their requests for summaries.
        vectors: Answers their requests for vectors, if there is a model.
    """

    store: Executor
    summaries: SummarizerClient
    vectors: EmbeddingClient | None = None

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end.

        Raises:
            MotorheadError: What the flow raised, or let pass.
        """
        answer, failed = None, None
        while True:
            try:
                request = flow.send(answer) if failed is None else flow.throw(failed)
            except StopIteration as end:
                return cast("T", end.value)
            answer, failed = None, None
            try:
                answer = self.store.run(request) if isinstance(request, Operation) else self._do(request)
            except Exception as error:  # noqa: BLE001 - the flow decides what it means
                failed = error

    async def arun(self, flow: Flow[T]) -> T:
        """Run a flow to its end.

        Raises:
            MotorheadError: What the flow raised, or let pass.
        """
        answer, failed = None, None
        while True:
            try:
                request = flow.send(answer) if failed is None else flow.throw(failed)
            except StopIteration as end:
                return cast("T", end.value)
            answer, failed = None, None
            try:
                answer = await (self.store.arun(request) if isinstance(request, Operation) else self._ado(request))
            except Exception as error:  # noqa: BLE001 - the flow decides what it means
                failed = error

    def _do(self, request: Summarize | Embed | Pause) -> Any:
        if isinstance(request, Pause):
            return time.sleep(request.seconds)
        if isinstance(request, Embed):
            return self._embedding().call(request, lambda: self._beat(request))
        return self.summaries.call(request, lambda: self._beat(request))

    async def _ado(self, request: Summarize | Embed | Pause) -> Any:
        if isinstance(request, Pause):
            return await asyncio.sleep(request.seconds)
        if isinstance(request, Embed):
            return await self._embedding().acall(request, lambda: self._abeat(request))
        return await self.summaries.acall(request, lambda: self._abeat(request))

    def _embedding(self) -> EmbeddingClient:
        if self.vectors is None:
            raise RecallNotConfiguredError(NO_RECALL)
        return self.vectors

    # Nothing is given up for a heartbeat that was lost: correctness does not rest on the lease.

    def _beat(self, request: Summarize | Embed) -> None:
        if request.heartbeat is not None:
            with contextlib.suppress(StoreError):
                self.store.run(request.heartbeat)

    async def _abeat(self, request: Summarize | Embed) -> None:
        if request.heartbeat is not None:
            with contextlib.suppress(StoreError):
                await self.store.arun(request.heartbeat)
