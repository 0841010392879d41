"""The backend protocol: what a `Motorhead` and its sessions need of Redis (`redis.py`) or of a server (`http/`)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from langchain_motorhead.backends.facts import FactFlows, Owner
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.facts.learning.report import LearningReport
    from langchain_motorhead.recall.progress import Report
    from langchain_motorhead.recall.query import Hit, Query
    from langchain_motorhead.recall.search.pinned import Pin
    from langchain_motorhead.sessions.append import MessageLike
    from langchain_motorhead.sessions.archive.transcript import Transcript
    from langchain_motorhead.sessions.catch_up import CatchUpResult
    from langchain_motorhead.sessions.changes.forgetting import Receipt
    from langchain_motorhead.sessions.compaction.report import CompactionReport
    from langchain_motorhead.sessions.compaction.window import Window
    from langchain_motorhead.sessions.info import SessionInfo
    from langchain_motorhead.sessions.load import Memory
    from langchain_motorhead.sessions.operations import AppendResult, Dedup
    from langchain_motorhead.sessions.summaries.rebuilding import RebuildReport
    from langchain_motorhead.sessions.summaries.versions import SummaryVersion
    from langchain_motorhead.storage.keys import SessionKeys

T = TypeVar("T")
BackendFlow: TypeAlias = Generator[Any, Any, T]
"""A flow whose requests only the backend that built it can answer."""


Progress: TypeAlias = Callable[[int, int], object]
"""Called with the number of messages that a new summary covers, and of those that it has to cover."""


class RebuildTask(Protocol):
    """The task of making a session's summary again."""

    def run(self, *, wait: bool) -> RebuildReport | None:
        """Do it in this thread, or without `wait` in the background, in another one. Returns None then."""

    async def arun(self, *, wait: bool) -> RebuildReport | None:
        """Do it in this task, or without `wait` in the background, in another one. Returns None then."""


