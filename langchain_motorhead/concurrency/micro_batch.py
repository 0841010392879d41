"""Micro-batching: texts of several sessions go into one call of an embedding model while an earlier call is running.

Only one call runs at a time, and texts that arrive meanwhile share the next one. A local model computes no faster with
two calls at once, and a remote model embeds a batch in about the time of one text.
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

from langchain_motorhead.concurrency.forks import ForkSafeLock
from langchain_motorhead.concurrency.threads import NoThreadError, start_thread

_MAX_BATCH_TEXTS = 256
# Largest number of threads whose calls hang.
_MAX_HANGING_THREADS = 16


class Batcher:
    """Embeds texts in one thread, all that are waiting in one call.

    Args:
        embed: Returns a vector for each text.
        patience: Seconds after which a running call counts as hanging. Another thread then takes over the queue.
    """

    def __init__(self, embed: Callable[[list[str]], Sequence[Any]], patience: float) -> None:
        self._embed = embed
        self._patience = patience
        self._lock = ForkSafeLock()
        self._queue: deque[tuple[list[str], Future[Any]]] = deque()
        self._thread: threading.Thread | None = None
        self._since = 0.0
        self._hanging = 0

    def submit(self, texts: list[str]) -> Future[Any]:
        """Return a future that will hold a vector for each of the texts.

        Raises:
            NoThreadError: No thread can be started.
        """
        future: Future[Any] = Future()
        with self._lock:
            alive = self._thread is not None and self._thread.is_alive()  # not in a forked child
            hangs = alive and time.monotonic() - self._since > self._patience
            if hangs and self._hanging >= _MAX_HANGING_THREADS:
                future.set_exception(
                    TimeoutError(f"{self._hanging} earlier calls exceeded their time limit and still run")
                )
                return future
            self._queue.append((texts, future))
            if not alive or hangs:
                try:
                    thread = start_thread(self._serve, "motorhead-embedding")
                except NoThreadError:
                    self._queue.pop()
                    raise
                self._hanging += hangs
                self._since = time.monotonic()
                self._thread = thread
        return future

    def _serve(self) -> None:
        while batch := self._next():
            texts = [text for part, _ in batch for text in part]
            try:
                vectors = Context().run(self._embed, texts)
                answers = [vectors] if len(batch) == 1 else _split(vectors, [len(part) for part, _ in batch])
            except BaseException as error:  # noqa: BLE001 - the waiting threads raise it
                # asyncio's futures refuse a StopIteration.
                raised = RuntimeError("StopIteration") if isinstance(error, StopIteration) else error
                for _, future in batch:
                    future.set_exception(raised)
                continue
            for (_, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)

    def _next(self) -> list[tuple[list[str], Future[Any]]]:
        with self._lock:
            if self._thread is not threading.current_thread():
                self._hanging -= 1  # this call hung, and another thread took over
                return []
            batch: list[tuple[list[str], Future[Any]]] = []
            size = 0
            while self._queue and (not batch or size + len(self._queue[0][0]) <= _MAX_BATCH_TEXTS):
                texts, future = self._queue.popleft()
                if future.set_running_or_notify_cancel():  # not cancelled meanwhile
                    batch.append((texts, future))
                    size += len(texts)
            self._since = time.monotonic()
            if not batch:
                self._thread = None
            return batch


def _split(vectors: Sequence[Any], sizes: Sequence[int]) -> list[Sequence[Any]]:
    if len(vectors) != sum(sizes):
        raise ValueError(f"{len(vectors)} vectors for {sum(sizes)} texts")
    ends = list(accumulate(sizes))
    return [vectors[end - size : end] for size, end in zip(sizes, ends, strict=True)]
