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
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain_motorhead.concurrency.background import Background, Work, current_loop
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.exceptions import EmbeddingError, EmbeddingMismatchError, RecallNotConfiguredError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall import indexing, schema
from langchain_motorhead.recall.index import Indexer
from langchain_motorhead.recall.indexing import IndexState
from langchain_motorhead.runtime.driver import NO_RECALL, Driver
from langchain_motorhead.runtime.retry_queue import RetryQueue
from langchain_motorhead.runtime.summary_statistics import SummaryStatistics
from langchain_motorhead.sessions import compaction, registry
from langchain_motorhead.sessions.compaction import CompactionReport, Compactor
from langchain_motorhead.sessions.operations import AppendResult
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys

logger = logging.getLogger(__name__)

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
    retry_queue: RetryQueue = field(init=False)
    statistics: SummaryStatistics = field(default_factory=SummaryStatistics)
    _prepared: bool = False
    _uncompacted: set[str] = field(default_factory=set)
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
    def window(self) -> Window:
        """Bounds of the messages that every session keeps word for word."""
        return self.compactor.window

    def compact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session in this thread. With recall, index it before.

        Args:
            keys: Keys of the session.
            explicit: Whether a caller waits for the result. See `sessions.compaction.compact`.

        Raises:
            EmbeddingError: The call is explicit, and the session could not be indexed.
        """
        wait = explicit or self.mode == "inline"
        if self.indexer is not None and self.index(keys, explicit=explicit, wait=wait) is IndexState.BUSY:
            self._uncompacted.add(keys.state)
            return CompactionReport()
        with self.semaphore.acquire(self.namespace):
            started = time.monotonic()
            return self._noted(keys, started, self.driver.run(self._compaction(keys, explicit=explicit)))

    async def acompact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session on this event loop. See `compact`."""
        await self.prepare()
        wait = explicit or self.mode == "inline"
        if self.indexer is not None and await self.aindex(keys, explicit=explicit, wait=wait) is IndexState.BUSY:
            self._uncompacted.add(keys.state)
            return CompactionReport()
        async with self.semaphore.aacquire(self.namespace):
            started = time.monotonic()
            return self._noted(keys, started, await self.driver.arun(self._compaction(keys, explicit=explicit)))

    def index(self, keys: SessionKeys, *, explicit: bool, wait: bool = False) -> IndexState:
        """Index the messages of a session that are not indexed, in this thread.

        Args:
            keys: Keys of the session.
            explicit: Whether a caller waits for the result. If so, a pause after a failure of the model is ignored.
            wait: Whether to wait for another worker that indexes the session.

        Raises:
            EmbeddingError: The call is explicit, and the model failed.
            EmbeddingMismatchError: The call is explicit, and the index was made with another model or other settings.
        """
        if not explicit and self.retry_queue.defer_if_open(keys):
            return IndexState.DEFERRED
        try:
            state = self.driver.run(self._indexing(keys, wait=wait))
        except (EmbeddingError, EmbeddingMismatchError) as error:
            self._handle_index_error(keys, error)
            if explicit:
                raise
            return IndexState.DEFERRED
        if self._on_indexed(keys, state):
            self.background.submit(keys.state, lambda: self.compact(keys, explicit=False))
        return state

    async def aindex(self, keys: SessionKeys, *, explicit: bool, wait: bool = False) -> IndexState:
        """Index the messages of a session that are not indexed, on this event loop. See `index`."""
        if not explicit and self.retry_queue.defer_if_open(keys):
            return IndexState.DEFERRED
        await self.prepare()
        try:
            state = await self.driver.arun(self._indexing(keys, wait=wait))
        except (EmbeddingError, EmbeddingMismatchError) as error:
            self._loop = weakref.ref(asyncio.get_running_loop())
            self._handle_index_error(keys, error)
            if explicit:
                raise
            return IndexState.DEFERRED
        if self._on_indexed(keys, state):
            self.background.spawn(keys.state, lambda: self.acompact(keys, explicit=False))
        return state

    def after_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Do what an append made due: in the background, or here if the mode is `"inline"`."""
        for work in self._due(keys, appended):
            if self.mode != "inline":
                self.background.submit(work.key, work.run)
                continue
            try:
                work.run()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    async def aafter_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Do what an append made due. See `after_append`."""
        for work in self._due(keys, appended):
            if self.mode != "inline":
                self.background.spawn(work.key, work.arun)
                continue
            try:
                await work.arun()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    async def prepare(self) -> None:
        """Load what counts tokens, and what recall imports, outside of the event loop: both may take long."""
        if self.indexer is not None and not self._prepared:
            await asyncio.to_thread(schema.prepare, self.indexer.recall.language)
            self._prepared = True
        count: Any = self.compactor.count
        if not getattr(count, "ready", True):
            await asyncio.to_thread(count.prepare)

    def flush(self) -> None:
        """Wait for the work in the background, having tried sessions again that wait for the embedding model.

        Raises:
            MotorheadError: Some of the work runs on the running event loop, which this would block.
        """
        self.background.flush()
        self.retry_queue.retry_now()
        self.background.flush()

    async def aflush(self) -> None:
        """Wait for the work in the background. See `flush`."""
        await self.background.aflush()
        self.retry_queue.retry_now()
        await self.background.aflush()

    def close(self) -> None:
        """Accept no more work, and wait for what is under way."""
        self.retry_queue.close()
        self.background.close()

    async def aclose(self) -> None:
        """Accept no more work, and wait for what is under way."""
        self.retry_queue.close()
        await self.background.aclose()

    def _compaction(self, keys: SessionKeys, *, explicit: bool) -> Flow[CompactionReport]:
        compactor = self.statistics.apply(self.compactor)
        return compaction.compact(keys, secrets.token_hex(8), compactor, explicit=explicit)

    def _noted(self, keys: SessionKeys, started: float, report: CompactionReport) -> CompactionReport:
        """Log and count what a compaction did."""
        self.statistics.record(report)
        if report.folded:
            logger.info(
                "session %r: moved %d messages into the summary, in %d batches, for %d tokens, in %.2f s",
                keys.session_id, report.folded, report.batches, report.tokens, time.monotonic() - started,
            )  # fmt: skip
        return report

    def _indexing(self, keys: SessionKeys, *, wait: bool) -> Flow[IndexState]:
        return indexing.index(keys, secrets.token_hex(8), self.recall, wait=wait)

    def _handle_index_error(self, keys: SessionKeys, error: EmbeddingError | EmbeddingMismatchError) -> None:
        """Log why a session could not be indexed, and queue it if another try may succeed."""
        if isinstance(error, EmbeddingError):
            self.retry_queue.record_failure(keys, error)
        else:
            logger.error("session %r: not indexed; no message was removed: %s", keys.session_id, error)

    def _on_indexed(self, keys: SessionKeys, state: IndexState) -> bool:
        """Note that the model answered. Returns whether a compaction of the session has waited for the indexing."""
        self.retry_queue.record_success(keys)
        if state is IndexState.BUSY:  # should the other worker have crashed, its lease expires
            self.retry_queue.retry_later(keys, 1.1 * indexing.LEASE_MS / 1000)
        if state is IndexState.BUSY or keys.state not in self._uncompacted:
            return False
        self._uncompacted.discard(keys.state)
        return True

    def _retry(self, keys: SessionKeys) -> None:
        """Index a session of the retry queue, then compact it: on the event loop where it failed if that still runs."""
        manual = self.mode == "manual"

        def work() -> None:
            if self.index(keys, explicit=False, wait=True) is not IndexState.BUSY and not manual:
                self.compact(keys, explicit=False)

        async def awork() -> None:
            if await self.aindex(keys, explicit=False, wait=True) is not IndexState.BUSY and not manual:
                await self.acompact(keys, explicit=False)

        loop = self._loop() if self._loop is not None else None
        if loop is None or not loop.is_running():
            self.background.submit(keys.state, work)
        elif loop is current_loop():
            self.background.spawn(keys.state, awork)
        else:
            loop.call_soon_threadsafe(self.background.spawn, keys.state, awork)

    def _due(self, keys: SessionKeys, appended: AppendResult | None) -> Iterator[Work]:
        """Return the work that an append made due."""
        if appended is None:
            return
        if self.indexer is not None and not self.retry_queue.defer_if_open(keys):
            yield Work(
                keys.indexing,
                lambda: self.index(keys, explicit=False),
                lambda: self.aindex(keys, explicit=False),
            )
        if self.mode == "manual":
            return
        if self._is_due(appended):
            yield Work(
                keys.state,
                lambda: self.compact(keys, explicit=False),
                lambda: self.acompact(keys, explicit=False),
            )
        if self.ttl and appended.length == appended.added:  # a new session; others may have expired
            yield Work(
                keys.registries[-1],
                lambda: self.driver.run(registry.prune_registries(keys)),
                lambda: self.driver.arun(registry.prune_registries(keys)),
            )

    def _is_due(self, appended: AppendResult) -> bool:
        # If tokens are counted from this append on, earlier messages are not in the count: the plan counts them all.
        uncounted = (
            appended.tokens is not None and appended.size == appended.tokens and appended.length > appended.added
        )
        return uncounted or self.window.is_due(appended.length, appended.size)
