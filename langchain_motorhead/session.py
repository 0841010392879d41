"""One session: append, load, compact, delete, each sync and async."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage

from langchain_motorhead.backends.base import Backend
from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.sessions.append import MessageLike
from langchain_motorhead.sessions.compaction import CompactionReport
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.operations import Dedup
from langchain_motorhead.storage.keys import session_keys

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.integrations.retriever import MotorheadRetriever


class Session:
    """One conversation. Made by `Motorhead.session`, without any I/O.

    Attributes:
        session_id: Its id.
        user_id: Whose it is, as given.
        namespace: The namespace that it is in.
    """

    def __init__(self, motorhead: Motorhead, backend: Backend, session_id: str, user_id: str | None = None) -> None:
        self._motorhead = motorhead
        self._backend = backend
        self._keys = session_keys(backend.namespace, session_id, user_id)

    @property
    def session_id(self) -> str:
        """Id of the session."""
        return self._keys.session_id

    @property
    def user_id(self) -> str | None:
        """Whose session it is, as given."""
        return self._keys.user_id

    @property
    def namespace(self) -> str:
        """Namespace that the session is in."""
        return self._keys.namespace

    def append(self, messages: Sequence[MessageLike] | MessageLike, *, unless_known: bool = True) -> None:
        """Store messages, in one round trip, all or none of them.

        Args:
            messages: LangChain messages, or the wire's objects with `role` and `content`. One alone need not be in a
                list.
            unless_known: Whether to leave out a message whose id is one of the last 128 of the session, so that an
                append may be sent again. Messages without an id are always stored.

        Raises:
            InvalidMessageError: One of them is not a message, or cannot be stored. None was.
            StoreError: Redis refused, or could not be reached.
        """
        if given := _listed(messages):
            leave_out = Dedup.SKIP_KNOWN if unless_known else Dedup.OFF
            left = self._backend.run(self._backend.append(self._keys, given, leave_out))
            self._backend.after_append(self._keys, left)

    async def aappend(self, messages: Sequence[MessageLike] | MessageLike, *, unless_known: bool = True) -> None:
        """Store messages. See `append`."""
        await self._backend.prepare(counting=True)
        if given := _listed(messages):
            leave_out = Dedup.SKIP_KNOWN if unless_known else Dedup.OFF
            left = await self._backend.arun(self._backend.append(self._keys, given, leave_out))
            await self._backend.aafter_append(self._keys, left)

    def catch_up(self, messages: Sequence[MessageLike], *, after: str | None = None) -> Memory:
        """Store what is new of a conversation that is held elsewhere, and read the session, in one round trip.

        What is new is what comes after the newest message whose id the session knows, so the whole conversation may be
        given each time; its messages should have ids.

        Args:
            messages: The conversation so far, or its newest messages, oldest first.
            after: Id of a message that is known to be stored, where the holder remembers one: neither it nor an older
                one is stored again, even if the session was deleted since.

        Raises:
            InvalidMessageError: One of them is not a message, or cannot be stored. None was.
            InvalidInputError: The session is of another user than was given.
            StoreError: Redis refused, or could not be reached.
        """
        followed = self._backend.run(self._backend.catch_up(self._keys, _listed(messages), after, read=True))
        self._backend.after_append(self._keys, followed.appended)
        return followed.memory or Memory()

    async def acatch_up(self, messages: Sequence[MessageLike], *, after: str | None = None) -> Memory:
        """Store what is new of a conversation, and read the session. See `catch_up`."""
        await self._backend.prepare(counting=True)
        followed = await self._backend.arun(self._backend.catch_up(self._keys, _listed(messages), after, read=True))
        await self._backend.aafter_append(self._keys, followed.appended)
        return followed.memory or Memory()

    def append_new(self, messages: Sequence[MessageLike], *, after: str | None = None) -> None:
        """Store what is new of a conversation that is held elsewhere. As `catch_up`, but reads nothing."""
        followed = self._backend.run(self._backend.catch_up(self._keys, _listed(messages), after, read=False))
        self._backend.after_append(self._keys, followed.appended)

    async def aappend_new(self, messages: Sequence[MessageLike], *, after: str | None = None) -> None:
        """Store what is new of a conversation that is held elsewhere. See `append_new`."""
        await self._backend.prepare(counting=True)
        followed = await self._backend.arun(self._backend.catch_up(self._keys, _listed(messages), after, read=False))
        await self._backend.aafter_append(self._keys, followed.appended)

    def load(self) -> Memory:
        """Read the summary and the messages after it, in one round trip.

        Raises:
            InvalidInputError: The session is of another user than was given.
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._backend.load(self._keys))

    async def aload(self) -> Memory:
        """Read the summary and the messages after it. See `load`."""
        return await self._backend.arun(self._backend.load(self._keys))

    def compact(self) -> CompactionReport:
        """Fold the oldest messages into the summary, until nothing is due.

        Waits for another worker that is at it, but not for the end of a pause after a failure.

        Returns:
            What was done.

        Raises:
            SummarizationError: The summarizer failed. What was not folded stays in the list.
            EmbeddingError: With recall, the embedding model failed. What was not indexed stays in the list.
            EmbeddingMismatchError: With recall, the index was made with another model.
            StoreError: Redis refused, or could not be reached.
        """
        return _or_raise(self._backend.compact(self._keys))

    async def acompact(self) -> CompactionReport:
        """Fold the oldest messages into the summary. See `compact`."""
        return _or_raise(await self._backend.acompact(self._keys))

    def delete(self) -> bool:
        """Delete the session and everything of it.

        Returns:
            Whether there was one.

        Raises:
            InvalidInputError: The session is of another user than was given.
        """
        return self._backend.run(self._backend.delete(self._keys))

    async def adelete(self) -> bool:
        """Delete the session and everything of it. See `delete`."""
        return await self._backend.arun(self._backend.delete(self._keys))

    def search(self, text: str, k: int = 4, **fields: Any) -> list[Document]:
        """Search what was said in this session, in its window or before.

        Args:
            text: What to find.
            k: Documents to return at most.
            **fields: See `MotorheadRetriever`.

        Returns:
            Messages as documents, the best first.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            InvalidInputError: A field cannot be used.
            EmbeddingError: The model failed, and the search is not `"hybrid"`, which then goes by words.
            EmbeddingMismatchError: The index was made with another model.
            StoreError: Redis refused, could not be reached, or has no search module.
        """
        return self._retriever(k, fields).invoke(text)

    async def asearch(self, text: str, k: int = 4, **fields: Any) -> list[Document]:
        """Search what was said in this session. See `search`."""
        return await self._retriever(k, fields).ainvoke(text)

    def _retriever(self, k: int, fields: dict[str, Any]) -> MotorheadRetriever:
        return self._motorhead.retriever(self.session_id, self.user_id, k=k, **fields)


def _listed(messages: Sequence[MessageLike] | MessageLike) -> Sequence[MessageLike]:
    if isinstance(messages, BaseMessage | Mapping):
        return [messages]
    if isinstance(messages, str | bytes) or not hasattr(messages, "__iter__"):
        raise InvalidMessageError(
            f"append takes messages, not {type(messages).__name__}. Give a list such as [HumanMessage(...)]"
        )
    return messages if isinstance(messages, list) else list(messages)


def _or_raise(report: CompactionReport) -> CompactionReport:
    if report.error is not None:
        raise report.error
    return report
