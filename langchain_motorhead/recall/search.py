"""The search flow: embeds the query, searches by vector and by words in one round trip, ranks, and reads the best."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_motorhead.exceptions import EmbeddingError, IndexMissingError, SearchUnavailableError, StoreError
from langchain_motorhead.flows.protocol import Embed, Flow
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.recall import search_operations as operations
from langchain_motorhead.recall import standing
from langchain_motorhead.recall.descriptions import Description, describe
from langchain_motorhead.recall.index import Indexer, set_up
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.question import to_question
from langchain_motorhead.recall.ranking import INSTRUCTION, PREFERENCE, Findings, MessageRef, rank
from langchain_motorhead.recall.results import GROWTH, SPARE_HITS, Candidate, read_hits
from langchain_motorhead.recall.schema import marked, narrowed, scope, worded
from langchain_motorhead.recall.standing import ASSISTANT_ROLES
from langchain_motorhead.recall.terms import terms
from langchain_motorhead.search_index.lifecycle import vector_field
from langchain_motorhead.search_index.queries import DISTANCE, Match, SearchReply, nearest
from langchain_motorhead.search_index.vectors import from_bytes, to_bytes
from langchain_motorhead.storage.keys import SessionKeys, from_quoted, session_keys

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression

logger = logging.getLogger(__name__)

# How many documents to find by vector and by words, at least and for each result that is requested. Long messages have
# several. Measured, as `ranking.py` says.
_VECTOR_COUNTS, _WORDS_COUNTS = (100, 10), (200, 20)
# How many messages with a standing wish of each kind to find.
_MARKED_COUNT = 32
_BONUSES = {"instruction": (standing.INSTRUCTION, INSTRUCTION), "preference": (standing.PREFERENCE, PREFERENCE)}
# How many more to find if those in the window are left out.
_WINDOW_COUNT = 64
# Largest number of documents to find by either, if most of them cannot be returned.
_MAX_FOUND = 20_000
# The rest of a longer query is ignored.
_MAX_QUERY_CHARS = 4_000


def search(query: Query, indexer: Indexer) -> Flow[list[Hit]]:
    """Return the messages that match a query, in two round trips unless too many of those found cannot be returned.

    Raises:
        EmbeddingError: The model failed. A `"hybrid"` search does not raise this, but searches by words only.
        EmbeddingMismatchError: The index was made with another model or other settings.
        SearchUnavailableError: Redis has no search module.
    """
    text = without_surrogates(query.text).strip()[:_MAX_QUERY_CHARS]
    if not text:
        return []
    vector = yield from _vector(text, query)
    by_words = terms(text, indexer.recall.language) if query.search_type == "hybrid" else []
    enough = max(query.k, query.fetch_k) if query.search_type == "mmr" else query.k
    again, growth = True, 1
    while True:
        queries = list(_queries(vector, by_words, enough, growth, query, indexer))
        if not queries:
            return []
        answers, there = yield from _run_queries([each for *_, each in queries], indexer, vector)
        found = {(kind, which): answer.matches for (kind, which, *_), answer in zip(queries, answers, strict=True)}
        ranked, all_fit = _ranked(found, query, indexer)
        name = None if there is None or query.search_type != "mmr" else vector_field(there.generation)
        hits = yield from read_hits(ranked, found, enough, query, name, check=there is not None and there.erasing)
        if name is not None and again and not all(data for _, data in hits):
            again = False  # the index was replaced after the search
            continue
        full = [
            count for (kind, _, count, _), answer in zip(queries, answers, strict=True)
            if kind != "marked" and answer.total >= count
        ]  # fmt: skip
        if len(hits) >= enough or not all_fit or not full or min(full) >= _MAX_FOUND:
            break
        growth *= GROWTH
    if query.search_type == "mmr":
        return _diverse(hits, vector, query, indexer)
    return [hit for hit, _ in hits]


def _queries(
    vector: Any, by_words: Sequence[str], enough: int, growth: int, query: Query, indexer: Indexer
) -> Iterator[tuple[str, str, int, tuple[Any, ...]]]:
    """Return an iterator over the queries: for each its kind and which, how many to find, and its arguments."""
    where = [
        *scope(query.session_id, query.user_id),
        *narrowed(query.roles, query.after, query.before, query.unseen, query.filter),
    ]
    more = _WINDOW_COUNT if query.exclude_window else 0
    data = None if vector is None else _data(vector, indexer)
    if query.search_type != "hybrid" or not by_words:
        if data is not None:
            fields = operations.DOCUMENT_FIELDS if query.search_type == "similarity" else None
            count = min(growth * (enough + SPARE_HITS + more), _MAX_FOUND)
            yield "near", "all", count, nearest(data, _all_of(where), count, fields)
        return
    filter_ = _all_of(where)
    counts = [
        min(growth * (max(least, each * enough) + more), _MAX_FOUND) for least, each in (_VECTOR_COUNTS, _WORDS_COUNTS)
    ]
    if data is not None:
        yield "near", "all", counts[0], nearest(data, filter_, counts[0])
    yield "worded", "all", counts[1], worded(by_words, filter_, counts[1])
    for name, (mark, _) in _BONUSES.items():
        yield "marked", name, _MARKED_COUNT, marked(mark, data, filter_, _MARKED_COUNT)


def _data(vector: Any, indexer: Indexer) -> bytes:
    (data,) = to_bytes([vector], indexer.recall.datatype)
    if data is None:
        raise EmbeddingError(f"the vector of the query has a number that {indexer.recall.datatype} cannot hold")
    return data


def _all_of(filters: Sequence[FilterExpression]) -> FilterExpression | None:
    found: FilterExpression | None = None
    for each in filters:
        found = each if found is None else found & each
    return found


def _vector(text: str, query: Query) -> Flow[Any]:
    try:
        (vector,) = yield Embed((text,), query=True)
    except EmbeddingError as error:
        if query.search_type != "hybrid":
            raise
        logger.warning("searching by words only, because %s", error)
        return None
    return vector


def _run_queries(
    queries: Sequence[tuple[Any, ...]], indexer: Indexer, vector: Any
) -> Flow[tuple[list[SearchReply], Description | None]]:
    """Run the queries. If the index was dropped, create it and run them once more."""
    dimensions = None if vector is None else len(vector)
    for last in (False, True):
        try:
            answers, there = yield operations.search(indexer.namespace, queries, DISTANCE)
        except SearchUnavailableError:
            raise
        except StoreError as error:
            there = yield describe(indexer.namespace)
            if there is None:
                return [SearchReply([], 0) for _ in queries], None  # nothing was ever indexed
            indexer.check(there, dimensions)
            if last or not isinstance(error, IndexMissingError):
                raise
            yield from set_up(indexer, there.dimensions)
            continue
        if there is not None:
            indexer.check(there, dimensions)
        if answers is not None:
            return answers, there
    raise StoreError("the index was rebuilt twice during the search. Search again")


def _ranked(
    found: Mapping[tuple[str, str], Sequence[Match]], query: Query, indexer: Indexer
) -> tuple[Iterator[Candidate], bool]:
    """Return an iterator over the messages found, best first, and whether all of them reach the score's threshold."""
    findings, best = _findings(found, indexer)
    if query.search_type == "hybrid":
        ranking = rank(findings, to_question(query.text))
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
    scores: dict[str, dict[MessageRef, float]] = {"marked": {}, "near": {}, "worded": {}}
    # The word search comes last, as it finds the best piece of a long message most reliably.
    for (kind, which), matches in sorted(found.items(), key=lambda item: list(scores).index(item[0][0])):
        known, to_score = scores[kind], _SIMILARITY[indexer.recall.metric] if kind == "near" else float
        for match in matches:
            session, _, rest = match.key.rpartition(":")
            seq, _, piece = rest.partition("/")
            if not seq.isdecimal():  # not a document of this package
                continue
            place = (session, int(seq))
            score = _BONUSES[which][1] if kind == "marked" else to_score(match.score)
            if score > known.get(place, -_INFINITY):
                known[place] = score
                best[place] = (int(piece or 0), int(match.fields.get("pieces", 1)))
            if "name" in match.fields:
                names[place] = match.fields["name"]
            if match.fields.get("role") in ASSISTANT_ROLES:
                assistant.add(place)
    return Findings(scores["near"], scores["worded"], scores["marked"], names, assistant), best


def _diverse(hits: Sequence[tuple[Hit, Any]], vector: Any, query: Query, indexer: Indexer) -> list[Hit]:
    """Return those of the nearest messages that repeat each other least."""
    from langchain_core.vectorstores.utils import maximal_marginal_relevance

    with_vectors = [(hit, from_bytes(data, indexer.recall.datatype)) for hit, data in hits if data]
    chosen = maximal_marginal_relevance(
        vector, [each for _, each in with_vectors], lambda_mult=query.lambda_mult, k=query.k
    )
    return [with_vectors[at][0] for at in chosen]


_INFINITY = float("inf")
_SIMILARITY: dict[str, Any] = {
    "cosine": lambda distance: 1 - distance,
    "ip": lambda distance: 1 - distance,
    "l2": lambda distance: 1 / (1 + distance),
}
