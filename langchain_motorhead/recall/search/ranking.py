"""Ranking: makes one list of what the queries of a search found. Pure.

The rules and their numbers were chosen by leaving out one conversation at a time: see "How much it finds" in the guide
to recall, and `benchmarks/recall_quality.py`, which measures them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import TypeAlias

from langchain_motorhead.recall.search.coverage import spread
from langchain_motorhead.recall.words.question import Question
from langchain_motorhead.recall.words.scripts import words
from langchain_motorhead.recall.words.times import Order, Period

Place: TypeAlias = int
"""A message as one number: the index of its session among those found, then its sequence number. So the number of the
message after it is one more. Such numbers are looked up in half the time of pairs."""
SEQ_BITS = 40
"""How many of its bits are the sequence number."""
_SEQ_MASK = (1 << SEQ_BITS) - 1

MEANING = 0.35
"""Weight of the vector search."""
WORDS = 1 - MEANING
"""Weight of the word search."""
BEFORE, AFTER = 0.1, 0.3
"""A message gets these shares of the word scores of the message before it and of the one after it. The share of the
one after it is larger: an answer repeats words of what it answers, and is found by these."""
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
        sessions: The sessions, in the order of their numbers in the places.
        near: Messages found by vector, with their similarity; higher is nearer.
        worded: Messages found by words, with their score.
        marked: Messages with a standing wish, with the bonus of its kind.
        names: Names of their speakers, if known.
        assistant: Those messages that an assistant wrote.
        times: When they were appended, in seconds since 1970. Empty if the query does not need it.
    """

    sessions: Sequence[str]
    near: Mapping[Place, float]
    worded: Mapping[Place, float]
    marked: Mapping[Place, float] = field(default_factory=lambda: MappingProxyType({}))
    names: Mapping[Place, str] = field(default_factory=lambda: MappingProxyType({}))
    assistant: AbstractSet[Place] = frozenset()
    times: Mapping[Place, float] = field(default_factory=lambda: MappingProxyType({}))

    def ref(self, place: Place) -> tuple[str, int]:
        """Return the session of a message and its sequence number."""
        return self.sessions[place >> SEQ_BITS], place & _SEQ_MASK


def rank(found: Findings, question: Question) -> Iterator[tuple[Place, float]]:
    """Return an iterator over all messages found, best first, each with a score from 0 to 1 relative to the best."""
    scores = _matching(found, question)
    if not question.several:
        _share_in_sessions(scores, len(found.sessions))
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
        scores = spread(in_order(scores, found), scores, _session)
    if question.timed:
        scores = _favour_times(scores, found, question)
    best = _best(scores)
    return ((place, scores[place] / best) for place in in_order(scores, found))


def in_order(scores: Mapping[Place, float], found: Findings) -> Iterator[Place]:
    """Return an iterator over messages, best first. Of equal scores, those by words decide, then the place.

    Only the first ones are read, mostly, so those with equal scores are put in order when they are reached.
    """
    for _, some in groupby(sorted(scores, key=scores.__getitem__, reverse=True), key=scores.__getitem__):
        alike = list(some)
        if len(alike) > 1:
            alike.sort(key=lambda place: (-found.worded.get(place, 0.0), found.ref(place)))
        yield from alike


def _matching(found: Findings, question: Question) -> dict[Place, float]:
    """Return how well each message matches by its vector, its words and its speaker."""
    places = found.near.keys() | found.worded.keys() | found.marked.keys()
    by_meaning, nearest = _with_neighbours(places, _relative(found.near), 0.0, AFTER_MEANING)
    by_words, most = _with_neighbours(places, found.worded, BEFORE, AFTER)
    both = zip(by_meaning.items(), by_words.values(), strict=True)
    scores = {place: MEANING * (near / nearest) + WORDS * (worded / most) for (place, near), worded in both}
    only = _only_one_named(found.names, question.words)
    if only is not None:
        for place, name in found.names.items():
            if place in scores and _first(name) == only:
                scores[place] += SPEAKER
    return scores


