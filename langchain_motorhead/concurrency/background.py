"""Work beside the caller: in daemon threads, or in tasks of the running loop, one job at a time for a key."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextvars import Context
from dataclasses import dataclass, field
from typing import NamedTuple

from langchain_motorhead.exceptions import MotorheadError

logger = logging.getLogger(__name__)

# Seconds without work after which a thread ends: a handle that is never closed keeps none.
_IDLE = 2.0
_FAILED = "background work failed; nothing was lost, and the next message tries again"


class Work(NamedTuple):
    """A job for `submit` or for `spawn`, with its key."""

    key: str
    run: Callable[[], object]
    arun: Callable[[], Awaitable[object]]


@dataclass(slots=True)
class _Job:
    loop: asyncio.AbstractEventLoop | None
    again: bool = False
    done: Future[None] = field(default_factory=Future)

    def is_stuck(self) -> bool:
        """Say whether waiting for it in this thread would be for ever: its loop is this thread's, or does not run."""
        return self.loop is not None and (self.loop is current_loop() or not self.loop.is_running())


class Background:
    """Runs jobs by key. A job asked for while it is at work runs once more after that.

    Args:
        threads: How many jobs run in threads at once.
    """

    def __init__(self, threads: int) -> None:
        self._most_threads = threads
        self._reset()
        self._closed = False

    def _reset(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._jobs: dict[str, _Job] = {}
        self._queue: deque[tuple[str, Callable[[], object]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = 0
        self._idle = 0

    def submit(self, key: str, work: Callable[[], object]) -> None:
        """Run a job in a thread."""
        self._reset_after_fork()
        with self._changed:
            if not self._admit(key, None):
                return
            self._queue.append((key, work))
            if self._idle < len(self._queue) and self._threads < self._most_threads:
                self._threads += 1
                threading.Thread(target=self._serve, name="motorhead-background", daemon=True).start()
            self._changed.notify_all()

    def spawn(self, key: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run a job as a task of the running loop, with nothing of the caller's context."""
        self._reset_after_fork()
        loop = asyncio.get_running_loop()
        with self._changed:
            if not self._admit(key, loop):
                return
            job = self._jobs[key]
        task = loop.create_task(self._attend(key, work), context=Context())
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._drop(key, job)  # where it was cancelled

        task.add_done_callback(ended)

    @property
    def pending(self) -> int:
        """How many jobs are at work, or waiting."""
        return len(self._pending())

    def cancel(self) -> None:
        """Cancel the tasks of the running loop, which give back what they hold. What they would have done stays due."""
        loop = asyncio.get_running_loop()
        for task in tuple(self._tasks):
            if task.get_loop() is loop:
                task.cancel()

    def flush(self) -> None:
        """Wait until nothing is left to do.

        Raises:
            MotorheadError: It was called on an event loop that has work to do itself.
        """
        while jobs := self._pending():
            if any(job.is_stuck() for job in jobs):
                raise MotorheadError(
                    "work is under way on an event loop that flush() keeps from running. Await aflush()"
                )
            wait([job.done for job in jobs])

    async def aflush(self) -> None:
        """Wait until nothing is left to do."""
        while jobs := [job for job in self._pending() if job.loop is None or job.loop.is_running()]:
            await asyncio.wait([asyncio.wrap_future(job.done) for job in jobs])

    def close(self) -> None:
        """Accept no more jobs, and wait for those there are. A task of the running loop is left to end by itself."""
        self._end()
        while jobs := [job for job in self._pending() if not job.is_stuck()]:
            wait([job.done for job in jobs])

    async def aclose(self) -> None:
        """Accept no more jobs, and wait for those there are."""
        self._end()
        await self.aflush()

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _reset_after_fork(self) -> None:
        if self._process != os.getpid():  # threads, tasks and their jobs stayed with the parent
            self._reset()

    def _admit(self, key: str, loop: asyncio.AbstractEventLoop | None) -> bool:
        if self._closed:  # what it would have done stays due, for whoever comes next
            return False
        self._forget_dead_loops()
        if (job := self._jobs.get(key)) is not None:
            job.again = True
            return False
        self._jobs[key] = _Job(loop)
        return True

    def _pending(self) -> list[_Job]:
        self._reset_after_fork()
        with self._changed:
            self._forget_dead_loops()
            return list(self._jobs.values())

    def _forget_dead_loops(self) -> None:
        for key, job in list(self._jobs.items()):
            if job.loop is not None and job.loop.is_closed():
                self._drop(key, job)

    def _drop(self, key: str, job: _Job) -> None:
        with self._changed:
            if self._jobs.get(key) is job:
                del self._jobs[key]
                job.done.set_result(None)

    def _finished(self, key: str) -> bool:
        """Say whether a job may end, and end it."""
        with self._changed:
            job = self._jobs.get(key)
            if job is not None and job.again:
                job.again = False
                return False
            self._jobs.pop(key, None)
        if job is not None:
            job.done.set_result(None)
        return True

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                there = self._changed.wait_for(lambda: self._queue or self._closed, _IDLE)
                self._idle -= 1
                if not there or not self._queue:
                    self._threads -= 1
                    return
                key, work = self._queue.popleft()
            while True:
                try:
                    Context().run(work)
                except Exception:
                    logger.warning(_FAILED, exc_info=True)
                if self._finished(key):
                    break

    async def _attend(self, key: str, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                logger.warning(_FAILED, exc_info=True)
            if self._finished(key):
                break


def current_loop() -> asyncio.AbstractEventLoop | None:
    """Give the loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
