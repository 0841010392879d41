"""The flow that makes documents of earlier messages again, from their texts in the list or the archive.

That is due after an import, since the archive of the session is not indexed then, and after an edit. The session's
state notes of which messages: sequence numbers, and ranges such as `0-499`, with spaces between them.
"""

from __future__ import annotations

from collections.abc import Mapping

from langchain_motorhead.exceptions import SessionReplacedError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.tombstones import TOMBSTONE
from langchain_motorhead.recall.indexing import document_operations, operations
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.documents import CONTEXT, CONTEXT_REACH, DocumentDraft
from langchain_motorhead.recall.indexing.drafting import next_drafts, to_rows
from langchain_motorhead.recall.indexing.embedded_rows import embedded_rows
from langchain_motorhead.recall.indexing.embedding import BATCH
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.indexing.operations import IndexLease, IndexOutcome, Unindexed
from langchain_motorhead.recall.indexing.slices import slices
from langchain_motorhead.recall.indexing.vectorless import note_text, parse_note, pause_ms, to_retry, updated
from langchain_motorhead.recall.indexing.vectors import LEASE_MS, log_failures
from langchain_motorhead.sessions.archive.chunks import ArchivedMessage
from langchain_motorhead.sessions.archive.transcript import read_records
from langchain_motorhead.storage.keys import SessionKeys


def parse_ranges(note: str) -> list[tuple[int, int]]:
    """Parse a note: the first and the last sequence number of each range."""
    ranges = list[tuple[int, int]]()
    for each in note.split():
        first, _, last = each.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            ranges.append((int(first), int(last or first)))
    return ranges


def range_text(ranges: list[tuple[int, int]]) -> str:
    """Return a note as it is stored."""
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def remake(
    keys: SessionKeys, token: str, indexer: Indexer, seen: Unindexed, there: Description | None
) -> Flow[tuple[IndexOutcome, bool]]:
    """Make the next of the documents again that the session's note names, with their vectors.

    Args:
        keys: Keys of the session.
        token: Token that took the indexing lease.
        indexer: How messages are indexed.
        seen: What was read of the session.
        there: Description of the index, if there is one.

    Returns:
        Whether the documents were stored, and whether vectors are to be tried again later.

    Raises:
        EmbeddingError: The model failed. Nothing was stored.
        EmbeddingMismatchError: The index was made with another model or other settings.
    """
    upto, batch, times = yield from _next(keys, seen, indexer)
    rows, failed, generation = yield from embedded_rows(keys, token, indexer, batch, there)
    note = parse_note(seen.vectorless)
    failed = {seq: error for seq, error in failed.items() if seq < seen.embedded}
    log_failures(keys, note, updated(note, (), failed), failed)
    outcome, done = IndexOutcome.STALE, 0
    for stop, some in slices(rows, upto, indexer.at_once):
        note = updated(note, (), {seq: error for seq, error in failed.items() if done <= seq < stop})
        left = _left(seen.remake, stop)
        outcome = yield document_operations.remake(
            keys, token, seen, left, stop, [(*row[:2], times.get(row[1]), row[2]) for row in some], lease=LEASE_MS,
            generation=generation, vectorless=note_text(note), pause=pause_ms(note),
        )  # fmt: skip
        if outcome is IndexOutcome.STALE:
            break
        done, seen = stop, seen._replace(remake=left, vectorless=note_text(note))
    return outcome, bool(to_retry(note))


def remake_words(keys: SessionKeys, token: str, indexer: Indexer) -> Flow[None]:
    """Make all documents again that the session's note names, without vectors. These are tried again later."""
    while True:
        seen, _ = yield operations.unindexed(
            keys, token, lease=LEASE_MS, limit=0, reach=CONTEXT_REACH, context=CONTEXT, again=False
        )
        if isinstance(seen, IndexLease) or not seen.remake:
            return
        upto, batch, times = yield from _next(keys, seen, indexer)
        before = parse_note(seen.vectorless)
        note = before | {each.seq: 1 for each in batch if each.seq < seen.embedded and each.seq not in before}
        rows = [(*row[:2], times.get(row[1]), row[2]) for row in to_rows(batch, keys)]
        yield document_operations.remake(
            keys, token, seen, _left(seen.remake, upto), upto, rows, lease=LEASE_MS, generation=0,
            vectorless=note_text(note), pause=pause_ms(note),
        )  # fmt: skip


def _next(
    keys: SessionKeys, seen: Unindexed, indexer: Indexer
) -> Flow[tuple[int, list[DocumentDraft], Mapping[int, int | None]]]:
    """Read the next messages of the note, and draft their documents.

    Returns:
        The sequence number after the last of them, the documents, and the times of messages.
    """
    ranges = parse_ranges(seen.remake)
    if not ranges:
        return 0, [], {}
    first, last = ranges[0]
    stop = min(last + 1, first + BATCH)
    start = max(0, first - CONTEXT_REACH)
    try:
        page = yield from read_records(keys, start, stop, stop - start, seen.epoch)
    except SessionReplacedError:
        return 0, [], {}
    there: dict[int, ArchivedMessage] = dict(page.records)
    stop = stop if page.next is None else min(stop, max(first + 1, page.next))
    records: list[bytes | str] = [there[seq].data if seq in there else TOMBSTONE for seq in range(start, stop)]
    upto, batch = next_drafts(
        seen._replace(indexed=first, total=stop, start=start, records=records, earlier=[]), keys, indexer
    )
    return upto, batch, {seq: message.time for seq, message in there.items()}


def _left(note: str, upto: int) -> str:
    """Return what is left of a note when the documents of its first range before `upto` are made."""
    ranges = parse_ranges(note)
    if not ranges:
        return ""
    (first, last), *others = ranges
    return range_text([(max(first, upto), last), *others] if upto <= last else others)
