"""What recall finds for the questions of a session: for the newest one by a search, for earlier ones by their ids.

A line that was found for a question stays before it in later prompts. It is kept as an id, and read again each time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead.exceptions import (
    EmbeddingError,
    InvalidInputError,
    MotorheadError,
    SearchUnavailableError,
    StoreError,
)
from langchain_motorhead.handles.handle import Handle
from langchain_motorhead.integrations.retriever import MotorheadRetriever
from langchain_motorhead.prompts.conversation import run_messages, without_summaries
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.rendering import as_lines, to_documents
from langchain_motorhead.recall.search.pinned import Pin, matching, to_pin, to_pins
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from langchain_motorhead.handles.session import Session

logger = logging.getLogger(__name__)

Scope: TypeAlias = Literal["session", "user", "namespace"]

MAX_EXTRA_RESULTS_COUNT = 100
# The rest of a pasted document hardly says more of what is wanted.
MAX_QUERY_CHARS = 2_000


@dataclass(slots=True)
class Recalled:
    """What recall found.

    Attributes:
        lines: Lines of text for each question, by its id.
        pins: Which messages these lines are, as JSON, to be kept for the next run.
    """

    lines: dict[str | None, Sequence[str]] = field(default_factory=dict)
    pins: dict[str, list[list[Any]]] = field(default_factory=dict)


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

    def find(
        self,
        motorhead: Handle,
        session: Session,
        memory: Memory,
        state: Sequence[BaseMessage],
        kept: Any = None,
        zone: tzinfo | None = None,
    ) -> Recalled:
        """Search for messages that are older than the window and concern the user's newest message.

        If the embedding model or the search fails, a warning is logged and nothing is found, so that the run goes on.

        Args:
            motorhead: Where to search.
            session: The session of the run.
            memory: The session as it was loaded. What it has is in the prompt anyway, so it is not searched.
            state: The messages of the run's state.
            kept: The `pins` of the run before. Questions that they have are not searched for again.
            zone: Time zone of the user, for the times in the lines and in the question. None for UTC, unnamed.

        Raises:
            InvalidInputError: The scope is `"user"`, and the run has no user.
            SearchUnavailableError: This Redis has no search module.
            EmbeddingMismatchError: The index was made with another model.
        """
        search = self._search(motorhead, session, memory, state, kept, zone)
        if search is None:
            return Recalled()
        with _finding(session):
            if search.text:
                search.found(search.retriever.invoke(search.text), self.k)
        with _reading(session):
            if search.earlier:
                search.read(motorhead._backend.run(motorhead._backend.pinned(search.earlier, search.query)))
        return search.recalled(zone)

    async def afind(
        self,
        motorhead: Handle,
        session: Session,
        memory: Memory,
        state: Sequence[BaseMessage],
        kept: Any = None,
        zone: tzinfo | None = None,
    ) -> Recalled:
        """Search for messages that are older than the window. See `find`."""
        search = self._search(motorhead, session, memory, state, kept, zone)
        if search is None:
            return Recalled()
        await motorhead._backend.prepare()  # imports what a search needs, off the event loop
        with _finding(session):
            if search.text:
                search.found(await search.retriever.ainvoke(search.text), self.k)
        with _reading(session):
            if search.earlier:
                search.read(await motorhead._backend.arun(motorhead._backend.pinned(search.earlier, search.query)))
        return search.recalled(zone)

    def _search(
        self,
        motorhead: Handle,
        session: Session,
        memory: Memory,
        state: Sequence[BaseMessage],
        kept: Any,
        zone: tzinfo | None,
    ) -> _Search | None:
        if not self.k:
            return None
        humans = [message for message in without_summaries(state) if isinstance(message, HumanMessage)]
        newest = humans[-1] if humans else None
        ids = {message.id for message in (*memory.messages, *humans[-1:])}
        pins = {id_: to_pins(pins) for id_, pins in (kept.items() if isinstance(kept, Mapping) else ()) if id_ in ids}
        text = newest.text.strip()[:MAX_QUERY_CHARS] if newest is not None and newest.id not in pins else ""
        if not text and not any(pins.values()):
            return None
        own = _outside_window(state, memory)
        retriever = self._retriever(motorhead, session, memory, own, datetime.now(zone or UTC))
        return _Search(retriever, retriever.query(text), text, None if newest is None else newest.id, own, pins)

    def _retriever(
        self, motorhead: Handle, session: Session, memory: Memory, own: set[str | None], now: datetime
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
            now=now,
        )
        return retriever.without((session.session_id, memory.start))


@dataclass(slots=True)
class _Search:
    """What is searched for and read again for one run.

    Attributes:
        retriever: Searches.
        query: The search as data.
        text: What to search for, or an empty text if it was searched for already.
        question: Id of the newest question.
        own: Ids of the run's own messages, which are not shown twice.
        pins: The messages found for earlier questions.
    """

    retriever: MotorheadRetriever
    query: Query
    text: str
    question: str | None
    own: set[str | None]
    pins: dict[str, list[Pin]]
    _documents: dict[Pin, Document] = field(default_factory=dict)
    _unpinned: list[Document] = field(default_factory=list)

    @property
    def earlier(self) -> list[Pin]:
        """The messages to read again."""
        return list(dict.fromkeys(pin for pins in self.pins.values() for pin in pins if pin not in self._documents))

    def found(self, documents: Sequence[Document], most: int) -> None:
        """Note what was found for the question. What is shown for an earlier one is not shown again."""
        # Results of tools are in the index only if they were asked for. They would be told without their calls.
        said = [each for each in documents if each.metadata.get("role") not in ("tool", "function")]
        shown = {pin[:3] for pins in self.pins.values() for pin in pins}
        pinned: list[Pin] = []
        for document in [document for document in said if document.id not in self.own][:most]:
            if (pin := to_pin(document)) is None:
                self._unpinned.append(document)
            elif pin[:3] not in shown:
                pinned.append(pin)
                self._documents[pin] = document
        if self.question is not None:
            self.pins[self.question] = pinned

    def read(self, hits: Sequence[Hit]) -> None:
        """Note what was read again."""
        pins = self.earlier
        there = matching(pins, hits)
        self._documents |= zip(there, to_documents(list(there.values()), self.query, ""), strict=True)

    def recalled(self, zone: tzinfo | None) -> Recalled:
        """Return what was found, as lines."""
        lines: dict[str | None, Sequence[str]] = {
            id_: [as_lines([self._documents[pin]], zone) for pin in pins if pin in self._documents]
            for id_, pins in self.pins.items()
        }
        if self._unpinned:
            lines[self.question] = [as_lines([document], zone) for document in self._unpinned]
        return Recalled(lines, {id_: [list(pin) for pin in pins] for id_, pins in self.pins.items()})


def _outside_window(state: Sequence[BaseMessage], memory: Memory) -> set[str | None]:
    """Return the ids of the run's own messages that left the window already, as in a run with very many messages."""
    window = {message.id for message in memory.messages}
    return {message.id for message in run_messages(state, window)} - window


@contextmanager
def _finding(session: Session) -> Iterator[None]:
    """Log an error of a search, and go on. One that every run would have is raised."""
    try:
        yield
    except SearchUnavailableError:
        raise
    except (EmbeddingError, StoreError) as error:
        logger.warning("session %r: recall failed, so the run goes on without it: %s", session.session_id, error)


@contextmanager
def _reading(session: Session) -> Iterator[None]:
    """Log an error of reading messages again, and go on."""
    try:
        yield
    except MotorheadError as error:
        logger.warning(
            "session %r: what recall found for earlier questions could not be read again, so it is not shown: %s",
            session.session_id, error,
        )  # fmt: skip
