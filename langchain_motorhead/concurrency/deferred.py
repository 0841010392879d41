"""Deferred values: made when they are first needed, and outside of the event loop.

Models are deferred, because their libraries take seconds to import.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from langchain_motorhead.concurrency.forks import ForkSafeLock, renew_in_child
from langchain_motorhead.concurrency.threads import NoThreadError, start_thread

T = TypeVar("T")


class Deferred(Generic[T]):
    """A value that is made once, when it is first needed. If that fails, the next call tries again.

    Args:
        make: Makes the value. It may import, and must not need an event loop.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[T] | None = None
        self._future: Future[T] | None = None
        self._renew()
        renew_in_child(self, Deferred._renew)

    @classmethod
    def of(cls, value: T) -> Deferred[T]:
        """Wrap a value that exists already."""
        made = cls(lambda: value)
        made._made = (value,)
        return made

    @property
    def is_made(self) -> bool:
        """Whether the value was made."""
        return self._made is not None

    def get(self) -> T:
        """Return the value. The first call makes it, and others wait meanwhile.

        Raises:
            Exception: What making it raised.
        """
        if self._made is None:
            with self._making:
                if self._made is None:
                    self._made = (self._make(),)
        return self._made[0]

    async def aget(self) -> T:
        """Return the value. The first call makes it in a thread, and others wait meanwhile. See `get`."""
        if self._made is not None:
            return self._made[0]
        try:
            return await asyncio.wrap_future(self._started())
        except NoThreadError:
            return self.get()

    def _started(self) -> Future[T]:
        with self._starting:
            if self._future is None:
                future: Future[T] = Future()
                future.set_running_or_notify_cancel()  # a caller that is cancelled does not cancel it for the others
                start_thread(lambda: self._fill(future), "motorhead-deferred")
                self._future = future
            return self._future

    def _fill(self, future: Future[T]) -> None:
        try:
            value = self.get()
        except BaseException as error:  # noqa: BLE001 - the callers raise it
            self._future = None
            future.set_exception(error)
        else:
            future.set_result(value)

    def _renew(self) -> None:
        self._making, self._starting = ForkSafeLock(), ForkSafeLock()
        self._future = None
