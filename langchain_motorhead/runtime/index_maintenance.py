"""Indexing of sessions for recall: where it runs, and retries after a failure of the embedding model."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module

from langchain_motorhead.concurrency.background import Background
from langchain_motorhead.concurrency.jobs import Work, lease_token
from langchain_motorhead.exceptions import EmbeddingError, EmbeddingMismatchError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall.indexing import flow as indexing
from langchain_motorhead.recall.indexing import schema
from langchain_motorhead.recall.indexing.flow import IndexState
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.indexing.vectorless import vectors_missing
from langchain_motorhead.recall.indexing.vectors import LEASE_MS
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.driver import Driver
from langchain_motorhead.runtime.retry_queue import RetryQueue
from langchain_motorhead.storage.keys import SessionKeys

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""Seconds between two checks of a session whose vectors are to be tried again."""


@dataclass(slots=True)
class IndexMaintenance:
    """Keeps the sessions of a namespace indexed.

    Attributes:
        driver: Runs flows.
        namespace: Namespace of the sessions.
        recall: How sessions are indexed.
        background: Runs the work that nobody waits for.
        prepare: Does slow imports outside of an event loop.
        retry_queue: Sessions that wait to be indexed because the embedding model failed.
    """

    driver: Driver
    namespace: str
    recall: Indexer
    background: Background
    prepare: Callable[[], Awaitable[object]]
    retry_queue: RetryQueue = field(init=False)
    _missing: dict[str, int] = field(default_factory=dict)
    _flushing: bool = False
    _loop: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def __post_init__(self) -> None:
        self.retry_queue = RetryQueue(self._retry)

    @property
    def vectors_missing(self) -> int:
        """How many messages have no vector, in the sessions that this process has tried to embed."""
        return sum(self._missing.values())

    def import_libraries(self) -> None:
        """Import the libraries of an index and of searches, which takes long."""
        import_module("langchain_motorhead.recall.search.flow")
        schema.prepare(self.recall.recall.language)

    def index_words(self, keys: SessionKeys) -> Flow[bool]:
        """Index a session by its words. Returns whether there are documents now that lack vectors."""
        return indexing.index_words(keys, self.recall)

    def index(
        self, keys: SessionKeys, *, explicit: bool, wait: bool = False, again: bool = False, cause: object = None
    ) -> IndexState:
        """Index a session in this thread: by words only, in a pause after a failure of the model.

        Args:
            keys: Keys of the session.
            explicit: Whether a caller waits for the result. If so, a pause after a failure of the model is ignored.
            wait: Whether to wait for another worker that indexes the session.
            again: Whether vectors that failed are tried again now, and not only when their time has come.
            cause: The span of the append that made it due.

        Raises:
            EmbeddingError: The call is explicit, and the model failed.
            EmbeddingMismatchError: The call is explicit, and the index was made with another model or other settings.
        """
        if not explicit and self.retry_queue.defer_if_open(keys):
            self.driver.run(self.index_words(keys))
            return IndexState.DEFERRED
        began = time.monotonic()
        try:
            state = self.driver.run(self._flow(keys, cause, wait=wait, again=again))
        except (EmbeddingError, EmbeddingMismatchError) as error:
            self._handle(keys, error)
            self._missing[keys.state] = sum(self.driver.executor.run(vectors_missing(keys)))
            if explicit:
                raise
            return IndexState.DEFERRED
        self._on_indexed(keys, state, began)
        if state is IndexState.LATER:
            self._missing[keys.state] = sum(self.driver.executor.run(vectors_missing(keys)))
        return state

    async def aindex(
        self, keys: SessionKeys, *, explicit: bool, wait: bool = False, again: bool = False, cause: object = None
    ) -> IndexState:
        """Index the messages of a session that are not indexed, on this event loop. See `index`."""
        await self.prepare()
        if not explicit and self.retry_queue.defer_if_open(keys):
            await self.driver.arun(self.index_words(keys))
            return IndexState.DEFERRED
        began = time.monotonic()
        try:
            state = await self.driver.arun(self._flow(keys, cause, wait=wait, again=again))
        except (EmbeddingError, EmbeddingMismatchError) as error:
            self._loop = weakref.ref(asyncio.get_running_loop())
            self._handle(keys, error)
            self._missing[keys.state] = sum(await self.driver.executor.arun(vectors_missing(keys)))
            if explicit:
                raise
            return IndexState.DEFERRED
        self._on_indexed(keys, state, began)
        if state is IndexState.LATER:
            self._missing[keys.state] = sum(await self.driver.executor.arun(vectors_missing(keys)))
        return state

    def work(self, keys: SessionKeys, cause: object = None) -> Work:
        """Return the work of indexing a session, for the background."""
        return Work(
            keys.indexing,
            partial(self.index, keys, explicit=False, cause=cause),
            partial(self.aindex, keys, explicit=False, cause=cause),
        )

    def retry_all(self) -> None:
        """Index all sessions of the retry queue, in the background."""
        self._flushing = True
        self.retry_queue.retry_now()
        self._flushing = False

    def _flow(self, keys: SessionKeys, cause: object, *, wait: bool, again: bool) -> Flow[IndexState]:
        flow = indexing.index(keys, lease_token(), self.recall, wait=wait, again=again)
        return self.driver.telemetry.watch(watched.INDEX, self.namespace, keys.session_id, flow, cause=cause)

    def _handle(self, keys: SessionKeys, error: EmbeddingError | EmbeddingMismatchError) -> None:
        """Log why a session could not be indexed, and queue it if another try may succeed."""
        if isinstance(error, EmbeddingError):
            self.retry_queue.record_failure(keys, error)
        else:
            logger.error("session %r: indexed by its words only: %s", keys.session_id, error)

    def _on_indexed(self, keys: SessionKeys, state: IndexState, began: float) -> None:
        """Note that the model answered, and queue the session if there may be more to do later."""
        self.retry_queue.record_success(keys)
        if state is IndexState.DONE:
            self._missing.pop(keys.state, None)
        if state is IndexState.BUSY:  # should the other worker have crashed, its lease expires
            self.retry_queue.retry_later(keys, 1.1 * LEASE_MS / 1000)
            return
        self.driver.telemetry.settled("indexing", keys.state, began)
        if state is IndexState.LATER:
            self.retry_queue.retry_later(keys, RETRY_SECONDS)

    def _retry(self, keys: SessionKeys) -> None:
        """Index a session of the retry queue: on the event loop where it failed if that still runs."""
        how: dict[str, bool] = {"explicit": False, "wait": True, "again": self._flushing}
        work = Work(keys.indexing, lambda: self.index(keys, **how), lambda: self.aindex(keys, **how))
        self.background.resume(self._loop() if self._loop is not None else None, work)
