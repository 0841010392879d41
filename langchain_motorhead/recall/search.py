"""The search flow: embeds the query, searches by vector and by words in one round trip, ranks, and reads the best."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_motorhead.exceptions import EmbeddingError, IndexMissingError, SearchUnavailableError, StoreError
from langchain_motorhead.flows.protocol import Embed, Flow
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.recall import search_operations as operations
from langchain_motorhead.recall.descriptions import Description, describe
from langchain_motorhead.recall.index import Indexer, set_up
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.ranking import MessageRef, fuse
from langchain_motorhead.recall.results import GROWTH, SPARE_HITS, Candidate, read_hits
from langchain_motorhead.recall.schema import narrowed, scope, worded
from langchain_motorhead.recall.scripts import words
from langchain_motorhead.recall.terms import terms
from langchain_motorhead.search_index.lifecycle import vector_field
from langchain_motorhead.search_index.queries import DISTANCE, Match, SearchReply, nearest
from langchain_motorhead.search_index.vectors import from_bytes, to_bytes
from langchain_motorhead.storage.keys import SessionKeys, from_quoted, session_keys

logger = logging.getLogger(__name__)

# How many documents to find by vector, and by words. Measured, as `ranking.py` says.
_VECTOR_COUNT, _WORDS_COUNT = 100, 200
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
    counts = (max(_VECTOR_COUNT, 2 * enough), max(_WORDS_COUNT, 4 * enough)) if by_words else (enough + SPARE_HITS, 0)
    again = True
    if query.exclude_window:
        counts = (counts[0] + _WINDOW_COUNT, counts[1])
    while True:
        counts = (min(counts[0], _MAX_FOUND), min(counts[1], _MAX_FOUND))
        queries = list(_queries(vector, by_words, counts, query, indexer))
        if not queries:
            return []
        answers, there = yield from _run_queries([each for _, _, each in queries], indexer, vector)
        found = {kind: answer.matches for (kind, _, _), answer in zip(queries, answers, strict=True)}
        ranked, all_fit = _ranked(found, query, indexer)
        name = None if there is None or query.search_type != "mmr" else vector_field(there.generation)
        hits = yield from read_hits(ranked, found, enough, query, name, check=there is not None and there.erasing)
        if name is not None and again and not all(data for _, data in hits):
            again = False  # the index was replaced after the search
            continue
        full = [count for (_, count, _), answer in zip(queries, answers, strict=True) if answer.total >= count]
        if len(hits) >= enough or not all_fit or not full or min(full) >= _MAX_FOUND:
            break
        counts = (GROWTH * counts[0], GROWTH * counts[1])
    if query.search_type == "mmr":
        return _diverse(hits, vector, query, indexer)
    return [hit for hit, _ in hits]


def _queries(
    vector: Any, by_words: Sequence[str], counts: tuple[int, int], query: Query, indexer: Indexer
) -> Iterator[tuple[str, int, tuple[Any, ...]]]:
    """Return an iterator over the queries: for each its kind, how many documents to find, and its arguments."""
    filter_: Any = None
    narrow = narrowed(query.roles, query.after, query.before, query.unseen, query.filter)
    for each in (*scope(query.session_id, query.user_id), *narrow):
        filter_ = each if filter_ is None else filter_ & each
    if vector is not None:
        fields = operations.DOCUMENT_FIELDS if query.search_type == "similarity" else None
        (data,) = to_bytes([vector], indexer.recall.datatype)
        if data is None:
            raise EmbeddingError(f"the vector of the query has a number that {indexer.recall.datatype} cannot hold")
        yield "near", counts[0], nearest(data, filter_, counts[0], fields)
    if by_words:
        yield "worded", counts[1], worded(by_words, filter_, counts[1])


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


def _ranked(found: Mapping[str, Sequence[Match]], query: Query, indexer: Indexer) -> tuple[list[Candidate], bool]:
    """Return the messages found, best first, and whether all of them reach the threshold of the score."""
    best: dict[MessageRef, tuple[int, int]] = {}
    names: dict[MessageRef, str] = {}
    scores: dict[str, dict[MessageRef, float]] = {"near": {}, "worded": {}}
    # The word search comes second, as it finds the best piece of a long message more reliably.
    for kind, to_score in (("near", _SIMILARITY[indexer.recall.metric]), ("worded", float)):
        known = scores[kind]
        for match in found.get(kind, ()):
            session, _, rest = match.key.rpartition(":")
            seq, _, piece = rest.partition("/")
            if not seq.isdecimal():  # not a document of this package
                continue
            place, score = (session, int(seq)), to_score(match.score)
            if score > known.get(place, -_INFINITY):
                known[place] = score
                best[place] = (int(piece or 0), int(match.fields.get("pieces", 1)))
            if "name" in match.fields:
                names[place] = match.fields["name"]
    if query.search_type == "hybrid":
        ranking = fuse(scores["near"], scores["worded"], names, words(query.text))
    else:
        ranking = dict(sorted(scores["near"].items(), key=lambda item: (-item[1], item[0])))
    ranked, keys = list[Candidate](), dict[str, SessionKeys]()
    for place, score in ranking.items():
        if query.score_threshold is not None and score < query.score_threshold:
            return ranked, False
        session, number = place
        if session not in keys:
            keys[session] = session_keys(indexer.namespace, from_quoted(session.rpartition("/")[2].rstrip("}")))
        ranked.append(Candidate(keys[session], number, *best[place], score))
    return ranked, True


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
