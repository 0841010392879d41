"""Facts compared by meaning: which one says the same in other words, and which match a query. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_motorhead.facts.learning.known import word_scores
from langchain_motorhead.facts.learning.proposals import Proposal
from langchain_motorhead.facts.model import USER, Fact, name_key, normal, one_line

Vector: TypeAlias = Any
"""A one-dimensional numpy array of length 1."""

SAME = 0.92
"""Cosine similarity from which two statements may say the same. Statements that differ in one word often reach 0.9."""
WORDS = 0.7
"""Weight of the words that a fact shares with a query. The similarity of its vector has the rest."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NUMBER = re.compile(r"\d+")
# Words that turn a statement into another one, though its vector is near. "n't" is seen by its apostrophe.
_TURNING = frozenset(
    "not no never none without former formerly used stopped quit longer anymore ex "
    "nicht kein keine keinen nie ohne früher mehr ne pas jamais sans nunca sin não nunca sem non mai senza "
    "niet geen nooit zonder не нет никогда без".split()
)


def statement(fact: Fact) -> str:
    """Return the text of a fact that is embedded."""
    return _statement(fact.text, fact.subject)


def proposed_statement(given: Proposal) -> str:
    """Return what `statement` returns for the fact that a learner proposes."""
    return _statement(one_line(given.text), one_line(given.subject))


def _statement(text: str, subject: str) -> str:
    return text if name_key(subject) == USER else f"{subject}: {text}"


def unit(vector: Any) -> Vector | None:
    """Return a vector at length 1, or None if it has no direction."""
    import numpy as np

    array = np.asarray(vector, "float32")
    length = float(np.linalg.norm(array))
    return array / length if 0 < length < float("inf") else None


def same_in_meaning(fact: Fact, others: Iterable[Fact], vectors: Mapping[str, Vector]) -> Fact | None:
    """Return the fact that says the same as another in other words, or None.

    Vectors alone do not tell: "I live in Rome" is near to "I live in Oslo". So names and numbers must be the same, none
    of the two may be a negation, and a time that is known of both must agree.

    Args:
        fact: A new fact.
        others: Facts that hold.
        vectors: Vectors by `statement`.
    """
    mine = vectors.get(statement(fact))
    if mine is None:
        return None
    best, found = SAME, None
    for other in others:
        theirs = vectors.get(statement(other))
        if theirs is None or other.about[0] != fact.about[0] or len(theirs) != len(mine):
            continue
        near = float(mine @ theirs)
        if near >= best and _may_be_same(fact, other):
            best, found = near, other
    return found


def meaning_scores(facts: Sequence[Fact], query: str, wanted: Vector, vectors: Mapping[str, Vector]) -> list[float]:
    """Return how well each fact matches a query by its vector and its words, from 0 to 1.

    Args:
        facts: The facts.
        query: The query.
        wanted: Its vector.
        vectors: Vectors of facts by `statement`. A fact without one is compared by its words alone.
    """
    near = [vectors.get(statement(fact)) for fact in facts]
    similar = [float(wanted @ each) if each is not None and len(each) == len(wanted) else None for each in near]
    known = [each for each in similar if each is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return [
        WORDS * words + (1 - WORDS) * (0.0 if each is None else (each - low) / ((high - low) or 1.0))
        for words, each in zip(word_scores(facts, query), similar, strict=True)
    ]


def _may_be_same(one: Fact, other: Fact) -> bool:
    for mine, theirs in ((one.valid_from, other.valid_from), (one.valid_until, other.valid_until)):
        if mine != theirs:
            return False
    if set(_NUMBER.findall(one.text)) != set(_NUMBER.findall(other.text)):
        return False
    if _is_turned(one.text) != _is_turned(other.text):
        return False
    return _names(one.text) <= _words(other.text) and _names(other.text) <= _words(one.text)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(normal(text)))


def _names(text: str) -> set[str]:
    """Return the words with a capital letter that do not begin the text."""
    return {normal(word) for word in _WORD.findall(text)[1:] if word[0].isupper() and word.partition("'")[0] != "I"}


def _is_turned(text: str) -> bool:
    words = _words(text)
    return bool(words & _TURNING) or any(word.endswith("n't") for word in words)
