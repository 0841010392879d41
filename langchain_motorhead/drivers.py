"""Run flows: do what they ask for, sync or async."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from langchain_motorhead.embedding import EmbeddingCalls
from langchain_motorhead.exceptions import RecallNotConfiguredError, StoreError
from langchain_motorhead.flows import Embed, Flow, Pause, Request, Summarize
from langchain_motorhead.operations import Operation
from langchain_motorhead.store import Store
from langchain_motorhead.summarizing import SummarizerCalls

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

    store: Store
    summaries: SummarizerCalls
    vectors: EmbeddingCalls | None = None

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end.

        Raises:
            MotorheadError: What the flow raised, or let pass.
        """
        progress = _Progress(flow)
        while (request := progress.advance()) is not None:
            try:
                progress.answer = self._do(request)
            except Exception as error:  # noqa: BLE001 - the flow decides what it means
                progress.error = error
        return progress.result

    async def arun(self, flow: Flow[T]) -> T:
        """Run a flow to its end.

        Raises:
            MotorheadError: What the flow raised, or let pass.
        """
        progress = _Progress(flow)
        while (request := progress.advance()) is not None:
            try:
                progress.answer = await self._ado(request)
            except Exception as error:  # noqa: BLE001 - the flow decides what it means
                progress.error = error
        return progress.result

    def _do(self, request: Request) -> Any:
        if isinstance(request, Operation):
            return self.store.run(request)
        if isinstance(request, Pause):
            return time.sleep(request.seconds)
        if isinstance(request, Embed):
            return self._embedding().call(request, lambda: self._beat(request))
        return self.summaries.call(request, lambda: self._beat(request))

    async def _ado(self, request: Request) -> Any:
        if isinstance(request, Operation):
            return await self.store.arun(request)
        if isinstance(request, Pause):
            return await asyncio.sleep(request.seconds)
        if isinstance(request, Embed):
            return await self._embedding().acall(request, lambda: self._abeat(request))
        return await self.summaries.acall(request, lambda: self._abeat(request))

    def _embedding(self) -> EmbeddingCalls:
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


class _Progress(Generic[T]):
    """A flow under way: what it was last told, and what it came to."""

    __slots__ = ("_flow", "_result", "answer", "error")

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self._result: T | None = None
        self.answer: Any = None
        self.error: Exception | None = None

    def advance(self) -> Request | None:
        """Tell the flow what came of its last request. Returns its next, or None at its end."""
        answer, error, self.answer, self.error = self.answer, self.error, None, None
        try:
            return self._flow.send(answer) if error is None else self._flow.throw(error)
        except StopIteration as end:
            self._result = end.value
            return None

    @property
    def result(self) -> T:
        return cast("T", self._result)
