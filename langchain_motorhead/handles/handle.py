"""`Handle`: the part of `Motorhead` that does not depend on LangChain's or LangGraph's interfaces.

The integrations work with a `Handle`, and `client.Motorhead` adds the methods that build integrations. So neither needs
to import the other.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from langchain_motorhead.backends.base import Backend
from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.handles.checkpointers import Checkpointer, check_checkpointer, check_user_id
from langchain_motorhead.handles.session import Session
from langchain_motorhead.options import Options, UrlOptions, check_names, redis_options
from langchain_motorhead.recall.progress import aprogress_bar, progress_bar
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.redis_io.connection import Connection, adopt, connect
from langchain_motorhead.redis_io.urls import is_http
from langchain_motorhead.runtime.builder import build_maintenance
from langchain_motorhead.sessions.compaction.window import Window

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Unpack

    from langchain_motorhead.handles.user import User


class Handle:
    """The sessions of one namespace, on one Redis or server, with one set of options. See `Motorhead`.

    Args:
        client: A client of redis-py, sync or async: of one server, of Sentinel or of a cluster. `close` does not close
            it.
        async_client: The client for async calls if `client` is sync, or for sync calls if it is async. By default one
            is made with the settings of `client`.
        **options: See `Options`.

    Raises:
        InvalidInputError: An argument cannot be used.
    """

    def __init__(self, client: Any, *, async_client: Any = None, **options: Unpack[Options]) -> None:
        connection = client if isinstance(client, Connection) else adopt(client, async_client)
        try:
            self._backend: Backend = RedisBackend(build_maintenance(connection, redis_options(options)), connection)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def from_url(cls, url: str, **options: Unpack[UrlOptions]) -> Self:
        """Connect to the Redis, or to the server, at a URL. Connections to one URL are shared within a process.

        No I/O is done before the first call that needs it.

        Args:
            url: Of Redis: `redis://`, `rediss://` (TLS), `unix://`, `redis+cluster://` or `redis+sentinel://`. Of an
                embedded Redis, which this process starts: `embedded://`, or `embedded:///some/folder` to keep its data.
                Of a server: `http://` or `https://`, be it `motorhead serve` or the original Motorhead.
            **options: See `Options`, or `RemoteOptions` for a server.

        Raises:
            InvalidInputError: The URL cannot be used, there is no such option, or its value cannot be used.

        Example:
            ```python
            motorhead = Motorhead.from_url("redis://localhost:6379", window=Window(max_messages=20))
            ```
        """
        check_names(options)
        if is_http(url):
            from langchain_motorhead.backends.http import connect_to

            made = cls.__new__(cls)
            made._backend = connect_to(url, **options)
            return made
        return cls(connect(url), **redis_options(options))

    @classmethod
    def resolve(cls, motorhead: Handle | None, url: str | None, client: Any, **options: Unpack[UrlOptions]) -> Handle:
        """Return the `Motorhead` that was given, or connect to the URL or client that was given instead.

        Args:
            motorhead: A `Motorhead`.
            url: A URL as `from_url` takes it.
            client: A client of redis-py.
            **options: With a URL or a client: see `Options` and `RemoteOptions`.

        Raises:
            InvalidInputError: Not exactly one of the three was given, or it cannot be used; or there are options and
                also a `Motorhead`, which has options of its own.
        """
        if sum(given is not None for given in (motorhead, url, client)) != 1:
            raise InvalidInputError("give one of motorhead=, url= and client=")
        if motorhead is None:
            return cls.from_url(url, **options) if url is not None else cls(client, **redis_options(options))
        cls.check(motorhead)
        if options:
            raise InvalidInputError(
                f"{', '.join(options)}: options of the Motorhead that was given. Give them to it, not here"
            )
        return motorhead

    @staticmethod
    def check(given: object) -> None:
        """Raise an error unless the object is a `Motorhead`.

        Raises:
            InvalidInputError: It is something else.
        """
        if not isinstance(given, Handle):
            raise InvalidInputError(f"motorhead must be a Motorhead, not {type(given).__name__}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self.namespace!r}, {type(self._backend).__name__})"

    @property
    def window(self) -> Window:
        """How many messages, and how many tokens, are kept word for word in each session.

        Raises:
            UnsupportedError: The sessions are on a server, which has the window.
        """
        return self._backend.window

    @property
    def namespace(self) -> str:
        """The namespace of the sessions. For a server, its address without user and password."""
        return self._backend.namespace

    @property
    def backend(self) -> Backend:
        """What executes the work: Redis itself, or a server. For code that needs more than sessions offer."""
        return self._backend

    def session(self, session_id: str, user_id: str | None = None) -> Session:
        """Return a session, which need not exist yet. No I/O.

        Args:
            session_id: Any string that is not empty.
            user_id: Id of the user whose session it is. It is stored with the first message.

        Raises:
            InvalidInputError: An id is not a string, or is empty.
        """
        return Session(self._backend, session_id, user_id)

    def user(self, user_id: str | None = None, *, session_id: str | None = None) -> User:
        """Return what is known about a user: facts from all of the user's sessions. No I/O.

        Args:
            user_id: Id of the user.
            session_id: Instead of a user: a session without one, which has facts of its own.

        Raises:
            InvalidInputError: Not exactly one id was given, or it is not a string, or is empty.
        """
        from langchain_motorhead.handles.user import User

        return User(self._backend, user_id, session_id)

    def setup(self) -> None:
        """Create the search index of the namespace if it does not exist. Otherwise the first message creates it.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingMismatchError: There is an index of another model, or with other settings. See `reindex`.
            EmbeddingError: The embedding model failed.
        """
        self._backend.run(self._backend.create_index())

    async def asetup(self) -> None:
        """Create the search index of the namespace if it does not exist. See `setup`."""
        flow = self._backend.create_index()
        await self._backend.prepare()
        await self._backend.arun(flow)

    def reindex(self, *, progress: bool = True) -> int:
        """Build the search index anew from the stored text, with the model and settings of this `Motorhead`.

        Searches use the old index until the new one is complete. If the `language` changed, they find less by words
        until then. Messages that were not indexed yet are indexed too. If it is interrupted, call it again: it goes on
        where it stopped.

        Args:
            progress: Whether to show a progress bar on the standard error stream.

        Returns:
            How many documents were embedded.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingError: The embedding model failed. The old index is still used.
            StoreUnavailableError: Redis could not be reached, or did not answer although the operation was repeated
                for 15 seconds.
        """
        with progress_bar(show=progress) as report:
            return self._backend.run(self._backend.reindex(report))

    async def areindex(self, *, progress: bool = True) -> int:
        """Build the search index anew from the stored text. See `reindex`."""
        await self._backend.prepare()
        async with aprogress_bar(show=progress) as report:
            return await self._backend.arun(self._backend.reindex(report))

    def sessions(
        self, user_id: str | None = None, *, page: int = 1, size: int | None = None, newest_first: bool = True
    ) -> list[str]:
        """List the ids of sessions, sorted by the time of their last message.

        Args:
            user_id: List the sessions of this user only.
            page: Which page to return, from 1.
            size: Number of sessions on a page. None for all sessions on one page.
            newest_first: Whether to begin with the session that was active last.

        Raises:
            InvalidInputError: `page` or `size` is below 1.
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._backend.sessions(user_id, page=page, size=size, newest_first=newest_first))

    async def asessions(
        self, user_id: str | None = None, *, page: int = 1, size: int | None = None, newest_first: bool = True
    ) -> list[str]:
        """List the ids of sessions, sorted by the time of their last message. See `sessions`."""
        return await self._backend.arun(
            self._backend.sessions(user_id, page=page, size=size, newest_first=newest_first)
        )

    def delete_user(self, user_id: str, *, checkpointer: Checkpointer | None = None) -> int:
        """Delete every session of a user, with all that belongs to it, and all facts about the user.

        Args:
            user_id: Id of the user.
            checkpointer: A checkpointer of LangGraph. Its threads with the ids of these sessions are deleted too.

        Returns:
            How many sessions were deleted.

        Raises:
            InvalidInputError: The id is not a string, or is empty.
            StoreError: Redis refused, or could not be reached.
        """
        check_checkpointer(checkpointer)
        if checkpointer is not None:
            check_user_id(user_id)
            # Before the sessions: after a failure, these say which threads are left.
            for session_id in self.sessions(user_id):
                checkpointer.delete_thread(session_id)
        return self._backend.run(self._backend.delete_user(user_id))

    async def adelete_user(self, user_id: str, *, checkpointer: Checkpointer | None = None) -> int:
        """Delete every session of a user. See `delete_user`."""
        check_checkpointer(checkpointer)
        if checkpointer is not None:
            check_user_id(user_id)
            for session_id in await self.asessions(user_id):
                await checkpointer.adelete_thread(session_id)
        return await self._backend.arun(self._backend.delete_user(user_id))

    def flush(self) -> None:
        """Wait until all compactions and all indexing in the background are done.

        Raises:
            MotorheadError: Some of this work runs on the event loop of this thread, so waiting would block it. Await
                `aflush` instead.
        """
        self._backend.flush()

    async def aflush(self) -> None:
        """Wait until all compactions and all indexing in the background are done."""
        await self._backend.aflush()

    def close(self) -> None:
        """Wait for work in the background, then close the connections, unless another `Motorhead` shares them.

        Raises:
            MotorheadError: Some of this work runs on the event loop of this thread, so waiting would block it. Nothing
                was closed: await `aclose` instead.
        """
        if not self._backend.closed:
            self._backend.close()

    async def aclose(self) -> None:
        """Wait for work in the background, then close the connections. See `close`."""
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
