"""When and where facts are learned: in the background, once a session has enough new text, or after some time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from langchain_motorhead.concurrency.background import Background
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.concurrency.jobs import Work, lease_token
from langchain_motorhead.facts.learning.flow import learn, relearn
from langchain_motorhead.facts.learning.report import LearningConfig, LearningReport, LearningState
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.driver import Driver
from langchain_motorhead.runtime.retry_queue import RetryQueue
from langchain_motorhead.sessions.operations import AppendResult
from langchain_motorhead.storage.keys import SessionKeys, fact_keys

logger = logging.getLogger(__name__)

_FAILED = "session %r: learning failed; nothing was lost, and it is tried again later"
_CHARS_PER_TOKEN = 4
# After another worker was found at work, and after a failure, at least.
_BUSY_SECONDS, _LEAST_PAUSE_SECONDS = 2.0, 1.0


class FactLearning:
    """Learns from the sessions of a namespace that have new messages.

    Args:
        driver: Runs flows.
        config: How facts are learned.
        every: Seconds after which new messages are learned at the latest.
        enough: Tokens of new messages, about, that are learned at once.
        namespace: Namespace of the sessions.
        background: Runs the work.
        semaphore: Limits how many models are called at once. Shared with compaction.
        prepare: Loads what takes long outside of an event loop.
    """

    def __init__(
        self,
        driver: Driver,
        config: LearningConfig,
        every: float,
        enough: int,
        namespace: str,
        background: Background,
        semaphore: FairSemaphore,
        prepare: Callable[[], Awaitable[object]],
    ) -> None:
        self.config = config
        self.semaphore = semaphore
        self._driver = driver
        self._prepare = prepare
        self._every = every
        self._enough = enough * _CHARS_PER_TOKEN
        self._namespace = namespace
        self._background = background
        self._waiting = RetryQueue(self._start)
        self._chars: dict[str, int] = {}
        self._ready: dict[str, dict[str, SessionKeys]] = {}
        self._begun: dict[str, SessionKeys] = {}
        self._edited: dict[str, set[int]] = {}
        self._lock = threading.Lock()
        self._loops: dict[str, weakref.ref[asyncio.AbstractEventLoop]] = {}
        self._causes: dict[str, object] = {}
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Mapping[str, int]:
        """What was learned since the start: messages, batches, facts, tokens, and operations by what became of them."""
        with self._lock:
            return dict(self._counts)

    def note(self, keys: SessionKeys, appended: AppendResult, loop: asyncio.AbstractEventLoop | None) -> None:
        """Note that messages were appended. They are learned now, if they are enough, or later. No I/O.

        Args:
            keys: Keys of the session.
            appended: Result of the append.
            loop: Event loop on which to learn, as long as it runs. None for a thread.
        """
        if not appended.added:
            return
        with self._lock:
            if loop is not None:
                self._loops[keys.state] = weakref.ref(loop)
            else:
                self._loops.pop(keys.state, None)
            chars = self._chars[keys.state] = self._chars.get(keys.state, 0) + appended.chars
            if appended.cause is not None:
                self._causes[keys.state] = appended.cause
        self._driver.telemetry.waits("learning", keys.state, appended.added)
        if chars >= self._enough:
            self._start(keys)
        else:
            self._waiting.retry_later(keys, self._every)

    def note_edit(self, keys: SessionKeys, seqs: Sequence[int]) -> None:
        """Learn once more from messages that were edited, in a thread in the background. A failure is tried again."""
        with self._lock:
            self._edited.setdefault(keys.state, set()).update(seqs)
        self._start_again(keys)

    def learn_now(self) -> None:
        """Learn from all sessions that wait for it, in the background."""
        self._waiting.retry_now()

    def close(self, *, blocking: bool) -> None:
        """Begin to learn from the sessions that wait for it, and note no more.

        Args:
            blocking: Whether the caller blocks its thread until that is done, so that it has to happen in others.
        """
        if blocking:
            with self._lock:
                self._loops.clear()
        self.learn_now()
        self._waiting.close()

    def learn(self, keys: SessionKeys, *, explicit: bool) -> LearningReport:
        """Learn from a session in this thread. See `facts.learning.flow.learn`."""
        flow = self._flow(keys, self._forget(keys), explicit=explicit)
        with self.semaphore.acquire(self._namespace):
            return self._driver.run(flow)

    async def alearn(self, keys: SessionKeys, *, explicit: bool) -> LearningReport:
        """Learn from a session on this event loop. See `facts.learning.flow.learn`."""
        await self._prepare()
        flow = self._flow(keys, self._forget(keys), explicit=explicit)
        async with self.semaphore.aacquire(self._namespace):
            return await self._driver.arun(flow)

    def _flow(self, keys: SessionKeys, cause: object, *, explicit: bool) -> Flow[LearningReport]:
        flow = self._counted(keys, learn(keys, lease_token(), self.config, explicit=explicit))
        return self._driver.telemetry.watch(watched.LEARN, self._namespace, keys.session_id, flow, cause=cause)

    def _counted(self, keys: SessionKeys, flow: Flow[LearningReport]) -> Flow[LearningReport]:
        began = time.monotonic()
        report = self._noted(keys, (yield from flow))
        if report.error is None and report.state in (LearningState.DONE, LearningState.ENDED):
            self._driver.telemetry.settled("learning", keys.state, began)
        return report

    def _start(self, keys: SessionKeys) -> None:
        """Learn from a session in the background: from one session of a user after the other."""
        owner = fact_keys(keys).lease
        with self._lock:
            self._ready.setdefault(owner, {})[keys.state] = keys
            known, edited = self._loops.get(keys.state), keys.state in self._edited
        if edited:
            self._start_again(keys)
        loop = None if known is None else known()
        self._background.resume(loop, Work(owner, lambda: self._drain(owner), lambda: self._adrain(owner)))

    def _start_again(self, keys: SessionKeys) -> None:
        self._background.submit(f"{keys.state} edited", lambda: self._learn_again(keys))

    def _learn_again(self, keys: SessionKeys) -> None:
        """Learn once more from the messages of a session that were edited. If that fails, they are kept."""
        with self._lock:
            seqs = self._edited.pop(keys.state, set())
        if not seqs:
            return
        learned = False
        try:
            learned = self._noted(keys, self._driver.run(relearn(keys, lease_token(), self.config, seqs))).error is None
        except Exception:
            logger.warning(_FAILED, keys.session_id, exc_info=True)
            self._waiting.retry_later(keys, max(self._every, _LEAST_PAUSE_SECONDS))
        finally:
            if not learned:
                with self._lock:
                    self._edited.setdefault(keys.state, set()).update(seqs)

    def _drain(self, owner: str) -> None:
        self._take_back(owner)
        while (keys := self._next(owner)) is not None:
            try:
                self.learn(keys, explicit=False)
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)
                self._waiting.retry_later(keys, max(self._every, _LEAST_PAUSE_SECONDS))

    async def _adrain(self, owner: str) -> None:
        self._take_back(owner)
        while (keys := self._next(owner)) is not None:
            try:
                await self.alearn(keys, explicit=False)
            except Exception:
                logger.warning(_FAILED, keys.session_id, exc_info=True)
                self._waiting.retry_later(keys, max(self._every, _LEAST_PAUSE_SECONDS))

    def _take_back(self, owner: str) -> None:
        """Let the session wait again that an earlier attempt had begun, if that came to no end."""
        with self._lock:
            if (keys := self._begun.pop(owner, None)) is not None:
                self._ready.setdefault(owner, {}).setdefault(keys.state, keys)

    def _next(self, owner: str) -> SessionKeys | None:
        with self._lock:
            self._begun.pop(owner, None)
            waiting = self._ready.get(owner, {})
            if not waiting:
                self._ready.pop(owner, None)
                return None
            keys = self._begun[owner] = waiting.pop(next(iter(waiting)))
            return keys

    def _noted(self, keys: SessionKeys, report: LearningReport) -> LearningReport:
        """Count and log what was learned, and queue the session if there is more to do later."""
        with self._lock:
            self._counts.update(
                {
                    "messages": report.messages,
                    "batches": report.batches,
                    "facts": report.facts,
                    "tokens": report.tokens,
                    "embedded": report.embedded,
                    "accepted": report.accepted,
                    "extracts": report.extracts,
                    "failures": int(report.error is not None),
                }
            )
            self._counts.update({f"rejected:{reason}": count for reason, count in report.rejected.items()})
            self._counts.update({f"unusable:{reason}": count for reason, count in report.unusable.items()})
        if report.state is LearningState.BUSY:
            self._waiting.retry_later(keys, _BUSY_SECONDS)
        elif report.state is LearningState.PAUSED:
            self._waiting.retry_later(keys, max(self._every, _LEAST_PAUSE_SECONDS))
        if report.batches:
            logger.info(
                "session %r: learned %d messages in %d batches: %d new facts, %d operations rejected, %d tokens",
                keys.session_id, report.messages, report.batches, report.facts, report.rejected.total(), report.tokens,
            )  # fmt: skip
        return report

    def _forget(self, keys: SessionKeys) -> object:
        """Forget that a session waits. Returns the span of its latest append, if that was traced."""
        with self._lock:
            self._chars.pop(keys.state, None)
            self._loops.pop(keys.state, None)
            return self._causes.pop(keys.state, None)
