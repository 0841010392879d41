"""`Motorhead`: one configuration, from which sessions and LangChain's faces are made."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from langchain_motorhead import sessions
from langchain_motorhead.compaction import Compactor
from langchain_motorhead.connection import Connection, adopt, connect
from langchain_motorhead.drivers import Driver
from langchain_motorhead.engine import Engine
from langchain_motorhead.exceptions import InvalidInputError, RecallNotConfiguredError
from langchain_motorhead.keys import registry_key
from langchain_motorhead.session import NO_RECALL, Session
from langchain_motorhead.store import Store
from langchain_motorhead.summarization import budget_of, resolve_summarizer
from langchain_motorhead.summarizing import SummarizerCalls
from langchain_motorhead.tokens import TokenCounter, count_tokens
from langchain_motorhead.window import Window

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Unpack

    from langchain_motorhead.history import MotorheadChatMessageHistory
    from langchain_motorhead.memory import MotorheadMemory


class Options(TypedDict, total=False):
    """What can be configured, by keyword.

    Attributes:
        llm: What summarizes: a chat model, its name as `init_chat_model` takes it, or a summarizer runnable. None for
            an `ExtractiveSummarizer`, which needs no model.
        embeddings: For recall, which this version does not have yet.
        window: Bounds of what is kept verbatim.
        namespace: Group of sessions, such as a tenant.
        compaction: When to summarize: `"background"`, `"inline"` (an append waits for it) or `"manual"`.
        ttl: Seconds, or a timedelta, until a session expires unless written to. None for never.
        fallback: What summarizes when `llm` fails, if anything: as `llm`.
        token_counter: From messages to tokens, as `trim_messages` takes it.
        summary_timeout: Seconds that a summary may take.
    """

    llm: object
    embeddings: object
    window: Window
    namespace: str
    compaction: Literal["background", "inline", "manual"]
    ttl: float | timedelta | None
    fallback: object
    token_counter: TokenCounter | None
    summary_timeout: float


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
            self._engine = _engine(connection, **options)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    @classmethod
    def from_url(cls, url: str, **options: Unpack[Options]) -> Self:
        """Work with the Redis at a URL. Handles of the same URL in one process share their connections.

        Args:
            url: `redis://`, `rediss://`, `unix://`, `redis+cluster://`, `redis+sentinel://`, or `embedded://` and
                `embedded:///some/folder` for a server of one's own.
            **options: See `Options`.

        Raises:
            InvalidInputError: The URL is not one of Redis, or an option cannot be used.
        """
        return cls(connect(url), **options)

    @property
    def window(self) -> Window:
        """Bounds of what is kept verbatim."""
        return self._engine.window

    @property
    def namespace(self) -> str:
        """Namespace of the sessions."""
        return self._engine.namespace

    def session(self, session_id: str, user_id: str | None = None) -> Session:
        """Give the handle of a session, which need not be there yet.

        Args:
            session_id: Any string but the empty one.
            user_id: Whose session it is; kept with its first message.

        Raises:
            InvalidInputError: An id is not a string, or empty.
        """
        return Session(self._engine, session_id, user_id)

    def history(self, session_id: str, user_id: str | None = None) -> MotorheadChatMessageHistory:
        """Give a session as LangChain's chat message history."""
        from langchain_motorhead.history import MotorheadChatMessageHistory

        return MotorheadChatMessageHistory(session_id, user_id=user_id, motorhead=self)

    def memory(self, session_id: str, *, user_id: str | None = None, **fields: Any) -> MotorheadMemory:
        """Give a session as the memory of an `LLMChain`. For `fields`, see `MotorheadMemory`."""
        from langchain_motorhead.memory import MotorheadMemory

        return MotorheadMemory(session_id=session_id, user_id=user_id, motorhead=self, **fields)

    def retriever(self, session_id: str | None = None, user_id: str | None = None, k: int = 4) -> Any:
        """Give a retriever over what was said. This version has no recall yet.

        Raises:
            RecallNotConfiguredError: Always.
        """
        raise RecallNotConfiguredError(NO_RECALL)

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
        return self._engine.run(self._listing(user_id, page, size, newest_first=newest_first))

    async def asessions(
        self, user_id: str | None = None, *, page: int = 1, size: int | None = None, newest_first: bool = True
    ) -> list[str]:
        """List session ids by last activity. See `sessions`."""
        return await self._engine.arun(self._listing(user_id, page, size, newest_first=newest_first))

    def delete_user(self, user_id: str) -> int:
        """Delete every session of a user, and everything of them.

        Returns:
            How many sessions there were.
        """
        return self._engine.run(sessions.delete_user(self.namespace, user_id, one_slot=self._engine.one_slot))

    async def adelete_user(self, user_id: str) -> int:
        """Delete every session of a user. See `delete_user`."""
        return await self._engine.arun(sessions.delete_user(self.namespace, user_id, one_slot=self._engine.one_slot))

    def flush(self) -> None:
        """Wait until all work in the background is done.

        Raises:
            MotorheadError: Some of it is the running event loop's, which this would block: await `aflush` there.
        """
        self._engine.background.flush()

    async def aflush(self) -> None:
        """Wait until all work in the background is done."""
        await self._engine.background.aflush()

    def close(self) -> None:
        """Wait for work in the background, and close the connection if no other handle shares it."""
        if not self._engine.closed:
            self._engine.closed = True
            self._engine.background.close()
            self._connection.close()

    async def aclose(self) -> None:
        """Wait for work in the background, and close the connection if no other handle shares it."""
        if not self._engine.closed:
            self._engine.closed = True
            await self._engine.background.aclose()
            await self._connection.aclose()

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

    def _listing(self, user_id: str | None, page: int, size: int | None, *, newest_first: bool) -> Any:
        return sessions.list_sessions(self.namespace, user_id, page=page, size=size, newest_first=newest_first)


