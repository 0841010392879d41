"""Indexing as a flow: what of a session is not indexed, embedded in batches, stored with the count of what is.

A message's documents and the sequence number up to which a session is indexed are stored in one step, so that each
message is indexed exactly once whoever crashes, and a session deleted meanwhile stays deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_motorhead import recall_operations as operations
from langchain_motorhead.codec import decode
from langchain_motorhead.exceptions import (
    EmbeddingError,
    EmbeddingMismatchError,
    InvalidMessageError,
    SearchUnavailableError,
    StoreError,
)
from langchain_motorhead.flows import Embed, Flow, Pause, Vectors
from langchain_motorhead.keys import SessionKeys, recall_key, to_tag
from langchain_motorhead.operations import Operation, Value, renew
from langchain_motorhead.recall import CONTEXT, CONTEXT_REACH, Entry, Recall, entries, read_said, said
from langchain_motorhead.recall_operations import Description, Unindexed
from langchain_motorhead.schema import creation, index_name, index_schema, to_bytes, vector_field
from langchain_motorhead.search_operations import filling
from langchain_motorhead.tokens import TokenCounter

logger = logging.getLogger(__name__)

# Milliseconds. A worker that died holds up the next one for so long; one at work renews it every few seconds.
LEASE = 10_000
# Messages read, and texts embedded, in one go.
BATCH = 256
_POLL = Pause(0.1)
PROBE = "Is anybody there?"
"""Embedded to see how long vectors are, and whether the model is there at all."""


@dataclass(slots=True)
class Indexer:
    """What indexing needs to know beside the session.

    Attributes:
        namespace: Whose index.
        recall: How to index.
        model: Name of the embedding model.
        count: Counts tokens.
        ready: Whether the index is known to be there.
        unsearchable: Whether Redis is known to have no search module: documents are kept for when it has.
    """

    namespace: str
    recall: Recall
    model: str
    count: TokenCounter
    ready: bool = False
    unsearchable: bool = False

    def describe(self, dimensions: int, generation: int = 1) -> Description:
        """Describe the index that this would make."""
        settings = f"{self.recall.algorithm} {self.recall.metric} {self.recall.datatype} {self.recall.language}"
        return Description(self.model, dimensions, settings, generation)

    def check(self, there: Description, dimensions: int | None) -> None:
        """Refuse an index that was made otherwise.

        Raises:
            EmbeddingMismatchError: It was made with another model, or other settings.
        """
        ours = self.describe(there.dimensions if dimensions is None else dimensions, there.generation)
        if ours != there:
            raise EmbeddingMismatchError(
                f"the index of namespace {self.namespace!r} was made with {_told(there)}; this is {_told(ours)}. Call "
                "Motorhead.reindex() to make it anew with this, or give the model and the Recall that it was made with"
            )


def set_up(indexer: Indexer, dimensions: int | None = None) -> Flow[Description]:
    """Make the index, unless it is there.

    Args:
        indexer: What to make.
        dimensions: Of the vectors; None to ask the index, or else the model.

    Raises:
        EmbeddingMismatchError: There is one of another model, or of other settings.
        SearchUnavailableError: Redis has no search module.
        EmbeddingError: The model does not say how long its vectors are.
    """
    there: Description | None = None
    if dimensions is None:
        there = yield operations.describe(indexer.namespace)
        if there is None:
            vectors: Vectors = yield Embed((PROBE,))
            dimensions = len(vectors[0])
    if there is None:
        assert dimensions is not None  # noqa: S101 - for the type checker
        new, there = yield operations.establish(indexer.namespace, indexer.describe(dimensions))
    else:
        new = False
    indexer.check(there, dimensions)
    yield from make_index(indexer, there, scan=not new)
    yield from tolerating("already exists", operations.command(
        "FT.ALIASADD", recall_key(indexer.namespace), index_name(indexer.namespace, there.generation)
    ))  # fmt: skip
    indexer.ready, indexer.unsearchable = True, False
    return there


def make_index(indexer: Indexer, there: Description, *, scan: bool) -> Flow[None]:
    """Make the index of a description, unless it is there, and wait until all documents that there were are in it."""
    name = index_name(indexer.namespace, there.generation)
    schema = index_schema(indexer.namespace, indexer.recall, there.dimensions, there.generation)
    create = operations.command("FT.CREATE", name, *creation(schema, there.generation, scan=scan))
    try:
        yield create
    except StoreError as error:
        if "already exists" not in str(error).lower():
            raise
        if not scan:  # it is left over from one whose description was deleted, or was made by another process just now
            yield from tolerating("index", operations.command("FT.DROPINDEX", name))
            again = operations.command("FT.CREATE", name, *creation(schema, there.generation, scan=True))
            yield from tolerating("already exists", again)
    # It is not only incomplete while it is filled, but finds the wrong things.
    while (yield filling(name)):
        yield _POLL


def index(keys: SessionKeys, token: str, indexer: Indexer, *, wait: bool) -> Flow[int]:
    """Index what is not indexed of a session.

    Args:
        keys: Keys of the session.
        token: Random, made for this call.
        indexer: How to do it.
        wait: Whether to wait for another worker that is at it, rather than leave the work to it.

    Returns:
        How many messages were.

    Raises:
        EmbeddingError: The model failed. What was not indexed stays in the list.
        EmbeddingMismatchError: The index was made otherwise.
    """
    done, refused = 0, None
    while True:
        seen: Unindexed | bool
        seen, there = yield operations.unindexed(
            keys, token, lease=LEASE, limit=BATCH, reach=CONTEXT_REACH, context=CONTEXT
        )
        if seen is False and wait:
            yield _POLL
            continue
        if isinstance(seen, bool):
            return done
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
        left = yield operations.index(keys, token, seen, upto, documents, lease=LEASE, generation=generation)
        if left is not None:
            done += upto - seen.indexed
        elif refused == (seen.epoch, seen.indexed, seen.user, generation):  # nobody else moved on either
            raise EmbeddingMismatchError(
                f"session {keys.session_id!r} was indexed for a later index of namespace {keys.namespace!r} than is "
                "described. Call Motorhead.reindex()"
            )
        else:
            refused = (seen.epoch, seen.indexed, seen.user, generation)
        if left is False:
            return done


def embed_all(
    texts: Sequence[str], instead: Sequence[str], heartbeat: Operation[None] | None = None
) -> Flow[list[Any]]:
    """Embed texts in one call. Where the model takes others, but not one of them, that one has None.

    Args:
        texts: What to embed.
        instead: For each text what to embed where the model does not take it.
        heartbeat: To be executed every few seconds while it takes.

    Raises:
        EmbeddingError: The model takes nothing now.
    """
    if not texts:
        return []
    try:
        vectors = yield Embed(tuple(texts), heartbeat=heartbeat)
        return list(vectors)
    except EmbeddingError as error:
        # Either the model is away, or one of the texts is at fault, which must not hold up the others for ever.
        yield Embed((PROBE,), heartbeat=heartbeat)
        if len(texts) == 1 and instead[0] != texts[0]:  # what was said before it may be at fault
            return (yield from embed_all(instead, instead, heartbeat))
        if len(texts) == 1:
            logger.warning("a message is found by its words alone, since %s", error)
            return [None]
    half = len(texts) // 2
    first = yield from embed_all(texts[:half], instead[:half], heartbeat)
    second = yield from embed_all(texts[half:], instead[half:], heartbeat)
    return first + second


def suffix(entry: Entry) -> str:
    """Give the rest of a document's key."""
    return f"{entry.seq}/{entry.piece}" if entry.piece else str(entry.seq)


