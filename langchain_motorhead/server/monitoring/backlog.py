"""How many messages wait for background work, and for how long, in sessions that this process appended to. No I/O."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

# A session to which nothing was appended for this long is no longer counted: another server may have done its work.
_KEPT_SECONDS = 3_600.0
# Sessions that are counted at most, so that a model that is out of order for hours fills no memory.
_MAX_SESSIONS = 10_000


@dataclass(slots=True)
class _Waiting:
    messages: int
    since: float
    latest: float


@dataclass(frozen=True, slots=True)
class Extent:
    """How much waits.

    Attributes:
        sessions: Number of sessions, at most 10,000.
        messages: Number of their messages.
        seconds: How long the first of them has waited. 0 if nothing waits.
    """

    sessions: int
    messages: int
    seconds: float


class Backlog:
    """The sessions that wait for one kind of work.

    Args:
        replaces: Whether a number of messages is the total of a session. Otherwise it is added to the total.
    """

    def __init__(self, *, replaces: bool) -> None:
        self._replaces = replaces
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()  # the session appended to longest ago stands first

    def add(self, key: str, messages: int) -> None:
        """Note that messages of a session wait."""
        now = time.monotonic()
        with self._lock:
            known = self._waiting.get(key)
            if known is not None:
                known.messages = messages if self._replaces else known.messages + messages
                known.latest = now
                self._waiting.move_to_end(key)
            elif len(self._waiting) < _MAX_SESSIONS:
                self._waiting[key] = _Waiting(messages, now, now)

    def settle(self, key: str, began: float) -> None:
        """Note that work is done. Messages that waited when it began, by the monotonic clock, do not wait now.

        Messages that were added later go on waiting. If they are done already, the next call notes it.
        """
        with self._lock:
            known = self._waiting.get(key)
            if known is None:
                return
            if known.latest <= began:
                del self._waiting[key]
            else:
                known.since = max(known.since, began)

    def extent(self) -> Extent:
        """Return how much waits now."""
        now = time.monotonic()
        with self._lock:
            while self._waiting and next(iter(self._waiting.values())).latest < now - _KEPT_SECONDS:
                self._waiting.popitem(last=False)
            there = list(self._waiting.values())
        first = min((each.since for each in there), default=now)
        return Extent(len(there), sum(each.messages for each in there), now - first)
