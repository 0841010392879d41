"""The query cache: vectors of the latest queries, for a short time, since a turn may search for the same text twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Any

from langchain_motorhead.concurrency.forks import ForkSafeLock

MAX_QUERIES = 64
MAX_AGE = 60.0
"""Seconds. Long enough for a turn, and too short for a changed model to matter."""


class QueryCache:
    """Vectors of the latest queries. Safe for use by several threads.

    Args:
        clock: Returns seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._known: OrderedDict[tuple[str, ...], tuple[float, Any]] = OrderedDict()

    def get(self, texts: tuple[str, ...]) -> Any:
        """Return the vectors of these texts, or None if they are not known, or too old."""
        with self._lock:
            made, vectors = self._known.get(texts, (0.0, None))
            if vectors is not None and self._clock() - made > MAX_AGE:
                del self._known[texts]
                return None
            return vectors

    def put(self, texts: tuple[str, ...], vectors: Any) -> None:
        """Keep the vectors of these texts. The oldest are forgotten."""
        with self._lock:
            self._known[texts] = (self._clock(), vectors)
            self._known.move_to_end(texts)
            while len(self._known) > MAX_QUERIES:
                self._known.popitem(last=False)
