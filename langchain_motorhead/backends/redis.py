"""The Redis backend: executes operations and flows on Redis, and leaves compaction and indexing to `Maintenance`."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_motorhead.backends.redis_changes import RedisChanges
from langchain_motorhead.backends.redis_learning import RedisLearning
from langchain_motorhead.concurrency.forks import ForkSafeLock
from langchain_motorhead.exceptions import ClosedError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.redis_io.connection import Connection
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.maintenance import Maintenance
from langchain_motorhead.runtime.watched import Watched
from langchain_motorhead.sessions import catch_up, registry
from langchain_motorhead.sessions.append import AppendConfig, MessageLike, append
from langchain_motorhead.sessions.archive.transcript import Transcript, read_page
from langchain_motorhead.sessions.catch_up import CatchUpResult
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.info import SessionInfo, describe
from langchain_motorhead.sessions.load import Memory, load
from langchain_motorhead.sessions.operations import AppendResult, Dedup
from langchain_motorhead.storage.keys import SessionKeys, session_keys
from langchain_motorhead.storage.operation import Operation

if TYPE_CHECKING:
    from langchain_motorhead.recall.indexing.index import Indexer
    from langchain_motorhead.recall.progress import Report
    from langchain_motorhead.recall.query import Hit, Query
    from langchain_motorhead.recall.search.pinned import Pin

T = TypeVar("T")


class RedisBackend(RedisChanges, RedisLearning):
    """A `Backend` on Redis itself.

    Attributes:
        maintenance: Compacts and indexes the sessions.
        connection: Connection to Redis. `close` closes it.
        driver: Runs flows.
        append_config: How messages are appended.
    """

    def __init__(self, maintenance: Maintenance, connection: Connection) -> None:
        self.maintenance = maintenance
        self.connection = connection
        self.driver = maintenance.driver
        self.append_config = AppendConfig(
            count=maintenance.compactor.count,
            counted=maintenance.window.max_tokens is not None,
            ttl=maintenance.ttl,
            one_slot=connection.one_slot,
        )
        self._closed = False
        self._closing = ForkSafeLock()  # the connection counts its users

    @property
    def closed(self) -> bool:
        """Whether the backend was closed."""
        return self._closed

    @property
    def namespace(self) -> str:
        """Namespace of the sessions."""
        return self.maintenance.namespace

    @property
    def window(self) -> Window:
        """Bounds of the messages that every session keeps word for word."""
        return self.maintenance.window

    @property
    def one_slot(self) -> bool:
        """Whether one script may touch the keys of a session and the registries. Not so in a cluster."""
        return self.connection.one_slot

    @property
    def recall(self) -> Indexer:
        """How sessions are indexed.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
        """
        return self.maintenance.recall

    def require_redis(self) -> RedisBackend:
        """Return this backend."""
        return self

    def check_open(self) -> None:
        """Raise `ClosedError` if the backend was closed."""
        if self._closed:
            raise ClosedError("this Motorhead was closed. Make another, or close it later")

    def execute(self, operation: Operation[T]) -> T:
        """Execute one operation, in this thread.

        Raises:
            ClosedError: The backend was closed.
            StoreError: Redis refused, or could not be reached.
        """
        self.check_open()
        return self.driver.executor.run(operation)

    def aexecute(self, operation: Operation[T]) -> Coroutine[Any, Any, T]:
        """Execute one operation, on this event loop. See `execute`."""
        self.check_open()
        return self.driver.executor.arun(operation)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow in this thread, and return its result.

        Raises:
            ClosedError: The backend was closed.
            MotorheadError: What the flow raised.
        """
        self.check_open()
        return self.driver.run(flow)

    def arun(self, flow: Flow[T]) -> Coroutine[Any, Any, T]:
        """Run a flow on this event loop. See `run`."""
        self.check_open()
        return self.driver.arun(flow)

    def append(self, keys: SessionKeys, messages: Sequence[MessageLike], dedup: Dedup) -> Flow[AppendResult | None]:
        """Store messages. See `Backend.append`."""
        return self._watched(watched.APPEND, keys, append(keys, messages, self.append_config, dedup), messages)

    def catch_up(
        self, keys: SessionKeys, messages: Sequence[MessageLike], after: str | None, *, read: bool, profile: int = 0
    ) -> Flow[CatchUpResult]:
        """Store the new messages of a conversation. See `Backend.catch_up`."""
        flow = catch_up.catch_up(keys, messages, after, self.append_config, self.window if read else None)
        if profile:
            from langchain_motorhead.backends.redis_facts import with_profile

            flow = with_profile(flow, keys, profile, self.append_config.count)
        what = watched.CATCH_UP if read else watched.APPEND
        return self._watched(what, keys, flow, () if read else messages)

    def load(self, keys: SessionKeys, profile: int = 0) -> Flow[Memory]:
        """Load a session. See `Backend.load`."""
        flow = load(keys, self.window)
        if profile:
            from langchain_motorhead.backends.redis_facts import loaded_with_profile

            flow = loaded_with_profile(flow, keys, profile, self.append_config.count)
        return self._watched(watched.LOAD, keys, flow)

    def transcript(
        self, keys: SessionKeys, start: int, stop: int | None, limit: int, epoch: str | None
    ) -> Flow[Transcript]:
        """Read a page of the messages of a session by sequence number. See `Backend.transcript`."""
        return self._watched(watched.TRANSCRIPT, keys, read_page(keys, start, stop, limit, epoch))

    def delete(self, keys: SessionKeys) -> Flow[bool]:
        """Delete a session. Returns whether it existed."""
        from langchain_motorhead.facts.erasure import delete_session

        return self._watched(watched.DELETE, keys, delete_session(keys, one_slot=self.one_slot))

    def sessions(self, user_id: str | None, *, page: int, size: int | None, newest_first: bool) -> Flow[list[str]]:
        """Return session ids, ordered by last activity. See `sessions.registry.list_sessions`."""
        return registry.list_sessions(self.namespace, user_id, page=page, size=size, newest_first=newest_first)

    def describe(self, session_ids: Sequence[str]) -> Flow[list[SessionInfo | None]]:
        """Return what is known about sessions. See `Backend.describe`."""
        if not session_ids:
            return []
        found: list[SessionInfo | None] = yield describe([session_keys(self.namespace, each) for each in session_ids])
        return found

    def delete_user(self, user_id: str) -> Flow[int]:
        """Delete all sessions of a user. Returns how many there were."""
        from langchain_motorhead.facts.erasure import delete_user

        return self._watched(watched.DELETE_USER, None, delete_user(self.namespace, user_id, one_slot=self.one_slot))

    def check_search(self) -> None:
        """Raise `RecallNotConfiguredError` if there is no embedding model."""
        self.recall  # noqa: B018 - raises

    def search(self, query: Query) -> Flow[list[Hit]]:
        """Search the messages of sessions. Returns the best hits, best first."""
        if query.facts:
            from langchain_motorhead.backends.redis_facts import search_with_facts

            flow = search_with_facts(query, self.recall)
        else:
            from langchain_motorhead.recall.search.flow import search

            flow = search(query, self.recall)
        return self.driver.telemetry.watch(watched.SEARCH, self.namespace, query.session_id, flow, query=query.text)

    def pinned(self, pins: Sequence[Pin], query: Query) -> Flow[list[Hit]]:
        """Read messages that a search found before. See `Backend.pinned`."""
        from langchain_motorhead.recall.search.pinned import read_pinned

        return read_pinned(pins, query, self.namespace)

    def create_index(self) -> Flow[None]:
        """Create the search index unless it exists."""
        from langchain_motorhead.recall.indexing.index import set_up

        yield from set_up(self.recall)

    def reindex(self, report: Report) -> Flow[int]:
        """Build the search index anew. Return how many documents were embedded."""
        from langchain_motorhead.recall.indexing.reindexing import reindex

        return reindex(self.recall, report, one_slot=self.one_slot)

    def compact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now. See `Backend.compact`."""
        self.check_open()
        return self.maintenance.compact(keys, explicit=True)

    async def acompact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now. See `Backend.compact`."""
        self.check_open()
        return await self.maintenance.acompact(keys, explicit=True)

    def after_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Compact and index what an append made due, now or in the background."""
        self.maintenance.after_append(keys, appended)

    async def aafter_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Compact and index what an append made due, now or in the background."""
        await self.maintenance.aafter_append(keys, appended)

    async def prepare(self, *, counting: bool = False) -> None:
        """Load what takes long outside of the event loop. See `Backend.prepare`."""
        if not counting or self.append_config.counted:
            await self.maintenance.prepare()

    def flush(self) -> None:
        """Wait for the work in the background."""
        self.maintenance.flush()

    async def aflush(self) -> None:
        """Wait for the work in the background."""
        await self.maintenance.aflush()

    def close(self) -> None:
        """Wait for the work in the background, and close the connection if nobody else uses it.

        Raises:
            MotorheadError: Some of the work runs on the running event loop. Nothing was closed: await `aclose`.
        """
        self.maintenance.background.check_closable()
        if self._end():
            self.maintenance.close()
            self.connection.close()

    async def aclose(self) -> None:
        """Wait for the work in the background, and close the connection if nobody else uses it."""
        if self._end():
            await self.maintenance.aclose()
            await self.connection.aclose()

    def _watched(self, what: Watched, keys: SessionKeys | None, flow: Flow[T], given: Sequence[Any] = ()) -> Flow[T]:
        session_id = None if keys is None else keys.session_id
        return self.driver.telemetry.watch(what, self.namespace, session_id, flow, given=given)

    def _end(self) -> bool:
        """Accept no more calls. Returns whether this is the first end, however many threads close at once."""
        with self._closing:
            closed, self._closed = self._closed, True
        return not closed
