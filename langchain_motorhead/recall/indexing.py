"""The indexing flow: reads the unindexed messages of a session, embeds them in batches, and stores documents.

A message's documents and the position up to which the session is indexed are stored in one step. So each message is
indexed exactly once even if workers crash, and a session that is deleted meanwhile stays deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from langchain_motorhead.concurrency.bounded_call import TooSlowError
from langchain_motorhead.exceptions import (
    EmbeddingError,
    EmbeddingMismatchError,
    InvalidMessageError,
    SearchUnavailableError,
)
from langchain_motorhead.flows.leases import with_lease
from langchain_motorhead.flows.protocol import Embed, Flow, Pause
from langchain_motorhead.messages.codec import decode, other_role
from langchain_motorhead.recall import index_operations as operations
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.documents import (
    CONTEXT,
    CONTEXT_REACH,
    DocumentDraft,
    stored_utterance,
    to_drafts,
    to_utterance,
)
from langchain_motorhead.recall.index import PROBE, Indexer, set_up
from langchain_motorhead.recall.index_operations import Description, IndexLease, IndexOutcome, Unindexed
from langchain_motorhead.search_index.lifecycle import vector_field
from langchain_motorhead.search_index.vectors import to_bytes
from langchain_motorhead.sessions.operations import give_up, renew
from langchain_motorhead.storage.keys import SessionKeys, to_tag
from langchain_motorhead.storage.operation import Operation, Value

logger = logging.getLogger(__name__)

# A dead worker blocks the next one for this long. A running worker renews its lease every few seconds.
LEASE_MS = 10_000
# Largest number of messages read, or texts embedded, at once.
BATCH = 256
_POLL_PAUSE = Pause(0.1)


class IndexState(Enum):
    """How far a session is indexed after an attempt to index it."""

    DONE = "done"
    """All messages are indexed."""
    BUSY = "busy"
    """Another worker holds the indexing lease: it indexes the session, unless it crashed."""
    DEFERRED = "deferred"
    """The embedding model failed, now or a short time ago. The session is tried again later."""


def index(keys: SessionKeys, token: str, indexer: Indexer, *, wait: bool) -> Flow[IndexState]:
    """Index the messages of a session that are not indexed. The lease is released in the end, also after a failure.

    Args:
        keys: Keys of the session.
        token: Random token of this worker, for the lease.
        indexer: How messages are indexed.
        wait: Whether to wait for another worker that indexes the session, instead of leaving the work to it.

    Returns:
        `DONE`, or `BUSY` if the work was left to another worker.

    Raises:
        EmbeddingError: The model failed. Messages that are not indexed stay in the list.
        EmbeddingMismatchError: The index was made with another model or other settings.
    """
    return with_lease(_index(keys, token, indexer, wait=wait), give_up(keys.indexing, token))


def _index(keys: SessionKeys, token: str, indexer: Indexer, *, wait: bool) -> Flow[IndexState]:
    refused = None
    while True:
        seen: Unindexed | IndexLease
        seen, there = yield operations.unindexed(
            keys, token, lease=LEASE_MS, limit=BATCH, reach=CONTEXT_REACH, context=CONTEXT
        )
        if seen is IndexLease.BUSY and wait:
            yield _POLL_PAUSE
            continue
        if isinstance(seen, IndexLease):
            return IndexState.BUSY if seen is IndexLease.BUSY else IndexState.DONE
        if there is not None:
            indexer.check(there, None)
        upto, batch = _batch(seen, keys, indexer)
        vectors = yield from _embed(batch, keys, token)
        dimensions = next((len(vector) for vector in vectors if vector is not None), None)
        check_lengths(vectors, dimensions)
        if there is None or not indexer.ready:
            there = yield from _ready(indexer, there, dimensions)
        elif dimensions is not None:
            indexer.check(there, dimensions)
        documents = _documents(batch, vectors, keys, indexer.recall, there)
        generation = 0 if there is None else there.generation
        outcome = yield operations.index(keys, token, seen, upto, documents, lease=LEASE_MS, generation=generation)
        if outcome is IndexOutcome.DONE:
            return IndexState.DONE
        if outcome is IndexOutcome.MORE:
            continue
        if refused == (seen.epoch, seen.indexed, seen.user, generation):  # not because the session changed
            raise EmbeddingMismatchError(
                f"session {keys.session_id!r} has documents of a later index of namespace {keys.namespace!r} than the "
                "described one. Call Motorhead.reindex()"
            )
        refused = (seen.epoch, seen.indexed, seen.user, generation)


def embed_all(
    texts: Sequence[str], instead: Sequence[str], heartbeat: Operation[None] | None = None
) -> Flow[list[Any]]:
    """Return a vector for each text, or None for a text that the model rejects alone.

    Args:
        texts: The texts.
        instead: For each text, what to embed if the model rejects it.
        heartbeat: Operation to execute every few seconds during the call.

    Raises:
        EmbeddingError: The model rejects every text at present.
    """
    if not texts:
        return []
    try:
        vectors = yield Embed(tuple(texts), heartbeat=heartbeat)
        return list(vectors)
    except EmbeddingError as error:
        if isinstance(error.__cause__, TooSlowError):
            raise
        # Either the model fails, or it rejects one of the texts, which must not block the others for ever.
        yield Embed((PROBE,), heartbeat=heartbeat)
        if len(texts) == 1 and instead[0] != texts[0]:  # the context may be the reason
            return (yield from embed_all(instead, instead, heartbeat))
        if len(texts) == 1:
            logger.warning("a message can only be found by its words, because %s", error)
            return [None]
    half = len(texts) // 2
    first = yield from embed_all(texts[:half], instead[:half], heartbeat)
    second = yield from embed_all(texts[half:], instead[half:], heartbeat)
    return first + second


def suffix(entry: DocumentDraft) -> str:
    """Return the end of a document's key."""
    return f"{entry.seq}/{entry.piece}" if entry.piece else str(entry.seq)


