"""Background maintenance of sessions: compaction, indexing, learning, and removal of expired sessions.

To compact a session is to move its oldest messages into its summary. To index it is to embed its messages for recall.
Both are flows; this module decides when they run, and where: in the caller's thread or task, or in the background.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from langchain_motorhead.concurrency.background import Background
from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.concurrency.jobs import Work, lease_token
from langchain_motorhead.exceptions import RecallNotConfiguredError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.tokens import aprepare, prepare
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.compaction_log import noted
from langchain_motorhead.runtime.driver import NO_RECALL, Driver
from langchain_motorhead.runtime.summary_statistics import SummaryStatistics
from langchain_motorhead.sessions import expiry, registry
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.sessions.compaction.flow import Compactor
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.operations import AppendResult
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.recall.indexing.index import Indexer
    from langchain_motorhead.runtime.fact_learning import FactLearning
    from langchain_motorhead.runtime.index_maintenance import IndexMaintenance

logger = logging.getLogger(__name__)

# What a compaction needs and nothing before it, because of large patterns.
_LATER = (
    "langchain_motorhead.sessions.checks.summary",
    "langchain_motorhead.sessions.compaction.closing_gaps",
    "langchain_motorhead.summarizers.supplement",
)
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
        indexing: Indexes the sessions, or None without recall.
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
    indexing: IndexMaintenance | None = field(init=False, default=None)
    statistics: SummaryStatistics = field(default_factory=SummaryStatistics)
    _libraries: Deferred[None] = field(init=False)

    def __post_init__(self) -> None:
        self._libraries = Deferred(self._import)
        if self.indexer is None:
            return
        from langchain_motorhead.runtime.index_maintenance import IndexMaintenance

        self.indexing = IndexMaintenance(self.driver, self.namespace, self.indexer, self.background, self.prepare)

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
        return 0 if self.indexing is None else self.indexing.vectors_missing

    @property
    def window(self) -> Window:
        """Bounds of the messages that every session keeps word for word."""
        return self.compactor.window

    def compact(self, keys: SessionKeys, *, explicit: bool, cause: object = None) -> CompactionReport:
        """Compact a session in this thread. With recall, index it by its words before, without the embedding model.

        Args:
            keys: Keys of the session.
            explicit: Whether a caller waits for the result. See `sessions.compaction.flow.compact`.
            cause: The span of the append that made it due. See `AppendResult.cause`.
        """
        if self.indexing is not None and self.driver.run(self.indexing.index_words(keys)):
            self.background.submit(keys.indexing, self.indexing.work(keys).run)
        with self.semaphore.acquire(self.namespace):
            return self.driver.run(self._compaction(keys, cause, explicit=explicit))

    async def acompact(self, keys: SessionKeys, *, explicit: bool, cause: object = None) -> CompactionReport:
        """Compact a session on this event loop. See `compact`."""
        await self.prepare()
        if self.indexing is not None and await self.driver.arun(self.indexing.index_words(keys)):
            self.background.spawn(self.indexing.work(keys))
        async with self.semaphore.aacquire(self.namespace):
            return await self.driver.arun(self._compaction(keys, cause, explicit=explicit))

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

    def build_models(self) -> None:
        """Build the clients of the models, unless that was done already.

        Raises:
            InvalidInputError: A deferred model cannot be built.
        """
        for client in (self.driver.summarizer, self.driver.embedder, self.driver.learner):
            if client is not None:
                client.get()

    def warm_up(self) -> None:
        """Load, in this thread, all that the first compaction and the first search would load.

        Raises:
            InvalidInputError: A deferred model cannot be built.
        """
        self.build_models()
        self._libraries.get()
        prepare(self.compactor.count)

    async def prepare(self) -> None:
        """Load what counts tokens, and import what compaction and recall need, outside of the event loop."""
        if not self._libraries.is_made:
            await self._libraries.aget()  # all who wait go on in their order
        await aprepare(self.compactor.count)

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

    def _import(self) -> None:
        for name in _LATER:
            import_module(name)
        if self.indexing is not None:
            self.indexing.import_libraries()

    def _stop_waiting(self, *, blocking: bool) -> None:
        if self.indexing is not None:
            self.indexing.retry_queue.close()
        if self.learning is not None:
            self.learning.close(blocking=blocking)

    def _compaction(self, keys: SessionKeys, cause: object, *, explicit: bool) -> Flow[CompactionReport]:
        compactor = self.statistics.apply(self.compactor)
        flow = compaction.compact(keys, lease_token(), compactor, explicit=explicit)
        telemetry = self.driver.telemetry
        flow = noted(keys, flow, self.statistics, telemetry)
        return telemetry.watch(watched.COMPACT, self.namespace, keys.session_id, flow, cause=cause)

    def _retry_all(self) -> None:
        if self.indexing is not None:
            self.indexing.retry_all()
        if self.learning is not None:
            self.learning.learn_now()

    def _due(
        self, keys: SessionKeys, appended: AppendResult | None, loop: asyncio.AbstractEventLoop | None
    ) -> Iterator[Work]:
        """Return the work that an append made due."""
        if appended is None:
            return
        if self.indexing is not None:
            self.driver.telemetry.waits("indexing", keys.state, appended.added)
            yield self.indexing.work(keys, appended.cause)
        if appended.renewing:
            yield self._work_of(keys.stale, lambda: expiry.renew_all(keys))
        if self.mode == "manual":
            return
        if self.learning is not None:
            self.learning.note(keys, appended, loop)
        if self._is_due(appended):
            self.driver.telemetry.waits("summaries", keys.state, max(1, appended.length - self.window.max_messages))
            yield self._compaction_work(keys, appended.cause)
        if self.ttl and appended.length == appended.added:  # a new session; others may have expired
            yield self._work_of(keys.registries[-1], lambda: registry.prune_registries(keys))

    def _work_of(self, key: str, flow: Callable[[], Flow[object]]) -> Work:
        return Work(key, lambda: self.driver.run(flow()), lambda: self.driver.arun(flow()))

    def _compaction_work(self, keys: SessionKeys, cause: object) -> Work:
        return Work(
            keys.state,
            partial(self.compact, keys, explicit=False, cause=cause),
            partial(self.acompact, keys, explicit=False, cause=cause),
        )

    def _is_due(self, appended: AppendResult) -> bool:
        # If tokens are counted from this append on, earlier messages are not in the count: the plan counts them all.
        uncounted = (
            appended.tokens is not None and appended.size == appended.tokens and appended.length > appended.added
        )
        return uncounted or appended.has_gap or self.window.is_due(appended.length, appended.size)
