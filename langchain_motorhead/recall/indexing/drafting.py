"""Drafting: the documents of stored messages as they are written to Redis, without vectors. Pure, but for the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import decode, other_role
from langchain_motorhead.messages.tombstones import is_tombstone
from langchain_motorhead.recall.indexing.documents import DocumentDraft, stored_utterance, to_drafts, to_utterance
from langchain_motorhead.recall.indexing.embedding import BATCH
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.indexing.operations import Unindexed
from langchain_motorhead.storage.keys import SessionKeys, to_tag
from langchain_motorhead.storage.operation import Value

logger = logging.getLogger(__name__)


def suffix(entry: DocumentDraft) -> str:
    """Return the end of a document's key."""
    return f"{entry.seq}/{entry.piece}" if entry.piece else str(entry.seq)


def next_drafts(seen: Unindexed, keys: SessionKeys, indexer: Indexer) -> tuple[int, list[DocumentDraft]]:
    """Return the position after the next messages, and their documents: of at least one message, and at most a batch.

    Args:
        seen: What was read of the session.
        keys: Keys of the session, for the log.
        indexer: How messages are indexed.
    """
    messages, sent = list[BaseMessage | None](), dict[int, str]()
    for at, record in enumerate(seen.records, seen.start):
        try:
            message = decode(record)
            messages.append(None if is_tombstone(record) else message)
            if (role := other_role(record, message)) is not None:
                sent[at] = role
        except InvalidMessageError as error:
            messages.append(None)
            if not is_tombstone(record):
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


def to_rows(batch: Sequence[DocumentDraft], keys: SessionKeys) -> list[tuple[str, int, dict[str, Value]]]:
    """Return the documents to store, without vectors."""
    session, namespace = to_tag(keys.session_id), to_tag(keys.namespace)
    documents: list[tuple[str, int, dict[str, Value]]] = []
    for entry in batch:
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
        documents.append((suffix(entry), entry.seq, fields))
    return documents
