"""The index and its queries, as redisvl describes them. Imports redisvl when first used, and does no I/O.

A filter is never intersected with a union of words: version 2.10 of the search module then leaves most words out
of the score, and finds less. So the filter stands beside each word, negated twice, which keeps the filter itself
out of the score; and words are stemmed before they get here, since one that the module stems is such a union as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.terms import terms
from langchain_motorhead.search_index.queries import _RETURNED, TO_THE_END
from langchain_motorhead.storage.keys import recall_key, to_tag

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression
    from redisvl.schema import IndexSchema

# Vectors that an index makes room for at once. By itself the module makes room for 1,024, in an index of ten as well.
_BLOCK = 64
_TAG = {"case_sensitive": True}
_FREE = {"separator": "\x1f"}  # they may hold a comma
# A query may be a whole document; its first words have to do.
_MOST_TERMS = 64


def prepare(language: str) -> None:
    """Import what is needed when it is needed, which takes long."""
    import redisvl.query
    import redisvl.schema  # noqa: F401

    terms("", language)


def index_name(namespace: str, generation: int) -> str:
    """Name the index of a generation; its alias is `recall_key`."""
    return f"{recall_key(namespace)}/{generation}"


def index_schema(namespace: str, recall: Recall, dimensions: int, generation: int = 1) -> IndexSchema:
    """Describe the index of a namespace.

    The text itself is stored and not indexed: its terms are, and indexing both would take half as long again.
    """
    from redisvl.schema import IndexSchema

    vector: dict[str, Any] = {
        "algorithm": recall.algorithm,
        "dims": dimensions,
        "distance_metric": recall.metric,
        "datatype": recall.datatype,
    }
    if recall.algorithm == "flat":
        vector["block_size"] = _BLOCK
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
                {"name": "role", "type": "tag", "attrs": _FREE},
                {"name": "name", "type": "tag", "attrs": _FREE},
                {"name": "session", "type": "tag", "attrs": _TAG},
                {"name": "namespace", "type": "tag", "attrs": _TAG},
                {"name": "user", "type": "tag", "attrs": _TAG},
                {"name": "created", "type": "numeric"},
                {"name": "seq", "type": "numeric"},
                {"name": "vector", "type": "vector", "attrs": vector},
            ],
        }
    )


def scope(session_id: str | None, user_id: str | None) -> list[FilterExpression]:
    """Give the filters of one session, or of one user's sessions."""
    from redisvl.query.filter import Tag

    wanted = (("session", session_id), ("user", user_id))
    return [Tag(field) == to_tag(value) for field, value in wanted if value is not None]


def narrowed(
    roles: Sequence[str] | None,
    after: float | None,
    before: float | None,
    unseen: tuple[str, int] | None,
    filter_: FilterExpression | None,
) -> list[FilterExpression]:
    """Give the filters of what else a search asks for. For the arguments, see `Query`."""
    if (roles, after, before, unseen, filter_) == (None,) * 5:
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
        filters.append(FilterExpression(f"({filter_})"))  # so that no | in it reaches beyond it
    return filters


def worded(words: Sequence[str], filter_: FilterExpression | None, count: int) -> tuple[Any, ...]:
    """Give what follows the index's name in FT.SEARCH for the documents that have the most telling of some terms."""
    from redisvl.query import FilterQuery
    from redisvl.query.filter import FilterExpression

    beside = "" if filter_ is None else f"(-(-({filter_}))) "
    union = "|".join(f"({beside}@terms:{word})" for word in dict.fromkeys(words[:_MOST_TERMS]))
    query = FilterQuery(FilterExpression(f"({union})"), return_fields=_RETURNED, num_results=count)
    query.verbatim().scorer("BM25STD").with_scores()
    return (*query.get_args(), *TO_THE_END)
