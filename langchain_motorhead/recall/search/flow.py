"""The search flow: embeds the query, searches by vector and by words in one round trip, ranks, and reads the best."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_motorhead.exceptions import EmbeddingError, IndexMissingError, SearchUnavailableError, StoreError
from langchain_motorhead.flows.protocol import Embed, Flow
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.recall.indexing.descriptions import Description, describe
from langchain_motorhead.recall.indexing.index import Indexer, note_unsearchable, set_up
from langchain_motorhead.recall.indexing.schema import in_periods, marked, narrowed, scope, worded
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.search import operations
from langchain_motorhead.recall.search.expansion import SAMPLE_COUNT, WEIGHT, expansion
from langchain_motorhead.recall.search.findings import (
    BONUSES,
    MARKED_COUNT,
    PERIOD_COUNT,
    SEVERAL_TIMES,
    VECTOR_COUNTS,
    WORDS_COUNTS,
    ranked,
)
from langchain_motorhead.recall.search.results import GROWTH, SPARE_HITS, read_hits
from langchain_motorhead.recall.search.word_search import has_filter, read_words, search_words
from langchain_motorhead.recall.words.question import Question, to_question
from langchain_motorhead.recall.words.terms import terms
from langchain_motorhead.search_index.lifecycle import command, vector_field
from langchain_motorhead.search_index.queries import DISTANCE, RETURNED, SearchReply, nearest
from langchain_motorhead.search_index.vectors import from_bytes, to_bytes
from langchain_motorhead.storage.keys import from_member, recall_key, session_keys

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression

logger = logging.getLogger(__name__)

# How many more to find if those in the window are left out.
_WINDOW_COUNT = 64
# Largest number of documents to find by either, if most of them cannot be returned.
_MAX_FOUND = 20_000
# The rest of a longer query is ignored.
_MAX_QUERY_CHARS = 4_000


class _Vector(NamedTuple):
    """The vector of a query: its numbers, and the bytes that the index compares."""

    numbers: Any
    data: bytes


def search(query: Query, indexer: Indexer) -> Flow[list[Hit]]:
    """Return the messages that match a query, in two round trips unless too many of those found cannot be returned.

    To expand the query costs one more.

    Raises:
        EmbeddingError: The model failed. A `"hybrid"` search does not raise this, but searches by words only.
        EmbeddingMismatchError: The index was made with another model or other settings.
        SearchUnavailableError: Redis has no search module, and the search is not `"hybrid"` or has a filter. Other
            searches read the newest messages then: see `word_search.py`.
    """
    text = without_surrogates(query.text).strip()[:_MAX_QUERY_CHARS]
    if not text:
        return []
    hybrid = query.search_type == "hybrid"
    by_words = terms(text, indexer.recall.language) if hybrid else []
    question = to_question(text, query.now) if hybrid else Question()
    try:
        if indexer.unsearchable:  # the query need not be embedded to see whether that has changed
            yield from _look_for_module(indexer)
        hits = yield from _search_index(text, by_words, question, query, indexer)
    except SearchUnavailableError as error:
        if query.search_type != "hybrid":
            raise
        note_unsearchable(indexer, error)
        return (yield from search_words(query, by_words, question, indexer, error))
    indexer.unsearchable = False
    if hits is None:  # the index is made when the model answers for the first time
        can = query.search_type == "hybrid" and not has_filter(query)
        return (yield from read_words(query, by_words, question, indexer)) if can else []
    return hits


def _look_for_module(indexer: Indexer) -> Flow[None]:
    try:
        yield command("FT.INFO", recall_key(indexer.namespace))
    except IndexMissingError:  # only a server with the module says so
        return


def _search_index(
    text: str, by_words: Sequence[str], question: Question, query: Query, indexer: Indexer
) -> Flow[list[Hit] | None]:
    """Search the index. Returns None if there is none yet."""
    vector = yield from _vector(text, query, indexer)
    enough = max(query.k, query.fetch_k) if query.search_type == "mmr" else query.k
    added: list[str] = []
    if query.expand and by_words:
        added = yield from _expansion(by_words, vector, query, indexer)
    again, growth = True, 1
    while True:
        queries = list(_queries(vector, by_words, added, question, enough, growth, query))
        if not queries:
            return []
        answers, there = yield from _run_queries([each for *_, each in queries], indexer, vector, query.session_id)
        if answers is None:
            return None
        found = {
            (kind, which): answer.first(count, nearest=kind == "near")
            for (kind, which, count, _), answer in zip(queries, answers, strict=True)
        }
        best, all_fit = ranked(found, question, query, indexer)
        name = None if there is None or query.search_type != "mmr" else vector_field(there.generation)
        hits = yield from read_hits(best, found, enough, query, name, check=there is not None and there.erasing)
        if name is not None and again and not all(data for _, data in hits):
            again = False  # the index was replaced after the search
            continue
        full = [
            count for (kind, which, count, _), answer in zip(queries, answers, strict=True)
            if kind != "marked" and which == "all" and answer.total >= count
        ]  # fmt: skip
        if len(hits) >= enough or not all_fit or not full or min(full) >= _MAX_FOUND:
            break
        growth *= GROWTH
    if query.search_type == "mmr" and vector is not None:
        return _diverse(hits, vector.numbers, query, indexer)
    return [hit for hit, _ in hits]


def _queries(
    vector: _Vector | None,
    by_words: Sequence[str],
    added: Sequence[str],
    question: Question,
    enough: int,
    growth: int,
    query: Query,
) -> Iterator[tuple[str, str, int, tuple[Any, ...]]]:
    """Return an iterator over the queries: for each its kind and which, how many to find, and its arguments."""
    where = _where(query)
    more = _WINDOW_COUNT if query.exclude_window else 0
    data = None if vector is None else vector.data
    if query.search_type != "hybrid" or not by_words:
        if data is not None:
            fields: tuple[str, ...] = operations.DOCUMENT_FIELDS if query.search_type == "similarity" else RETURNED
            count = min(growth * (enough + SPARE_HITS + more), _MAX_FOUND)
            yield "near", "all", count, nearest(data, _all_of(where), count, fields)
        return
    filter_ = _all_of(where)
    counts = [
        min(growth * (max(least, each * enough) + more), _MAX_FOUND) for least, each in (VECTOR_COUNTS, WORDS_COUNTS)
    ]
    if question.several:
        counts[0] = min(SEVERAL_TIMES * counts[0], _MAX_FOUND)
    fields = (*RETURNED, "created") if question.timed else RETURNED
    if data is not None:
        yield "near", "all", counts[0], nearest(data, filter_, counts[0], fields)
    yield "worded", "all", counts[1], worded(by_words, filter_, counts[1], fields, added, WEIGHT)
    if question.periods:
        then = _all_of([*where, in_periods(question.periods)])
        if data is not None:
            yield "near", "then", PERIOD_COUNT, nearest(data, then, PERIOD_COUNT, fields)
        yield "worded", "then", PERIOD_COUNT, worded(by_words, then, PERIOD_COUNT, fields, added, WEIGHT)
    for name, (mark, _) in BONUSES.items():
        yield "marked", name, MARKED_COUNT, marked(mark, data, filter_, MARKED_COUNT, fields)


def _expansion(by_words: Sequence[str], vector: _Vector | None, query: Query, indexer: Indexer) -> Flow[list[str]]:
    """Return the terms to add to a query, after the messages that match it best by its words."""
    sample = worded(by_words, _all_of(_where(query)), SAMPLE_COUNT, ("terms",))
    answers, _ = yield from _run_queries([sample], indexer, vector, query.session_id)
    if answers is None:
        return []
    some = answers[0].first(SAMPLE_COUNT, nearest=False).column(b"terms")
    found = [from_member(each or b"").split() for each in some]
    return expansion([*by_words, *(mark for mark, _ in BONUSES.values())], found)


def _where(query: Query) -> list[FilterExpression]:
    return [
        *scope(query.session_id, query.user_id),
        *narrowed(query.roles, query.after, query.before, query.unseen, query.filter),
    ]


def _all_of(filters: Sequence[FilterExpression]) -> FilterExpression | None:
    found: FilterExpression | None = None
    for each in filters:
        found = each if found is None else found & each
    return found


def _vector(text: str, query: Query, indexer: Indexer) -> Flow[_Vector | None]:
    """Return the vector of a query. None if it has to be searched by its words only."""
    datatype = indexer.recall.datatype
    try:
        (numbers,) = yield Embed((text,), query=True)
        (data,) = to_bytes([numbers], datatype)
        if data is None:
            raise EmbeddingError(f"the vector of the query has a number that {datatype} cannot hold")
    except EmbeddingError as error:
        if query.search_type != "hybrid":
            raise
        logger.warning("searching by words only, because %s", error)
        return None
    return _Vector(numbers, data)


def _run_queries(
    queries: Sequence[tuple[Any, ...]], indexer: Indexer, vector: _Vector | None, session_id: str | None
) -> Flow[tuple[list[SearchReply] | None, Description | None]]:
    """Run the queries. If the index was dropped, create it and run them once more.

    Returns:
        What each query found, or None if there is no index yet; and the description of the index.
    """
    dimensions = None if vector is None else len(vector.numbers)
    near = None if session_id is None else session_keys(indexer.namespace, session_id).state
    for last in (False, True):
        try:
            answers, there = yield operations.search(indexer.namespace, queries, DISTANCE, near)
        except SearchUnavailableError:
            raise
        except StoreError as error:
            there = yield describe(indexer.namespace)
            if there is None:
                return None, None
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


def _diverse(hits: Sequence[tuple[Hit, Any]], vector: Any, query: Query, indexer: Indexer) -> list[Hit]:
    """Return those of the nearest messages that repeat each other least."""
    from langchain_core.vectorstores.utils import maximal_marginal_relevance

    if not any(vector):  # it has no direction, so nothing is more or less like it
        return [hit for hit, data in hits if data][: query.k]
    with_vectors = [(hit, from_bytes(data, indexer.recall.datatype)) for hit, data in hits if data]
    compared, others = list[tuple[Hit, list[float]]](), list[Hit]()
    for hit, each in with_vectors:
        if any(each):
            compared.append((hit, each))
        else:
            others.append(hit)
    chosen = maximal_marginal_relevance(
        vector, [each for _, each in compared], lambda_mult=query.lambda_mult, k=query.k
    )
    return [*(compared[at][0] for at in chosen), *others][: query.k]
