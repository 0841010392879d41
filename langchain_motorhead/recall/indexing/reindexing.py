"""The reindexing flow: builds new vectors beside the old ones, switches to the new index, and deletes the old vectors.

Each generation of the index has its own vector field. So the documents stay in place, a search uses the old index
until the switch and the new one after it, and an interrupted run continues where it stopped.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from langchain_motorhead.exceptions import EmbeddingError
from langchain_motorhead.flows.protocol import Embed, Flow, Vectors
from langchain_motorhead.flows.repeats import repeat_unanswered
from langchain_motorhead.recall.indexing import descriptions, document_operations
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.document_operations import StoredTexts, Text
from langchain_motorhead.recall.indexing.documents import CONTEXT, Utterance, document_terms, embedded, stored_utterance
from langchain_motorhead.recall.indexing.embedding import BATCH, check_lengths, embed_all
from langchain_motorhead.recall.indexing.flow import index
from langchain_motorhead.recall.indexing.index import PROBE, Indexer, make_index, set_up
from langchain_motorhead.recall.indexing.schema import index_name
from langchain_motorhead.recall.indexing.slices import REVISED_AT_ONCE
from langchain_motorhead.recall.progress import Report
from langchain_motorhead.recall.words.terms import TERMS_VERSION
from langchain_motorhead.search_index.lifecycle import drop, vector_field
from langchain_motorhead.search_index.vectors import item_size, stored_vectors
from langchain_motorhead.sessions.registry import all_sessions
from langchain_motorhead.storage.keys import SessionKeys, session_keys

logger = logging.getLogger(__name__)


class _Todo(NamedTuple):
    """A document to embed: its session, what was read of that, the document, what it says, and the text to embed."""

    keys: SessionKeys
    texts: StoredTexts
    document: Text
    this: Utterance
    embedded: str


# Sessions read together, so that their messages fill batches, and sequence numbers read at once of each.
_GROUP_SESSIONS = 64
_RANGE_MESSAGES = 500
# How many sessions where old vectors are deleted too, with fewer messages of each: their documents are indexed anew.
_DELETING_SESSIONS = {"flat": _GROUP_SESSIONS, "hnsw": 1}


def reindex(indexer: Indexer, report: Report, *, one_slot: bool) -> Flow[int]:
    """Rebuild the index from the stored texts, and index messages that are not indexed yet.

    A busy Redis may not answer one of the many operations in time. Each may be executed twice, so it is repeated.

    Args:
        indexer: Settings of the index.
        report: Called with the progress.
        one_slot: Whether the switch can be one transaction, which is impossible in a cluster.

    Returns:
        How many documents were embedded.
    """
    return repeat_unanswered(_reindex(indexer, report, one_slot=one_slot))


def _reindex(indexer: Indexer, report: Report, *, one_slot: bool) -> Flow[int]:
    vectors: Vectors = yield Embed((PROBE,))
    dimensions = len(vectors[0])
    sessions = yield from _sessions(indexer)
    total, count = 3 * len(sessions), 0
    there: Description | None = yield descriptions.describe(indexer.namespace)
    if there is None or there == indexer.describe(dimensions, there.generation):
        wanted = yield from set_up(indexer, dimensions)
        yield from _renew_terms(indexer, sessions)
        report(len(sessions), total)
    else:
        wanted = yield from _planned(indexer, there, dimensions)
        yield from make_index(indexer, wanted, scan=True)
        count += yield from _revise_all(indexer, wanted, sessions, None, lambda done: report(done, total))
        name = index_name(indexer.namespace, wanted.generation)
        yield descriptions.switch(indexer.namespace, wanted, name, one_slot=one_slot)
        yield descriptions.set_terms_version(indexer.namespace, TERMS_VERSION)
        indexer.ready = True
    # Also embed what was indexed meanwhile. From here on, sessions refuse vectors of other kinds.
    sessions = yield from _sessions(indexer)
    total, earlier = 3 * len(sessions), range(1, wanted.generation)
    old = tuple(map(vector_field, earlier))
    is_planned = (yield descriptions.planned(indexer.namespace)) is not None
    if is_planned:  # before the vectors are deleted, so that the module does not take each out of its index
        yield from _drop_all(indexer, earlier)
    count += yield from _revise_all(indexer, wanted, sessions, old, lambda done: report(len(sessions) + done, total))
    if is_planned:
        yield from _drop_all(indexer, earlier)  # a process that began before the switch may have made one again
        yield descriptions.unplan(indexer.namespace)
    for done, keys in enumerate(sessions, 1):
        yield from index(keys, secrets.token_hex(8), indexer, wait=True)
        report(2 * len(sessions) + done, total)
    return count


def _drop_all(indexer: Indexer, generations: Iterable[int]) -> Flow[None]:
    for generation in generations:
        yield from drop(index_name(indexer.namespace, generation))


def _planned(indexer: Indexer, there: Description, dimensions: int) -> Flow[Description]:
    """Return the description of the index to build: that of an interrupted run if it fits, else a new generation."""
    begun: Description | None = yield descriptions.planned(indexer.namespace)
    generation = there.generation + 1
    if begun is not None and begun.generation > there.generation:
        same = begun == indexer.describe(dimensions, begun.generation)
        generation = begun.generation if same else begun.generation + 1
    wanted = indexer.describe(dimensions, generation)
    yield descriptions.plan(indexer.namespace, wanted)
    return wanted


def _sessions(indexer: Indexer) -> Flow[list[SessionKeys]]:
    ids = yield from all_sessions(indexer.namespace)
    return [session_keys(indexer.namespace, session_id) for session_id in ids]


def _revise_all(
    indexer: Indexer,
    wanted: Description,
    sessions: Sequence[SessionKeys],
    dropped: Sequence[str] | None,
    report: Callable[[int], object],
) -> Flow[int]:
    """Embed every document that has no vector of the wanted kind.

    With `dropped`, these vector fields are deleted, and vectors of other kinds are refused from now on.
    """
    count = 0
    width, reach = _GROUP_SESSIONS, _RANGE_MESSAGES
    if dropped is not None:
        width, reach = _DELETING_SESSIONS[indexer.recall.algorithm], indexer.at_once
    for at in range(0, len(sessions), width):
        group = sessions[at : at + width]
        count += yield from _revise_group(indexer, wanted, group, dropped, reach)
        report(at + len(group))
    return count


def _renew_terms(indexer: Indexer, sessions: Sequence[SessionKeys]) -> Flow[None]:
    """Make the terms of all documents anew if they were made by an earlier version of the rules. Vectors stay."""
    version: int = yield descriptions.terms_version(indexer.namespace)
    if version >= TERMS_VERSION:
        return
    for keys in sessions:
        start, more = 0, True
        while more:
            (found,) = yield document_operations.texts(
                [keys], start, start + _RANGE_MESSAGES, "vector", 0, generation=None, dropped=()
            )
            rows = [
                (each.suffix, document_terms(each.name, each.text, each.role, indexer.recall), b"")
                for each in found.documents
            ]
            _, is_changed = yield from _store(keys, found, "vector", rows)
            if is_changed:
                continue  # a message was forgotten or edited since
            start += _RANGE_MESSAGES
            more = found.epoch is not None and found.indexed > start
    yield descriptions.set_terms_version(indexer.namespace, TERMS_VERSION)


def _revise_group(
    indexer: Indexer, wanted: Description, group: Sequence[SessionKeys], dropped: Sequence[str] | None, reach: int
) -> Flow[int]:
    field, start, count = vector_field(wanted.generation), 0, 0
    size = wanted.dimensions * item_size(indexer.recall.datatype)
    generation = None if dropped is None else wanted.generation
    context: dict[str, list[Utterance]] = {}
    while group:
        left = {keys.state: keys for keys in group}
        goes_on = list[SessionKeys]()
        while left:  # those in which a message was forgotten or edited meanwhile are read again
            part = list(left.values())
            found: list[StoredTexts] = yield document_operations.texts(
                part, start, start + reach, field, size, generation=generation, dropped=dropped or ()
            )
            todo = []
            after = dict[str, list[Utterance]]()
            for keys, texts in zip(part, found, strict=True):
                before = context.get(keys.state, [])
                for document in texts.documents:
                    this = stored_utterance(document.name, document.role, document.text)
                    if not document.done:
                        todo.append(_Todo(keys, texts, document, this, _embedded(this, document, before, indexer)))
                    before = [*before, this][-CONTEXT:]
                after[keys.state] = before
            stale = set[str]()
            for at in range(0, len(todo), BATCH):
                done, changed = yield from _revise(indexer, field, wanted.dimensions, todo[at : at + BATCH])
                count += done
                stale |= changed
            context |= {state: before for state, before in after.items() if state not in stale}
            for keys, texts in zip(part, found, strict=True):
                if keys.state not in stale:
                    del left[keys.state]
                    if texts.epoch and texts.indexed > start + reach:
                        goes_on.append(keys)
        start, group = start + reach, goes_on
    return count


def _embedded(this: Utterance, document: Text, before: Sequence[Utterance], indexer: Indexer) -> str:
    context = [] if "/" in document.suffix else before
    return embedded(this.line, context, indexer.recall)


def _revise(indexer: Indexer, field: str, dimensions: int, todo: Sequence[_Todo]) -> Flow[tuple[int, set[str]]]:
    """Embed documents and store their vectors. Returns how many, and the state keys of sessions that changed."""
    found = yield from embed_all([each.embedded for each in todo], [each.this.line for each in todo])
    if check_lengths(found) not in (None, dimensions):
        raise EmbeddingError(f"the embedding model no longer returns vectors of {dimensions} dimensions")
    changed: dict[str, tuple[_Todo, list[tuple[str, str, bytes]]]] = {}
    for each, vector in zip(todo, stored_vectors(found, indexer.recall.datatype), strict=True):
        if isinstance(vector, EmbeddingError):
            logger.warning("session %r: a message is only found by its words: %s", each.keys.session_id, vector)
        data = vector if isinstance(vector, bytes) else b""
        words = document_terms(each.this.name, each.this.text, each.document.role, indexer.recall)
        _, rows = changed.setdefault(each.keys.state, (each, []))
        rows.append((each.document.suffix, words, data))
    count, stale = 0, set[str]()
    for state, (each, rows) in changed.items():
        done, is_changed = yield from _store(each.keys, each.texts, field, rows)
        count += done
        if is_changed:
            stale.add(state)
    return count, stale


def _store(
    keys: SessionKeys, texts: StoredTexts, field: str, rows: Sequence[tuple[str, str, bytes]]
) -> Flow[tuple[int, bool]]:
    """Store vectors and terms in slices, each of which is atomic. Returns how many, and whether the session changed."""
    count = 0
    for at in range(0, len(rows), REVISED_AT_ONCE):
        part = rows[at : at + REVISED_AT_ONCE]
        done: int = yield document_operations.revise(keys, texts.epoch or "", texts.revision, field, part)
        if done < 0:
            return count, True
        count += done
    return count, False