def _relative(near: Mapping[Place, float]) -> dict[Place, float]:
    """Return similarities from 0, the least, to 1. If all are equally near, each has the best."""
    low, high = (min(near.values()), max(near.values())) if near else (0.0, 0.0)
    return {place: (each - low) / (high - low) if high > low else 1.0 for place, each in near.items()}


def _with_neighbours(
    places: Iterable[Place], scores: Mapping[Place, float], before: float, after: float
) -> tuple[dict[Place, float], float]:
    """Return the scores with shares of those of their neighbours, and the best.

    Args:
        places: The messages, in the order of the result.
        scores: The scores of some of them; the others have 0.
        before: Share of the score of the message before.
        after: Share of the score of the message after.
    """
    shared = {**dict.fromkeys(places, 0.0), **scores}
    for share, away in ((before, 1), (after, -1)):
        if share:
            for place, score in scores.items():
                if place + away in shared:
                    shared[place + away] += share * score
    return shared, _best(shared)


def _best(scores: Mapping[Place, float]) -> float:
    """Return the best score, to divide by."""
    return max(scores.values(), default=0.0) or 1.0


def _share_in_sessions(scores: dict[Place, float], sessions: int) -> None:
    best = [0.0] * sessions
    for place, score in scores.items():
        session = place >> SEQ_BITS
        if score > best[session]:
            best[session] = score
    for place in scores:
        scores[place] += SESSION * best[place >> SEQ_BITS]


def _session(place: Place) -> int:
    return place >> SEQ_BITS


def _favour_openings(scores: dict[Place, float], assistant: AbstractSet[Place]) -> None:
    for place, score in scores.items():
        if place not in assistant:
            scores[place] = score + OPENING * math.exp(-(place & _SEQ_MASK) / OPENING_REACH) * (FLOOR + score)


def _favour_times(scores: Mapping[Place, float], found: Findings, question: Question) -> dict[Place, float]:
    best = _best(scores)
    favoured = {place: score / best for place, score in scores.items()}
    if question.periods:
        _favour_periods(favoured, found.times, question.periods)
    if question.order is not None:
        _favour_order(favoured, found, question.order)
    return favoured


def _favour_periods(scores: dict[Place, float], times: Mapping[Place, float], periods: Sequence[Period]) -> None:
    for place, time in times.items():
        since = min((max(0.0, time - each.stop) for each in periods if each.start <= time), default=math.inf)
        scores[place] += IN_PERIOD * math.exp(-since / PERIOD_REACH) * (FLOOR + scores[place])


def _favour_order(scores: dict[Place, float], found: Findings, order: Order) -> None:
    best = max(scores.values(), default=0.0)
    least = best * (FIRST_REACH if order is Order.FIRST else ALIKE)
    # By time. Messages of the same time are ordered by their session and number.
    some = [place for place, score in scores.items() if score >= least and place in found.times]
    some.sort(key=lambda place: (found.times[place], found.ref(place)))
    if order is Order.FIRST:
        for at, place in enumerate(some):
            scores[place] *= 1 + FIRST * (1 - at / max(1, len(some) - 1))
    else:
        for at, place in enumerate(reversed(some)):
            scores[place] = best * (1 - (1 - ALIKE) * at / len(some))  # all others have less


def _favour_answers(scores: dict[Place, float], assistant: AbstractSet[Place], share: float) -> None:
    for place in assistant:
        before = place - 1
        if before in scores and before not in assistant:
            scores[place] = max(scores[place], share * scores[before])


def _only_one_named(names: Mapping[Place, str], query: frozenset[str]) -> str | None:
    named = {_first(name) for name in set(names.values())} & query
    return next(iter(named)) if len(named) == 1 else None


def _first(name: str) -> str:
    return next(iter(words(name)), "")
