"""Findings: what the queries of a search found, message by message, ranked. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.query import Query
from langchain_motorhead.recall.search.ranking import INSTRUCTION, PREFERENCE, SEQ_BITS, Findings, Place, in_order, rank
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
        found: The documents that each query found, by its kind (`"near"`, `"worded"` or `"marked"`) and its
            name within that kind.
        question: What the search text asks for.
        query: The search request.
        indexer: How messages are indexed.
    """
    findings, best = _findings(found, indexer)
    if query.search_type == "hybrid":
        ranking = rank(findings, question)
    else:
        ranking = ((place, findings.near[place]) for place in in_order(findings.near, findings))
    all_fit = True
    if query.score_threshold is not None:
        every = list(ranking)
        fitting = [each for each in every if each[1] >= query.score_threshold]
        ranking, all_fit = iter(fitting), len(fitting) == len(every)

    def candidates() -> Iterator[Candidate]:
        for place, score in ranking:
            session, seq = findings.ref(place)
            piece = best[place].rpartition(":")[2].partition("/")[2]
            yield Candidate(_keys_of(indexer.namespace, session), seq, int(piece or 0), score)

    return candidates(), all_fit


def _keys_of(namespace: str, session: str) -> SessionKeys:
    """Return the keys of a session, given what the keys of its documents begin with."""
    return session_keys(namespace, from_quoted(session.rpartition("/")[2].rstrip("}")))


def _findings(found: Mapping[tuple[str, str], SearchReply], indexer: Indexer) -> tuple[Findings, dict[Place, str]]:
    """Return what was found by message, and the best document of each message. Written for speed, as `to_reply` is."""
    best: dict[Place, str] = {}
    names: dict[Place, str] = {}
    assistant: set[Place] = set()
    times: dict[Place, float] = {}
    firsts: dict[str, Place] = {}
    scores: dict[str, dict[Place, float]] = {"marked": {}, "near": {}, "worded": {}}
    # The word search comes last, as it finds the best piece of a long message most reliably.
    for (kind, which), reply in sorted(found.items(), key=lambda item: list(scores).index(item[0][0])):
        known = scores[kind]
        own, places = _placed(reply, firsts)
        values = _values(kind, which, own.scores, known.values(), indexer)
        for place, key, score in zip(places, own.keys, values, strict=True):
            if score > known.get(place, -math.inf):
                known[place] = score
                best[place] = key
        assistant.update([at for at, role in zip(places, own.column(b"role"), strict=True) if role in _ASSISTANT_ROLES])
        if b"name" in own.fields:
            said = zip(places, own.column(b"name"), strict=True)
            names.update([(place, from_member(name)) for place, name in said if name is not None])
        if b"created" in own.fields:
            said = zip(places, own.column(b"created"), strict=True)
            times.update([(place, float(time)) for place, time in said if time is not None])
    return Findings(list(firsts), scores["near"], scores["worded"], scores["marked"], names, assistant, times), best


def _placed(reply: SearchReply, firsts: dict[str, Place]) -> tuple[SearchReply, list[Place]]:
    """Return the documents of this package that a query found, and the place of the message of each.

    Args:
        reply: What the query found.
        firsts: By session, the place that a message with the number 0 has there. New sessions are added.
    """
    places = list[Place]()
    for key in reply.keys:
        session, _, seq = key.rpartition(":")
        first = firsts.get(session)
        if first is None:
            first = firsts[session] = len(firsts) << SEQ_BITS
        if not seq.isdecimal():  # a piece of a long message
            seq = seq.partition("/")[0]
        places.append(first + int(seq) if len(seq) <= _MAX_DIGITS and seq.isdecimal() else _FOREIGN)
    if _FOREIGN not in places:
        return reply, places
    own = [at for at, place in enumerate(places) if place != _FOREIGN]
    return reply.some(own), [places[at] for at in own]


def _values(kind: str, which: str, said: list[float], known: Collection[float], indexer: Indexer) -> list[float]:
    """Return the scores of documents of a kind, given those of the module and those that are known of this kind."""
    if kind == "marked":
        return [BONUSES[which][1]] * len(said)
    if kind == "worded":
        return said
    values = list(map(_SIMILARITY[indexer.recall.metric], said))
    # Of what only the time makes a result, the least similar is as good as that of the others. So it does not
    # stretch the scale of similarities.
    least = min(known) if which == "then" and known else None
    return values if least is None else [max(least, each) for each in values]


_MAX_DIGITS = 12  # of a sequence number; more would not fit in a place
_FOREIGN = -1
_ASSISTANT_ROLES = frozenset(role.encode() for role in ASSISTANT_ROLES)
_SIMILARITY: dict[str, Any] = {
    "cosine": lambda distance: 1 - distance,
    "ip": lambda distance: 1 - distance,
    "l2": lambda distance: 1 / (1 + distance),
}
