"""Calling a user's model: limited in time, and cut off from the user's run. Knows nothing of what is asked.

A call runs in an empty context, so that no callback, stream or tracing parent of the user's run reaches it, and in a
thread of its own where it is not async, since nothing else can end the wait for a call that hangs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, wait
from contextvars import Context
from typing import Any, TypeAlias

Done: TypeAlias = Future[Any] | asyncio.Future[Any]
"""A call that came to its end; its result, or what it raised, is in it."""

HEARTBEAT = 3.0
"""Seconds between two heartbeats of a call."""

# How many times as long as it may take a call may wait for its turn, and seconds between two looks whether it came.
_QUEUED, _STEP = 4, 0.05
# Threads of calls that were given up on. A model that hangs for an hour must not fill the process with them.
_MOST_ABANDONED = 16


class TooSlowError(Exception):
    """The call took longer than it may, and goes on without anybody waiting for it."""


class TooManyAbandonedError(Exception):
    """Too many earlier calls took too long and still run."""


def call(work: Callable[[], Any], timeout: float, heartbeat: Callable[[], object]) -> Done:
    """Make a call, and wait for its end.

    Args:
        work: What to call.
        timeout: Seconds that it may take.
        heartbeat: Called every few seconds meanwhile.

    Raises:
        TooSlowError: It took too long.
        TooManyAbandonedError: It was not made.
    """
    future = _in_thread(work)
    try:
        return wait_for(future, timeout, heartbeat)
    finally:
        _give_up(future)


async def acall(
    work: Callable[[], Any],
    awork: Callable[[], Coroutine[Any, Any, Any]] | None,
    timeout: float,  # noqa: ASYNC109 - it sends heartbeats meanwhile
    heartbeat: Callable[[], Awaitable[object]],
) -> Done:
    """Make a call, and await its end.

    Args:
        work: What to call in a thread, where it is not async.
        awork: What to await in a task, where it is.
        timeout: Seconds that it may take.
        heartbeat: Awaited every few seconds meanwhile.

    Raises:
        TooSlowError: It took too long.
        TooManyAbandonedError: It was not made.
    """
    if awork is not None:
        return await await_for(asyncio.get_running_loop().create_task(awork(), context=Context()), timeout, heartbeat)
    thread = _in_thread(work)
    try:
        return await await_for(asyncio.wrap_future(thread), timeout, heartbeat)
    finally:
        _give_up(thread)


def wait_for(future: Future[Any], timeout: float, heartbeat: Callable[[], object]) -> Done:
    """Wait for the end of a call, calling `heartbeat` every few seconds.

    Raises:
        TooSlowError: It takes longer than `timeout` seconds.
    """
    queued = time.monotonic() + _QUEUED * timeout
    while not future.running() and not wait([future], min(_STEP, timeout)).done:
        if time.monotonic() >= queued and future.cancel():
            raise TooSlowError
        heartbeat()
    deadline = time.monotonic() + timeout
    while not wait([future], _until(deadline)).done:
        if time.monotonic() >= deadline:
            raise TooSlowError
        heartbeat()
    return future


async def await_for(
    future: asyncio.Future[Any],
    timeout: float,  # noqa: ASYNC109 - it sends heartbeats meanwhile
    heartbeat: Callable[[], Awaitable[object]],
) -> Done:
    """Await the end of a call, and cancel it if it takes too long. See `wait_for`."""
    deadline = time.monotonic() + timeout
    try:
        while not (await asyncio.wait({future}, timeout=_until(deadline)))[0]:
            if time.monotonic() >= deadline:
                raise TooSlowError
            await heartbeat()
    finally:
        if not future.done():
            future.add_done_callback(_ignored)
            future.cancel()
    return future


def _ignored(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _until(deadline: float) -> float:
    return max(0.0, min(HEARTBEAT, deadline - time.monotonic()))


_abandoned: set[Future[Any]] = set()


def _give_up(future: Future[Any]) -> None:
    """Keep count of a thread that goes on, until it ends."""
    if not future.done():
        _abandoned.add(future)
        future.add_done_callback(_abandoned.discard)


def _in_thread(work: Callable[[], Any]) -> Future[Any]:
    """Run a call in a daemon thread of its own, in an empty context."""
    if len(_abandoned) >= _MOST_ABANDONED:
        raise TooManyAbandonedError(f"{len(_abandoned)} earlier calls took too long and still run")
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(Context().run(work))
        except BaseException as error:  # noqa: BLE001 - it is the waiting thread's
            # A future of asyncio takes no StopIteration.
            future.set_exception(RuntimeError("StopIteration") if isinstance(error, StopIteration) else error)

    threading.Thread(target=run, name="motorhead-model", daemon=True).start()
    return future
