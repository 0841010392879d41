"""`Session`: one conversation. It is appended to, loaded, compacted, searched and deleted, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage

from langchain_motorhead.backends.base import Backend
from langchain_motorhead.exceptions import InvalidMessageError, UnsupportedError
from langchain_motorhead.handles.checkpointers import Checkpointer, check_checkpointer
from langchain_motorhead.handles.forgetting import SessionForgetting
from langchain_motorhead.handles.learning import SessionLearning
from langchain_motorhead.handles.reading import SessionReading
from langchain_motorhead.handles.summaries import SessionSummaries
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.gap import missing
from langchain_motorhead.recall.query import Query
from langchain_motorhead.recall.rendering import to_documents
from langchain_motorhead.recall.search_options import SearchOptions, to_query
from langchain_motorhead.sessions.append import MessageLike
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.operations import Dedup
from langchain_motorhead.storage.keys import session_keys

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from langchain_motorhead.prompts.explanation import Explanation


class Session(SessionReading, SessionForgetting, SessionSummaries, SessionLearning):
    """One conversation, stored as a summary of its older messages and a window with the newest ones.

    `Motorhead.session` returns one, without any I/O: the session begins to exist with its first message. Each method
    has an async version, whose name begins with `a`.

    Example:
        ```python
        session = motorhead.session("session-1", user_id="bob")
        session.append([HumanMessage("hi, I'm Bob"), AIMessage("Hello Bob!")])
        memory = session.load()
        print(memory.summary, memory.messages)
        ```
    """

    def __init__(self, backend: Backend, session_id: str, user_id: str | None = None) -> None:
        self._backend = backend
        self._keys = session_keys(backend.namespace, session_id, user_id)

    def __repr__(self) -> str:
        user = "" if self.user_id is None else f", user_id={self.user_id!r}"
        return f"Session({self.session_id!r}{user}, namespace={self.namespace!r}, {type(self._backend).__name__})"

    @property
    def session_id(self) -> str:
        """Id of the session."""
        return self._keys.session_id

    @property
    def user_id(self) -> str | None:
        """Id of the user whose session it is, as it was given to `Motorhead.session`."""
        return self._keys.user_id

    @property
    def namespace(self) -> str:
        """Namespace of the session."""
        return self._keys.namespace

    def append(self, messages: Sequence[MessageLike] | MessageLike, *, unless_known: bool = True) -> None:
        """Store messages in one round trip: all of them, or none if an error is raised.

        Args:
            messages: LangChain messages, or objects with `role` and `content` as the REST API takes them. A single
                message need not be in a list.
            unless_known: Whether to leave out a message that the session has, by its id, so that an append can safely
                be repeated. A message without an id is always stored.

        Raises:
            InvalidMessageError: One of them is not a message, or cannot be stored. None was stored.
            IdConflictError: One of them has the id of another message. None was stored.
            StoreError: Redis refused, or could not be reached.
        """
        if given := _listed(messages):
            dedup = Dedup.SKIP_KNOWN if unless_known else Dedup.OFF
            result = self._backend.run(self._backend.append(self._keys, given, dedup))
            self._backend.after_append(self._keys, result)

    async def aappend(self, messages: Sequence[MessageLike] | MessageLike, *, unless_known: bool = True) -> None:
        """Store messages in one round trip. See `append`."""
        await self._backend.prepare(counting=True)
        if given := _listed(messages):
            dedup = Dedup.SKIP_KNOWN if unless_known else Dedup.OFF
            result = await self._backend.arun(self._backend.append(self._keys, given, dedup))
            await self._backend.aafter_append(self._keys, result)

    def catch_up(self, messages: Sequence[MessageLike], *, after: str | None = None, profile_tokens: int = 0) -> Memory:
        """Store the new messages of a conversation that is kept elsewhere too, and load the session. One round trip.

        New are the messages after the newest one that the session knows, by its id and content. So the whole
        conversation may be given each time. Its messages should have ids. A new message whose id is that of another
        message is stored under an id made of its own id and its content.

        Args:
            messages: The conversation so far, or its newest messages, oldest first.
            after: Id of a message that is known to be stored. Neither it nor an older message is stored again, even if
                the session was deleted since.
            profile_tokens: Tokens of the user's profile to load too, in the same round trip. See `load`.

        Returns:
            The session, with the new messages.

        Raises:
            InvalidMessageError: One of them is not a message, or cannot be stored. None was stored.
            InvalidInputError: The session belongs to another user.
            StoreError: Redis refused, or could not be reached.
        """
        flow = self._backend.catch_up(self._keys, _listed(messages), after, read=True, profile=profile_tokens)
        result = self._backend.run(flow)
        self._backend.after_append(self._keys, result.appended)
        return result.memory or Memory()

    async def acatch_up(
        self, messages: Sequence[MessageLike], *, after: str | None = None, profile_tokens: int = 0
    ) -> Memory:
        """Store the new messages of a conversation that is kept elsewhere too, and load the session. See `catch_up`."""
        await self._backend.prepare(counting=not profile_tokens)
        flow = self._backend.catch_up(self._keys, _listed(messages), after, read=True, profile=profile_tokens)
        result = await self._backend.arun(flow)
        await self._backend.aafter_append(self._keys, result.appended)
        return result.memory or Memory()

    def append_new(self, messages: Sequence[MessageLike], *, after: str | None = None) -> None:
        """Store the new messages of a conversation that is kept elsewhere too. Like `catch_up`, but loads nothing."""
        result = self._backend.run(self._backend.catch_up(self._keys, _listed(messages), after, read=False))
        self._backend.after_append(self._keys, result.appended)

    async def aappend_new(self, messages: Sequence[MessageLike], *, after: str | None = None) -> None:
        """Store the new messages of a conversation that is kept elsewhere too. See `append_new`."""
        await self._backend.prepare(counting=True)
        result = await self._backend.arun(self._backend.catch_up(self._keys, _listed(messages), after, read=False))
        await self._backend.aafter_append(self._keys, result.appended)

    def load(self, *, profile_tokens: int = 0) -> Memory:
        """Load the summary and the messages after it, in one round trip.

        Args:
            profile_tokens: Tokens that a profile of the session's user may have, which is loaded too. 0 for none. The
                user has to be known to this `Session`; without one, the facts of the session itself are its profile.

        Returns:
            The session. It is empty if there is none.

        Raises:
            InvalidInputError: The session belongs to another user.
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._backend.load(self._keys, profile_tokens))

    async def aload(self, *, profile_tokens: int = 0) -> Memory:
        """Load the summary and the messages after it, in one round trip. See `load`."""
        if profile_tokens:
            await self._backend.prepare()
        return await self._backend.arun(self._backend.load(self._keys, profile_tokens))

    def compact(self) -> CompactionReport:
        """Compact the session now: summarize its oldest messages, and remove them, until the window is within bounds.

        Waits if another worker compacts the session. Does not wait for the end of a pause after a failure.

        Returns:
            How many messages were summarized.

        Raises:
            SummarizationError: The summarizer failed. The messages that it should have summarized are still there.
            EmbeddingError: With recall, the embedding model failed. The messages that could not be indexed are still
                there.
            EmbeddingMismatchError: With recall, the index was made with another model.
            StoreError: Redis refused, or could not be reached.
        """
        return _or_raise(self._backend.compact(self._keys))

    async def acompact(self) -> CompactionReport:
        """Compact the session now. See `compact`."""
        return _or_raise(await self._backend.acompact(self._keys))

    def explain(self) -> Explanation:
        """Return what this session contributes to the next prompt of an agent, with the tokens of each part.

        Lines that recall finds depend on the question, and are not a part of it.

        Raises:
            InvalidInputError: The session belongs to another user.
            StoreError: Redis refused, or could not be reached.

        Example:
            ```python
            print(session.explain().tokens)
            ```
        """
        memory = self.load()
        wanted = missing(memory, [])
        read = [] if wanted is None else [each.message for each in self.transcript(*wanted)]
        from langchain_motorhead.prompts.explanation import explain

        return explain(memory, read, self._counter())

    async def aexplain(self) -> Explanation:
        """Return what this session contributes to the next prompt of an agent. See `explain`."""
        memory = await self.aload()
        wanted = missing(memory, [])
        read = [] if wanted is None else [each.message for each in await self.atranscript(*wanted)]
        from langchain_motorhead.prompts.explanation import explain

        return await asyncio.to_thread(explain, memory, read, self._counter())

    def _counter(self) -> PromptCounter:
        try:
            return PromptCounter(self._backend.require_redis().append_config.count)
        except UnsupportedError:  # only the server knows how it counts
            return PromptCounter(count_tokens)

    def delete(self, *, checkpointer: Checkpointer | None = None) -> bool:
        """Delete the session: its messages, archive, summaries, search documents, and what was learned from it.

        A fact that another session states too stays. Facts that were superseded by one of this session hold again.

        Args:
            checkpointer: A checkpointer of LangGraph. Its thread with the id of the session is deleted too.

        Returns:
            Whether the session existed.

        Raises:
            InvalidInputError: The session belongs to another user.
            StoreError: Redis refused, or could not be reached.
        """
        check_checkpointer(checkpointer)
        deleted = self._backend.run(self._backend.delete(self._keys))
        if checkpointer is not None:
            checkpointer.delete_thread(self.session_id)
        return deleted

    async def adelete(self, *, checkpointer: Checkpointer | None = None) -> bool:
        """Delete the session. See `delete`."""
        check_checkpointer(checkpointer)
        deleted = await self._backend.arun(self._backend.delete(self._keys))
        if checkpointer is not None:
            await checkpointer.adelete_thread(self.session_id)
        return deleted

    def search(self, text: str, k: int = 4, **options: Unpack[SearchOptions]) -> list[Document]:
        """Search all messages of this session: those in the window, and those that were summarized.

        Args:
            text: What to search for.
            k: How many documents to return at most.
            **options: Such as `search_type`, `roles` or `neighbors`. See `MotorheadRetriever`.

        Returns:
            The messages as documents, best first.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            InvalidInputError: There is no such option, or its value cannot be used.
            EmbeddingError: The embedding model failed. A `"hybrid"` search does not raise it, but searches for the
                words alone.
            EmbeddingMismatchError: The index was made with another model.
            StoreError: Redis refused, could not be reached, or has no search module.

        Example:
            ```python
            session.search("Where does Bob want to move?", k=3, neighbors=1)
            ```
        """
        query = self._query(text, k, options)
        return to_documents(self._backend.run(self._backend.search(query)), query, self.namespace)

    async def asearch(self, text: str, k: int = 4, **options: Unpack[SearchOptions]) -> list[Document]:
        """Search all messages of this session. See `search`."""
        query = self._query(text, k, options)
        await self._backend.prepare()
        return to_documents(await self._backend.arun(self._backend.search(query)), query, self.namespace)

    def _query(self, text: str, k: int, options: SearchOptions) -> Query:
        self._backend.check_search()
        return to_query(text, self.namespace, session_id=self.session_id, user_id=self.user_id, k=k, **options)


def _listed(messages: Sequence[MessageLike] | MessageLike) -> Sequence[MessageLike]:
    if isinstance(messages, list):  # first, since the next check takes a microsecond
        return messages
    if isinstance(messages, BaseMessage | Mapping):
        return [messages]
    if isinstance(messages, str | bytes) or not hasattr(messages, "__iter__"):
        raise InvalidMessageError(
            f"append takes messages, not {type(messages).__name__}. Give a list such as [HumanMessage(...)]"
        )
    return list(messages)


def _or_raise(report: CompactionReport) -> CompactionReport:
    if report.error is not None:
        raise report.error
    return report
