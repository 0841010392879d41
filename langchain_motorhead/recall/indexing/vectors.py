"""The flow that adds vectors to documents that were stored without them, when the embedding model answers again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import EmbeddingError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall.indexing import document_operations, operations
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.document_operations import Text
from langchain_motorhead.recall.indexing.documents import CONTEXT, CONTEXT_REACH, Utterance, embedded, stored_utterance
from langchain_motorhead.recall.indexing.embedding import BATCH, check_lengths, embed_all
from langchain_motorhead.recall.indexing.index import Indexer, prepared
from langchain_motorhead.recall.indexing.operations import IndexOutcome, Unindexed
from langchain_motorhead.recall.indexing.slices import slices
from langchain_motorhead.recall.indexing.vectorless import note_text, parse_note, pause_ms, to_retry, updated
from langchain_motorhead.search_index.lifecycle import vector_field
from langchain_motorhead.search_index.vectors import item_size, stored_vectors
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.leases import renew
from langchain_motorhead.storage.operation import together

logger = logging.getLogger(__name__)

LEASE_MS = 10_000
"""A dead worker blocks the next one for this long. A running worker renews its lease every few seconds."""

# Messages that failed alone and are tried again at once.
_MAX_RETRIED = 32


class _Lacking(NamedTuple):
    """A document without a vector: the end of its key, the number of its message, and what to embed."""

    suffix: str
    seq: int
    line: str
    embedded: str


def fill(
    keys: SessionKeys, token: str, indexer: Indexer, seen: Unindexed, there: Description | None
) -> Flow[tuple[IndexOutcome, bool]]:
    """Embed the next documents of a session that lack vectors, and store their vectors.

    Args:
        keys: Keys of the session.
        token: Token that took the indexing lease.
        indexer: How messages are indexed.
        seen: What was read of the session.
        there: Description of the index, if there is one.

    Returns:
        Whether the vectors were stored and more may be to be done, and whether vectors are to be tried again later.

    Raises:
        EmbeddingError: The model failed.
        EmbeddingMismatchError: The index was made with another model or other settings.
    """
    if there is None or not indexer.ready:
        there = yield from prepared(indexer, None if there is None else there.dimensions)
    upto, before = min(seen.indexed, seen.embedded + BATCH), parse_note(seen.vectorless)
    again = to_retry(before)[:_MAX_RETRIED] if seen.again else []
    lacking = yield from _lacking(keys, indexer, there, (seen.embedded, upto), again)
    heartbeat = renew(keys.indexing, token, LEASE_MS)
    found = yield from embed_all([each.embedded for each in lacking], [each.line for each in lacking], heartbeat)
    dimensions = check_lengths(found)
    if dimensions is not None:
        indexer.check(there, dimensions)
    rows: list[tuple[str, int, bytes]] = []
    failed: dict[int, EmbeddingError | None] = {}
    for document, data in zip(lacking, stored_vectors(found, indexer.recall.datatype), strict=True):
        if isinstance(data, bytes):
            rows.append((document.suffix, document.seq, data))
        else:
            failed[document.seq] = data
    log_failures(keys, before, updated(before, again, failed), failed)
    note, outcome, done = before, IndexOutcome.STALE, 0
    for stop, some in slices(sorted(rows, key=lambda row: row[1]), upto, indexer.at_once):
        now, end = range(done, stop), max(stop, seen.embedded)
        note = updated(note, [seq for seq in again if seq in now], {seq: failed[seq] for seq in failed if seq in now})
        outcome = yield operations.add_vectors(
            keys, token, seen, end, vector_field(there.generation), [(suffix, data) for suffix, _, data in some],
            lease=LEASE_MS, generation=there.generation, vectorless=note_text(note), pause=pause_ms(note),
        )  # fmt: skip
        if outcome is IndexOutcome.STALE:
            break
        done, seen = stop, seen._replace(embedded=end, vectorless=note_text(note))
    return outcome, bool(to_retry(note))


def log_failures(
    keys: SessionKeys,
    before: Mapping[int, int | None],
    note: Mapping[int, int | None],
    failed: Mapping[int, EmbeddingError | None],
) -> None:
    """Log which messages failed alone for the first time, or are not tried any more."""
    for seq, error in failed.items():
        why = "its vector does not fit the datatype" if error is None else str(error)
        if note[seq] is None:
            logger.warning("session %r: message %d is only found by its words, because %s", keys.session_id, seq, why)
        elif seq not in before:
            logger.warning(
                "session %r: message %d is found by its words, and its vector is tried again later, because %s",
                keys.session_id, seq, why,
            )  # fmt: skip


def _lacking(
    keys: SessionKeys, indexer: Indexer, there: Description, new: tuple[int, int], again: Iterable[int]
) -> Flow[list[_Lacking]]:
    field, size = vector_field(there.generation), there.dimensions * item_size(indexer.recall.datatype)
    ranges = [each for each in (new, *((seq, seq + 1) for seq in again)) if each[0] < each[1]]
    if not ranges:
        return []
    read: list[Any] = yield together(
        *(
            document_operations.texts(
                [keys], max(0, start - CONTEXT_REACH), stop, field, size, generation=None, dropped=()
            )
            for start, stop in ranges
        )
    )
    found: list[_Lacking] = []
    for (start, _), (texts,) in zip(ranges, read, strict=True):
        found += _lacking_from(texts.documents, start, indexer)
    return found


def _lacking_from(documents: Iterable[Text], start: int, indexer: Indexer) -> list[_Lacking]:
    found: list[_Lacking] = []
    before: list[Utterance] = []
    for document in documents:
        this, (number, _, piece) = (
            stored_utterance(document.name, document.role, document.text),
            document.suffix.partition("/"),
        )
        if int(number) >= start and not document.done:
            text = embedded(this.line, [] if piece else before, indexer.recall)
            found.append(_Lacking(document.suffix, int(number), this.line, text))
        before = [*before, this][-CONTEXT:]
    return found
