"""Locks after a fork: a child process gets new ones, because the threads that held them exist only in the parent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_renewals: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()


def renew_in_child(thing: T, renew: Callable[[T], object]) -> None:
    """Call `renew(thing)` in every child process that is forked while the object exists.

    Args:
        thing: An object with locks, threads or waiters. It must be hashable and weakly referable.
        renew: Gives the object new ones. It must not wait for anything.
    """
    _watch_forks()
    _renewals[thing] = renew


class ForkSafeLock:
    """A lock for `with` blocks. In a forked child it is free, even if a thread of the parent held it."""

    def __init__(self) -> None:
        self._renew()
        renew_in_child(self, ForkSafeLock._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@cache
def _watch_forks() -> None:
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=_renew_all)


def _renew_all() -> None:
    for thing, renew in list(_renewals.items()):
        renew(thing)
