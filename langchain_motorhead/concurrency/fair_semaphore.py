"""A fair semaphore: it limits how many holders there are at once, and serves groups of waiters in turn."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager


class FairSemaphore:
    """A semaphore for threads and event loops that is fair between groups.

    The limit holds for all threads together, and for each event loop by itself: a loop that stands still keeps nobody
    else waiting. Groups are served in turn, and each group's waiters in their order, so that many waiters of one group
    delay the next one of another group by one holder only.

    Args:
        limit: How many may hold the semaphore at once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._threads = _Waiters(self.limit)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiters] = weakref.WeakKeyDictionary()

    @contextmanager
    def acquire(self, group: str) -> Iterator[None]:
        """Hold the semaphore in a `with` block. Blocks this thread until it is free for the group."""
        self._reset_after_fork()
        waiters = self._threads
        acquired = waiters.acquire(group)
        try:
            acquired.result()
        except BaseException:
            waiters.cancel(acquired)
            raise
        try:
            yield
        finally:
            waiters.release()

    @asynccontextmanager
    async def aacquire(self, group: str) -> AsyncIterator[None]:
        """Hold the semaphore in an `async with` block. Waits until it is free for the group on this event loop."""
        self._reset_after_fork()
        waiters = self._loops.setdefault(asyncio.get_running_loop(), _Waiters(self.limit))
        acquired = waiters.acquire(group)
        try:
            if not acquired.done():
                await asyncio.wrap_future(acquired)
        except BaseException:
            waiters.cancel(acquired)
            raise
        try:
            yield
        finally:
            waiters.release()

    def _reset_after_fork(self) -> None:
        if self._process != os.getpid():  # the holders stayed in the parent process
            self._reset()


class _Waiters:
    """The free places of a semaphore, and the waiters for one, by group. Thread-safe."""

    def __init__(self, free: int) -> None:
        self._lock = threading.Lock()
        self._free = free
        self._waiting: dict[str, deque[Future[None]]] = {}

    def acquire(self, group: str) -> Future[None]:
        """Return a future that is done when a place is held."""
        acquired: Future[None] = Future()
        with self._lock:
            if self._free:
                self._free -= 1
                acquired.set_result(None)
            else:
                self._waiting.setdefault(group, deque()).append(acquired)
        return acquired

    def cancel(self, acquired: Future[None]) -> None:
        """Stop waiting, or release a place that was given at the same moment."""
        if not acquired.cancel():
            self.release()

    def release(self) -> None:
        """Release a place. It goes to the next waiter of the group that was served longest ago."""
        with self._lock:
            while self._waiting:
                group = next(iter(self._waiting))
                queue = self._waiting.pop(group)
                acquired = queue.popleft()
                if queue:
                    self._waiting[group] = queue  # behind the other groups
                if acquired.set_running_or_notify_cancel():
                    acquired.set_result(None)
                    return
            self._free += 1
