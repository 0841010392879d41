"""Putting texts of several sessions into one call of an embedding model, while an earlier call is under way.

One call at a time: what comes meanwhile goes with the next. A local model computes no faster twice at once, and a
remote one takes a batch in the time of a text.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from itertools import accumulate
from typing import Any

_MOST = 256
# Threads of calls that were given up on.
_MOST_HANGING = 16


class Batcher:
    """Embeds texts, in one thread, as many at once as are there.

    Args:
        embed: Gives a vector for each text.
        patience: Seconds after which a call counts as hanging, and no longer keeps others from theirs.
    """

    def __init__(self, embed: Callable[[list[str]], Sequence[Any]], patience: float) -> None:
        self._embed = embed
        self._patience = patience
        self._lock = threading.Lock()
        self._queue: deque[tuple[list[str], Future[Any]]] = deque()
        self._thread: threading.Thread | None = None
        self._since = 0.0
        self._hanging = 0

    def submit(self, texts: list[str]) -> Future[Any]:
        """Have texts embedded. Returns what will have their vectors."""
        future: Future[Any] = Future()
        with self._lock:
            alive = self._thread is not None and self._thread.is_alive()  # it is not in a forked child
            hangs = alive and time.monotonic() - self._since > self._patience
            if hangs and self._hanging >= _MOST_HANGING:
                future.set_exception(TimeoutError(f"{self._hanging} earlier calls took too long and still run"))
                return future
            self._queue.append((texts, future))
            if not alive or hangs:
                self._hanging += hangs
                self._since = time.monotonic()
                self._thread = threading.Thread(target=self._serve, name="motorhead-embedding", daemon=True)
                self._thread.start()
        return future

    def _serve(self) -> None:
        while batch := self._next():
            texts = [text for part, _ in batch for text in part]
            try:
                vectors = Context().run(self._embed, texts)
                answers = [vectors] if len(batch) == 1 else _parted(vectors, [len(part) for part, _ in batch])
            except BaseException as error:  # noqa: BLE001 - it is the waiting threads'
                # A future of asyncio takes no StopIteration.
                told = RuntimeError("StopIteration") if isinstance(error, StopIteration) else error
                for _, future in batch:
                    future.set_exception(told)
                continue
            for (_, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)

    def _next(self) -> list[tuple[list[str], Future[Any]]]:
        with self._lock:
            if self._thread is not threading.current_thread():
                self._hanging -= 1  # it hung, and another has taken over
                return []
            batch: list[tuple[list[str], Future[Any]]] = []
            size = 0
            while self._queue and (not batch or size + len(self._queue[0][0]) <= _MOST):
                texts, future = self._queue.popleft()
                if future.set_running_or_notify_cancel():  # nobody waits any more for what was cancelled
                    batch.append((texts, future))
                    size += len(texts)
            self._since = time.monotonic()
            if not batch:
                self._thread = None
            return batch


def _parted(vectors: Sequence[Any], sizes: Sequence[int]) -> list[Sequence[Any]]:
    if len(vectors) != sum(sizes):
        raise ValueError(f"{len(vectors)} vectors for {sum(sizes)} texts")
    ends = list(accumulate(sizes))
    return [vectors[end - size : end] for size, end in zip(sizes, ends, strict=True)]
