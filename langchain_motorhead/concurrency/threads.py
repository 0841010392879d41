"""Daemon threads that are reused, and what happens where no thread can be started.

A container limits the threads of a process, and Python 3.12 and later starts none once the interpreter is ending.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from langchain_motorhead.concurrency.forks import renew_in_child
from langchain_motorhead.exceptions import MotorheadError

T = TypeVar("T")

# A thread without work ends after this time.
_IDLE_SECONDS = 2.0


class StaysDueError(MotorheadError):
    """Work was not done, for a reason that has nothing to do with it. It stays due."""


class ProcessEndsError(StaysDueError):
    """A call was abandoned because the process ends."""

    def __init__(self) -> None:
        super().__init__("the process ends. Nothing was lost, and the work stays due")


class NoThreadError(StaysDueError):
    """No further thread can be started."""

    def __init__(self) -> None:
        super().__init__(
            "no further thread can be started: the process has reached its limit, or is ending. "
            "Nothing was lost, and the work stays due"
        )


def start_thread(target: Callable[[], object], name: str) -> threading.Thread:
    """Start a daemon thread.

    Raises:
        NoThreadError: The process has as many threads as it may have, or is ending.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise NoThreadError from error
    return thread


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run a function in a thread of the event loop's executor, or here if no thread can be started."""
    future = None
    try:
        future = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:
        return work()
    return await future


class ThreadCache:
    """Daemon threads, each of which runs one function at a time and waits a little for the next one.

    A call that follows another one soon finds its thread, also while the interpreter is ending.

    Args:
        name: Name of the threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        renew_in_child(self, ThreadCache._renew)

    def _renew(self) -> None:
        self._lock, self._idle = threading.Lock(), []

    def start(self, work: Callable[[], Callable[[], object]]) -> None:
        """Run a function in a thread, and then what it returned, with the thread free for the next function.

        Raises:
            NoThreadError: No thread is free, and none can be started.
        """
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is not None:
            worker.put(work)
            return
        worker = _Worker()
        worker.put(work)
        start_thread(lambda: self._serve(worker), self._name)

    def _serve(self, worker: _Worker) -> None:
        while True:
            try:
                work = worker.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if worker in self._idle:
                        self._idle.remove(worker)
                        return
                continue  # a function is about to arrive
            deliver = work()
            with self._lock:
                self._idle.append(worker)
            deliver()
            del work, deliver  # neither result nor arguments are kept


class _Worker(queue.SimpleQueue[Callable[[], Callable[[], object]]]):
    """Hands functions to one thread."""

    __slots__ = ()
