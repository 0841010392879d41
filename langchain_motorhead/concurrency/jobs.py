"""Jobs of the background executor: what is to be done, where it is being done, and which attempt at it this is.

A job is begun again if its event loop stops: a thread makes the next attempt. The attempt before is given up. If its
loop runs again, it is cancelled at its next step. Its lease in Redis goes to the attempt after it: see `lease_token`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# The job and the attempt that the running code is part of, as a token of it begins.
_attempt: ContextVar[str] = ContextVar("motorhead_attempt", default="")


class Work(NamedTuple):
    """A job, as a function for a thread and as a coroutine function for a task, with its key.

    Both do the same, and either may be stopped at any point and begun again.
    """

    key: str
    run: Callable[[], object]
    arun: Callable[[], Coroutine[Any, Any, object]]


@dataclass(slots=True, eq=False)
class Job:
    """A job. `loop` is the event loop whose task does it, or None if a thread does it."""

    key: str
    run: Callable[[], object]
    loop: asyncio.AbstractEventLoop | None
    again: bool = False
    done: Future[None] = field(default_factory=Future)
    attempt: int = 1
    _name: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def is_stranded(self) -> bool:
        """Whether its event loop does not run, so that nobody knows whether it ever will."""
        return self.loop is not None and not self.loop.is_running()

    def take_over(self) -> None:
        """Give up the attempt of an event loop. The next one is made by a thread."""
        self.loop, self.again, self.attempt = None, False, self.attempt + 1

    def begin(self) -> None:
        """Note in this context that its code is the present attempt at this job."""
        _attempt.set(f"{self._name}.{self.attempt}.")


def lease_token() -> str:
    """Return a random token for leases.

    In a job it begins with the job and the attempt that it is of: `may_take` (lib_leases.lua) lets an attempt take
    the leases of the attempts before it, and never those of a later one.
    """
    return _attempt.get() + secrets.token_hex(8)


class UntilTakenOver:
    """Awaits a coroutine, and cancels it at its next step once a thread has taken over its job.

    `Task.cancel` is not enough: a task whose loop runs again may take a step before, and send something.

    Args:
        work: The coroutine.
        job: The job that it does.
        loop: The event loop that it runs on.
    """

    def __init__(self, work: Coroutine[Any, Any, object], job: Job, loop: asyncio.AbstractEventLoop) -> None:
        self._work, self._job, self._loop = work, job, loop

    def __await__(self) -> Generator[Any, None, None]:
        steps, cancelled = self._work.__await__(), False
        error: BaseException | None = None
        while True:
            if self._job.loop is not self._loop and not cancelled:
                error, cancelled = error or asyncio.CancelledError(), True
            try:
                waits_for = next(steps) if error is None else steps.throw(error)
            except StopIteration:
                return
            error = None
            try:
                yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - the coroutine raises it
                error = thrown
