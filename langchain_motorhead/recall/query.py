"""A search request and one result of it, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression


@dataclass(frozen=True, slots=True)
class Query:
    """What to search, where, and how. See `MotorheadRetriever`.

    Attributes:
        after: Seconds since 1970, as `before`.
        unseen: Of this session only messages before this sequence number: what comes after is in the prompt anyway.
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


@dataclass(slots=True)
class Hit:
    """A message that was found.

    Attributes:
        session_id: Session that it is in.
        seq: Its sequence number there; None where a server does not tell it, as with the next and `created`.
        message_id: Its id.
        text: What it says; of a very long one, the part about what matched.
        role: LangChain's type of it, or its role if it is a `ChatMessage`.
        name: Who said it, if it has a name.
        user_id: Whose session it is, if known.
        created: When it was appended.
        score: How well it fits, higher for better.
        sent: The role that it was sent with, where LangChain's side would have written another.
        before: Messages before it, oldest first, where they were asked for.
        after: Messages after it.
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
    sent: str | None = None
    before: list[Hit] = field(default_factory=list)
    after: list[Hit] = field(default_factory=list)
