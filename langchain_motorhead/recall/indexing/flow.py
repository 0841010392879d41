"""The indexing flows: store documents of the messages of a session that are not indexed, with vectors or without.

A message's documents and the position up to which the session is indexed are stored in one step. So each message is
indexed exactly once even if workers crash, and a session that is deleted meanwhile stays deleted. If the embedding
model fails, documents are stored without vectors, and found by their words. Vectors are added later: see `vectors.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from langchain_motorhead.exceptions import (
    EmbeddingError,
    EmbeddingMismatchError,
    SearchUnavailableError,
)
from langchain_motorhead.flows.leases import with_lease
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.recall.indexing import descriptions, operations
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.documents import CONTEXT, CONTEXT_REACH
from langchain_motorhead.recall.indexing.drafting import next_drafts, to_rows
from langchain_motorhead.recall.indexing.embedded_rows import embedded_rows
from langchain_motorhead.recall.indexing.embedding import BATCH
from langchain_motorhead.recall.indexing.index import Indexer, make_index
from langchain_motorhead.recall.indexing.operations import IndexLease, IndexOutcome, Unindexed
from langchain_motorhead.recall.indexing.remaking import remake, remake_words
from langchain_motorhead.recall.indexing.slices import slices
from langchain_motorhead.recall.indexing.vectorless import note_text, parse_note, pause_ms, to_retry, updated
from langchain_motorhead.recall.indexing.vectors import LEASE_MS, fill, log_failures
from langchain_motorhead.sessions.erasure import resume_erasures
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.leases import give_up
from langchain_motorhead.storage.operation import Operation

logger = logging.getLogger(__name__)

_POLL_PAUSE = Pause(0.1)
# Attempts in a row to index by words that find that the session has changed.
_MAX_VAIN_ATTEMPTS = 10


class IndexState(Enum):
    """How far a session is indexed after an attempt to index it."""

    DONE = "done"
    """All messages are indexed."""
    LATER = "later"
    """All messages are indexed, and the vectors of some, which failed alone, are tried again later."""
    BUSY = "busy"
    """Another worker holds the indexing lease: it indexes the session, unless it crashed."""
    DEFERRED = "deferred"
    """The embedding model failed, now or a short time ago. All messages are indexed by their words."""


def index(keys: SessionKeys, token: str, indexer: Indexer, *, wait: bool, again: bool = False) -> Flow[IndexState]:
    """Index the messages of a session that are not indexed. The lease is released in the end, also after a failure.

    Args:
        keys: Keys of the session.
        token: Random token of this worker, for the lease.
        indexer: How messages are indexed.
        wait: Whether to wait for another worker that indexes the session, instead of leaving the work to it.
        again: Whether vectors that failed are tried again now, and not only when their time has come.

    Returns:
        `DONE` or `LATER`, or `BUSY` if the work was left to another worker.

    Raises:
        EmbeddingError: The model failed. All messages are indexed by their words.
        EmbeddingMismatchError: The index was made with another model or other settings. Likewise.
    """
    seen = _Seen()
    flow = _index(keys, token, indexer, seen, wait=wait, again=again)
    state = yield from with_lease(flow, give_up(keys.indexing, token))
    if seen.erasing:
        yield from resume_erasures(indexer.namespace)
    return state


@dataclass(slots=True)
class _Seen:
    """What was noticed on the way: whether documents of deleted sessions wait to be erased."""

    erasing: bool = False

    def look_at(self, there: Description | None) -> None:
        """Take note of the description of the index."""
        self.erasing = self.erasing or (there is not None and there.erasing)


def index_words(keys: SessionKeys, indexer: Indexer) -> Flow[bool]:
    """Index all messages of a session by their words, without a call of the embedding model, and without a lease.

    Workers that do this at once make the same documents. One of them stores them, and the others find that it is done.

    Returns:
        Whether documents were stored, which lack vectors now.
    """
    vain, stored = 0, False
    while vain < _MAX_VAIN_ATTEMPTS:
        seen, there = yield operations.unindexed(
            keys, "", lease=LEASE_MS, limit=BATCH, reach=CONTEXT_REACH, context=CONTEXT, words=True
        )
        if isinstance(seen, IndexLease):
            return stored
        upto, batch = next_drafts(seen, keys, indexer)
        if batch and there is None:
            yield from _announce(indexer)
        for stop, rows in slices(to_rows(batch, keys), upto, indexer.at_once):
            outcome = yield from _stored(operations.store_words(keys, seen, stop, rows, at_once=indexer.at_once))
            if outcome is IndexOutcome.STALE:
                vain += 1
                break
            vain, stored, seen = 0, True, seen._replace(indexed=stop)
    return stored


def _stored(operation: Operation[IndexOutcome]) -> Flow[IndexOutcome]:
    """Execute an operation that stores documents, as often as documents of earlier messages are changed first."""
    outcome: IndexOutcome = yield operation
    while outcome is IndexOutcome.AGAIN:
        outcome = yield operation
    return outcome


def _index(
    keys: SessionKeys, token: str, indexer: Indexer, noticed: _Seen, *, wait: bool, again: bool
) -> Flow[IndexState]:
    refused: tuple[Any, ...] | None = None
    while True:
        seen: Unindexed | IndexLease
        seen, there = yield operations.unindexed(
            keys, token, lease=LEASE_MS, limit=BATCH, reach=CONTEXT_REACH, context=CONTEXT, again=again
        )
        noticed.look_at(there)
        if seen is IndexLease.BUSY and wait:
            yield _POLL_PAUSE
            continue
        if isinstance(seen, IndexLease):
            return _STATES[seen]
        if (seen.embedded < seen.indexed or seen.again) and seen.indexed < seen.total:
            yield from index_words(keys, indexer)  # these need not wait for the vectors of earlier ones
            continue
        outcome, waiting = yield from _advance(keys, token, indexer, seen, there)
        again = again and outcome is IndexOutcome.STALE
        if outcome is IndexOutcome.DONE and not seen.remake:
            return IndexState.LATER if waiting else IndexState.DONE
        if outcome is not IndexOutcome.STALE:
            continue
        generation = 0 if there is None else there.generation
        at = (*seen._replace(records=[], earlier=[]), generation)
        if refused == at:  # not because the session changed
            raise EmbeddingMismatchError(
                f"session {keys.session_id!r} has documents of a later index of namespace {keys.namespace!r} than the "
                "described one. Call Motorhead.reindex()"
            )
        refused = at


_STATES = {
    IndexLease.BUSY: IndexState.BUSY,
    IndexLease.DONE: IndexState.DONE,
    IndexLease.LATER: IndexState.LATER,
}


def _advance(
    keys: SessionKeys, token: str, indexer: Indexer, seen: Unindexed, there: Description | None
) -> Flow[tuple[IndexOutcome, bool]]:
    """Do what is to be done next; by words only, if the embedding model fails. Returns the same as `fill`."""
    try:
        if there is not None:
            indexer.check(there, None)
        return (yield from _step(seen)(keys, token, indexer, seen, there))
    except (EmbeddingError, EmbeddingMismatchError):
        yield from index_words(keys, indexer)
        if seen.remake:
            yield from remake_words(keys, token, indexer)
        raise


def _step(seen: Unindexed) -> Callable[..., Flow[tuple[IndexOutcome, bool]]]:
    """Return what is to be done next."""
    if seen.embedded < seen.indexed or seen.again:
        return fill
    return remake if seen.remake and seen.indexed >= seen.total else _index_batch


def _index_batch(
    keys: SessionKeys, token: str, indexer: Indexer, seen: Unindexed, there: Description | None
) -> Flow[tuple[IndexOutcome, bool]]:
    """Embed and store the next messages. Returns the same as `fill`."""
    upto, batch = next_drafts(seen, keys, indexer)
    rows, failed, generation = yield from embedded_rows(keys, token, indexer, batch, there)
    note = parse_note(seen.vectorless)
    log_failures(keys, note, updated(note, (), failed), failed)
    outcome = IndexOutcome.STALE
    for stop, some in slices(rows, upto, indexer.at_once):
        note = updated(note, (), {seq: error for seq, error in failed.items() if seen.indexed <= seq < stop})
        outcome = yield from _stored(
            operations.index(
                keys, token, seen, stop, some, lease=LEASE_MS, generation=generation,
                vectorless=note_text(note), pause=pause_ms(note), at_once=indexer.at_once,
            )
        )  # fmt: skip
        if outcome is IndexOutcome.STALE:
            break
        seen = seen._replace(indexed=stop, vectorless=note_text(note))
    return outcome, bool(to_retry(note))


def _announce(indexer: Indexer) -> Flow[None]:
    """Note that documents are stored before their index exists, so that it will include them."""
    there: Description | None = yield descriptions.announce(indexer.namespace)
    if there is None:
        return
    try:
        yield from make_index(indexer, there, scan=True)
    except SearchUnavailableError:
        return
