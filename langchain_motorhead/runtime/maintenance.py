"""Background maintenance of sessions: compaction, indexing, retries after failures, and removal of expired sessions.

To compact a session is to move its oldest messages into its summary. To index it is to embed its messages for recall.
Both are flows; this module decides when and where they run: in the caller's thread or task, or in the background.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_motorhead.concurrency.background import Background
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.concurrency.jobs import Work
from langchain_motorhead.concurrency.threads import run_in_thread
from langchain_motorhead.exceptions import EmbeddingError, EmbeddingMismatchError, RecallNotConfiguredError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall.indexing import flow as indexing
from langchain_motorhead.recall.indexing import schema
from langchain_motorhead.recall.indexing.flow import IndexState
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.indexing.vectorless import vectors_missing
from langchain_motorhead.recall.indexing.vectors import LEASE_MS
from langchain_motorhead.runtime.compaction_log import logged
from langchain_motorhead.runtime.driver import NO_RECALL, Driver
from langchain_motorhead.runtime.retry_queue import RetryQueue
from langchain_motorhead.runtime.summary_statistics import SummaryStatistics
from langchain_motorhead.sessions import expiry, registry
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.sessions.compaction.flow import Compactor
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.operations import AppendResult
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.runtime.fact_learning import FactLearning

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""How often a session is looked at whose vectors are to be tried again later."""

_FAILED = "session %r: maintenance failed; no message was lost, and the next append tries again"


