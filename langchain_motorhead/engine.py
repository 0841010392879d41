"""One configuration at work: executes, compacts, and keeps the background. What `Motorhead` and its faces share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from langchain_motorhead import compaction, operations, sessions
from langchain_motorhead.background import Background
from langchain_motorhead.compaction import CompactionReport, Compactor
from langchain_motorhead.drivers import Driver
from langchain_motorhead.exceptions import ClosedError, MotorheadError
from langchain_motorhead.flows import Flow
from langchain_motorhead.keys import SessionKeys
from langchain_motorhead.operations import Appended, Operation
from langchain_motorhead.window import Window

T = TypeVar("T")
logger = logging.getLogger(__name__)

_FAILED = "session %r: compaction failed; nothing was lost, and the next message tries again"


class _Work(NamedTuple):
    key: str
    run: Callable[[], object]
    arun: Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Engine:
    """One configuration at work.

    Attributes:
        driver: Runs flows.
        compactor: How sessions are compacted.
        namespace: Of every session.
        mode: When sessions are compacted: `"background"`, `"inline"` or `"manual"`.
        ttl: Milliseconds until a session expires unless written to, or 0.
    """

    driver: Driver
    compactor: Compactor
    namespace: str
    mode: str
    ttl: int
    background: Background = field(default_factory=Background)
    closed: bool = False

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

    async def arun(self, flow: Flow[T]) -> T:
        """Run a flow."""
        self.check_open()
        return await self.driver.arun(flow)

    def compact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session in this thread."""
        started = time.monotonic()
        token = secrets.token_hex(8)
        flow = compaction.compact(keys, token, self.compactor, explicit=explicit)
        try:
            return self._logged(keys, started, self.driver.run(flow))
        except BaseException:
            # The next worker need not wait for the lease to run out.
            with contextlib.suppress(MotorheadError):
                self.driver.store.run(operations.release(keys, token, ""))
            raise

    async def acompact(self, keys: SessionKeys, *, explicit: bool) -> CompactionReport:
        """Compact a session on this loop."""
        await self.prepare_counting()
        started = time.monotonic()
        token = secrets.token_hex(8)
        flow = compaction.compact(keys, token, self.compactor, explicit=explicit)
        try:
            return self._logged(keys, started, await self.driver.arun(flow))
        except BaseException:
            # As when the loop ends, and its tasks are cancelled.
            with contextlib.suppress(MotorheadError, asyncio.TimeoutError):
                await asyncio.wait_for(self.driver.store.arun(operations.release(keys, token, "")), 1)
            raise

    async def prepare_counting(self) -> None:
        """Have what counts tokens get ready off the event loop, where it takes time to."""
        count: Any = self.compactor.count
        if not getattr(count, "ready", True):
            await asyncio.to_thread(count.prepare)

    def after_append(self, keys: SessionKeys, left: Appended, added: int, tokens: int | None) -> None:
        """Do what an append left to do, when and where the mode says."""
        for work in self._due(keys, left, added, tokens):
            if self.mode == "background":
                self.background.submit(work.key, work.run)
                continue
            try:
                work.run()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    async def aafter_append(self, keys: SessionKeys, left: Appended, added: int, tokens: int | None) -> None:
        """Do what an append left to do, when and where the mode says."""
        for work in self._due(keys, left, added, tokens):
            if self.mode == "background":
                self.background.spawn(work.key, work.arun)
                continue
            try:
                await work.arun()
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)

    def _due(self, keys: SessionKeys, left: Appended, added: int, tokens: int | None) -> Iterator[_Work]:
        if self.mode == "manual":
            return
        if self._is_due(left, added, tokens):
            yield _Work(
                keys.state,
                lambda: self.compact(keys, explicit=False),
                lambda: self.acompact(keys, explicit=False),
            )
        if self.ttl and left.length == added:  # a new session, for which an old one may be gone
            yield _Work(
                keys.registries[-1],
                lambda: self.driver.run(sessions.prune_registries(keys)),
                lambda: self.driver.arun(sessions.prune_registries(keys)),
            )

    def _is_due(self, left: Appended, added: int, tokens: int | None) -> bool:
        # Where the count of tokens begins with this append, there may be more before it: the plan will count.
        uncounted = tokens is not None and left.size == tokens and left.length > added
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
