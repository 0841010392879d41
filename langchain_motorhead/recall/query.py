"""A search request (`Query`) and one of its results (`Hit`), as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for, where, and how. `MotorheadRetriever` explains the other attributes.

    Attributes:
        after: Search only messages stored at or after this time, in seconds since 1970; `before` likewise.
        now: When the question is asked, in the time zone of who asks, or None for the present time in UTC.
        unseen: A session and a sequence number: later messages of that session are in the prompt, so they are left out.
    """

    text: str
    k: int = 4
    session_id: str | None = None
    user_id: str | None = None
    search_type: str = "hybrid"
    score_threshold: float | None = None
    roles: tuple[str, ...] | None = None
    after: float | None = None
    before: float | None = None
    unseen: tuple[str, int] | None = None
    filter: FilterExpression | None = None
    neighbors: int = 0
    exclude_window: bool = False
    fetch_k: int = 20
    lambda_mult: float = 0.5
    facts: bool = False
    now: datetime | None = None
    expand: bool = False


@dataclass(frozen=True, slots=True)
class FactSource:
    """A message that states a fact: its session, its sequence number there, and its id."""

    session_id: str
    seq: int
    message_id: str


@dataclass(frozen=True, slots=True)
class FoundFact:
    """A fact that a search found.

    Attributes:
        id: Id of the fact.
        text: The fact.
        score: How well it matches, from 0 to 1 for the best.
        said_at: Time of the message that stated it first.
        user_id: User whom it is about, or None.
        sources: The messages that state it. Empty if only a person stated it.
    """

    id: str
    text: str
    score: float
    said_at: datetime
    user_id: str | None = None
    sources: tuple[FactSource, ...] = ()


@dataclass(slots=True)
class Hit:
    """A message that a search found.

    Attributes:
        session_id: Its session.
        seq: Its sequence number there, or None if a server does not report it.
        message_id: Its id, or None likewise.
        text: Its text; of a long message, which is indexed in passages, the passage that matches best.
        role: LangChain's type of the message, or the role of a `ChatMessage`.
        name: Name of its speaker, or None.
        user_id: User of its session, or None.
        created: When it was appended, or None likewise.
        score: How well it matches; higher is better.
        piece: Number of that passage, from 0; `pieces` is their number, 1 if the text is whole.
        sent: The role that a REST client wrote, if this package would have written another.
        before: Messages before it, oldest first, if they were requested.
        after: Messages after it, if they were requested.
        facts: Facts that the message states, if they were requested. If the hit is a fact, with the role `"fact"`, that
            one, and its first message is the place.
    """

    session_id: str
    seq: int | None
    message_id: str | None
    text: str
    role: str
    name: str | None
    user_id: str | None
    created: datetime | None
    score: float
    piece: int = 0
    pieces: int = 1
    sent: str | None = None
    before: list[Hit] = field(default_factory=list)
    after: list[Hit] = field(default_factory=list)
    facts: list[FoundFact] = field(default_factory=list)
