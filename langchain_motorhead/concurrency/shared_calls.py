"""Shared calls: one call of a model for the texts that tasks of an event loop submit at about the same time.

Texts that are submitted in one iteration of the event loop share a call. While the maximum number of calls runs,
further texts wait. The next call then takes all of them. Calls that take a few milliseconds are made one at a time:
waiting for one costs less than a call for few texts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

_MAX_CALLS = 2
_MAX_TEXTS = 256
_QUICK_SECONDS = 0.02

Call: TypeAlias = Callable[[list[str]], Awaitable[Sequence[Any]]]
Batch: TypeAlias = list[tuple[str, asyncio.Future[Any]]]


class SharedCalls:
    """Calls of one model, shared by all who wait on an event loop. Each event loop has its own.

    If a call fails, it fails for all callers that share it. Each may then call alone, to find out whose text caused it.

    Args:
        call: Returns a result for each text, in their order.
        max_calls: How many calls run at a time, if they are not quick.
        clock: Returns seconds, from any start.
    """

    def __init__(self, call: Call, max_calls: int = _MAX_CALLS, clock: Callable[[], float] = monotonic) -> None:
        self._call = call
        self._max_calls = max_calls
        self._clock = clock
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()

    async def ask(self, text: str) -> Any:
        """Return the result for a text.

        Raises:
            SharedCallError: The call failed, and others have shared it. Its cause is the error.
            Exception: What a call of this text alone raised.
        """
        loop = asyncio.get_running_loop()
        queue = self._loops.get(loop)
        if queue is None:
            queue = self._loops[loop] = _Queue(self._call, self._max_calls, self._clock)
        return await queue.ask(text)


class SharedCallError(Exception):
    """A call that several callers shared failed. Its `__cause__` is the error."""


class _Queue:
    def __init__(self, call: Call, max_calls: int, clock: Callable[[], float]) -> None:
        self._call = call
        self._max_calls = max_calls
        self._clock = clock
        self._waiting: deque[tuple[str, asyncio.Future[Any]]] = deque()
        self._running: set[asyncio.Task[Any] | None] = set()
        self._starting = False
        self._is_quick = False

    async def ask(self, text: str) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, future))
        # A call begins in the next turn of the event loop, with all that is submitted in this one.
        if not self._starting and len(self._running) < (1 if self._is_quick else self._max_calls):
            self._starting = True
            self._running.add(asyncio.create_task(self._serve()))
        return await future

    async def _serve(self) -> None:
        self._starting = False
        try:
            while batch := self._next():
                await self._answer(batch)
                if self._is_quick and len(self._running) > 1:
                    return  # another call runs, and the next one takes all that wait
        finally:
            # Not in a callback of the task, which comes later: a text would wait meanwhile for a task that has ended.
            self._running.discard(asyncio.current_task())

    async def _answer(self, batch: Batch) -> None:
        """Call for some texts, and give each caller its result, or the error."""
        began = self._clock()
        try:
            results = await self._call([text for text, _ in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for {len(batch)} texts")
        except BaseException as error:  # the tasks that wait raise it
            failure = error
            if len(batch) > 1 or not isinstance(error, Exception):
                failure = SharedCallError()
                failure.__cause__ = error
            for _, future in batch:
                if not future.done():
                    future.set_exception(failure)
            if not isinstance(error, Exception):
                raise
            return
        self._is_quick = self._clock() - began < _QUICK_SECONDS
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    def _next(self) -> Batch:
        """Take the waiting texts, except those whose callers were cancelled."""
        batch: Batch = []
        while self._waiting and len(batch) < _MAX_TEXTS:
            each = self._waiting.popleft()
            if not each[1].done():
                batch.append(each)
        return batch
