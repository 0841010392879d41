"""Reading facts: which of them are wanted, and the profile that a prompt shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from langchain_core.messages import HumanMessage

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.facts.learning.known import by_score, word_scores
from langchain_motorhead.facts.meaning import meaning_scores
from langchain_motorhead.facts.model import USER, Fact, name_key
from langchain_motorhead.facts.operations import FactsRead, read_facts
from langchain_motorhead.facts.vectors import Embedding, know, query_vector
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.quoting import one_line
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.storage.keys import FactKeys
from langchain_motorhead.storage.operation import Operation

PROFILE_TOKENS = 300
"""Default for the tokens of a profile."""
# Facts that are read for a profile. No prompt has room for more.
_PROFILE_FACTS = 100
# The rest of a longer query is ignored.
_MAX_QUERY_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class FactQuery:
    """Which facts are wanted.

    Attributes:
        query: What they should be about, or None for all.
        k: How many to return at most, or None.
        as_of: Return the facts that held at this time, as far as is known today. None for those that hold now.
        superseded: Whether to return also those that were superseded or retracted.

    Raises:
        InvalidInputError: An argument cannot be used.
    """

    query: str | None = None
    k: int | None = None
    as_of: datetime | None = None
    superseded: bool = False

    def __post_init__(self) -> None:
        if self.query is not None and not isinstance(self.query, str):
            raise InvalidInputError(f"query must be a string, not {type(self.query).__name__}")
        if self.k is not None and (isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1):
            raise InvalidInputError(f"k is the number of facts to return, from 1, not {self.k!r}")
        if self.as_of is not None and (not isinstance(self.as_of, datetime) or self.as_of.tzinfo is None):
            raise InvalidInputError(
                "as_of must be a datetime with a time zone, such as datetime(2024, 5, 7, tzinfo=UTC)"
            )


def find_facts(facts: FactKeys, wanted: FactQuery, embedding: Embedding | None = None) -> Flow[list[Fact]]:
    """Return facts: those that match a query best first, or pinned ones first and then the newest.

    With an embedding model, facts match by their meaning, too, and all of them are ranked. Without one, and if the
    model fails, those are returned that share words with the query.

    Args:
        facts: Keys of the facts.
        wanted: Which facts are wanted.
        embedding: How facts are embedded, or None without a model.
    """
    past = wanted.superseded or wanted.as_of is not None
    read: FactsRead = yield read_facts(facts, past=past)
    found = read.current + sorted(read.past, key=lambda fact: fact.said_at, reverse=True)
    if not wanted.superseded:
        when = wanted.as_of or read.now
        found = [fact for fact in found if fact.holds_at(when) or (wanted.as_of is None and _is_expected(fact, when))]
    elif wanted.as_of is not None:
        found = [fact for fact in found if fact.said_at <= wanted.as_of]
    if wanted.query is not None and wanted.query.strip():
        found = [fact for fact, _ in (yield from _matching(facts, found, wanted.query, embedding))]
    return found[: wanted.k]


def search_facts(facts: FactKeys, query: str, embedding: Embedding | None, most: int) -> Flow[list[tuple[Fact, float]]]:
    """Return the facts that hold and match a query, best first, each with a score from 0 to 1.

    Args:
        facts: Keys of the facts.
        query: The query. Nothing matches an empty one.
        embedding: How facts are embedded, or None without a model.
        most: How many facts to return at most.
    """
    query = without_surrogates(query).strip()
    if not query:
        return []
    read: FactsRead = yield read_facts(facts)
    current = [fact for fact in read.current if fact.holds_at(read.now) or _is_expected(fact, read.now)]
    return (yield from _matching(facts, current, query, embedding))[:most]


def _matching(
    keys: FactKeys, facts: Sequence[Fact], query: str, embedding: Embedding | None
) -> Flow[list[tuple[Fact, float]]]:
    query = query.strip()[:_MAX_QUERY_CHARS]
    vector = (yield from query_vector(query)) if embedding is not None and facts else None
    if embedding is None or vector is None:
        return [pair for pair in by_score(facts, word_scores(facts, query)) if pair[1]]
    known = yield from know(keys, facts, embedding)
    return by_score(facts, meaning_scores(facts, query, vector, known.vectors))


def read_profile(facts: FactKeys) -> Operation[FactsRead]:
    """Build the operation that reads what `to_profile` needs."""
    return read_facts(facts, most=_PROFILE_FACTS)


def to_profile(read: FactsRead, max_tokens: int, count: TokenCounter) -> str:
    """Return the most important facts as lines of text: pinned ones first, then the newest, as many as fit.

    Args:
        read: The facts.
        max_tokens: Tokens that the text may have.
        count: Counts the tokens of messages.
    """
    lines, room = list[str](), max_tokens
    for fact in read.current:
        if not (fact.holds_at(read.now) or _is_expected(fact, read.now)):
            continue
        line = _line(fact)
        room -= count([HumanMessage(line)])
        if room < 0:
            break
        lines.append(line)
    return "\n".join(lines)


def check_tokens(max_tokens: object) -> int:
    """Return the tokens that a profile may have.

    Raises:
        InvalidInputError: It is no whole number from 1.
    """
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise InvalidInputError(f"max_tokens must be a whole number from 1, not {max_tokens!r}")
    return max_tokens


def _is_expected(fact: Fact, now: datetime) -> bool:
    """Return whether a fact will hold: what somebody plans is known now."""
    return fact.is_open and fact.starts_at > now and (fact.valid_until is None or fact.valid_until > now)


def _line(fact: Fact) -> str:
    since = f"from {fact.valid_from:%Y-%m-%d}" if fact.valid_from else f"said {fact.said_at:%Y-%m-%d}"
    until = f", until {fact.valid_until:%Y-%m-%d}" if fact.valid_until else ""
    subject = "" if name_key(fact.subject) == USER else f"{one_line(fact.subject)}: "
    return f"- {subject}{one_line(fact.text)} ({since}{until})"