def _batch(seen: Unindexed, keys: SessionKeys, indexer: Indexer) -> tuple[int, list[Entry]]:
    """Make the documents of the next messages: of one at least, and of no more than make a batch."""
    messages = []
    for at, record in enumerate(seen.records, seen.start):
        try:
            messages.append(decode(record))
        except InvalidMessageError as error:
            messages.append(None)  # type: ignore[arg-type]
            logger.warning("session %r: record %d is not indexed: %s", keys.session_id, at, error)
    known = seen.indexed - seen.start
    before = [read_said(*each) for each in reversed(seen.earlier)]
    before += [each for message in messages[:known] if (each := said(message, indexer.recall)) is not None]
    made = entries(messages[known:], seen.indexed, before, indexer.recall, indexer.count)
    upto, batch = seen.indexed, list[Entry]()
    for pieces in made:
        if batch and len(batch) + len(pieces) > BATCH:
            break
        batch += pieces
        upto += 1
    return upto, batch


def check_lengths(vectors: Sequence[Any], dimensions: int | None) -> None:
    """Refuse vectors of other lengths.

    Raises:
        EmbeddingError: One has not so many dimensions.
    """
    for vector in vectors:
        if vector is not None and len(vector) != dimensions:
            raise EmbeddingError(f"the embedding model gave vectors of {dimensions} and of {len(vector)} dimensions")


def _embed(batch: Sequence[Entry], keys: SessionKeys, token: str) -> Flow[list[Any]]:
    heartbeat = renew(keys.indexing, token, LEASE)
    vectors: list[Any] = []
    for at in range(0, len(batch), BATCH):
        part = batch[at : at + BATCH]
        vectors += yield from embed_all([entry.embedded for entry in part], [entry.line for entry in part], heartbeat)
    return vectors


def _ready(indexer: Indexer, there: Description | None, dimensions: int | None) -> Flow[Description | None]:
    """Have the index made before its first document. Without a search module, documents wait for one."""
    if dimensions is None:
        return there  # nothing to index among these messages
    try:
        return (yield from set_up(indexer, dimensions))
    except SearchUnavailableError as error:
        if not indexer.unsearchable:
            logger.warning("messages are embedded, but cannot be found yet: %s", error)
        indexer.unsearchable = True
        new = yield operations.describe(indexer.namespace)
        return new  # type: ignore[no-any-return]


def _documents(
    batch: Sequence[Entry], vectors: Sequence[Any], keys: SessionKeys, recall: Recall, there: Description | None
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
        if vector is not None and field is not None:
            fields[field] = next(stored)
        documents.append((suffix(entry), entry.seq, fields))
    return documents


def tolerating(text: str, operation: Operation[None]) -> Flow[None]:
    """Have an operation executed, and take it for done if Redis says so."""
    try:
        yield operation
    except StoreError as error:
        if text not in str(error).lower():
            raise


def _told(there: Description) -> str:
    return f"{there.model} ({there.dimensions} dimensions; {there.settings})"
