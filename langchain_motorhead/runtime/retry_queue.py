"""A retry queue with exponential backoff: sessions that wait to be indexed until the embedding model answers again.

After a failure, nothing is tried until a pause is over, as with a circuit breaker. Each failure doubles the pause.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable

from langchain_motorhead.concurrency.forks import renew_in_child
from langchain_motorhead.storage.keys import SessionKeys

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 1.0, 60.0


class RetryQueue:
    """Holds sessions, and retries each by itself when its time has come and no pause is on.

    Args:
        retry: Called with each session to retry, in a thread.
    """

    def __init__(self, retry: Callable[[SessionKeys], object]) -> None:
        self._retry = retry
        self._renew()
        self._failures = 0
        self._until = 0.0
        self._closed = False
        renew_in_child(self, RetryQueue._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[SessionKeys, float]] = {}
        # When sessions are due, with their keys. Entries whose session is no longer due then are skipped.
        self._schedule: list[tuple[float, str]] = []
        self._timer: threading.Timer | None = None
        self._wakes_at = 0.0

    def record_failure(self, keys: SessionKeys, error: Exception) -> None:
        """Queue a session that could not be indexed because the model failed, and begin a pause."""
        with self._lock:
            if time.monotonic() >= self._until:  # not a further failure of the same attempts
                pause = min(_FIRST_PAUSE_SECONDS * 2**self._failures, _MAX_PAUSE_SECONDS)
                self._failures = min(self._failures + 1, 30)
                self._until = time.monotonic() + pause
                logger.warning(
                    "session %r: messages are indexed by their words only, next try in %.0f s: %s",
                    keys.session_id, pause, error,
                )  # fmt: skip
            self._wait(keys, self._until)

    def defer_if_open(self, keys: SessionKeys) -> bool:
        """Queue a session if a pause is on. Returns whether it is."""
        with self._lock:
            if time.monotonic() >= self._until:
                return False
            self._wait(keys, self._until)
            return True

    def record_success(self, keys: SessionKeys) -> None:
        """Note that the model answered for a session. After a failure, end the pause and retry the queue."""
        with self._lock:
            failed, self._failures = self._failures, 0
            if failed:
                self._waiting.pop(keys.state, None)
        if failed:
            self.retry_now()

    def retry_later(self, keys: SessionKeys, seconds: float) -> None:
        """Queue a session for a retry after some seconds, without a failure."""
        with self._lock:
            self._wait(keys, time.monotonic() + seconds)

    def retry_now(self) -> None:
        """End the pause, and retry all sessions of the queue."""
        with self._lock:
            self._until = 0.0
            waiting = [keys for keys, _ in self._waiting.values()]
            self._waiting.clear()
            self._set_timer()
        self._try(waiting)

    def close(self) -> None:
        """Empty the queue, and retry nothing any more."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._set_timer()

    def _wait(self, keys: SessionKeys, due: float) -> None:
        known = self._waiting.get(keys.state)
        if known is None or due < known[1]:
            self._waiting[keys.state] = (keys, due)
            heapq.heappush(self._schedule, (due, keys.state))
            self._set_timer()

    def _set_timer(self) -> None:
        """Let the timer wake for the first session that is due, but not before the end of the pause.

        A timer that wakes too early is left alone: it sets the next one.
        """
        while self._schedule and self._is_stale(*self._schedule[0]):
            heapq.heappop(self._schedule)
        due = max(self._until, self._schedule[0][0]) if self._schedule and not self._closed else None
        if self._timer is not None and (due is None or due < self._wakes_at):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due is not None:
            self._timer = threading.Timer(max(0.0, due - time.monotonic()), self._wake)
            self._wakes_at = due
            self._timer.daemon = True
            try:
                self._timer.start()
            except RuntimeError:  # the process has as many threads as it may have, or is ending
                self._timer = None

    def _is_stale(self, due: float, key: str) -> bool:
        return key not in self._waiting or self._waiting[key][1] != due

    def _wake(self) -> None:
        with self._lock:
            now, ready = time.monotonic(), list[SessionKeys]()
            while self._schedule and self._until <= now and self._schedule[0][0] <= now:
                due, key = heapq.heappop(self._schedule)
                if not self._is_stale(due, key):
                    ready.append(self._waiting.pop(key)[0])
            if self._timer is threading.current_thread():
                self._timer = None
            self._set_timer()
        self._try(ready)

    def _try(self, waiting: list[SessionKeys]) -> None:
        for keys in waiting:
            try:
                self._retry(keys)
            except Exception:
                logger.warning("session %r: its indexing could not be retried", keys.session_id, exc_info=True)