@dataclass(slots=True)
class Maintenance:
    """Keeps the sessions of a namespace within their windows, and indexed for recall.

    Attributes:
        driver: Runs flows.
        compactor: How sessions are compacted.
        namespace: Namespace of the sessions.
        mode: When sessions are compacted: `"background"`, `"inline"` (the append waits) or `"manual"`.
        ttl: Milliseconds until a session expires if nothing more is appended, or 0 for never.
        semaphore: Limits how many sessions are compacted at once. A session that waits for it holds no lease.
        background: Runs the work that nobody waits for.
        indexer: How sessions are indexed, or None without recall.
        learning: How facts are learned, or None without facts.
        retry_queue: Sessions that wait to be indexed because the embedding model failed.
        statistics: What the answers of the summarizer were worth.
    """

    driver: Driver
    compactor: Compactor
    namespace: str
    mode: str
    ttl: int
    semaphore: FairSemaphore
    background: Background
    indexer: Indexer | None = None
    learning: FactLearning | None = None
    retry_queue: RetryQueue = field(init=False)
    _missing: dict[str, int] = field(default_factory=dict)
    statistics: SummaryStatistics = field(default_factory=SummaryStatistics)
    _prepared: bool = False
    _flushing: bool = False
    _loop: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def __post_init__(self) -> None:
        self.retry_queue = RetryQueue(self._retry)

    @property
    def recall(self) -> Indexer:
        """How sessions are indexed.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
        """
        if self.indexer is None:
            raise RecallNotConfiguredError(NO_RECALL)
        return self.indexer

    @property
    def vectors_missing(self) -> int:
        """How many messages lack a vector, of the sessions that this process has tried to embed."""
        return sum(self._missing.values())

    @property
    def window(self) -> Window:
        """Bounds of the messages that every session keeps word for word."""
        return self.compactor.window

    def compact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session in this thread. With recall, index it by its words before, without the embedding model.

        Args:
            keys: Keys of the session.
            explicit: Whether a caller waits for the result. See `sessions.compaction.compact`.
        """
        if self.indexer is not None and self.driver.run(indexing.index_words(keys, self.indexer)):
            self.background.submit(keys.indexing, self._indexing_work(keys).run)
        with self.semaphore.acquire(self.namespace):
            started = time.monotonic()
            return self._noted(keys, started, self.driver.run(self._compaction(keys, explicit=explicit)))

    async def acompact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session on this event loop. See `compact`."""
        await self.prepare()
        if self.indexer is not None and await self.driver.arun(indexing.index_words(keys, self.indexer)):
            self.background.spawn(self._indexing_work(keys))
        async with self.semaphore.aacquire(self.namespace):
            started = time.monotonic()
            return self._noted(keys, started, await self.driver.arun(self._compaction(keys, explicit=explicit)))

    def index(self, keys: SessionKeys, *, explicit: bool, wait: bool = False, again: bool = False) -> IndexState:
        """Index a session in this thread: by words only, in a pause after a failure of the model.

        Args:
            keys: Keys of the session.
            explicit: Whether a caller waits for the result. If so, a pause after a failure of the model is ignored.
            wait: Whether to wait for another worker that indexes the session.
            again: Whether vectors that failed are tried again now, and not only when their time has come.

        Raises:
            EmbeddingError: The call is explicit, and the model failed.
            EmbeddingMismatchError: The call is explicit, and the index was made with another model or other settings.
        """
        if not explicit and self.retry_queue.defer_if_open(keys):
            self.driver.run(indexing.index_words(keys, self.recall))
            return IndexState.DEFERRED
        try:
            state = self.driver.run(self._indexing(keys, wait=wait, again=again))
        except (EmbeddingError, EmbeddingMismatchError) as error:
            self._handle_index_error(keys, error)
            self._missing[keys.state] = sum(self.driver.executor.run(vectors_missing(keys)))
            if explicit:
                raise
            return IndexState.DEFERRED
        self._on_indexed(keys, state)
        if state is IndexState.LATER:
            self._missing[keys.state] = sum(self.driver.executor.run(vectors_missing(keys)))
        return state

    async def aindex(self, keys: SessionKeys, *, explicit: bool, wait: bool = False, again: bool = False) -> IndexState:
        """Index the messages of a session that are not indexed, on this event loop. See `index`."""
        await self.prepare()
        if not explicit and self.retry_queue.defer_if_open(keys):
            await self.driver.arun(indexing.index_words(keys, self.recall))
            return IndexState.DEFERRED
        try:
            state = await self.driver.arun(self._indexing(keys, wait=wait, again=again))
        except (EmbeddingError, EmbeddingMismatchError) as error:
            self._loop = weakref.ref(asyncio.get_running_loop())
            self._handle_index_error(keys, error)
            self._missing[keys.state] = sum(await self.driver.executor.arun(vectors_missing(keys)))
            if explicit:
                raise
            return IndexState.DEFERRED
        self._on_indexed(keys, state)
        if state is IndexState.LATER:
            self._missing[keys.state] = sum(await self.driver.executor.arun(vectors_missing(keys)))
        return state

    def after_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Do what an append made due: in the background, or here if the mode is `"inline"`."""
        for work in self._due(keys, appended, None):
            if self.mode != "inline":
                self.background.submit(work.key, work.run)
                continue
            try:
                work.run()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    async def aafter_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Do what an append made due. See `after_append`."""
        for work in self._due(keys, appended, asyncio.get_running_loop()):
            if self.mode != "inline":
                self.background.spawn(work)
                continue
            try:
                await work.arun()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    async def prepare(self) -> None:
        """Load what counts tokens, and what recall imports, outside of the event loop: both may take long."""
        if self.indexer is not None and not self._prepared:
            await run_in_thread(partial(schema.prepare, self.indexer.recall.language))
            self._prepared = True
        count: Any = self.compactor.count
        if not getattr(count, "ready", True):
            await run_in_thread(count.prepare)

    def flush(self) -> None:
        """Wait for the work in the background, having tried sessions again that wait for the embedding model.

        Raises:
            MotorheadError: Some of the work runs on the running event loop, which this would block.
        """
        self.background.flush()
        self._retry_all()
        self.background.flush()

    async def aflush(self) -> None:
        """Wait for the work in the background. See `flush`."""
        await self.background.aflush()
        self._retry_all()
        await self.background.aflush()

    def close(self) -> None:
        """Accept no more work, and wait for what is under way. See `Background.check_closable`."""
        self._stop_waiting(blocking=True)
        self.background.close()

    async def aclose(self) -> None:
        """Accept no more work, and wait for what is under way."""
        self._stop_waiting(blocking=False)
        await self.background.aclose()

    def _stop_waiting(self, *, blocking: bool) -> None:
        self.retry_queue.close()
        if self.learning is not None:
            self.learning.close(blocking=blocking)

    def _compaction(self, keys: SessionKeys, *, explicit: bool) -> Flow[CompactionReport]:
        compactor = self.statistics.apply(self.compactor)
        return compaction.compact(keys, secrets.token_hex(8), compactor, explicit=explicit)

    def _noted(self, keys: SessionKeys, started: float, report: CompactionReport) -> CompactionReport:
        """Log and count what a compaction did."""
        self.statistics.record(report)
        return logged(keys, started, report)

    def _indexing(self, keys: SessionKeys, *, wait: bool, again: bool) -> Flow[IndexState]:
        return indexing.index(keys, secrets.token_hex(8), self.recall, wait=wait, again=again)

    def _handle_index_error(self, keys: SessionKeys, error: EmbeddingError | EmbeddingMismatchError) -> None:
        """Log why a session could not be indexed, and queue it if another try may succeed."""
        if isinstance(error, EmbeddingError):
            self.retry_queue.record_failure(keys, error)
        else:
            logger.error("session %r: indexed by its words only: %s", keys.session_id, error)

    def _on_indexed(self, keys: SessionKeys, state: IndexState) -> None:
        """Note that the model answered, and queue the session if there may be more to do later."""
        self.retry_queue.record_success(keys)
        if state is IndexState.DONE:
            self._missing.pop(keys.state, None)
        if state is IndexState.BUSY:  # should the other worker have crashed, its lease expires
            self.retry_queue.retry_later(keys, 1.1 * LEASE_MS / 1000)
        elif state is IndexState.LATER:
            self.retry_queue.retry_later(keys, RETRY_SECONDS)

    def _retry_all(self) -> None:
        self._flushing = True
        self.retry_queue.retry_now()
        self._flushing = False
        if self.learning is not None:
            self.learning.learn_now()

    def _retry(self, keys: SessionKeys) -> None:
        """Index a session of the retry queue: on the event loop where it failed if that still runs."""
        how: dict[str, bool] = {"explicit": False, "wait": True, "again": self._flushing}
        work = Work(keys.indexing, lambda: self.index(keys, **how), lambda: self.aindex(keys, **how))
        self.background.resume(self._loop() if self._loop is not None else None, work)

    def _due(
        self, keys: SessionKeys, appended: AppendResult | None, loop: asyncio.AbstractEventLoop | None
    ) -> Iterator[Work]:
        """Return the work that an append made due."""
        if appended is None:
            return
        if self.indexer is not None:
            yield self._indexing_work(keys)
        if appended.renewing:
            yield self._work_of(keys.stale, lambda: expiry.renew_all(keys))
        if self.mode == "manual":
            return
        if self.learning is not None:
            self.learning.note(keys, appended, loop)
        if self._is_due(appended):
            yield self._compaction_work(keys)
        if self.ttl and appended.length == appended.added:  # a new session; others may have expired
            yield self._work_of(keys.registries[-1], lambda: registry.prune_registries(keys))

    def _work_of(self, key: str, flow: Callable[[], Flow[object]]) -> Work:
        return Work(key, lambda: self.driver.run(flow()), lambda: self.driver.arun(flow()))

    def _compaction_work(self, keys: SessionKeys) -> Work:
        return Work(keys.state, lambda: self.compact(keys, explicit=False), lambda: self.acompact(keys, explicit=False))

    def _indexing_work(self, keys: SessionKeys) -> Work:
        return Work(keys.indexing, lambda: self.index(keys, explicit=False), lambda: self.aindex(keys, explicit=False))

    def _is_due(self, appended: AppendResult) -> bool:
        # If tokens are counted from this append on, earlier messages are not in the count: the plan counts them all.
        uncounted = (
            appended.tokens is not None and appended.size == appended.tokens and appended.length > appended.added
        )
        return uncounted or appended.has_gap or self.window.is_due(appended.length, appended.size)
