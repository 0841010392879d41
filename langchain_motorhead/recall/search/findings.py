"""Findings: what the queries of a search found, message by message, ranked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.query import Query
from langchain_motorhead.recall.search.ranking import INSTRUCTION, PREFERENCE, Findings, MessageRef, rank
from langchain_motorhead.recall.search.results import Candidate
from langchain_motorhead.recall.words import standing
from langchain_motorhead.recall.words.question import Question
from langchain_motorhead.recall.words.standing import ASSISTANT_ROLES
from langchain_motorhead.search_index.queries import SearchReply
from langchain_motorhead.storage.keys import SessionKeys, from_member, from_quoted, session_keys

BONUSES: Mapping[str, tuple[str, float]] = MappingProxyType(
    {"instruction": (standing.INSTRUCTION, INSTRUCTION), "preference": (standing.PREFERENCE, PREFERENCE)}
)
"""The kinds of standing wishes, each with the mark of its documents and the bonus of its messages."""
MARKED_COUNT = 32
"""How many messages with a standing wish of each kind to find."""
VECTOR_COUNTS, WORDS_COUNTS = (100, 10), (200, 20)
"""How many documents to find by vector and by words, at least and for each result that is requested. Long messages have
several. Measured, as `ranking.py` says."""
SEVERAL_TIMES = 2
"""How many times as many documents to find by vector, if the answer is spread over several sessions."""
PERIOD_COUNT = 64
"""How many documents each search, by meaning and by words, finds in the period that a question names."""


def ranked(
    found: Mapping[tuple[str, str], SearchReply], question: Question, query: Query, indexer: Indexer
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
            yield Candidate(keys[session], number, best[place], ranking[place])

    return candidates(), len(places) == len(ranking)


def _findings(found: Mapping[tuple[str, str], SearchReply], indexer: Indexer) -> tuple[Findings, dict[MessageRef, int]]:
    """Return what was found by message, and the best piece of each message. Written for speed, as `to_reply` is."""
    best: dict[MessageRef, int] = {}
    names: dict[MessageRef, str] = {}
    assistant: set[MessageRef] = set()
    times: dict[MessageRef, float] = {}
    sessions: dict[str, str] = {}  # one string a session, as equal ones take longer to compare
    scores: dict[str, dict[MessageRef, float]] = {"marked": {}, "near": {}, "worded": {}}
    # The word search comes last, as it finds the best piece of a long message most reliably.
    for (kind, which), reply in sorted(found.items(), key=lambda item: list(scores).index(item[0][0])):
        known = scores[kind]
        values = _values(kind, which, reply.scores, known.values(), indexer)
        for key, score, fields in zip(reply.keys, values, reply.fields, strict=True):
            session, _, rest = key.rpartition(":")
            seq, _, piece = rest.partition("/")
            if not seq.isdecimal():  # not a document of this package
                continue
            place = (sessions.setdefault(session, session), int(seq))
            if place not in known or score > known[place]:
                known[place] = score
                best[place] = int(piece or 0)
            if fields.get(b"role") in _ASSISTANT_ROLES:
                assistant.add(place)
            if b"name" in fields:
                names[place] = from_member(fields[b"name"])
            if b"created" in fields:
                times[place] = float(fields[b"created"])
    return Findings(scores["near"], scores["worded"], scores["marked"], names, assistant, times), best


def _values(kind: str, which: str, said: list[float], known: Collection[float], indexer: Indexer) -> list[float]:
    """Return the scores of documents of a kind, given those of the module and those that are known of this kind."""
    if kind == "marked":
        return [BONUSES[which][1]] * len(said)
    if kind == "worded":
        return said
    values = list(map(_SIMILARITY[indexer.recall.metric], said))
    # Of what only the time makes a result, the least similar is as good as that of the others: it sets no scale.
    least = min(known) if which == "then" and known else None
    return values if least is None else [max(least, each) for each in values]


_ASSISTANT_ROLES = frozenset(role.encode() for role in ASSISTANT_ROLES)
_SIMILARITY: dict[str, Any] = {
    "cosine": lambda distance: 1 - distance,
    "ip": lambda distance: 1 - distance,
    "l2": lambda distance: 1 / (1 + distance),
}