def _batch(seen: Unindexed, keys: SessionKeys, indexer: Indexer) -> tuple[int, list[DocumentDraft]]:
    """Return the documents of the next messages, at least one and at most a batch, and the position after them."""
    messages, sent = [], dict[int, str]()
    for at, record in enumerate(seen.records, seen.start):
        try:
            messages.append(decode(record))
            if (role := other_role(record, messages[-1])) is not None:
                sent[at] = role
        except InvalidMessageError as error:
            messages.append(None)  # type: ignore[arg-type]
            logger.warning("session %r: record %d is not indexed: %s", keys.session_id, at, error)
    known = seen.indexed - seen.start
    before = [stored_utterance(*each) for each in reversed(seen.earlier)]
    before += [each for message in messages[:known] if (each := to_utterance(message, indexer.recall)) is not None]
    made = to_drafts(messages[known:], seen.indexed, before, indexer.recall, indexer.count, sent)
    upto, batch = seen.indexed, list[DocumentDraft]()
    for pieces in made:
        if batch and len(batch) + len(pieces) > BATCH:
            break
        batch += pieces
        upto += 1
    return upto, batch


def check_lengths(vectors: Sequence[Any], dimensions: int | None) -> None:
    """Refuse vectors of different lengths.

    Raises:
        EmbeddingError: A vector has another number of dimensions.
    """
    for vector in vectors:
        if vector is not None and len(vector) != dimensions:
            raise EmbeddingError(
                f"the embedding model returned vectors of {dimensions} and of {len(vector)} dimensions"
            )


def _embed(batch: Sequence[DocumentDraft], keys: SessionKeys, token: str) -> Flow[list[Any]]:
    heartbeat = renew(keys.indexing, token, LEASE_MS)
    vectors: list[Any] = []
    for at in range(0, len(batch), BATCH):
        part = batch[at : at + BATCH]
        vectors += yield from embed_all([entry.embedded for entry in part], [entry.line for entry in part], heartbeat)
    return vectors


def _ready(indexer: Indexer, there: Description | None, dimensions: int | None) -> Flow[Description | None]:
    """Create the index before its first document. Without a search module, documents are stored for later."""
    if dimensions is None:
        return there  # none of these messages is indexed
    try:
        return (yield from set_up(indexer, dimensions))
    except SearchUnavailableError as error:
        if not indexer.unsearchable:
            logger.warning("messages are embedded, but cannot be searched yet: %s", error)
        indexer.unsearchable = True
        new = yield operations.describe(indexer.namespace)
        return new  # type: ignore[no-any-return]


def _documents(
    batch: Sequence[DocumentDraft], vectors: Sequence[Any], keys: SessionKeys, recall: Recall, there: Description | None
) -> list[tuple[str, int, Mapping[str, Value]]]:
    session, namespace = to_tag(keys.session_id), to_tag(keys.namespace)
    field = None if there is None else vector_field(there.generation)
    stored = iter(to_bytes([vector for vector in vectors if vector is not None], recall.datatype))
    documents: list[tuple[str, int, Mapping[str, Value]]] = []
    for entry, vector in zip(batch, vectors, strict=True):
        fields: dict[str, Value] = {
            "text": entry.text,
            "terms": entry.terms,
            "role": entry.role,
            "session": session,
            "namespace": namespace,
            "seq": entry.seq,
        }
        if entry.name:
            fields["name"] = entry.name
        if entry.id:
            fields["id"] = entry.id
        if entry.pieces > 1:
            fields["pieces"] = entry.pieces
        if entry.sent:
            fields["sent"] = entry.sent
        data = None if vector is None else next(stored)
        if data is not None and field is not None:
            fields[field] = data
        elif vector is not None and data is None:
            logger.warning(
                "a message can only be found by its words, because its vector does not fit %s", recall.datatype
            )
        documents.append((suffix(entry), entry.seq, fields))
    return documents
