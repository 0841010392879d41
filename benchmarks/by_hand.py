"""Indexing and searching as one would write it with redisvl, for `recall.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from redisvl.query import TextQuery, VectorQuery
from redisvl.query.filter import Tag

from langchain_motorhead.recall.search.findings import VECTOR_COUNTS, WORDS_COUNTS
from langchain_motorhead.recall.search.operations import DOCUMENT_FIELDS
from langchain_motorhead.search_index.queries import RETURNED

DIMENSIONS = 384
COUNT = 10
"""How many results a search has."""


def schema(name: str) -> dict[str, Any]:
    """Give the schema that one would write for this."""
    vector = {"dims": DIMENSIONS, "algorithm": "flat", "distance_metric": "cosine", "datatype": "float32"}
    tags = [{"name": name, "type": "tag"} for name in ("role", "name", "session", "namespace", "user")]
    numbers = [{"name": name, "type": "numeric"} for name in ("created", "seq")]
    text, vectors = {"name": "text", "type": "text"}, {"name": "vector", "type": "vector", "attrs": vector}
    return {"index": {"name": name, "prefix": name}, "fields": [text, *tags, *numbers, vectors]}


def row(text: str, place: int, vector: bytes) -> dict[str, Any]:
    """Give the fields that a document of ours has."""
    return {
        "key": f"{{raw}}:{place}",
        "text": text,
        "role": "ai" if place % 2 else "human",
        "session": f"session%20{place // 256 * 256}",
        "namespace": "raw",
        "user": "bob",
        "created": 1.0,
        "epoch": "0" * 16,
        "seq": place,
        "vector": vector,
    }


class ByHand:
    """Searches as one would write them with redisvl.

    Args:
        index: The index of the package.
        vectors: Vectors to search with. The length of the query's text selects one.
        async_index: The same index, through an async client.
    """

    def __init__(self, index: Any, vectors: Sequence[Sequence[float]], async_index: Any) -> None:
        self.index, self.async_index = index, async_index
        self._scope = Tag("user") == "bob"
        self._vectors = [np.array(vector, np.float32).tobytes() for vector in vectors]

    def nearest(self, text: str) -> Any:
        """Search by meaning."""
        return self.index.query(self._nearest(text, COUNT, DOCUMENT_FIELDS))

    async def anearest(self, text: str) -> Any:
        """Search by meaning, on an event loop."""
        return await self.async_index.query(self._nearest(text, COUNT, DOCUMENT_FIELDS))

    def hybrid(self, text: str) -> Any:
        """Search by meaning and words, and read the best."""
        found = self.index.batch_query(self._both(text))
        with self.index.client.pipeline(transaction=False) as pipeline:
            for key in fused(found):
                pipeline.hmget(key, DOCUMENT_FIELDS)
            return pipeline.execute()

    async def ahybrid(self, text: str) -> Any:
        """Search by meaning and words, and read the best, on an event loop."""
        found = await self.async_index.batch_query(self._both(text))
        async with self.async_index.client.pipeline(transaction=False) as pipeline:
            for key in fused(found):
                pipeline.hmget(key, DOCUMENT_FIELDS)
            return await pipeline.execute()

    def _both(self, text: str) -> list[Any]:
        near = self._nearest(text, VECTOR_COUNTS[0], RETURNED)
        worded = TextQuery(
            text,
            "terms",
            filter_expression=self._scope,
            return_fields=list(RETURNED),
            num_results=WORDS_COUNTS[0],
            stopwords=None,
        )
        return [near, worded]

    def _nearest(self, text: str, count: int, fields: Sequence[str]) -> VectorQuery:
        vector = self._vectors[len(text) % len(self._vectors)]
        return VectorQuery(vector, "vector", list(fields), self._scope, num_results=count)


def fused(found: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return the keys of the best documents by reciprocal rank fusion."""
    scores: dict[str, float] = {}
    for rows in found:
        for rank, row in enumerate(rows, 61):
            scores[row["id"]] = scores.get(row["id"], 0.0) + 1 / rank
    return sorted(scores, key=scores.__getitem__, reverse=True)[:COUNT]
