"""Ranking: makes one list of what the queries of a search found. Pure.

The rules and their numbers were chosen by leaving out one conversation at a time: see "How much it finds" in the guide
to recall, and `benchmarks/recall_quality.py`, which measures them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from langchain_motorhead.recall.search.coverage import spread
from langchain_motorhead.recall.words.question import Question
from langchain_motorhead.recall.words.scripts import words
from langchain_motorhead.recall.words.times import Order, Period

MessageRef: TypeAlias = tuple[str, int]
"""A message: its session and its sequence number."""

MEANING = 0.35
"""Weight of the vector search. The word search has the rest."""
BEFORE, AFTER = 0.1, 0.3
"""Share of the word score of the message before it, and of the one after it, that a message gets: what answers a
message repeats some of its words, and an answer seldom repeats those of the question that it is found by."""
AFTER_MEANING = 0.4
"""The same for the similarity of the message after it. That of those before it is in its vector."""
SPEAKER = 0.3
"""Bonus for messages of a speaker whom the query names, if it names only one."""
SESSION = 0.4
"""Share of the best score of its session that each message gets, as a session has a subject. None, if the answer is
spread over several sessions: see `coverage.py`."""
ASSISTANT = 0.6
"""What an assistant said counts this much, beside what people said, unless the query asks for it."""
INSTRUCTION, PREFERENCE = 0.4, 0.2
"""Bonus for messages with a standing instruction or preference."""
OPENING = 0.8
"""Bonus for the first message that a person says in a session, if the query asks about the course of conversations."""
OPENING_REACH = 20
"""Of that bonus, a message this far into its session has 1/e."""
IN_PERIOD = 0.25
"""Bonus for messages of the time that the query names."""
PERIOD_REACH = 3 * 86_400
"""Seconds after that time in which the bonus falls to 1/e. People often report later what happened."""
FIRST, FIRST_REACH = 0.2, 0.7
"""Bonus for the earliest of the messages with at least this share of the best score, if the query asks for what was
said first. The last of them gets none."""
ALIKE = 0.99
"""Messages with at least this share of the best score match equally well. If the query asks for the latest, the newer
of these come first. A bonus as large as that for the earliest would put newer messages before better ones."""
FLOOR = 0.5
"""Share of a bonus that does not depend on how well the message matches: `bonus * (FLOOR + score)`."""
ANSWER = 0.9
"""In a summary, an answer counts this much of the question before it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the queries of a search found.

    Attributes:
        near: Messages found by vector, with their similarity; higher is nearer.
        worded: Messages found by words, with their score.
        marked: Messages with a standing wish, with the bonus of its kind.
        names: Names of their speakers, if known.
        assistant: Those messages that an assistant wrote.
        times: When they were appended, in seconds since 1970. Empty if the query does not need it.
    """

    near: Mapping[MessageRef, float]
    worded: Mapping[MessageRef, float]
    marked: Mapping[MessageRef, float] = field(default_factory=lambda: MappingProxyType({}))
    names: Mapping[MessageRef, str] = field(default_factory=lambda: MappingProxyType({}))
    assistant: AbstractSet[MessageRef] = frozenset()
    times: Mapping[MessageRef, float] = field(default_factory=lambda: MappingProxyType({}))


def rank(found: Findings, question: Question) -> dict[MessageRef, float]:
    """Return all messages found, best first, each with a score from 0 to 1 relative to the best of this search."""
    scores = _matching(found, question)
    _share_in_sessions(scores, 0.0 if question.several else SESSION)
    for place, bonus in found.marked.items():
        scores[place] += bonus * (FLOOR + scores[place])
    if question.overview:
        _favour_openings(scores, found.assistant)
    # If nobody else was found, there is nothing that counts more.
    if not question.addressed and len(found.assistant) < len(scores):
        for place in found.assistant:
            scores[place] *= ASSISTANT
    if question.summary or question.addressed:
        _favour_answers(scores, found.assistant, ANSWER if question.summary else 1.0)
    if question.several:
        scores = spread(scores)
    best = max(scores.values(), default=0.0) or 1.0
    if question.timed:
        scores = {place: score / best for place, score in scores.items()}
        if question.periods:
            _favour_periods(scores, found.times, question.periods)
        if question.order is not None:
            _favour_order(scores, found.times, question.order)
        best = max(scores.values(), default=0.0) or 1.0
    worded = found.worded.get
    ranked = sorted([(-score, -worded(place, 0.0), place) for place, score in scores.items()])
    return {place: -score / best for score, _, place in ranked}


def _matching(found: Findings, question: Question) -> dict[MessageRef, float]:
    """Return how well each message matches by its vector, its words and its speaker."""
    places = found.near.keys() | found.worded.keys() | found.marked.keys()
    near = _relative(found.near)
    around = [(place, (place[0], place[1] - 1), (place[0], place[1] + 1)) for place in places]
    by_meaning = _with_neighbours(around, near, 0.0, AFTER_MEANING)
    by_words = _with_neighbours(around, found.worded, BEFORE, AFTER)
    both = zip(around, by_meaning, by_words, strict=True)
    scores = {place: MEANING * meaning + (1 - MEANING) * worded for (place, _, _), meaning, worded in both}
    only = _only_one_named(found.names, question.words)
    if only is not None:
        for place, name in found.names.items():
            if place in scores and _first(name) == only:
                scores[place] += SPEAKER
    return scores


def _relative(near: Mapping[MessageRef, float]) -> dict[MessageRef, float]:
    """Return similarities from 0, the least, to 1. If all are equally near, each has the best."""
    low, high = (min(near.values()), max(near.values())) if near else (0.0, 0.0)
    return {place: (each - low) / (high - low) if high > low else 1.0 for place, each in near.items()}


def _with_neighbours(
    around: Sequence[tuple[MessageRef, MessageRef, MessageRef]],
    scores: Mapping[MessageRef, float],
    before: float,
    after: float,
) -> list[float]:
    """Return the scores with shares of those of their neighbours, relative to the best.

    Args:
        around: Each message, the one before it, and the one after it.
        scores: The scores; a message without one has 0.
        before: Share of the score of the message before.
        after: Share of the score of the message after.
    """
    get = scores.get
    if before:
        shared = [get(this, 0.0) + before * get(last, 0.0) + after * get(next_, 0.0) for this, last, next_ in around]
    else:
        shared = [get(this, 0.0) + after * get(next_, 0.0) for this, _, next_ in around]
    best = max(shared, default=0.0) or 1.0
    return [score / best for score in shared]


def _share_in_sessions(scores: dict[MessageRef, float], share: float) -> None:
    best: dict[str, float] = {}
    for (session, _), score in scores.items():
        if score > best.get(session, 0.0):
            best[session] = score
    for place in scores:
        scores[place] += share * best.get(place[0], 0.0)


def _favour_openings(scores: dict[MessageRef, float], assistant: AbstractSet[MessageRef]) -> None:
    for place, score in scores.items():
        if place not in assistant:
            scores[place] = score + OPENING * math.exp(-place[1] / OPENING_REACH) * (FLOOR + score)


def _favour_periods(
    scores: dict[MessageRef, float], times: Mapping[MessageRef, float], periods: Sequence[Period]
) -> None:
    for place, time in times.items():
        since = min((max(0.0, time - each.stop) for each in periods if each.start <= time), default=math.inf)
        scores[place] += IN_PERIOD * math.exp(-since / PERIOD_REACH) * (FLOOR + scores[place])


def _favour_order(scores: dict[MessageRef, float], times: Mapping[MessageRef, float], order: Order) -> None:
    best = max(scores.values(), default=0.0)
    least = best * (FIRST_REACH if order is Order.FIRST else ALIKE)
    # By time. Messages of the same time are ordered by their session and number.
    some = sorted((times[place], place) for place, score in scores.items() if score >= least and place in times)
    if order is Order.FIRST:
        for at, (_, place) in enumerate(some):
            scores[place] *= 1 + FIRST * (1 - at / max(1, len(some) - 1))
    else:
        for at, (_, place) in enumerate(reversed(some)):
            scores[place] = best * (1 - (1 - ALIKE) * at / len(some))  # all others have less


def _favour_answers(scores: dict[MessageRef, float], assistant: AbstractSet[MessageRef], share: float) -> None:
    for session, seq in assistant:
        before = (session, seq - 1)
        if before in scores and before not in assistant:
            scores[session, seq] = max(scores[session, seq], share * scores[before])


def _only_one_named(names: Mapping[MessageRef, str], query: frozenset[str]) -> str | None:
    named = {_first(name) for name in set(names.values())} & query
    return next(iter(named)) if len(named) == 1 else None


def _first(name: str) -> str:
    return next(iter(words(name)), "")
