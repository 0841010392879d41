"""Sessions that wait to be indexed, since an embedding model is away, or another worker at it. Knows nothing of how."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from langchain_motorhead.storage.keys import SessionKeys

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS, _LONGEST = 1.0, 60.0
"""Seconds between two tries of a model that failed, which double with each failure."""


class RetryQueue:
    """Keeps what has to wait, and retries it by itself: after a failure with a pause for all, which grows.

    Args:
        retry: Called for each session that waits, in a thread.
    """

    def __init__(self, retry: Callable[[SessionKeys], object]) -> None:
        self._retry = retry
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[SessionKeys, float]] = {}
        self._failures = 0
        self._until = 0.0
        self._timer: threading.Timer | None = None
        self._closed = False

    def record_failure(self, keys: SessionKeys, error: Exception) -> None:
        """Note that a session could not be indexed, since the model failed."""
        with self._lock:
            if time.monotonic() >= self._until:  # others may have failed in the same pause
                pause = min(_FIRST_PAUSE_SECONDS * 2**self._failures, _LONGEST)
                self._failures = min(self._failures + 1, 30)
                self._until = time.monotonic() + pause
                logger.warning(
                    "session %r: not indexed, next try in %.0f s; no message was removed: %s",
                    keys.session_id, pause, error,
                )  # fmt: skip
            self._wait(keys, self._until)

    def defer_if_open(self, keys: SessionKeys) -> bool:
        """Say whether it is no use to ask the model now, and have the session wait if so."""
        with self._lock:
            if time.monotonic() >= self._until:
                return False
            self._wait(keys, self._until)
            return True

    def record_success(self, keys: SessionKeys) -> None:
        """Note that a session is indexed; after a failure, that the model is back, and retry what waits."""
        with self._lock:
            failed, self._failures = self._failures, 0
            if failed:
                self._waiting.pop(keys.state, None)
        if failed:
            self.retry_now()

    def retry_later(self, keys: SessionKeys, seconds: float) -> None:
        """Have a session retried after a while, though nothing failed."""
        with self._lock:
            self._wait(keys, time.monotonic() + seconds)

    def retry_now(self) -> None:
        """Retry what waits, whatever the pause."""
        with self._lock:
            self._until = 0.0
            waiting = [keys for keys, _ in self._waiting.values()]
            self._waiting.clear()
            self._set_timer()
        self._try(waiting)

    def close(self) -> None:
        """Retry nothing any more."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._set_timer()

    def _wait(self, keys: SessionKeys, due: float) -> None:
        known = self._waiting.get(keys.state)
        self._waiting[keys.state] = (keys, due if known is None else min(due, known[1]))
        self._set_timer()

    def _set_timer(self) -> None:
        """Wake up when the first of what waits is due, and not before the pause is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and not self._closed:
            due = max(self._until, min(due for _, due in self._waiting.values()))
            self._timer = threading.Timer(max(0.0, due - time.monotonic()), self._wake)
            self._timer.daemon = True
            self._timer.start()

    def _wake(self) -> None:
        with self._lock:
            now = time.monotonic()
            ready = [keys for keys, due in self._waiting.values() if max(due, self._until) <= now]
            for keys in ready:
                del self._waiting[keys.state]
            self._timer = None
            self._set_timer()
        self._try(ready)

    def _try(self, waiting: list[SessionKeys]) -> None:
        for keys in waiting:
            try:
                self._retry(keys)
            except Exception:
                logger.warning("session %r: could not be tried again", keys.session_id, exc_info=True)
