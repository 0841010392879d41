"""Models and event loops: a model whose connections belong to an event loop that has ended still answers elsewhere.

Clients of models keep connections, locks and sessions of the event loop on which they were used first. With one
`asyncio.run` for each request, that loop has ended by the next request. The sync side of a model has no loop at all,
and a model without one gets an event loop that lasts as long as the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from functools import cache
from typing import Any, TypeAlias

from langchain_motorhead.concurrency.bounded_call import BoundedCalls, Done, await_for, wait_for
from langchain_motorhead.concurrency.isolation import isolated
from langchain_motorhead.concurrency.loop_thread import LoopThread

Awork: TypeAlias = Callable[[], Coroutine[Any, Any, Any]] | None
"""Calls the async side of a model. None if the model has none of its own."""

# What asyncio, anyio, aiohttp and grpc say on an event loop that is not the one an object belongs to.
_OTHER_LOOP = (
    "event loop is closed",
    "attached to a different loop",
    "bound to a different event loop",
    "different event loop",
    "loop that is not the current",
)
# LangChain's error of a RunnableLambda that has only a coroutine function.
_ASYNC_ONLY = "coroutine function synchronously"
_MAX_CAUSES = 10


def belongs_to_other_loop(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, says that an object belongs to another event loop."""
    for _ in range(_MAX_CAUSES):
        if error is None:
            return False
        if isinstance(error, RuntimeError | ValueError) and any(sign in str(error).lower() for sign in _OTHER_LOOP):
            return True
        error = error.__cause__ or error.__context__
    return False


def call_model(
    calls: BoundedCalls,
    work: Callable[[], Any],
    awork: Awork,
    timeout: float,
    heartbeat: Callable[[], object],
) -> Done:
    """Call a model in a thread, or on an event loop of ours if it is async only. See `BoundedCalls.call`.

    Args:
        calls: The calls of this model.
        work: Calls the model.
        awork: Calls its async side, or None if it has none of its own.
        timeout: Time limit in seconds.
        heartbeat: Called every few seconds during the wait.
    """
    return finish_async_only(calls.call(work, timeout, heartbeat), awork, timeout, heartbeat)


def finish_async_only(done: Done, awork: Awork, timeout: float, heartbeat: Callable[[], object]) -> Done:
    """Return a finished call, or repeat it on an event loop of ours if it shows that the model is async only."""
    if awork is None or not _is_async_only(done):
        return done
    future = _on_own_loop(awork)
    try:
        return wait_for(future, timeout, heartbeat)
    finally:
        future.cancel()


async def acall_model(
    calls: BoundedCalls,
    work: Callable[[], Any],
    awork: Awork,
    timeout: float,  # noqa: ASYNC109 - it sends heartbeats meanwhile
    heartbeat: Callable[[], Awaitable[object]],
) -> Done:
    """Call a model on this event loop, or in a thread if it is not async. See `BoundedCalls.acall`.

    If the model belongs to another event loop, it is called once more: in a thread, or on an event loop of ours.
    """
    done = await calls.acall(work, awork, timeout, heartbeat)
    if awork is None or done.cancelled() or not belongs_to_other_loop(done.exception()):
        return done
    return await acall_elsewhere(calls, work, awork, timeout, heartbeat)


async def acall_elsewhere(
    calls: BoundedCalls,
    work: Callable[[], Any],
    awork: Callable[[], Coroutine[Any, Any, Any]],
    timeout: float,  # noqa: ASYNC109 - it sends heartbeats meanwhile
    heartbeat: Callable[[], Awaitable[object]],
) -> Done:
    """Call a model in a thread, or on an event loop of ours if it is async only."""
    done = await calls.acall(work, None, timeout, heartbeat)
    if not _is_async_only(done):
        return done
    return await await_for(asyncio.wrap_future(_on_own_loop(awork)), timeout, heartbeat)


def in_this_context(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that runs another one in the present context, whatever thread calls it."""
    run = copy_context().run
    return lambda: run(work)


def _is_async_only(done: Done) -> bool:
    error = None if done.cancelled() else done.exception()
    return isinstance(error, NotImplementedError) or (isinstance(error, TypeError) and _ASYNC_ONLY in str(error))


def _on_own_loop(awork: Callable[[], Coroutine[Any, Any, Any]]) -> Future[Any]:
    return isolated().run(lambda: _own_loop().submit(awork()))


@cache
def _own_loop() -> LoopThread:
    return LoopThread("motorhead-models")
