"""Jobs of the background executor: what is to be done, and where it is being done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple


class Work(NamedTuple):
    """A job, as a function for a thread and as a coroutine function for a task, with its key.

    Both do the same, and either may be stopped at any point and begun again.
    """

    key: str
    run: Callable[[], object]
    arun: Callable[[], Awaitable[object]]


@dataclass(slots=True, eq=False)
class Job:
    """A job. `loop` is the event loop whose task does it, or None if a thread does it."""

    key: str
    run: Callable[[], object]
    loop: asyncio.AbstractEventLoop | None
    again: bool = False
    done: Future[None] = field(default_factory=Future)

    @property
    def is_stranded(self) -> bool:
        """Whether its event loop does not run, so that nobody knows whether it ever will."""
        return self.loop is not None and not self.loop.is_running()
