"""What a backend does with facts: the protocol of its flows. `redis_facts.py` and `http/facts.py` implement it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from langchain_motorhead.exceptions import InvalidInputError

if TYPE_CHECKING:
    from langchain_motorhead.facts.model import Fact
    from langchain_motorhead.facts.reading import FactQuery

T = TypeVar("T")
FactFlow: TypeAlias = Generator[Any, Any, T]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose facts they are: a user's, or those of a session without a user.

    Attributes:
        user_id: The user, or None.
        session_id: The session, or None.

    Raises:
        InvalidInputError: Not exactly one of the two was given.
    """

    user_id: str | None = None
    session_id: str | None = None

    def __post_init__(self) -> None:
        if (self.user_id is None) == (self.session_id is None):
            raise InvalidInputError("give a user_id; or for the facts of a session without a user its session_id")


class FactFlows(Protocol):
    """Reads and changes the facts about one user. All methods return flows."""

    def find(self, wanted: FactQuery) -> FactFlow[list[Fact]]:
        """Return facts. See `facts.reading.find_facts`."""

    def remember(
        self, text: str, *, subject: str, attribute: str, valid_from: datetime | None, valid_until: datetime | None
    ) -> FactFlow[Fact]:
        """Store a fact that a person states. See `facts.editing.remember`."""

    def correct(self, fact_id: str, text: str) -> FactFlow[Fact]:
        """Put a fact in the place of another one. See `facts.editing.correct`."""

    def forget(self, fact_id: str) -> FactFlow[bool]:
        """Remove a fact. See `facts.editing.forget`."""

    def profile(self, max_tokens: int) -> FactFlow[str]:
        """Return the most important facts as text. See `facts.reading.to_profile`."""

    def counts(self) -> FactFlow[dict[str, int]]:
        """Return what was counted while facts were learned, such as tokens."""
