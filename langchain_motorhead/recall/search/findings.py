"""Findings: what the queries of a search found, message by message, ranked. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.query import Query
from langchain_motorhead.recall.search.ranking import INSTRUCTION, PREFERENCE, Findings, MessageRef, rank
from langchain_motorhead.recall.search.results import Candidate
from langchain_motorhead.recall.words import standing
from langchain_motorhead.recall.words.question import Question
from langchain_motorhead.recall.words.standing import ASSISTANT_ROLES
from langchain_motorhead.search_index.queries import Match
from langchain_motorhead.storage.keys import SessionKeys, from_quoted, session_keys

BONUSES: Mapping[str, tuple[str, float]] = MappingProxyType(
    {"instruction": (standing.INSTRUCTION, INSTRUCTION), "preference": (standing.PREFERENCE, PREFERENCE)}
)
"""The kinds of standing wishes, each with the mark of its documents and the bonus of its messages."""
MARKED_COUNT = 32
"""How many messages with a standing wish of each kind to find."""
VECTOR_COUNTS, WORDS_COUNTS = (100, 10), (200, 20)
"""How many documents to find by vector and by words, at least and for each result that is requested. Long messages have
several. Measured, as `ranking.py` says."""
PERIOD_COUNT = 64
"""How many documents to find by either in the time that a question names."""


def ranked(
    found: Mapping[tuple[str, str], Sequence[Match]], question: Question, query: Query, indexer: Indexer
) -> tuple[Iterator[Candidate], bool]:
    """Return an iterator over the messages found, best first, and whether all of them reach the score's threshold.

    Args:
        found: The documents that each query found, by its kind (`"near"`, `"worded"` or `"marked"`) and which it is.
        question: What the search text asks for.
        query: The search request.
        indexer: How messages are indexed.
    """
    findings, best = _findings(found, indexer)
    if query.search_type == "hybrid":
        ranking = rank(findings, question)
    else:
        ranking = dict(sorted(findings.near.items(), key=lambda item: (-item[1], item[0])))
    places = list(ranking)
    if query.score_threshold is not None:
        places = [place for place in places if ranking[place] >= query.score_threshold]
    keys: dict[str, SessionKeys] = {}

    def candidates() -> Iterator[Candidate]:
        for place in places:
            session, number = place
            if session not in keys:
                keys[session] = session_keys(indexer.namespace, from_quoted(session.rpartition("/")[2].rstrip("}")))
            yield Candidate(keys[session], number, *best[place], ranking[place])

    return candidates(), len(places) == len(ranking)


def _findings(
    found: Mapping[tuple[str, str], Sequence[Match]], indexer: Indexer
) -> tuple[Findings, dict[MessageRef, tuple[int, int]]]:
    """Return what was found by message, and for each message its best piece and the number of its pieces."""
    best: dict[MessageRef, tuple[int, int]] = {}
    names: dict[MessageRef, str] = {}
    assistant: set[MessageRef] = set()
    times: dict[MessageRef, float] = {}
    scores: dict[str, dict[MessageRef, float]] = {"marked": {}, "near": {}, "worded": {}}
    # The word search comes last, as it finds the best piece of a long message most reliably.
    for (kind, which), matches in sorted(found.items(), key=lambda item: list(scores).index(item[0][0])):
        known, to_score = scores[kind], _SIMILARITY[indexer.recall.metric] if kind == "near" else None
        bonus = BONUSES[which][1] if kind == "marked" else None
        # Of what only the time makes a result, the least similar is as good as that of the others: it sets no scale.
        least = min(known.values(), default=-_INFINITY) if which == "then" else -_INFINITY
        for key, score, fields in matches:
            session, _, rest = key.rpartition(":")
            seq, _, piece = rest.partition("/")
            if not seq.isdecimal():  # not a document of this package
                continue
            place = (session, int(seq))
            if bonus is not None:
                score = bonus  # noqa: PLW2901
            elif to_score is not None:
                score = max(least, to_score(score))  # noqa: PLW2901
            before = known.get(place)
            if before is None or score > before:
                known[place] = score
                best[place] = (int(piece) if piece else 0, int(fields.get("pieces", 1)))
            if fields.get("role") in ASSISTANT_ROLES:
                assistant.add(place)
            if "name" in fields:
                names[place] = fields["name"]
            if "created" in fields:
                times[place] = float(fields["created"])
    return Findings(scores["near"], scores["worded"], scores["marked"], names, assistant, times), best


_INFINITY = float("inf")
_SIMILARITY: dict[str, Any] = {
    "cosine": lambda distance: 1 - distance,
    "ip": lambda distance: 1 - distance,
    "l2": lambda distance: 1 / (1 + distance),
}