def _engine(
    connection: Connection,
    *,
    llm: object = None,
    embeddings: object = None,
    window: Window | None = None,
    namespace: str = "default",
    compaction: str = "background",
    ttl: float | timedelta | None = None,
    fallback: object = None,
    token_counter: TokenCounter | None = None,
    summary_timeout: float = 60.0,
) -> Engine:
    if embeddings is not None:
        raise RecallNotConfiguredError("this version has no recall yet. Leave embeddings out")
    if compaction not in ("background", "inline", "manual"):
        raise InvalidInputError(f'compaction must be "background", "inline" or "manual", not {compaction!r}')
    if window is not None and not isinstance(window, Window):
        raise InvalidInputError(f"window must be a Window, such as Window(max_messages=12), not {window!r}")
    registry_key(namespace)  # checks it
    count = token_counter or count_tokens
    summarizer = _extractive(count) if llm is None else resolve_summarizer(llm, "llm", count)
    other = None if fallback is None else resolve_summarizer(fallback, "fallback", count)
    # A quarter is left for the summary so far.
    budget = budget_of(summarizer) if other is None else min(budget_of(summarizer), budget_of(other))
    return Engine(
        driver=Driver(
            Store(connection), SummarizerCalls(summarizer, other, _seconds("summary_timeout", summary_timeout))
        ),
        compactor=Compactor(window or Window(), budget * 3 // 4, count, has_fallback=other is not None),
        namespace=namespace,
        mode=compaction,
        ttl=0 if ttl is None else max(1, round(_seconds("ttl", ttl) * 1000)),
    )


_LONGEST = 100 * 366 * 86_400


def _extractive(count: TokenCounter) -> Any:
    from langchain_motorhead.extractive import ExtractiveSummarizer

    return ExtractiveSummarizer(token_counter=count)


def _seconds(name: str, value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise InvalidInputError(f"{name} must be a number of seconds above 0, not {value!r}")
    if seconds > _LONGEST:
        raise InvalidInputError(f"{name} of {value!r} is longer than a century. Leave it out for none")
    return float(seconds)
