"""Bounded calls: calls of a user's model with a time limit and a heartbeat, isolated from the user's own run.

A call runs in a context of its own, so that no callback or stream of the user's run reaches it (`isolation.py`). A call
that is not async runs in a thread of its own, because nothing else can end the wait for a call that hangs. This module
knows nothing of models.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeAlias

from langchain_motorhead.concurrency.forks import renew_in_child
from langchain_motorhead.concurrency.isolation import isolated
from langchain_motorhead.concurrency.threads import ProcessEndsError, ThreadCache

Done: TypeAlias = Future[Any] | asyncio.Future[Any]
"""A finished call: a future that holds its result or its exception."""

HEARTBEAT_SECONDS = 3.0
"""Seconds between two heartbeats of a call."""

# A call may wait in a queue for this many times its own time limit.
_MAX_QUEUED_TIMEOUTS = 4
# Time between two checks whether a queued call has started.
_POLL_SECONDS = 0.05
# Threads of one model whose calls exceeded their time limit. A model that hangs for an hour must not fill the process
# with them.
_MAX_ABANDONED_THREADS = 16


class TooSlowError(Exception):
    """The call exceeded its time limit. It goes on, but nothing waits for it."""


class TooManyAbandonedError(Exception):
    """Too many earlier calls exceeded their time limit and still run."""


class BoundedCalls:
    """Calls of one model, each with a time limit.

    A thread cannot be stopped, so a call that hangs keeps its thread. Each model has a quota of such threads of its
    own: a model that hangs keeps no other from being called.
    """

    def __init__(self) -> None:
        self._abandoned: set[Future[Any]] = set()
        renew_in_child(self, lambda calls: calls._abandoned.clear())  # no thread lives on in a forked child

    @property
    def abandoned(self) -> int:
        """Number of calls that exceeded their time limit and still run."""
        return len(self._abandoned)

    def call(self, work: Callable[[], Any], timeout: float, heartbeat: Callable[[], object]) -> Done:
        """Run a function in a thread, and return its finished future.

        Args:
            work: The function.
            timeout: Time limit in seconds.
            heartbeat: Called every `HEARTBEAT_SECONDS` seconds during the wait.

        Raises:
            TooSlowError: The time limit was exceeded.
            TooManyAbandonedError: The function was not called, since too many earlier calls still run.
        """
        future = self._in_thread(work)
        try:
            return wait_for(future, timeout, heartbeat)
        finally:
            self._give_up(future)

    async def acall(
        self,
        work: Callable[[], Any],
        awork: Callable[[], Coroutine[Any, Any, Any]] | None,
        timeout: float,  # noqa: ASYNC109 - it sends heartbeats meanwhile
        heartbeat: Callable[[], Awaitable[object]],
    ) -> Done:
        """Run a function in a thread, or a coroutine function in a task, and return its finished future.

        Args:
            work: The function for the thread, used if `awork` is None.
            awork: The coroutine function, or None.
            timeout: Time limit in seconds.
            heartbeat: Awaited every `HEARTBEAT_SECONDS` seconds during the wait.

        Raises:
            TooSlowError: The time limit was exceeded.
            TooManyAbandonedError: The function was not called, since too many earlier calls still run.
        """
        if awork is not None:
            task = asyncio.get_running_loop().create_task(awork(), context=isolated())
            return await await_for(task, timeout, heartbeat)
        thread = self._in_thread(work)
        try:
            return await await_for(asyncio.wrap_future(thread), timeout, heartbeat)
        finally:
            self._give_up(thread)

    def _give_up(self, future: Future[Any]) -> None:
        """Count a call as abandoned until it ends, unless it has ended."""
        if not future.done():
            self._abandoned.add(future)
            future.add_done_callback(self._abandoned.discard)

    def _in_thread(self, work: Callable[[], Any]) -> Future[Any]:
        if self.abandoned >= _MAX_ABANDONED_THREADS:
            raise TooManyAbandonedError(f"{self.abandoned} earlier calls exceeded their time limit and still run")
        return _in_thread(work)


def wait_for(future: Future[Any], timeout: float, heartbeat: Callable[[], object]) -> Done:
    """Return a future when it is done, and call `heartbeat` every `HEARTBEAT_SECONDS` seconds until then.

    The time limit begins when the call starts. Before that, it may wait in a queue for four times as long.

    Raises:
        TooSlowError: The call needs longer than `timeout` seconds.
    """
    queued = time.monotonic() + _MAX_QUEUED_TIMEOUTS * timeout
    while not future.running() and not _is_done(future, min(_POLL_SECONDS, timeout)):
        if time.monotonic() >= queued and future.cancel():
            raise TooSlowError
        heartbeat()
    deadline = time.monotonic() + timeout
    while not _is_done(future, _until(deadline)):
        if time.monotonic() >= deadline:
            raise TooSlowError
        heartbeat()
    return future


def _is_done(future: Future[Any], seconds: float) -> bool:
    """Return whether a future is done after some seconds at most. `concurrent.futures.wait` takes twice the time."""
    try:
        future.exception(seconds)
    except CancelledError:
        return True
    except TimeoutError:
        return future.done()
    return True


async def await_for(
    future: asyncio.Future[Any],
    timeout: float,  # noqa: ASYNC109 - it sends heartbeats meanwhile
    heartbeat: Callable[[], Awaitable[object]],
) -> Done:
    """Return a future when it is done, and cancel it if it exceeds its time limit. See `wait_for`."""
    deadline = time.monotonic() + timeout
    try:
        while not (await asyncio.wait({future}, timeout=_until(deadline)))[0]:
            if time.monotonic() >= deadline:
                raise TooSlowError
            await heartbeat()
    finally:
        if not future.done():
            future.add_done_callback(_retrieve_exception)
            future.cancel()
    return future


def _retrieve_exception(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _until(deadline: float) -> float:
    return max(0.0, min(HEARTBEAT_SECONDS, deadline - time.monotonic()))


_under_way: set[Future[Any]] = set()
_threads = ThreadCache("motorhead-model")


def abandon_all() -> None:
    """End the wait for all calls in threads with `ProcessEndsError`, so that callers can release their leases."""
    for future in tuple(_under_way):
        _finish(future, ProcessEndsError())


def _finish(future: Future[Any], error: BaseException | None, result: Any = None) -> None:
    with suppress(InvalidStateError):  # it was abandoned
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _in_thread(work: Callable[[], Any]) -> Future[Any]:
    """Return the future of a function that runs in a daemon thread of its own, in a context of its own.

    Raises:
        NoThreadError: No thread can be started.
    """
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    context = isolated()

    def run() -> Callable[[], None]:
        try:
            result = context.run(work)
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
            # asyncio's futures refuse a StopIteration.
            raised = RuntimeError("StopIteration") if isinstance(error, StopIteration) else error
            return lambda: _finish(future, raised)
        return lambda: _finish(future, None, result)

    _threads.start(run)
    _under_way.add(future)
    future.add_done_callback(_under_way.discard)
    return future
