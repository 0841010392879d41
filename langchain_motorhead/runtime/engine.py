"""One configuration at work: executes, compacts, and keeps the background. What `Motorhead` and its faces share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
import weakref
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_motorhead.concurrency.background import Background, Work, current_loop
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.exceptions import (
    ClosedError,
    EmbeddingError,
    EmbeddingMismatchError,
    MotorheadError,
    RecallNotConfiguredError,
)
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall import indexing, schema
from langchain_motorhead.recall.index import Indexer
from langchain_motorhead.runtime.driver import NO_RECALL, Driver
from langchain_motorhead.runtime.retry_queue import RetryQueue
from langchain_motorhead.sessions import compaction
from langchain_motorhead.sessions import registry as sessions
from langchain_motorhead.sessions.compaction import CompactionReport, Compactor
from langchain_motorhead.sessions.compaction_operations import release
from langchain_motorhead.sessions.operations import AppendResult, give_up
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")
logger = logging.getLogger(__name__)

_FAILED = "session %r: compaction failed; nothing was lost, and the next message tries again"


@dataclass(slots=True)
class Engine:
    """One configuration at work.

    Attributes:
        driver: Runs flows.
        compactor: How sessions are compacted.
        namespace: Of every session.
        mode: When sessions are compacted: `"background"`, `"inline"` or `"manual"`.
        ttl: Milliseconds until a session expires unless written to, or 0.
        turns: Which sessions are compacted now. Those that wait for it have no lease.
        indexer: How sessions are indexed, if they are.
    """

    driver: Driver
    compactor: Compactor
    namespace: str
    mode: str
    ttl: int
    turns: FairSemaphore
    background: Background
    indexer: Indexer | None = None
    retry_queue: RetryQueue = field(init=False)
    closed: bool = False
    _prepared: bool = False
    _uncompacted: set[str] = field(default_factory=set)
    _loop: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def __post_init__(self) -> None:
        self.retry_queue = RetryQueue(self._catch_up)

    @property
    def recall(self) -> Indexer:
        """How sessions are indexed.

        Raises:
            RecallNotConfiguredError: They are not.
        """
        if self.indexer is None:
            raise RecallNotConfiguredError(NO_RECALL)
        return self.indexer

    @property
    def window(self) -> Window:
        """Bounds of every session."""
        return self.compactor.window

    @property
    def one_slot(self) -> bool:
        """Whether one script may touch keys of a session and registries alike."""
        return not self.driver.store.connection.clustered

    def execute(self, operation: Operation[T]) -> T:
        """Execute one operation."""
        self.check_open()
        return self.driver.store.run(operation)

    async def aexecute(self, operation: Operation[T]) -> T:
        """Execute one operation."""
        self.check_open()
        return await self.driver.store.arun(operation)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow."""
        self.check_open()
        return self.driver.run(flow)

    def arun(self, flow: Flow[T]) -> Coroutine[Any, Any, T]:
        """Run a flow."""
        self.check_open()
        return self.driver.arun(flow)

    def compact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session in this thread, having indexed it first where it is to be.

        Raises:
            EmbeddingError: It is explicit, and could not be indexed.
        """
        wait = explicit or self.mode == "inline"
        if self.indexer is not None and not self.index(keys, explicit=explicit, wait=wait):
            self._uncompacted.add(keys.state)  # whoever indexes it here compacts it then
            return CompactionReport()
        with self.turns.turn(self.namespace):
            started, token = time.monotonic(), secrets.token_hex(8)
            flow = compaction.compact(keys, token, self.compactor, explicit=explicit)
            try:
                return self._logged(keys, started, self.driver.run(flow))
            except BaseException:
                self._give_back(release(keys, token, ""))
                raise

    async def acompact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session on this loop. See `compact`."""
        await self.prepare_counting()
        wait = explicit or self.mode == "inline"
        if self.indexer is not None and not await self.aindex(keys, explicit=explicit, wait=wait):
            self._uncompacted.add(keys.state)
            return CompactionReport()
        async with self.turns.aturn(self.namespace):
            started, token = time.monotonic(), secrets.token_hex(8)
            flow = compaction.compact(keys, token, self.compactor, explicit=explicit)
            try:
                return self._logged(keys, started, await self.driver.arun(flow))
            except BaseException:
                await self._agive_back(release(keys, token, ""))
                raise

    def index(self, keys: SessionKeys, *, explicit: bool, wait: bool = False) -> bool:
        """Index what is not indexed of a session, in this thread.

        Returns:
            Whether another worker is not at it. What failed is tried again by and by.

        Raises:
            EmbeddingError: It is explicit, and the model failed.
        """
        if not explicit and self.retry_queue.defer_if_open(keys):
            return True
        token = secrets.token_hex(8)
        try:
            done = self.driver.run(indexing.index(keys, token, self.recall, wait=wait))
        except BaseException as error:
            self._give_back(give_up(keys.indexing, token))
            if not self._handle_index_error(keys, error) or explicit:
                raise
            return True
        if self._on_indexed(keys, done=done):
            self.background.submit(keys.state, lambda: self.compact(keys, explicit=False))
        return done

    async def aindex(self, keys: SessionKeys, *, explicit: bool, wait: bool = False) -> bool:
        """Index what is not indexed of a session, on this loop. See `index`."""
        if not explicit and self.retry_queue.defer_if_open(keys):
            return True
        await self.prepare_counting()
        token = secrets.token_hex(8)
        try:
            done = await self.driver.arun(indexing.index(keys, token, self.recall, wait=wait))
        except BaseException as error:
            self._loop = weakref.ref(asyncio.get_running_loop())
            await self._agive_back(give_up(keys.indexing, token))
            if not self._handle_index_error(keys, error) or explicit:
                raise
            return True
        if self._on_indexed(keys, done=done):
            self.background.spawn(keys.state, lambda: self.acompact(keys, explicit=False))
        return done

    def flush(self) -> None:
        """Wait for what is under way, and for one more try of what waits for the embedding model."""
        self.background.flush()
        self.retry_queue.retry_now()
        self.background.flush()

    async def aflush(self) -> None:
        """Await what is under way. See `flush`."""
        await self.background.aflush()
        self.retry_queue.retry_now()
        await self.background.aflush()

    def _handle_index_error(self, keys: SessionKeys, error: BaseException) -> bool:
        """Report what keeps a session from being indexed, and does no harm to the rest."""
        if isinstance(error, EmbeddingError):
            self.retry_queue.record_failure(keys, error)
        elif isinstance(error, EmbeddingMismatchError):
            logger.error("session %r: not indexed; no message was removed: %s", keys.session_id, error)
        else:
            return False
        return True

    def _on_indexed(self, keys: SessionKeys, *, done: bool) -> bool:
        """Note that the model answered. Returns whether a compaction has waited for that."""
        self.retry_queue.record_success(keys)
        if not done:  # another worker is at it, unless it died with the lease
            self.retry_queue.retry_later(keys, 1.1 * indexing.LEASE / 1000)
        if not done or keys.state not in self._uncompacted:
            return False
        self._uncompacted.discard(keys.state)
        return True

    def _catch_up(self, keys: SessionKeys) -> None:
        """Index what had to wait, and compact what waited for that: on the loop where it failed, if it still runs."""
        manual = self.mode == "manual"

        def work() -> None:
            if self.index(keys, explicit=False, wait=True) and not manual:
                self.compact(keys, explicit=False)

        async def awork() -> None:
            if await self.aindex(keys, explicit=False, wait=True) and not manual:
                await self.acompact(keys, explicit=False)

        loop = self._loop() if self._loop is not None else None
        if loop is None or not loop.is_running():
            self.background.submit(keys.state, work)
        elif loop is current_loop():
            self.background.spawn(keys.state, awork)
        else:
            loop.call_soon_threadsafe(self.background.spawn, keys.state, awork)

    def _give_back(self, operation: Operation[Any]) -> None:  # so that the next worker need not wait
        with contextlib.suppress(MotorheadError):
            self.driver.store.run(operation)

    async def _agive_back(self, operation: Operation[Any]) -> None:
        with contextlib.suppress(MotorheadError, asyncio.TimeoutError):  # as when the loop ends, and cancels its tasks
            await asyncio.wait_for(self.driver.store.arun(operation), 1)

    async def prepare_counting(self) -> None:
        """Have what counts tokens, and what recall imports, get ready off the event loop, where it takes time to."""
        if self.indexer is not None and not self._prepared:
            await asyncio.to_thread(schema.prepare, self.indexer.recall.language)
            self._prepared = True
        count: Any = self.compactor.count
        if not getattr(count, "ready", True):
            await asyncio.to_thread(count.prepare)

    def after_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Do what an append left to do, when and where the mode says."""
        for work in self._due(keys, left):
            if self.mode != "inline":
                self.background.submit(work.key, work.run)
                continue
            try:
                work.run()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    async def aafter_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Do what an append left to do, when and where the mode says."""
        for work in self._due(keys, left):
            if self.mode != "inline":
                self.background.spawn(work.key, work.arun)
                continue
            try:
                await work.arun()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    def _due(self, keys: SessionKeys, left: AppendResult | None) -> Iterator[Work]:
        if left is None:
            return
        if self.indexer is not None and not self.retry_queue.defer_if_open(keys):
            yield Work(
                keys.indexing,
                lambda: self.index(keys, explicit=False),
                lambda: self.aindex(keys, explicit=False),
            )
        if self.mode == "manual":
            return
        if self._is_due(left):
            yield Work(
                keys.state,
                lambda: self.compact(keys, explicit=False),
                lambda: self.acompact(keys, explicit=False),
            )
        if self.ttl and left.length == left.added:  # a new session, for which an old one may be gone
            yield Work(
                keys.registries[-1],
                lambda: self.driver.run(sessions.prune_registries(keys)),
                lambda: self.driver.arun(sessions.prune_registries(keys)),
            )

    def _is_due(self, left: AppendResult) -> bool:
        # Where the count of tokens begins with this append, there may be more before it: the plan will count.
        uncounted = left.tokens is not None and left.size == left.tokens and left.length > left.added
        return uncounted or self.window.is_due(left.length, left.size)

    def _logged(self, keys: SessionKeys, started: float, report: CompactionReport) -> CompactionReport:
        if report.folded:
            logger.info(
                "session %r: folded %d messages into the summary, in %d batches, for %d tokens, in %.2f s",
                keys.session_id, report.folded, report.batches, report.tokens, time.monotonic() - started,
            )  # fmt: skip
        return report

    def check_open(self) -> None:
        """Raise `ClosedError` if the handle was closed."""
        if self.closed:
            raise ClosedError("this Motorhead was closed. Make another, or close it later")
