"""`Motorhead`: one configuration, from which sessions and LangChain's faces are made."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from langchain_motorhead.backends.base import Backend
from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.options import Options, UrlOptions, redis_options
from langchain_motorhead.recall import index as index_setup
from langchain_motorhead.recall import reindexing
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.redis_io.connection import Connection, adopt, connect
from langchain_motorhead.redis_io.urls import is_http
from langchain_motorhead.runtime.builder import build_maintenance
from langchain_motorhead.session import Session
from langchain_motorhead.sessions.window import Window

if TYPE_CHECKING:
    from typing import Self

    from langchain_core.tools import BaseTool
    from typing_extensions import Unpack

    from langchain_motorhead.integrations.chat_history import MotorheadChatMessageHistory
    from langchain_motorhead.integrations.memory import MotorheadMemory
    from langchain_motorhead.integrations.retriever import MotorheadRetriever
    from langchain_motorhead.integrations.store import MotorheadStore


class Motorhead:
    """Chat memory on one Redis, with one configuration. Making one does no I/O.

    Use it as a context manager, sync or async, or close it: closing waits for summaries that are under way.

    Args:
        client: A client of redis-py: sync or async, of one server, Sentinel or a cluster. It stays the caller's to
            close.
        async_client: The client for the other side, where a twin of `client` with the same settings will not do.
        **options: See `Options`.

    Raises:
        InvalidInputError: An argument cannot be used.

    Example:
        ```python
        with Motorhead.from_url("redis://localhost:6379", llm="openai:gpt-4o-mini") as motorhead:
            session = motorhead.session("session-1", user_id="bob")
            session.append([HumanMessage("hi, I'm Bob"), AIMessage("Hello Bob!")])
            memory = session.load()
        ```
    """

    def __init__(self, client: Any, *, async_client: Any = None, **options: Unpack[Options]) -> None:
        connection = client if isinstance(client, Connection) else adopt(client, async_client)
        try:
            self._backend: Backend = RedisBackend(build_maintenance(connection, **options), connection)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def from_url(cls, url: str, **options: Unpack[UrlOptions]) -> Self:
        """Work with the Redis at a URL, or with a server. Handles of the same URL in one process share connections.

        Args:
            url: `redis://`, `rediss://`, `unix://`, `redis+cluster://`, `redis+sentinel://`, or `embedded://` and
                `embedded:///some/folder` for a Redis of one's own; `http://` or `https://` for a server, ours or the
                original Motorhead.
            **options: See `Options`, and for a server `RemoteOptions`.

        Raises:
            InvalidInputError: The URL cannot be used, or an option.
        """
        if is_http(url):
            from langchain_motorhead.backends.http import connect_to

            made = cls.__new__(cls)
            made._backend = connect_to(url, **options)
            return made
        return cls(connect(url), **redis_options(options))

    @property
    def window(self) -> Window:
        """Bounds of what is kept verbatim."""
        return self._backend.window

    @property
    def namespace(self) -> str:
        """Namespace of the sessions."""
        return self._backend.namespace

    @property
    def backend(self) -> Backend:
        """What executes the work: Redis itself, or a server. For code that needs more than sessions offer."""
        return self._backend

    def session(self, session_id: str, user_id: str | None = None) -> Session:
        """Give the handle of a session, which need not be there yet.

        Args:
            session_id: Any string but the empty one.
            user_id: Whose session it is; kept with its first message.

        Raises:
            InvalidInputError: An id is not a string, or empty.
        """
        return Session(self, self._backend, session_id, user_id)

    def history(self, session_id: str, user_id: str | None = None) -> MotorheadChatMessageHistory:
        """Give a session as LangChain's chat message history."""
        from langchain_motorhead.integrations.chat_history import MotorheadChatMessageHistory

        return MotorheadChatMessageHistory(session_id, user_id=user_id, motorhead=self)

    def memory(self, session_id: str, *, user_id: str | None = None, **fields: Any) -> MotorheadMemory:
        """Give a session as the memory of an `LLMChain`. For `fields`, see `MotorheadMemory`."""
        from langchain_motorhead.integrations.memory import MotorheadMemory

        return MotorheadMemory(session_id=session_id, user_id=user_id, motorhead=self, **fields)

    def retriever(self, session_id: str | None = None, user_id: str | None = None, **fields: Any) -> MotorheadRetriever:
        """Give a retriever over what was said: in a session, in a user's sessions, or in the whole namespace.

        Args:
            session_id: Search this session alone.
            user_id: Search this user's sessions alone.
            **fields: Such as `k`: see `MotorheadRetriever`.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            InvalidInputError: An argument cannot be used.
        """
        from langchain_motorhead.integrations.retriever import MotorheadRetriever

        self._backend.check_search()
        return MotorheadRetriever(motorhead=self, session_id=session_id, user_id=user_id, **fields)

    def recall_tool(
        self,
        session_id: str | None = None,
        user_id: str | None = None,
        *,
        name: str = "search_memory",
        description: str = "Search what was said in earlier conversations, for what the user may have told before.",
        **fields: Any,
    ) -> BaseTool:
        """Give a tool by which an agent searches what was said.

        Args:
            session_id: Search this session alone.
            user_id: Search this user's sessions alone.
            name: Name of the tool.
            description: What the model is told of it.
            **fields: Such as `k`: see `MotorheadRetriever`.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
        """
        from langchain_motorhead.integrations.retriever import recall_tool

        return recall_tool(self.retriever(session_id, user_id, **fields), name, description)

    def store(self, *, index: Any = None, ttl: Any = None) -> MotorheadStore:
        """Give a LangGraph store in the same Redis and namespace. For the arguments, see `MotorheadStore`."""
        from langchain_motorhead.integrations.store import MotorheadStore

        return MotorheadStore(self, index=index, ttl=ttl)

    def setup(self) -> None:
        """Make the index of recall, unless it is there. The first message indexed does so too.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingMismatchError: There is an index of another model, or of other settings: see `reindex`.
            EmbeddingError: The model failed.
        """
        redis = self._backend.require_redis()
        redis.run(index_setup.set_up(redis.recall))

    async def asetup(self) -> None:
        """Make the index of recall, unless it is there. See `setup`."""
        redis = self._backend.require_redis()
        await redis.prepare()
        await redis.arun(index_setup.set_up(redis.recall))

    def reindex(self, *, progress: bool = True) -> int:
        """Make the index anew, with the model and settings of this Motorhead, from the text that is stored.

        Searches go on by the old index until the new one is complete; with another `language`, by meaning more than by
        words. What was not indexed yet is now. If it is interrupted, call it again: it goes on where it was.

        Args:
            progress: Whether to show a progress bar, on the standard error stream.

        Returns:
            How many documents were embedded anew.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingError: The model failed. The old index is still in place.
        """
        redis = self._backend.require_redis()
        with reindexing.progress_bar(show=progress) as report:
            return redis.run(reindexing.reindex(redis.recall, report, one_slot=redis.one_slot))

    async def areindex(self, *, progress: bool = True) -> int:
        """Make the index anew. See `reindex`."""
        redis = self._backend.require_redis()
        await redis.prepare()
        with reindexing.progress_bar(show=progress) as report:
            return await redis.arun(reindexing.reindex(redis.recall, report, one_slot=redis.one_slot))

    def sessions(
        self, user_id: str | None = None, *, page: int = 1, size: int | None = None, newest_first: bool = True
    ) -> list[str]:
        """List session ids by last activity.

        Args:
            user_id: List those of one user alone.
            page: Page to give, from 1.
            size: Sessions on a page. None for all of them on one.
            newest_first: Whether the session that was active last comes first.

        Raises:
            InvalidInputError: A page or size below 1.
        """
        return self._backend.run(self._backend.sessions(user_id, page=page, size=size, newest_first=newest_first))

    async def asessions(
        self, user_id: str | None = None, *, page: int = 1, size: int | None = None, newest_first: bool = True
    ) -> list[str]:
        """List session ids by last activity. See `sessions`."""
        return await self._backend.arun(
            self._backend.sessions(user_id, page=page, size=size, newest_first=newest_first)
        )

    def delete_user(self, user_id: str) -> int:
        """Delete every session of a user, and everything of them.

        Returns:
            How many sessions there were.
        """
        return self._backend.run(self._backend.delete_user(user_id))

    async def adelete_user(self, user_id: str) -> int:
        """Delete every session of a user. See `delete_user`."""
        return await self._backend.arun(self._backend.delete_user(user_id))

    def flush(self) -> None:
        """Wait until all work in the background is done.

        Raises:
            MotorheadError: Some of it is the running event loop's, which this would block: await `aflush` there.
        """
        self._backend.flush()

    async def aflush(self) -> None:
        """Wait until all work in the background is done."""
        await self._backend.aflush()

    def close(self) -> None:
        """Wait for work in the background, and close the connection if no other handle shares it."""
        if not self._backend.closed:
            self._backend.close()

    async def aclose(self) -> None:
        """Wait for work in the background, and close the connection if no other handle shares it."""
        if not self._backend.closed:
            await self._backend.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _search(self, query: Query) -> list[Hit]:
        return self._backend.run(self._backend.search(query))

    async def _asearch(self, query: Query) -> list[Hit]:
        await self._backend.prepare()
        return await self._backend.arun(self._backend.search(query))
