"""Sessions that wait for an embedding model to be back, and when to ask it again. Knows nothing of how to index."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from langchain_motorhead.keys import SessionKeys

logger = logging.getLogger(__name__)

_FIRST, _LONGEST = 1.0, 60.0
"""Seconds between two tries, which double with each failure."""


class Outage:
    """Keeps what failed, and retries it, after a pause that grows.

    Args:
        retry: Called for each session that waits, in a thread.
    """

    def __init__(self, retry: Callable[[SessionKeys], object]) -> None:
        self._retry = retry
        self._lock = threading.Lock()
        self._waiting: dict[str, SessionKeys] = {}
        self._failures = 0
        self._until = 0.0
        self._timer: threading.Timer | None = None
        self._closed = False

    def failed(self, keys: SessionKeys, error: Exception) -> None:
        """Note that a session could not be indexed."""
        with self._lock:
            self._waiting[keys.state] = keys
            if time.monotonic() >= self._until:  # others may have failed in the same pause
                pause = min(_FIRST * 2**self._failures, _LONGEST)
                self._failures = min(self._failures + 1, 30)
                self._until = time.monotonic() + pause
                logger.warning(
                    "session %r: not indexed, next try in %.0f s; no message was removed: %s",
                    keys.session_id, pause, error,
                )  # fmt: skip
            self._schedule()

    def holds(self, keys: SessionKeys) -> bool:
        """Say whether it is no use to ask the model now, and have the session wait if so."""
        if time.monotonic() >= self._until:
            return False
        with self._lock:
            self._waiting[keys.state] = keys
            self._schedule()
        return True

    def passed(self, keys: SessionKeys) -> None:
        """Note that the model answered, and retry what waits for it."""
        if self._failures:
            with self._lock:
                self._waiting.pop(keys.state, None)
                self._failures, self._until = 0, 0.0
            self.retry_now()

    def look_again(self, keys: SessionKeys, seconds: float) -> None:
        """Have a session retried after a while, though nothing failed."""
        with self._lock:
            self._waiting[keys.state] = keys
            self._schedule(seconds)

    def retry_now(self) -> None:
        """Retry what waits, whatever the pause."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._until = 0.0
            waiting, self._waiting = list(self._waiting.values()), {}
        for keys in waiting:
            try:
                self._retry(keys)
            except Exception:
                logger.warning("session %r: could not be tried again", keys.session_id, exc_info=True)

    def close(self) -> None:
        """Retry nothing any more."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()

    def _schedule(self, seconds: float | None = None) -> None:
        if self._closed or (self._timer is not None and self._timer.is_alive()):  # none is in a forked child
            return
        self._timer = threading.Timer(
            max(0.0, self._until - time.monotonic()) if seconds is None else seconds, self.retry_now
        )
        self._timer.daemon = True
        self._timer.start()
