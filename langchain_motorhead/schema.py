"""The index and its queries, as redisvl describes them. Imports redisvl when first used, and does no I/O.

A filter is never intersected with a union of words: version 2.10 of the search module then leaves most words out
of the score, and finds less. So the filter stands beside each word, negated twice, which keeps the filter itself
out of the score; and words are stemmed before they get here, since one that the module stems is such a union as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_motorhead.keys import recall_key, to_tag
from langchain_motorhead.recall import Recall
from langchain_motorhead.terms import terms

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression
    from redisvl.schema import IndexSchema

# What a search returns of a document beside its key, where it finds many to choose from.
_RETURNED = ["name", "pieces"]
DISTANCE = "vector_distance"
# Vectors that an index makes room for at once. By itself the module makes room for 1,024, in an index of ten as well.
_BLOCK = 64
# By itself the module stops after half a second, and gives what it has found by then for all there is.
TO_THE_END = ("TIMEOUT", 0)
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


def vector_field(generation: int) -> str:
    """Name the field of a document that has its vector: each generation has its own, so that two can stand together."""
    return "vector" if generation == 1 else f"vector/{generation}"


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


def creation(schema: IndexSchema, generation: int, *, scan: bool) -> tuple[Any, ...]:
    """Give what follows the index's name in FT.CREATE.

    redisvl's own `create` always scans the whole keyspace in the background, during which searches are wrong.
    """
    arguments: list[Any] = ["ON", "HASH", "PREFIX", 1, schema.index.prefix]
    if not scan:
        arguments.append("SKIPINITIALSCAN")
    # Terms have no stop words any more, and no phrases are searched.
    arguments += ["NOOFFSETS", "NOHL", "STOPWORDS", 0, "SCHEMA"]
    for field in schema.redis_fields:
        name, *rest = field.redis_args()
        arguments += [vector_field(generation), "AS", name, *rest] if name == "vector" else [name, *rest]
    return tuple(arguments)


def to_bytes(vectors: Sequence[Any], datatype: str) -> list[bytes | None]:
    """Give vectors, arrays of numpy, as the index stores them; None for one with a number too large for that."""
    import numpy as np

    if not len(vectors):
        return []
    with np.errstate(over="ignore", invalid="ignore"):
        stored = np.asarray(vectors).astype(_dtype(datatype))
        finite = np.isfinite(stored.sum(axis=1, dtype=np.float64))
    return [row.tobytes() if fits else None for row, fits in zip(stored, finite, strict=True)]


def from_bytes(data: bytes, datatype: str) -> list[float]:
    """Undo `to_bytes`."""
    import numpy as np

    return [float(number) for number in np.frombuffer(data, _dtype(datatype))]


def item_size(datatype: str) -> int:
    """Give the bytes of a number of a stored vector."""
    import numpy as np

    return int(np.dtype(_dtype(datatype)).itemsize)


def _dtype(datatype: str) -> Any:
    if datatype != "bfloat16":
        return datatype
    import ml_dtypes  # numpy has none; redisvl brings this

    return ml_dtypes.bfloat16


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


def nearest(
    vector: bytes, filter_: FilterExpression | None, count: int, fields: Sequence[str] | None = None
) -> tuple[Any, ...]:
    """Give what follows the index's name in FT.SEARCH for the nearest neighbours of a vector."""
    from redisvl.query import VectorQuery

    returned = _RETURNED if fields is None else list(fields)
    query = VectorQuery(vector, "vector", return_fields=returned, filter_expression=filter_, num_results=count)
    return (*query.get_args(), "PARAMS", 2, "vector", vector, *TO_THE_END)


def worded(words: Sequence[str], filter_: FilterExpression | None, count: int) -> tuple[Any, ...]:
    """Give what follows the index's name in FT.SEARCH for the documents that have the most telling of some terms."""
    from redisvl.query import FilterQuery
    from redisvl.query.filter import FilterExpression

    beside = "" if filter_ is None else f"(-(-({filter_}))) "
    union = "|".join(f"({beside}@terms:{word})" for word in dict.fromkeys(words[:_MOST_TERMS]))
    query = FilterQuery(FilterExpression(f"({union})"), return_fields=_RETURNED, num_results=count)
    query.verbatim().scorer("BM25STD").with_scores()
    return (*query.get_args(), *TO_THE_END)
