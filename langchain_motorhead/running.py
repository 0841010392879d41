"""What the faces of LangGraph have in common: whose run it is, and what its model is to be shown."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead.exceptions import (
    EmbeddingError,
    InvalidInputError,
    SearchUnavailableError,
    StoreError,
)
from langchain_motorhead.loading import Memory
from langchain_motorhead.retriever import as_lines

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.retriever import MotorheadRetriever
    from langchain_motorhead.session import Session

logger = logging.getLogger(__name__)

Scope: TypeAlias = Literal["session", "user", "namespace"]

_MOST_RUNS, _FRESH = 1_024, 60.0
_LONGEST_QUERY = 2_000  # characters: the rest of a pasted document hardly says more of what is wanted


@dataclass(frozen=True, slots=True)
class Loaded:
    """A session as it was when a run began, and the lines that were found for it."""

    memory: Memory
    recalled: str = ""


class Runs:
    """What was loaded for the runs under way, so that a session is read once a run.

    Forgetting costs a round trip, no more: the oldest go when there are too many, and none is given after a minute,
    lest a run that was interrupted for days goes on with what was said by then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, str | None], tuple[float, Loaded]] = {}

    def put(self, session_id: str, message_id: str | None, loaded: Loaded) -> None:
        """Keep what was loaded for the run that began with a message."""
        with self._lock:
            self._loaded.pop((session_id, message_id), None)
            self._loaded[session_id, message_id] = time.monotonic(), loaded
            while len(self._loaded) > _MOST_RUNS:
                del self._loaded[next(iter(self._loaded))]

    def get(self, session_id: str, message_id: str | None) -> Loaded | None:
        """Give what was loaded, if it is still there and fresh."""
        when, loaded = self._loaded.get((session_id, message_id), (0.0, None))
        return loaded if time.monotonic() - when < _FRESH else None

    def drop(self, session_id: str, message_id: str | None) -> None:
        """Forget what was loaded for a run, at its end."""
        with self._lock:
            self._loaded.pop((session_id, message_id), None)


@dataclass(frozen=True, slots=True)
class Recalling:
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

    def find(self, motorhead: Motorhead, session: Session, memory: Memory, query: str) -> str:
        """Find what was said before the window and fits a query.

        An embedding model or a search that fails is reported in the log, and nothing is found: the run goes on.

        Raises:
            InvalidInputError: The scope is a user's, and the run has none.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingMismatchError: The index was made with another model.
        """
        if not self.k or not query:
            return ""
        try:
            return as_lines(self._retriever(motorhead, session, memory).invoke(query))
        except (EmbeddingError, StoreError) as error:
            return _nothing_found(session, error)

    async def afind(self, motorhead: Motorhead, session: Session, memory: Memory, query: str) -> str:
        """Find what was said before the window and fits a query. See `find`."""
        if not self.k or not query:
            return ""
        try:
            return as_lines(await self._retriever(motorhead, session, memory).ainvoke(query))
        except (EmbeddingError, StoreError) as error:
            return _nothing_found(session, error)

    def _retriever(self, motorhead: Motorhead, session: Session, memory: Memory) -> MotorheadRetriever:
        from redisvl.query.filter import Num, Tag

        from langchain_motorhead.keys import to_tag

        scope = self.scope or ("session" if session.user_id is None else "user")
        if scope == "user" and session.user_id is None:
            raise InvalidInputError(
                'recall_scope="user" needs a user: give user_id in the context, or in the configurable of the config'
            )
        shown = memory.total - len(memory.messages)
        return motorhead.retriever(
            session_id=session.session_id if scope == "session" else None,
            user_id=None if scope == "namespace" else session.user_id,
            k=self.k,
            filter=(Tag("session") != to_tag(session.session_id)) | (Num("seq") < shown),
        )


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


def query_of(messages: Sequence[BaseMessage]) -> str:
    """Give the text that a run is about: of the newest message of a human."""
    newest = next((message for message in reversed(messages) if isinstance(message, HumanMessage)), None)
    return "" if newest is None else newest.text.strip()[:_LONGEST_QUERY]


def _field(context: Any, name: str) -> Any:
    return context.get(name) if isinstance(context, Mapping) else getattr(context, name, None)


def _nothing_found(session: Session, error: Exception) -> str:
    if isinstance(error, SearchUnavailableError):
        raise error
    logger.warning("session %r: nothing was recalled: %s", session.session_id, error)
    return ""
