"""Ranking what a search found, by meaning and by words. Pure.

The rule and its three numbers were measured: see "Recall" in the README, and `benchmarks/recall_quality.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from langchain_motorhead.recall.terms import words

Place: TypeAlias = tuple[str, int]
"""A message: its session, and its sequence number."""

MEANING = 0.4
"""Weight of the vectors; words have the rest."""
SPREAD = 0.25
"""Share of a message's score by words that its neighbours get: an answer seldom repeats the words of its question."""
SPEAKER = 0.1
"""Bonus for what was said by the one person whom the query names."""


def fuse(
    near: Mapping[Place, float], worded: Mapping[Place, float], names: Mapping[Place, str], query: Iterable[str]
) -> dict[Place, float]:
    """Rank messages.

    Args:
        near: Those found by meaning, with their similarity, higher for nearer.
        worded: Those found by words, with their score.
        names: Who said them, where they have a name of their own.
        query: Words of the query, in lower case.

    Returns:
        All of them with a score from 0 to 1, best first. It is relative to the best of this search.
    """
    low, high = (min(near.values()), max(near.values())) if near else (0.0, 0.0)
    places = near.keys() | worded.keys()
    by_words = {
        (session, seq): worded.get((session, seq), 0.0)
        + SPREAD * (worded.get((session, seq - 1), 0.0) + worded.get((session, seq + 1), 0.0))
        for session, seq in places
    }
    best = max(by_words.values(), default=0.0) or 1.0
    only = _only_one_named(names.values(), frozenset(query))
    named = set() if only is None else {place for place, name in names.items() if _first(name) == only}
    scores = {}
    for place in places:
        # Where all are equally near there is no span: each is the best.
        meaning = (near[place] - low) / (high - low) if high > low and place in near else float(place in near)
        score = MEANING * meaning + (1 - MEANING) * by_words[place] / best
        if place in named:
            score += SPEAKER
        scores[place] = score / (1 + SPEAKER)
    ranked = sorted(scores, key=lambda place: (-scores[place], -worded.get(place, 0.0), place))
    return {place: scores[place] for place in ranked}


def _only_one_named(names: Iterable[str], query: frozenset[str]) -> str | None:
    named = {_first(name) for name in set(names)} & query
    return next(iter(named)) if len(named) == 1 else None


def _first(name: str) -> str:
    return next(iter(words(name)), "")
