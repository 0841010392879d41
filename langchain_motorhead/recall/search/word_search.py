"""The search by words without a search module: it reads the newest messages, and compares their words with the query's.

Scores are made as the module makes them (BM25), over what was read, and ranked by the same rules.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from langchain_motorhead.exceptions import SearchUnavailableError
from langchain_motorhead.flows.protocol import Compute, Flow
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.search.expansion import SAMPLE_COUNT, WEIGHT, expansion
from langchain_motorhead.recall.search.findings import BONUSES, MARKED_COUNT, WORDS_COUNTS, ranked
from langchain_motorhead.recall.search.passages import Passage, read_passages
from langchain_motorhead.recall.search.repeats import without_repeats
from langchain_motorhead.recall.search.results import SPARE_HITS, Candidate, earlier, later
from langchain_motorhead.recall.words.question import Question
from langchain_motorhead.search_index.queries import SearchReply
from langchain_motorhead.storage.keys import to_member

# The parameters of the module's scorer BM25STD.
_K1, _B = 1.2, 0.5
_MICROSECONDS = 1_000_000


def search_words(
    query: Query, by_words: Sequence[str], question: Question, indexer: Indexer, why: SearchUnavailableError
) -> Flow[list[Hit]]:
    """Return the newest messages that match a query by their words, and standing wishes, as there is no search module.

    Args:
        query: The search request.
        by_words: Its terms.
        question: What it asks for.
        indexer: How messages are indexed.
        why: Why there is no other search.

    Raises:
        SearchUnavailableError: The query has a filter, which only a search module can evaluate.
    """
    if has_filter(query):
        raise SearchUnavailableError(f"a search with filter needs a search module, and {why}")
    return (yield from read_words(query, by_words, question, indexer))


def has_filter(query: Query) -> bool:
    """Return whether a search has a filter that leaves anything out, which only a search module can evaluate."""
    return query.filter is not None and str(query.filter) != "*"


def read_words(query: Query, by_words: Sequence[str], question: Question, indexer: Indexer) -> Flow[list[Hit]]:
    """Return the newest messages that match a query by their words. See `search_words`; a filter is ignored."""
    searched = frozenset(by_words)
    if not searched:
        return []
    marks = frozenset(mark for mark, _ in BONUSES.values())
    # To expand the query, all terms are counted: which are added is known only after all messages are read.
    passages: list[Passage] = yield from read_passages(query, None if query.expand else searched | marks, indexer)
    hits: list[Hit] = yield Compute(partial(_best, passages, searched, question, query, indexer))
    return hits


def scores(passages: Sequence[Passage], searched: Mapping[str, float]) -> dict[int, float]:
    """Return the BM25 score of each passage that has one of the terms, by its position.

    Args:
        passages: The passages.
        searched: The terms, with the weight of each.
    """
    average = (sum(passage.length for passage in passages) / len(passages)) if passages else 0.0
    rarity = {}
    for term, weight in searched.items():
        having = sum(term in passage.counts for passage in passages)
        rarity[term] = weight * math.log(1 + (len(passages) - having + 0.5) / (having + 0.5))
    found = {}
    for at, passage in enumerate(passages):
        norm = _K1 * (1 - _B + _B * passage.length / (average or 1.0))
        score = sum(
            each * count * (_K1 + 1) / (count + norm)
            for term, each in rarity.items()
            if (count := passage.counts.get(term))
        )
        if score > 0:
            found[at] = score
    return found


def _best(
    passages: Sequence[Passage], searched: frozenset[str], question: Question, query: Query, indexer: Indexer
) -> list[Hit]:
    some = [passage for passage in passages if _is_wanted(passage, query)]
    weights = dict.fromkeys(sorted(searched), 1.0)
    by_score = scores(some, weights)
    if query.expand:
        by_score = scores(some, {**dict.fromkeys(_added(some, by_score, searched), WEIGHT), **weights})
    count = max(WORDS_COUNTS[0], WORDS_COUNTS[1] * query.k)
    best = _best_of(by_score, count)
    found = {("worded", "all"): _reply([some[at] for at in best], [by_score[at] for at in best])}
    for name, (mark, _) in BONUSES.items():
        having = [each for each in some if mark in each.counts][:MARKED_COUNT]
        found["marked", name] = _reply(having, [0.0] * len(having))
    order, _ = ranked(found, question, query, indexer)
    by_key = {passage.document: passage for passage in passages}
    hits = [_surrounded(each, by_key, query.neighbors) for each in islice(order, query.k + SPARE_HITS)]
    return [hits[at] for at in without_repeats([hit.text for hit in hits], query.k)]


def _added(passages: Sequence[Passage], by_score: Mapping[int, float], searched: frozenset[str]) -> list[str]:
    """Return the terms to add to a query, after the passages that match it best."""
    some = [list(Counter(passages[at].counts).elements()) for at in _best_of(by_score, SAMPLE_COUNT)]
    return expansion([*searched, *(mark for mark, _ in BONUSES.values())], some)


def _best_of(by_score: Mapping[int, float], count: int) -> list[int]:
    return heapq.nlargest(count, by_score, key=lambda at: (by_score[at], -at))


def _is_wanted(passage: Passage, query: Query) -> bool:
    """Return whether a passage is in the range of a search. Its session is."""
    if query.roles is not None and passage.role not in query.roles:
        return False
    if query.after is None and query.before is None:
        return True
    if passage.time is None:
        return False
    seconds = passage.time / _MICROSECONDS
    return (query.after is None or seconds >= query.after) and (query.before is None or seconds < query.before)


def _reply(passages: Sequence[Passage], scores: list[float]) -> SearchReply:
    """Return passages as a search module would."""
    fields: dict[bytes, list[bytes | None]] = {
        b"role": [to_member(each.role) for each in passages],
        b"name": [to_member(each.name) if each.name else None for each in passages],
        b"created": [None if each.time is None else str(each.time / _MICROSECONDS).encode() for each in passages],
    }
    return SearchReply([each.document for each in passages], scores, fields)


def _surrounded(found: Candidate, by_key: Mapping[str, Passage], neighbors: int) -> Hit:
    suffix = f"{found.seq}/{found.piece}" if found.piece else str(found.seq)
    passage = by_key[f"{found.keys.documents}{suffix}"]
    hit = _hit(passage, found.score, passage.pieces)
    if neighbors:
        for seqs, around in ((earlier(found, neighbors), hit.before), (later(found, neighbors), hit.after)):
            there = (by_key.get(f"{found.keys.documents}{seq}") for seq in seqs)
            around.extend([_hit(each, found.score, 1) for each in there if each is not None][:neighbors])
        hit.before.reverse()
    return hit


def _hit(passage: Passage, score: float, pieces: int) -> Hit:
    return Hit(
        session_id=passage.keys.session_id,
        seq=passage.seq,
        message_id=passage.id or derived_id(passage.epoch, passage.seq),
        text=passage.text,
        role=passage.role,
        name=passage.name,
        user_id=passage.user,
        created=None if passage.time is None else datetime.fromtimestamp(passage.time / _MICROSECONDS, UTC),
        score=score,
        piece=passage.piece if pieces > 1 else 0,
        pieces=pieces,
        sent=passage.sent,
    )
