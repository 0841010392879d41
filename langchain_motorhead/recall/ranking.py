"""Ranking: fuses the results of the vector search and of the word search into one list. Pure.

The rule and its three numbers were measured: see "Recall" in the README, and `benchmarks/recall_quality.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from langchain_motorhead.recall.scripts import words

MessageRef: TypeAlias = tuple[str, int]
"""A message: its session and its sequence number."""

MEANING = 0.4
"""Weight of the vector search. The word search has the rest."""
SPREAD = 0.25
"""Share of a message's word score that its neighbours get, as an answer seldom repeats the question's words."""
SPEAKER = 0.1
"""Bonus for messages of a speaker whom the query names, if it names only one."""


def fuse(
    near: Mapping[MessageRef, float],
    worded: Mapping[MessageRef, float],
    names: Mapping[MessageRef, str],
    query: Iterable[str],
) -> dict[MessageRef, float]:
    """Return all messages found, best first, each with a score from 0 to 1 relative to the best of this search.

    Args:
        near: Messages found by vector, with their similarity; higher is nearer.
        worded: Messages found by words, with their score.
        names: Names of their speakers, if known.
        query: Words of the query in lower case.
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
        # If all are equally near, each has the best score.
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
