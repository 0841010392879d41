"""What the faces of LangGraph have in common: whose run it is, and what its model is to be shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead.exceptions import EmbeddingError, InvalidInputError, SearchUnavailableError, StoreError
from langchain_motorhead.integrations.prompt import run_of, said
from langchain_motorhead.recall.rendering import as_lines
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.integrations.retriever import MotorheadRetriever
    from langchain_motorhead.session import Session

logger = logging.getLogger(__name__)

Scope: TypeAlias = Literal["session", "user", "namespace"]

_MOST_RUNS = 1_024
_MOST_OWN = 100
_LONGEST_QUERY = 2_000  # characters: the rest of a pasted document hardly says more of what is wanted


@dataclass(slots=True)
class RunMemory:
    """What a run began with, and how far it is stored.

    Attributes:
        memory: The session as it was.
        recalled: Lines that were found for it.
        stored: Id of the newest message of the run that is stored.
    """

    memory: Memory
    recalled: str
    stored: str | None


class RunCache:
    """What was loaded for the runs under way, so that a session is read once a run.

    Forgetting costs a round trip, no more, and the oldest go when there are too many. A run is told by the control that
    LangGraph makes for each invocation: one that was interrupted and is resumed is another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[tuple[Any, ...], tuple[Any, RunMemory]] = {}

    def put(self, control: Any, session: Session, loaded: RunMemory) -> None:
        """Keep what was loaded for a run."""
        if control is None:
            return
        with self._lock:
            # Kept with it, so that no other object gets its id.
            self._loaded[_key(control, session)] = control, loaded
            while len(self._loaded) > _MOST_RUNS:
                del self._loaded[next(iter(self._loaded))]

    def get(self, control: Any, session: Session) -> RunMemory | None:
        """Give what was loaded for a run, if it is still there."""
        return self._loaded.get(_key(control, session), (None, None))[1]

    def pop(self, control: Any, session: Session) -> RunMemory | None:
        """Give what was loaded for a run, and forget it."""
        with self._lock:
            return self._loaded.pop(_key(control, session), (None, None))[1]


@dataclass(frozen=True, slots=True)
class RecallPolicy:
    """How much is found for a run, and where.

    Args:
        k: Messages to find. 0 for none.
        scope: Where. None for the user's sessions where the run has a user, else the session.

    Raises:
        InvalidInputError: One of them cannot be used.
    """

    k: int = 0
    scope: Scope | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or isinstance(self.k, bool) or self.k < 0:
            raise InvalidInputError(f"recall is how many messages to find, from 0, not {self.k!r}")
        if self.scope not in (None, "session", "user", "namespace"):
            raise InvalidInputError(f'recall_scope must be "session", "user" or "namespace", not {self.scope!r}')

    def check(self, motorhead: Motorhead) -> None:
        """Refuse what cannot work before anything is run.

        Raises:
            InvalidInputError: It is no Motorhead.
            RecallNotConfiguredError: There is no embedding model.
        """
        from langchain_motorhead.client import Motorhead

        if not isinstance(motorhead, Motorhead):
            raise InvalidInputError(f"motorhead must be a Motorhead, not {type(motorhead).__name__}")
        if self.k:
            motorhead.retriever(k=self.k)

    def find(self, motorhead: Motorhead, session: Session, memory: Memory, state: Sequence[BaseMessage]) -> str:
        """Find what was said before the window and fits what the run is about.

        An embedding model or a search that fails is reported in the log, and nothing is found: the run goes on.

        Raises:
            InvalidInputError: The scope is a user's, and the run has none.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingMismatchError: The index was made with another model.
        """
        query = self._query(state)
        if not query:
            return ""
        own = _unseen(state, memory)
        try:
            return self._lines(self._retriever(motorhead, session, memory, own).invoke(query), own)
        except (EmbeddingError, StoreError) as error:
            return _nothing_found(session, error)

    async def afind(self, motorhead: Motorhead, session: Session, memory: Memory, state: Sequence[BaseMessage]) -> str:
        """Find what was said before the window and fits what the run is about. See `find`."""
        query = self._query(state)
        if not query:
            return ""
        await motorhead._backend.prepare()  # which imports what searching needs
        own = _unseen(state, memory)
        try:
            return self._lines(await self._retriever(motorhead, session, memory, own).ainvoke(query), own)
        except (EmbeddingError, StoreError) as error:
            return _nothing_found(session, error)

    def _query(self, state: Sequence[BaseMessage]) -> str:
        """Give the text that a run is about: of the newest message of a human."""
        newest = next((message for message in reversed(said(state)) if isinstance(message, HumanMessage)), None)
        return newest.text.strip()[:_LONGEST_QUERY] if self.k and newest is not None else ""

    def _lines(self, documents: Sequence[Document], own: set[str | None]) -> str:
        return as_lines([document for document in documents if document.id not in own][: self.k])

    def _retriever(
        self, motorhead: Motorhead, session: Session, memory: Memory, own: set[str | None]
    ) -> MotorheadRetriever:
        scope = self.scope or ("session" if session.user_id is None else "user")
        if scope == "user" and session.user_id is None:
            raise InvalidInputError(
                'recall_scope="user" needs a user: give user_id in the context, or in the configurable of the config'
            )
        return motorhead.retriever(
            session_id=session.session_id if scope == "session" else None,
            user_id=None if scope == "namespace" else session.user_id,
            k=self.k + min(len(own), _MOST_OWN),
        ).without((session.session_id, memory.start))


def session_of(motorhead: Motorhead, context: Any, config: Mapping[str, Any]) -> Session:
    """Give the session of a run: of the ids in its context, else in its config.

    Args:
        motorhead: Where the session is.
        context: The runtime's context, with attributes or items `session_id` and `user_id`, or None.
        config: Its `configurable` has a `thread_id`, and maybe a `user_id`.

    Raises:
        InvalidInputError: There is neither a `session_id` nor a `thread_id`.
    """
    configurable = config.get("configurable") or {}
    session_id = _field(context, "session_id")
    if session_id is None:
        session_id = configurable.get("thread_id")
    user_id = _field(context, "user_id")
    if user_id is None:
        user_id = configurable.get("user_id")
    if session_id is None:
        raise InvalidInputError(
            "which session is it? Give the run a thread, as in "
            '.invoke(..., config={"configurable": {"thread_id": "1"}}), or a context with a session_id'
        )
    return motorhead.session(str(session_id), None if user_id is None else str(user_id))


def _unseen(state: Sequence[BaseMessage], memory: Memory) -> set[str | None]:
    """List the run's own messages that have left the window already, as in a run that outgrows it."""
    shown = {message.id for message in memory.messages}
    return {message.id for message in run_of(state, shown)} - shown


def _key(control: Any, session: Session) -> tuple[Any, ...]:
    return id(control), session.session_id, session.user_id


def _field(context: Any, name: str) -> Any:
    return context.get(name) if isinstance(context, Mapping) else getattr(context, name, None)


def _nothing_found(session: Session, error: Exception) -> str:
    if isinstance(error, SearchUnavailableError):
        raise error
    logger.warning("session %r: nothing was recalled: %s", session.session_id, error)
    return ""
