"""The flow that makes the documents of a batch with their vectors, before they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from langchain_motorhead.exceptions import EmbeddingError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.documents import DocumentDraft
from langchain_motorhead.recall.indexing.drafting import to_rows
from langchain_motorhead.recall.indexing.embedding import check_lengths, embed_all
from langchain_motorhead.recall.indexing.index import Indexer, prepared
from langchain_motorhead.recall.indexing.vectors import LEASE_MS
from langchain_motorhead.search_index.lifecycle import vector_field
from langchain_motorhead.search_index.vectors import stored_vectors
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.leases import renew
from langchain_motorhead.storage.operation import Value


class EmbeddedRows(NamedTuple):
    """The documents of a batch.

    Attributes:
        rows: For each document the end of its key, the number of its message, and its fields, with its vector if it has
            one.
        failed: Messages with a document that got no vector, and why. None if its vector does not fit the datatype.
        generation: Generation of the index, of which the names of its vector fields are made.
    """

    rows: list[tuple[str, int, dict[str, Value]]]
    failed: dict[int, EmbeddingError | None]
    generation: int


def embedded_rows(
    keys: SessionKeys, token: str, indexer: Indexer, batch: Sequence[DocumentDraft], there: Description | None
) -> Flow[EmbeddedRows]:
    """Embed the documents of a batch. The index is made or checked once the length of vectors is known.

    Args:
        keys: Keys of the session.
        token: Token that took the indexing lease. It is renewed while the model answers.
        indexer: How messages are indexed.
        batch: The documents.
        there: Description of the index, if there is one.

    Raises:
        EmbeddingError: The model failed.
        EmbeddingMismatchError: The index was made with another model or other settings.
    """
    heartbeat = renew(keys.indexing, token, LEASE_MS)
    found = yield from embed_all([each.embedded for each in batch], [each.line for each in batch], heartbeat)
    dimensions = check_lengths(found)
    if dimensions is not None and (there is None or not indexer.ready):
        there = yield from prepared(indexer, dimensions)
    elif dimensions is not None and there is not None:
        indexer.check(there, dimensions)
    rows, failed = to_rows(batch, keys), dict[int, EmbeddingError | None]()
    for draft, row, data in zip(batch, rows, stored_vectors(found, indexer.recall.datatype), strict=True):
        if isinstance(data, bytes) and there is not None:
            row[-1][vector_field(there.generation)] = data
        else:
            failed[draft.seq] = data if isinstance(data, EmbeddingError) else None
    return EmbeddedRows(rows, failed, 0 if there is None else there.generation)
