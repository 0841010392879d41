"""Taking turns: no more than so many at once, the others in the order they came, group by group."""

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
    """Lets so many work at once in threads, and so many on each event loop, which may stand still without the others.

    Whoever waits has a place in the queue of its group, and nothing else: the groups are served in turn, so that a
    crowd in one of them holds up the next of another by one turn alone.

    Args:
        at_once: How many.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._threads = _Queue(self.at_once)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = weakref.WeakKeyDictionary()

    @contextmanager
    def turn(self, group: str) -> Iterator[None]:
        """Wait in this thread for a turn, and have it."""
        self._reset_after_fork()
        queue = self._threads
        mine = queue.ask(group)
        try:
            mine.result()
        except BaseException:
            queue.withdraw(mine)
            raise
        try:
            yield
        finally:
            queue.pass_on()

    @asynccontextmanager
    async def aturn(self, group: str) -> AsyncIterator[None]:
        """Await a turn on this loop, and have it."""
        self._reset_after_fork()
        queue = self._loops.setdefault(asyncio.get_running_loop(), _Queue(self.at_once))
        mine = queue.ask(group)
        try:
            if not mine.done():
                await asyncio.wrap_future(mine)
        except BaseException:
            queue.withdraw(mine)
            raise
        try:
            yield
        finally:
            queue.pass_on()

    def _reset_after_fork(self) -> None:
        if self._process != os.getpid():  # who had a turn stayed with the parent
            self._reset()


class _Queue:
    """Who waits in one place. Safe across threads."""

    def __init__(self, free: int) -> None:
        self._lock = threading.Lock()
        self._free = free
        self._waiting: dict[str, deque[Future[None]]] = {}

    def ask(self, group: str) -> Future[None]:
        """Ask for a turn, which begins when the future is done."""
        mine: Future[None] = Future()
        with self._lock:
            if self._free:
                self._free -= 1
                mine.set_result(None)
            else:
                self._waiting.setdefault(group, deque()).append(mine)
        return mine

    def withdraw(self, mine: Future[None]) -> None:
        """Give up waiting, or a turn that came just then."""
        if not mine.cancel():
            self.pass_on()

    def pass_on(self) -> None:
        """End a turn: it is the next one's, of the group that has waited longest for one."""
        with self._lock:
            while self._waiting:
                group = next(iter(self._waiting))
                queue = self._waiting.pop(group)
                mine = queue.popleft()
                if queue:
                    self._waiting[group] = queue  # behind the other groups
                if mine.set_running_or_notify_cancel():
                    mine.set_result(None)
                    return
            self._free += 1
