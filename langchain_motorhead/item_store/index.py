"""The item store's vector index: its schema and queries, built with redisvl. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead.exceptions import EmbeddingError
from langchain_motorhead.item_store.operations import vector_prefix
from langchain_motorhead.item_store.paths import tags
from langchain_motorhead.search_index.lifecycle import creation
from langchain_motorhead.search_index.queries import TO_THE_END, nearest
from langchain_motorhead.search_index.vectors import to_bytes
from langchain_motorhead.storage.operation import Value

_DATATYPE = "float32"
# The index allocates memory for this many vectors at once.
_BLOCK_VECTORS = 64


def prepare() -> None:
    """Import the libraries that a search needs, which takes long."""
    import numpy as np
    import redisvl.query
    import redisvl.schema  # noqa: F401

    to_bytes([np.zeros(1)], _DATATYPE)


def index_creation(store: str, dimensions: int, *, scan: bool) -> tuple[Any, ...]:
    """Return the arguments of FT.CREATE after the index's name.

    Args:
        store: Key of the store.
        dimensions: Dimensions of its vectors.
        scan: Whether vectors may exist already.
    """
    from redisvl.schema import IndexSchema

    # Compares with every vector, so that the results are exact.
    vector = {
        "algorithm": "flat",
        "dims": dimensions,
        "distance_metric": "cosine",
        "datatype": _DATATYPE,
        "block_size": _BLOCK_VECTORS,
    }
    schema = IndexSchema.from_dict(
        {
            "index": {"name": store, "prefix": vector_prefix(store), "key_separator": "", "storage_type": "hash"},
            "fields": [
                {"name": "within", "type": "tag", "attrs": {"case_sensitive": True}},
                {"name": "vector", "type": "vector", "attrs": vector},
            ],
        }
    )
    return creation(schema, 1, scan=scan)


def index_query(vector: Any, prefix: Sequence[str], count: int) -> tuple[Value, ...]:
    """Return the arguments of FT.SEARCH after the index's name that find the nearest vectors below a namespace prefix.

    Raises:
        EmbeddingError: The vector has a number that cannot be stored.
    """
    (data,) = _stored([vector])
    return nearest(data, _below(prefix), count, ())


def index_count(prefix: Sequence[str]) -> tuple[Value, ...]:
    """Return the arguments of FT.SEARCH after the index's name that count the vectors below a namespace prefix."""
    from redisvl.query import CountQuery

    return (*CountQuery(filter_expression=_below(prefix)).get_args(), *TO_THE_END)


def within(namespace: Sequence[str]) -> str:
    """Return the tags of an item's vectors: one for its namespace and for each prefix of it."""
    return ",".join(tags(namespace))


def _below(prefix: Sequence[str]) -> Any:
    from redisvl.query.filter import Tag

    tag = list(tags(prefix))[-1:]
    return Tag("within") == tag if tag else None


def to_stored(vectors: Any) -> list[bytes]:
    """Return numpy vectors as they are stored; empty for a zero vector, which has no direction and is near nothing.

    Raises:
        EmbeddingError: A vector has a number that cannot be stored.
    """
    return [data if vector.any() else b"" for vector, data in zip(vectors, _stored(vectors), strict=True)]


def _stored(vectors: Any) -> list[bytes]:
    stored = []
    for data in to_bytes(vectors, _DATATYPE):
        if data is None:
            raise EmbeddingError(f"the embedding model returned a vector with a number that {_DATATYPE} cannot hold")
        stored.append(data)
    return stored
