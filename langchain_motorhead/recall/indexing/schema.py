"""The recall index's schema, and its word queries and filters, built with redisvl, which is imported on first use.

A filter is never intersected with a union of words, because version 2.10 of the search module would then ignore most
words in the score and find less. Instead the filter stands beside each word, negated twice, which keeps it out of the
score. Words are stemmed by `recall/words/terms.py`, since the module expands a word that it stems into such a union.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.words.terms import terms
from langchain_motorhead.search_index.queries import RETURNED, TO_THE_END, nearest
from langchain_motorhead.storage.keys import recall_key, to_tag

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression
    from redisvl.schema import IndexSchema

    from langchain_motorhead.recall.words.times import Period

# An index allocates memory for this many vectors at once. The module's default is 1,024, even for a small index.
_BLOCK_VECTORS = 64
# How many vectors an approximate search keeps as candidates. Of a million, the module's default of 10 finds 53 % of the
# nearest ten, and 200 finds 99 %, in 0.6 ms instead of 0.2.
_EF_RUNTIME = 200
_TAG_ATTRIBUTES = {"case_sensitive": True}
# Values may contain a comma. A search returns these fields of hundreds of documents. The module takes sortable ones
# from the index, without a look into each document: that saves a third of its time, and costs 150 bytes a document.
_TEXT_TAG_ATTRIBUTES = {"separator": "\x1f", "sortable": True}
# A query may be a whole document. Only its first terms are searched.
_MAX_QUERY_TERMS = 64


def prepare(language: str) -> None:
    """Import the libraries that a search needs, which takes long."""
    import numpy  # noqa: F401, ICN001 - checks vectors, and redisvl imports it only when it needs it
    import redisvl.query
    import redisvl.schema  # noqa: F401

    terms("\u6771 42", language)


def index_name(namespace: str, generation: int) -> str:
    """Return the name of a generation's index. Its alias is `recall_key`."""
    return f"{recall_key(namespace)}/{generation}"


def index_schema(namespace: str, recall: Recall, dimensions: int, generation: int = 1) -> IndexSchema:
    """Return the schema of a namespace's index.

    The text itself is not indexed. Its terms are, and indexing both would take half as long again.
    """
    from redisvl.schema import IndexSchema

    vector: dict[str, Any] = {
        "algorithm": recall.algorithm,
        "dims": dimensions,
        "distance_metric": recall.metric,
        "datatype": recall.datatype,
    }
    if recall.algorithm == "flat":
        vector["block_size"] = _BLOCK_VECTORS
    else:
        vector["ef_runtime"] = _EF_RUNTIME
    return IndexSchema.from_dict(
        {
            "index": {
                "name": index_name(namespace, generation),
                "prefix": f"{recall_key(namespace)}:",
                "key_separator": "",
                "storage_type": "hash",
            },
            "fields": [
                {"name": "terms", "type": "text", "attrs": {"no_stem": True}},
                {"name": "role", "type": "tag", "attrs": _TEXT_TAG_ATTRIBUTES},
                {"name": "name", "type": "tag", "attrs": _TEXT_TAG_ATTRIBUTES},
                {"name": "session", "type": "tag", "attrs": _TAG_ATTRIBUTES},
                {"name": "namespace", "type": "tag", "attrs": _TAG_ATTRIBUTES},
                {"name": "user", "type": "tag", "attrs": _TAG_ATTRIBUTES},
                {"name": "created", "type": "numeric"},
                {"name": "seq", "type": "numeric"},
                {"name": "vector", "type": "vector", "attrs": vector},
            ],
        }
    )


@lru_cache(maxsize=1024)
def scope(session_id: str | None, user_id: str | None) -> tuple[FilterExpression, ...]:
    """Return the filters for one session, or for the sessions of one user."""
    from redisvl.query.filter import Tag

    wanted = (("session", session_id), ("user", user_id))
    return tuple(Tag(field) == to_tag(value) for field, value in wanted if value is not None)


def narrowed(
    roles: Sequence[str] | None,
    after: float | None,
    before: float | None,
    unseen: tuple[str, int] | None,
    filter_: FilterExpression | None,
) -> list[FilterExpression]:
    """Return the filters for the other conditions of a search. `Query` explains the arguments."""
    if all(each is None for each in (roles, after, before, unseen, filter_)):
        return []
    from redisvl.query.filter import FilterExpression, Num, Tag

    filters: list[FilterExpression] = []
    if roles is not None:
        filters.append(Tag("role") == list(roles))
    if after is not None:
        filters.append(Num("created") >= after)
    if before is not None:
        filters.append(Num("created") < before)
    if unseen is not None:
        session_id, seq = unseen
        filters.append((Tag("session") != to_tag(session_id)) | (Num("seq") < seq))
    if filter_ is not None and str(filter_) != "*":
        filters.append(FilterExpression(f"({filter_})"))  # in parentheses, because it may contain a |
    return filters


def in_periods(periods: Sequence[Period]) -> FilterExpression:
    """Return the filter for messages that were appended in one of some periods; there is at least one."""
    from redisvl.query.filter import FilterExpression

    ranges = (f"@created:[{each.start} ({each.stop}]" for each in periods)
    return FilterExpression(f"({'|'.join(ranges)})")


def worded(
    words: Sequence[str],
    filter_: FilterExpression | None,
    count: int,
    fields: Sequence[str] = RETURNED,
    added: Sequence[str] = (),
    weight: float = 1.0,
) -> tuple[Any, ...]:
    """Return the arguments of FT.SEARCH after the index's name that find documents by terms, scored by BM25.

    Args:
        words: The terms.
        filter_: The scope.
        count: How many to find.
        fields: Fields to return.
        added: More terms.
        weight: What the score of each of these is multiplied by.
    """
    # After the word: before it, the module finds only the first document if both sets have all documents.
    beside = "" if filter_ is None else f" -(-({filter_}))"
    union = [f"(@terms:{word}{beside})" for word in list(dict.fromkeys(words))[:_MAX_QUERY_TERMS]]
    # The module ignores a weight on a single word. It applies the weight if the word is combined with a condition.
    union += [f"((@terms:{word}{beside or f' -(-(@terms:{word}))'})=>{{$weight:{weight}}})" for word in added]
    return (f"({'|'.join(union)})", *_scored("BM25STD", count, tuple(fields)), *TO_THE_END)


@lru_cache
def _scored(scorer: str | None, count: int, fields: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the arguments after the query that redisvl makes for documents with scores."""
    from redisvl.query import FilterQuery

    query = FilterQuery(return_fields=list(fields), num_results=count)
    query.verbatim().with_scores()
    if scorer is not None:
        query.scorer(scorer)
    return tuple(query.get_args()[1:])


def marked(
    mark: str, vector: bytes | None, filter_: FilterExpression | None, count: int, fields: Sequence[str] = RETURNED
) -> tuple[Any, ...]:
    """Return the arguments of FT.SEARCH after the index's name for documents with a mark of `words/standing.py`.

    Args:
        mark: The mark.
        vector: Find those nearest to this vector. If it is None, any of them are found.
        filter_: The scope.
        count: How many to find.
        fields: Fields to return.
    """
    from redisvl.query.filter import FilterExpression

    wanted = f"(@terms:{mark}{'' if filter_ is None else f' {filter_}'})"
    if vector is not None:
        return nearest(vector, FilterExpression(wanted), count, fields)
    return (wanted, *_scored(None, count, tuple(fields)), *TO_THE_END)