class Backend(Protocol):
    """Stores and searches sessions. Most tasks are flows: `run` runs one in this thread, `arun` on the event loop."""

    @property
    def closed(self) -> bool:
        """Whether the backend was closed."""

    @property
    def namespace(self) -> str:
        """Namespace of the sessions."""

    @property
    def window(self) -> Window:
        """Bounds of the messages that every session keeps word for word.

        Raises:
            UnsupportedError: Only the server knows them.
        """

    def require_redis(self) -> RedisBackend:
        """Return this backend if it works on Redis itself, for what a server does not offer.

        Raises:
            UnsupportedError: It works on a server.
        """

    def run(self, flow: BackendFlow[T]) -> T:
        """Run a flow of this backend, and return its result."""

    async def arun(self, flow: BackendFlow[T]) -> T:
        """Run a flow of this backend, and return its result."""

    def append(
        self, keys: SessionKeys, messages: Sequence[MessageLike], dedup: Dedup
    ) -> BackendFlow[AppendResult | None]:
        """Store messages. See `sessions.operations.append`.

        Returns:
            The result, for `after_append`. None if the server does what an append makes due.
        """

    def catch_up(
        self, keys: SessionKeys, messages: Sequence[MessageLike], after: str | None, *, read: bool, profile: int = 0
    ) -> BackendFlow[CatchUpResult]:
        """Store the messages of a conversation that the session does not have, and load the session if `read` says so.

        See `sessions.catch_up.catch_up`. `profile` is as in `load`.
        """

    def load(self, keys: SessionKeys, profile: int = 0) -> BackendFlow[Memory]:
        """Load a session, with a profile of its user of at most `profile` tokens; 0 for none."""

    def transcript(
        self, keys: SessionKeys, start: int, stop: int | None, limit: int, epoch: str | None
    ) -> BackendFlow[Transcript]:
        """Read a page of the messages of a session by sequence number. See `sessions.archive.transcript.read_page`."""

    def forget(self, keys: SessionKeys, which: Sequence[str | int]) -> BackendFlow[Receipt]:
        """Forget messages, given by ids or sequence numbers. See `sessions.changes.forgetting.forget`."""

    def edit(
        self, keys: SessionKeys, which: str | int, message: MessageLike, state: BaseMessage | None = None
    ) -> BackendFlow[Receipt]:
        """Replace a message by another one. See `sessions.changes.forgetting.edit`.

        Args:
            keys: Keys of the session.
            which: Id or sequence number of the message.
            message: The new message.
            state: The message as an agent's state has it, so that `altered` notices when it is changed there again.
        """

    def altered(self, keys: SessionKeys, messages: Sequence[BaseMessage]) -> BackendFlow[list[str]]:
        """Return the ids of messages that the session has with another content, as far as the backend can tell.

        See `sessions.changes.altered.find_altered`.
        """

    def summaries(self, keys: SessionKeys) -> BackendFlow[list[SummaryVersion]]:
        """Return the versions of a session's summary. See `sessions.summaries.versions.read_versions`."""

    def set_summary(self, keys: SessionKeys, text: str, *, override: bool) -> BackendFlow[None]:
        """Put a text in the place of a session's summary. See `sessions.summaries.setting.set_summary`."""

    def rebuild(
        self, keys: SessionKeys, summarizer: object, prompt: str | None, on_progress: Progress | None
    ) -> RebuildTask:
        """Return the task of making a session's summary again. See `sessions.summaries.rebuilding.rebuild`.

        Raises:
            InvalidInputError: There is no such summarizer, or there is no model for the prompt.
            UnsupportedError: The server does it, and an argument cannot be sent to it.
        """

    def delete(self, keys: SessionKeys) -> BackendFlow[bool]:
        """Delete a session. Returns whether it existed."""

    def sessions(
        self, user_id: str | None, *, page: int, size: int | None, newest_first: bool
    ) -> BackendFlow[list[str]]:
        """Return session ids, ordered by last activity. See `sessions.registry.list_sessions`."""

    def describe(self, session_ids: Sequence[str]) -> BackendFlow[list[SessionInfo | None]]:
        """Return what is known about sessions without their messages. None for one that does not exist."""

    def delete_user(self, user_id: str) -> BackendFlow[int]:
        """Delete all sessions of a user. Returns how many there were."""

    def facts_of(self, owner: Owner) -> FactFlows:
        """Return the flows that read and change the facts about a user, or those of a session without a user."""

    def check_facts(self) -> None:
        """Raise if it is already known that facts are not configured.

        Raises:
            InvalidInputError: The option `facts` is not given.
        """

    def check_search(self) -> None:
        """Raise if it is already known that a search must fail.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
        """

    def search(self, query: Query) -> BackendFlow[list[Hit]]:
        """Search the messages of sessions. Returns the best hits, best first."""

    def pinned(self, pins: Sequence[Pin], query: Query) -> BackendFlow[list[Hit]]:
        """Read messages that a search found before. See `recall.search.pinned.read_pinned`."""

    def create_index(self) -> BackendFlow[None]:
        """Create the search index unless it exists."""

    def reindex(self, report: Report) -> BackendFlow[int]:
        """Build the search index anew. Return how many documents were embedded."""

    def learn(self, keys: SessionKeys) -> LearningReport:
        """Learn facts from the messages of a session now, and wait for it."""

    async def alearn(self, keys: SessionKeys) -> LearningReport:
        """Learn facts from the messages of a session now. See `learn`."""

    def compact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now: move its oldest messages into its summary until it is within its window."""

    async def acompact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now. See `compact`."""

    def after_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Compact and index what an append made due, now or in the background."""

    async def aafter_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Compact and index what an append made due, now or in the background."""

    def after_change(self, keys: SessionKeys) -> None:
        """Summarize and index what a change of stored messages made due, now or in the background."""

    async def aafter_change(self, keys: SessionKeys) -> None:
        """Summarize and index what a change of stored messages made due, now or in the background."""

    async def prepare(self, *, counting: bool = False) -> None:
        """Load what takes long outside of the event loop.

        Args:
            counting: Whether only what counts the tokens of an append is needed, where that counts any. Otherwise all
                is loaded that counts tokens, and that a compaction and a search need.
        """

    def flush(self) -> None:
        """Wait for the work in the background."""

    async def aflush(self) -> None:
        """Wait for the work in the background."""

    def close(self) -> None:
        """Wait for the work in the background, and close the connection if nobody else uses it."""

    async def aclose(self) -> None:
        """Wait for the work in the background, and close the connection if nobody else uses it."""
