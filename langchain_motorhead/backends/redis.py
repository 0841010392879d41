"""A `Motorhead` on Redis itself: what each call of it comes to there."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall import index
from langchain_motorhead.recall import search as searching
from langchain_motorhead.recall.index import Indexer
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.reindexing import Report, reindex
from langchain_motorhead.redis_io.connection import Connection
from langchain_motorhead.runtime.engine import Engine
from langchain_motorhead.sessions import registry as sessions
from langchain_motorhead.sessions.append import append, to_record
from langchain_motorhead.sessions.catch_up import CatchUpResult, follow
from langchain_motorhead.sessions.compaction import CompactionReport
from langchain_motorhead.sessions.load import Memory, load
from langchain_motorhead.sessions.operations import AppendResult, Dedup, NewestOf
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")


class RedisBackend:
    """See `Backend`.

    Args:
        engine: Does it.
        connection: To close at the end.
    """

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self.engine = engine
        self.connection = connection

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.engine.closed

    @property
    def namespace(self) -> str:
        """Namespace of the sessions."""
        return self.engine.namespace

    @property
    def window(self) -> Window:
        """Bounds of every session."""
        return self.engine.window

    def run(self, flow: Flow[T]) -> T:
        """Run a flow."""
        return self.engine.run(flow)

    def arun(self, flow: Flow[T]) -> Coroutine[Any, Any, T]:
        """Run a flow."""
        return self.engine.arun(flow)

    def append(self, keys: SessionKeys, messages: Sequence[Any], leave_out: Dedup) -> Flow[AppendResult | None]:
        """Store messages."""
        left: AppendResult | None = yield append(
            keys, [to_record(each, self.engine) for each in messages], self.engine, leave_out
        )
        return left

    def follow(
        self, keys: SessionKeys, messages: Sequence[Any], after: str | None, *, read: bool
    ) -> Flow[CatchUpResult]:
        """Store what is new of a conversation."""

        def describe(new: Sequence[Any], leave_out: Dedup | NewestOf) -> Operation[AppendResult | None]:
            return append(keys, [to_record(each, self.engine) for each in new], self.engine, leave_out)

        return follow(keys, messages, after, describe, self.engine.window if read else None)

    def load(self, keys: SessionKeys) -> Flow[Memory]:
        """Read a session."""
        return load(keys, self.engine.window)

    def delete(self, keys: SessionKeys) -> Flow[bool]:
        """Delete a session."""
        return sessions.delete_session(keys, one_slot=self.engine.one_slot)

    def sessions(self, user_id: str | None, *, page: int, size: int | None, newest_first: bool) -> Flow[list[str]]:
        """List session ids."""
        return sessions.list_sessions(self.namespace, user_id, page=page, size=size, newest_first=newest_first)

    def delete_user(self, user_id: str) -> Flow[int]:
        """Delete a user's sessions."""
        return sessions.delete_user(self.namespace, user_id, one_slot=self.engine.one_slot)

    def check_search(self) -> None:
        """Raise `RecallNotConfiguredError` if there is no embedding model."""
        self.engine.recall  # noqa: B018 - raises where there is none

    def search(self, query: Query) -> Flow[list[Hit]]:
        """Search what was said."""
        return searching.search(query, self.engine.recall)

    def create_index(self) -> Flow[None]:
        """Create the search index unless it exists."""
        return _create_index(self.engine.recall)

    def reindex(self, report: Report) -> Flow[int]:
        """Build the search index anew. Return how many documents were embedded."""
        return reindex(self.engine.recall, report, one_slot=self.engine.one_slot)

    def compact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now."""
        self.engine.check_open()
        return self.engine.compact(keys, explicit=True)

    async def acompact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now."""
        self.engine.check_open()
        return await self.engine.acompact(keys, explicit=True)

    def after_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Compact and index what is due."""
        self.engine.after_append(keys, left)

    async def aafter_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Compact and index what is due."""
        await self.engine.aafter_append(keys, left)

    async def prepare(self, *, counting: bool = False) -> None:
        """Import and load what takes long, off the event loop."""
        if not counting or self.engine.window.max_tokens is not None:
            await self.engine.prepare_counting()

    def flush(self) -> None:
        """Wait until all work in the background is done."""
        self.engine.flush()

    async def aflush(self) -> None:
        """Wait until all work in the background is done."""
        await self.engine.aflush()

    def close(self) -> None:
        """Wait for work in the background, and close the connection if no other handle shares it."""
        self.engine.closed = True
        self.engine.retry_queue.close()
        self.engine.background.close()
        self.connection.close()

    async def aclose(self) -> None:
        """Wait for work in the background, and close the connection if no other handle shares it."""
        self.engine.closed = True
        self.engine.retry_queue.close()
        await self.engine.background.aclose()
        await self.connection.aclose()


def _create_index(indexer: Indexer) -> Flow[None]:
    yield from index.set_up(indexer)
