"""Background jobs: a keyed executor that runs them in threads or asyncio tasks, one job at a time for each key."""

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

# A thread without work ends after this time, so that an object that is never closed keeps no thread.
_IDLE_SECONDS = 2.0
# How many jobs there are when those of closed event loops are first looked for.
_FIRST_SWEEP_JOBS = 64
_FAILED_MESSAGE = "a background job failed; no data was lost, and the next message starts it again"


class Work(NamedTuple):
    """A job, as a function for a thread and as a coroutine function for a task, with its key."""

    key: str
    run: Callable[[], object]
    arun: Callable[[], Awaitable[object]]


@dataclass(slots=True)
class _Job:
    loop: asyncio.AbstractEventLoop | None
    again: bool = False
    done: Future[None] = field(default_factory=Future)

    def is_dead(self) -> bool:
        """Return whether the job will never end, because its event loop was closed."""
        return self.loop is not None and self.loop.is_closed()

    def is_stuck(self) -> bool:
        """Return whether waiting here would never end: the job's event loop is this thread's, or has stopped."""
        return self.loop is not None and (self.loop is current_loop() or not self.loop.is_running())


class Background:
    """Runs jobs by key. A job submitted while a job of the same key is running makes that one run once more afterwards.

    Args:
        threads: Largest number of jobs that run in threads at the same time.
    """

    def __init__(self, threads: int) -> None:
        self._max_threads = threads
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
        self._sweep_at = _FIRST_SWEEP_JOBS

    def submit(self, key: str, work: Callable[[], object]) -> None:
        """Run a job in a thread."""
        self._reset_after_fork()
        with self._changed:
            if not self._admit(key, None):
                return
            self._queue.append((key, work))
            if self._idle < len(self._queue) and self._threads < self._max_threads:
                self._threads += 1
                threading.Thread(target=self._serve, name="motorhead-background", daemon=True).start()
            self._changed.notify_all()

    def spawn(self, key: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run a job as a task of the running event loop, in an empty context."""
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
            self._drop(key, job)  # if it was cancelled

        task.add_done_callback(ended)

    @property
    def pending(self) -> int:
        """How many jobs are running or waiting."""
        return len(self._pending())

    def cancel(self) -> None:
        """Cancel the tasks of the running event loop. They release their leases, and their work stays due."""
        loop = asyncio.get_running_loop()
        for task in tuple(self._tasks):
            if task.get_loop() is loop:
                task.cancel()

    def flush(self) -> None:
        """Wait until no job is running or waiting.

        Raises:
            MotorheadError: A job runs on an event loop that this call would block.
        """
        while jobs := self._pending():
            if any(job.is_stuck() for job in jobs):
                raise MotorheadError(
                    "flush() would block the event loop that has to finish the work. Await aflush() instead"
                )
            wait([job.done for job in jobs])

    async def aflush(self) -> None:
        """Wait until no job is running or waiting."""
        while jobs := [job for job in self._pending() if job.loop is None or job.loop.is_running()]:
            await asyncio.wait([asyncio.wrap_future(job.done) for job in jobs])

    def close(self) -> None:
        """Accept no more jobs and wait for the present ones, except those on the event loop that this call blocks."""
        self._end()
        while jobs := [job for job in self._pending() if not job.is_stuck()]:
            wait([job.done for job in jobs])

    async def aclose(self) -> None:
        """Accept no more jobs and wait for the present ones."""
        self._end()
        await self.aflush()

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _reset_after_fork(self) -> None:
        if self._process != os.getpid():  # threads, tasks and jobs exist only in the parent process
            self._reset()

    def _admit(self, key: str, loop: asyncio.AbstractEventLoop | None) -> bool:
        if self._closed:  # the work stays due, and another process can do it
            return False
        if len(self._jobs) >= self._sweep_at:  # seldom, so that the cost does not depend on how many jobs wait
            self._forget_dead_loops()
            self._sweep_at = max(_FIRST_SWEEP_JOBS, 2 * len(self._jobs))
        if (job := self._jobs.get(key)) is not None and job.is_dead():
            self._drop(key, job)
            job = None
        if job is not None:
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
            if job.is_dead():
                self._drop(key, job)

    def _drop(self, key: str, job: _Job) -> None:
        with self._changed:
            if self._jobs.get(key) is job:
                del self._jobs[key]
                job.done.set_result(None)

    def _finished(self, key: str) -> bool:
        """Return whether a job has to run no more, and remove it in that case."""
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
                there = self._changed.wait_for(lambda: self._queue or self._closed, _IDLE_SECONDS)
                self._idle -= 1
                if not there or not self._queue:
                    self._threads -= 1
                    return
                key, work = self._queue.popleft()
            while True:
                try:
                    Context().run(work)
                except Exception:
                    logger.warning(_FAILED_MESSAGE, exc_info=True)
                if self._finished(key):
                    break

    async def _attend(self, key: str, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                logger.warning(_FAILED_MESSAGE, exc_info=True)
            if self._finished(key):
                break


def current_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
