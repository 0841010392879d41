"""One run of an agent or graph: whose session it is, and what recall finds for it.

Shared by the agent middleware and the graph nodes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead.exceptions import EmbeddingError, InvalidInputError, SearchUnavailableError, StoreError
from langchain_motorhead.handle import Handle
from langchain_motorhead.integrations.prompt import run_messages, without_summaries
from langchain_motorhead.integrations.retriever import MotorheadRetriever
from langchain_motorhead.recall.rendering import as_lines
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from langchain_motorhead.session import Session

logger = logging.getLogger(__name__)

Scope: TypeAlias = Literal["session", "user", "namespace"]

MAX_EXTRA_RESULTS_COUNT = 100
# Tokens of a profile by default, as in `facts.reading`, which is only loaded if there are facts.
PROFILE_TOKENS = 300
# The rest of a pasted document hardly says more of what is wanted.
MAX_QUERY_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class RecallPolicy:
    """How many messages recall finds for a run, and where it searches.

    Args:
        k: How many messages to find. 0 for none.
        scope: Where to search. None for the user's sessions if the run has a user, otherwise the session.

    Raises:
        InvalidInputError: An argument cannot be used.
    """

    k: int = 0
    scope: Scope | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or isinstance(self.k, bool) or self.k < 0:
            raise InvalidInputError(f"recall is the number of messages to find, from 0, not {self.k!r}")
        if self.scope not in (None, "session", "user", "namespace"):
            raise InvalidInputError(f'recall_scope must be "session", "user" or "namespace", not {self.scope!r}')

    def check(self, motorhead: Handle) -> None:
        """Raise an error now if every run would fail.

        Raises:
            InvalidInputError: The argument is not a `Motorhead`, or `k` is too large.
            RecallNotConfiguredError: There is no embedding model.
        """
        Handle.check(motorhead)
        if self.k:
            motorhead._backend.check_search()
            MotorheadRetriever(motorhead=motorhead, k=self.k)

    def find(self, motorhead: Handle, session: Session, memory: Memory, state: Sequence[BaseMessage]) -> str:
        """Search for messages that are older than the window and concern the user's newest message.

        If the embedding model or the search fails, a warning is logged and nothing is found, so that the run goes on.

        Args:
            motorhead: Where to search.
            session: The session of the run.
            memory: The session as it was loaded. What it has is in the prompt anyway, so it is not searched.
            state: The messages of the run's state.

        Returns:
            The messages as lines of text, or an empty string.

        Raises:
            InvalidInputError: The scope is `"user"`, and the run has no user.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingMismatchError: The index was made with another model.
        """
        query = self._query(state)
        if not query:
            return ""
        own = _outside_window(state, memory)
        try:
            return self._lines(self._retriever(motorhead, session, memory, own).invoke(query), own)
        except (EmbeddingError, StoreError) as error:
            return _nothing_found(session, error)

    async def afind(self, motorhead: Handle, session: Session, memory: Memory, state: Sequence[BaseMessage]) -> str:
        """Search for messages that are older than the window. See `find`."""
        query = self._query(state)
        if not query:
            return ""
        await motorhead._backend.prepare()  # imports what a search needs, off the event loop
        own = _outside_window(state, memory)
        try:
            return self._lines(await self._retriever(motorhead, session, memory, own).ainvoke(query), own)
        except (EmbeddingError, StoreError) as error:
            return _nothing_found(session, error)

    def _query(self, state: Sequence[BaseMessage]) -> str:
        """Return what to search for: the text of the user's newest message, shortened."""
        humans = (message for message in reversed(without_summaries(state)) if isinstance(message, HumanMessage))
        newest = next(humans, None)
        return newest.text.strip()[:MAX_QUERY_CHARS] if self.k and newest is not None else ""

    def _lines(self, documents: Sequence[Document], own: set[str | None]) -> str:
        # Results of tools are in the index only if they were asked for. They must not be in the system message.
        said = [each for each in documents if each.metadata.get("role") not in ("tool", "function")]
        return as_lines([document for document in said if document.id not in own][: self.k])

    def _retriever(
        self, motorhead: Handle, session: Session, memory: Memory, own: set[str | None]
    ) -> MotorheadRetriever:
        scope = self.scope or ("session" if session.user_id is None else "user")
        if scope == "user" and session.user_id is None:
            raise InvalidInputError(
                'recall_scope="user" needs a user: give user_id in the context, or in the configurable of the config'
            )
        retriever = MotorheadRetriever(
            motorhead=motorhead,
            session_id=session.session_id if scope == "session" else None,
            user_id=None if scope == "namespace" else session.user_id,
            k=self.k + min(len(own), MAX_EXTRA_RESULTS_COUNT),  # the run's own messages are found too, and left out
        )
        return retriever.without((session.session_id, memory.start))


def profile_tokens(facts: bool | int) -> int:  # noqa: FBT001 - the value of an option
    """Return the tokens that the profile in a prompt may have, by the option `facts`; 0 for no profile.

    Raises:
        InvalidInputError: It is neither a truth value nor a number of tokens.
    """
    if isinstance(facts, bool):
        return PROFILE_TOKENS if facts else 0
    if not isinstance(facts, int) or facts < 1:
        raise InvalidInputError(f"facts must be True, False or the tokens that a profile may have, not {facts!r}")
    return facts


def session_of(motorhead: Handle, context: Any, config: Mapping[str, Any]) -> Session:
    """Return the session of a run. Its ids are taken from the run's context, otherwise from its config.

    Args:
        motorhead: Where the session is.
        context: The context of the run: an object or a mapping with `session_id` and `user_id`, or None.
        config: The config of the run. Its `configurable` has a `thread_id`, and may have a `user_id`.

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


def _outside_window(state: Sequence[BaseMessage], memory: Memory) -> set[str | None]:
    """Return the ids of the run's own messages that left the window already, as in a run with very many messages."""
    window = {message.id for message in memory.messages}
    return {message.id for message in run_messages(state, window)} - window


def _field(context: Any, name: str) -> Any:
    return context.get(name) if isinstance(context, Mapping) else getattr(context, name, None)


def _nothing_found(session: Session, error: Exception) -> str:
    if isinstance(error, SearchUnavailableError):
        raise error
    logger.warning("session %r: recall failed, so the run goes on without it: %s", session.session_id, error)
    return ""
