"""Background jobs: a keyed executor that runs them in threads or asyncio tasks, one job at a time for each key.

A job outlives its event loop: if the loop ends or stands still, a thread does the job again from its beginning.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from contextvars import Context
from typing import Any

from langchain_motorhead.concurrency.bounded_call import abandon_all
from langchain_motorhead.concurrency.forks import renew_in_child
from langchain_motorhead.concurrency.jobs import Job, UntilTakenOver, Work
from langchain_motorhead.concurrency.threads import NoThreadError, StaysDueError, start_thread
from langchain_motorhead.exceptions import MotorheadError

logger = logging.getLogger(__name__)

# A thread without work ends after this time, so that an object that is never closed keeps no thread.
_IDLE_SECONDS = 2.0
# Time between two looks whether the event loop of a job that is waited for still runs.
_POLL_SECONDS = 0.5
# How long a program that ends waits for the jobs of an object that was not closed.
_EXIT_SECONDS = 1.0
_FAILED_MESSAGE = "a background job failed; no data was lost, and the next message starts it again"
_NOT_STARTED_MESSAGE = "a background job was not done: %s"


class Background:
    """Runs jobs by key. A job submitted while a job of the same key is running makes that one run once more afterwards.

    Args:
        threads: Largest number of jobs that run in threads at the same time.
    """

    def __init__(self, threads: int) -> None:
        self._max_threads = threads
        self._renew()
        self._closed = False
        self._exiting = False
        self._cut_short: weakref.ref[asyncio.AbstractEventLoop] | None = None
        renew_in_child(self, Background._renew)
        # Before the finalizers of objects that are older, such as the connection that the jobs use.
        weakref.finalize(self, _wind_down, weakref.ref(self))

    def _renew(self) -> None:
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = 0
        self._idle = 0

    def submit(self, key: str, work: Callable[[], object]) -> None:
        """Run a job in a thread. If none can be started, its work stays due."""
        with self._changed:
            if (job := self._admit(key, work, None)) is not None:
                self._enqueue(job)

    def resume(self, loop: asyncio.AbstractEventLoop | None, work: Work) -> None:
        """Run a job as a task of an event loop, called from any thread, or in a thread if that loop does not run."""
        if loop is None or not loop.is_running():
            self.submit(work.key, work.run)
        elif loop is current_loop():
            self.spawn(work)
        else:
            loop.call_soon_threadsafe(self.spawn, work)

    def spawn(self, work: Work) -> None:
        """Run a job as a task of the running event loop, in an empty context. If that loop ends, a thread does it."""
        loop = asyncio.get_running_loop()
        if self._loops_are_short():
            self.submit(work.key, work.run)
            return
        with self._changed:
            if (job := self._admit(work.key, work.run, loop)) is None:
                return
        context = Context()
        context.run(job.begin)
        task = loop.create_task(self._attend(job, loop, work.arun), context=context)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            given_up = task not in self._tasks  # by `cancel`
            self._tasks.discard(task)
            with self._changed:
                if job.loop is not loop:
                    return  # a thread has taken it over
                if task.cancelled() and not given_up and not self._closed:
                    self._cut_short = weakref.ref(loop)
                    self._take_over(job)
                else:
                    self._drop(job)

        task.add_done_callback(ended)

    @property
    def pending(self) -> int:
        """How many jobs are running or waiting."""
        with self._changed:
            return len(self._jobs)

    def cancel(self) -> None:
        """Cancel the tasks of the running event loop. They release their leases, and their work stays due."""
        loop = asyncio.get_running_loop()
        for task in tuple(self._tasks):
            if task.get_loop() is loop:
                self._tasks.discard(task)
                task.cancel()

    def flush(self) -> None:
        """Wait until no job is running or waiting.

        Raises:
            MotorheadError: A job runs on an event loop that this call would block.
        """
        while jobs := self._pending():
            _check_free(jobs, "flush", "aflush")
            wait([job.done for job in jobs], _POLL_SECONDS)

    async def aflush(self) -> None:
        """Wait until no job is running or waiting."""
        while jobs := self._pending():
            await asyncio.wait([asyncio.wrap_future(job.done) for job in jobs], timeout=_POLL_SECONDS)

    def close(self) -> None:
        """Accept no more jobs, and wait for the present ones. See `check_closable`."""
        self.check_closable()
        self._end()
        while jobs := self._pending():
            wait([job.done for job in jobs], _POLL_SECONDS)

    def check_closable(self) -> None:
        """Raise `MotorheadError` if `close` would block an event loop that has to finish a job."""
        _check_free(self._pending(), "close", "aclose")

    async def aclose(self) -> None:
        """Accept no more jobs and wait for the present ones."""
        self._pending()  # those of loops that stand still go on in threads
        self._end()
        await self.aflush()

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wind_down(self) -> None:
        """Begin no further job, and wait a moment for those under way: what they use is about to be closed.

        A job that waits for a model is then stopped, so that it releases its lease.
        """
        with self._changed:
            self._exiting = self._closed = True
            self._give_up_queue()
            running = [job.done for job in self._jobs.values() if job.loop is None]
            self._changed.notify_all()
        if wait(running, _EXIT_SECONDS).not_done:
            abandon_all()
            wait(running, _EXIT_SECONDS)

    def _loops_are_short(self) -> bool:
        """Return whether an earlier event loop ended before its jobs did, as with one `asyncio.run` for each request.

        A job would then be begun twice, and each beginning costs a call of a model.
        """
        if self._cut_short is None:
            return False
        loop = self._cut_short()
        return loop is None or loop.is_closed()

    def _admit(self, key: str, run: Callable[[], object], loop: asyncio.AbstractEventLoop | None) -> Job | None:
        """Return a new job, or None if there is nothing to start: one of this key exists, or the object was closed."""
        if self._closed:  # the work stays due, and another process can do it
            return None
        if (job := self._jobs.get(key)) is not None:
            if job.is_stranded:
                self._take_over(job)
            else:
                job.again = True
            return None
        job = self._jobs[key] = Job(key, run, loop)
        return job

    def _enqueue(self, job: Job) -> None:
        self._queue.append(job)
        if self._idle < len(self._queue) and self._threads < self._max_threads:
            self._threads += 1
            try:
                start_thread(self._serve, "motorhead-background")
            except NoThreadError as error:
                self._threads -= 1
                if not self._threads:
                    logger.info(_NOT_STARTED_MESSAGE, error)
                    self._give_up_queue()
        self._changed.notify_all()

    def _take_over(self, job: Job) -> None:
        """Let a thread do the job of an event loop that has ended or stands still."""
        job.take_over()
        self._enqueue(job)

    def _give_up_queue(self) -> None:
        while self._queue:
            self._drop(self._queue.popleft())

    def _pending(self) -> list[Job]:
        with self._changed:
            for job in list(self._jobs.values()):
                if job.is_stranded:
                    self._take_over(job)
            return list(self._jobs.values())

    def _drop(self, job: Job) -> None:
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
            job.done.set_result(None)

    def _finished(self, job: Job, loop: asyncio.AbstractEventLoop | None) -> bool:
        """Return whether a job has to run no more here, and remove it if it is done."""
        with self._changed:
            if job.loop is not loop:
                return True  # a thread has taken it over
            if job.again and not self._exiting:
                job.again = False
                return False
            self._drop(job)
        return True

    def _serve(self) -> None:
        changed = self._changed
        while True:
            with changed:
                self._idle += 1
                there = changed.wait_for(lambda: self._queue or self._closed, _IDLE_SECONDS)
                self._idle -= 1
                if not there or not self._queue:
                    self._threads -= 1
                    return
                job = self._queue.popleft()
            while True:
                try:
                    Context().run(_run, job)
                except Exception as error:  # noqa: BLE001 - logged
                    self._log(error)
                if self._finished(job, None):
                    break
            del job

    async def _attend(
        self, job: Job, loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        while True:
            try:
                await UntilTakenOver(work(), job, loop)
            except Exception as error:  # noqa: BLE001 - logged
                self._log(error)
            if self._finished(job, loop):
                break

    def _log(self, error: Exception) -> None:
        if isinstance(error, StaysDueError):
            logger.info(_NOT_STARTED_MESSAGE, error)
        elif not self._exiting:  # otherwise the servers and pools that the job used may be gone
            logger.warning(_FAILED_MESSAGE, exc_info=error)


def _run(job: Job) -> None:
    job.begin()
    job.run()


def _check_free(jobs: list[Job], call: str, instead: str) -> None:
    """Raise `MotorheadError` if the running event loop has to finish one of the jobs."""
    if (loop := current_loop()) is not None and any(job.loop is loop for job in jobs):
        raise MotorheadError(f"{call}() would block the event loop that has to do the work. Await {instead}() instead")


def _wind_down(reference: weakref.ref[Background]) -> None:
    """Stop a `Background` when the program ends. Nothing is to be done for one that was garbage-collected."""
    if (background := reference()) is not None:
        background._wind_down()


def current_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
