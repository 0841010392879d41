"""The index of a store's vectors, as redisvl describes it, and how it is asked. Does no I/O."""

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
# Vectors that the index makes room for at once.
_BLOCK = 64


def prepare() -> None:
    """Import what is needed when it is needed, which takes long."""
    import numpy as np
    import redisvl.query
    import redisvl.schema  # noqa: F401

    to_bytes([np.zeros(1)], _DATATYPE)


def index_creation(store: str, dimensions: int, *, scan: bool) -> tuple[Any, ...]:
    """Give what follows the index's name in FT.CREATE.

    Args:
        store: Key of the store.
        dimensions: Of its vectors.
        scan: Whether there may be vectors already.
    """
    from redisvl.schema import IndexSchema

    # Every vector in question is compared with, so that what is nearest is found and not only what is near.
    vector = {
        "algorithm": "flat",
        "dims": dimensions,
        "distance_metric": "cosine",
        "datatype": _DATATYPE,
        "block_size": _BLOCK,
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
    """Give what follows the index's name in FT.SEARCH for what is nearest to a vector, below a prefix.

    Raises:
        EmbeddingError: The vector has a number that cannot be stored.
    """
    (data,) = _stored([vector])
    return nearest(data, _below(prefix), count, ())


def index_count(prefix: Sequence[str]) -> tuple[Value, ...]:
    """Give what follows the index's name in FT.SEARCH for how many vectors there are below a prefix."""
    from redisvl.query import CountQuery

    return (*CountQuery(filter_expression=_below(prefix)).get_args(), *TO_THE_END)


def within(namespace: Sequence[str]) -> str:
    """Give the tags of an item's vectors."""
    return ",".join(tags(namespace))


def _below(prefix: Sequence[str]) -> Any:
    from redisvl.query.filter import Tag

    tag = list(tags(prefix))[-1:]
    return Tag("within") == tag if tag else None


def to_stored(vectors: Any) -> list[bytes]:
    """Give vectors, arrays of numpy, as they are stored; empty for one of zeros, which is near nothing.

    Raises:
        EmbeddingError: One has a number that cannot be stored.
    """
    return [data if vector.any() else b"" for vector, data in zip(vectors, _stored(vectors), strict=True)]


def _stored(vectors: Any) -> list[bytes]:
    stored = []
    for data in to_bytes(vectors, _DATATYPE):
        if data is None:
            raise EmbeddingError(f"the embedding model gave a vector with a number that {_DATATYPE} cannot hold")
        stored.append(data)
    return stored
