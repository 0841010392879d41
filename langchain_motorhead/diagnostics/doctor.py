"""Diagnostics for `motorhead doctor`: whether a Redis is set up to lose no message, and what waits.

They only read, except that an erasure that was interrupted is carried out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from langchain_motorhead.diagnostics.facts import examine_stored_facts
from langchain_motorhead.diagnostics.redis_server import Finding, Level, examine_server, some_of
from langchain_motorhead.exceptions import EmbeddingMismatchError, IndexMissingError, SearchUnavailableError, StoreError
from langchain_motorhead.flows.protocol import Embed, Flow
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.recall.indexing import descriptions as recall
from langchain_motorhead.recall.indexing.index import PROBE, index_advice
from langchain_motorhead.recall.indexing.vectorless import vectors_missing
from langchain_motorhead.recall.words.terms import TERMS_VERSION
from langchain_motorhead.search_index.lifecycle import document_count
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions import registry as sessions
from langchain_motorhead.sessions.archive.operations import read_archive_counts
from langchain_motorhead.sessions.compaction.summarize import COUNTED
from langchain_motorhead.sessions.erasure import resume_erasures
from langchain_motorhead.sessions.marks import check_marks
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.sessions.summaries.operations import count_records
from langchain_motorhead.sessions.summaries.origin import Author
from langchain_motorhead.storage.keys import recall_key, registry_key, session_keys
from langchain_motorhead.storage.operation import Command, Operation, together

if TYPE_CHECKING:
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.handles.handle import Handle

__all__ = ["Finding", "Level", "examine"]

SESSIONS_PER_READ_COUNT = 200
_BY = {Author.MODEL: "a model", Author.EXTRACT: "extraction", Author.CLIENT: "a client"}


def examine(motorhead: Handle) -> Iterator[Finding]:
    """Check the Redis, the search index and the sessions of a namespace, and yield what is found.

    Args:
        motorhead: The Redis and the namespace to check. With an embedding model, the index is compared with it.

    Raises:
        StoreUnavailableError: Redis could not be reached.
        UnsupportedError: The `Motorhead` works with a server.

    Example:
        ```python
        broken = [finding for finding in examine(motorhead) if finding.level is Level.BROKEN]
        ```
    """
    redis = motorhead.backend.require_redis()
    redis.execute(Operation((Command("ZCARD", (registry_key(redis.namespace),)),), list))
    client = redis.connection.sync_client
    nodes = client.get_primaries() if redis.connection.clustered else [None]
    for node in nodes:
        yield from examine_server(client, "" if node is None else f" of {node.name}", node)
    yield from _index(redis)
    ids = redis.run(sessions.all_sessions(redis.namespace))
    yield from _backlog(redis, ids)
    yield from _archives(redis, ids)
    yield _versions(redis, ids)
    yield from _erasures(redis)
    yield _marks(redis, ids)
    yield from examine_stored_facts(redis, ids)


def _index(redis: RedisBackend) -> Iterator[Finding]:
    wanted, missing, documents = redis.maintenance.indexer is not None, False, 0
    try:
        try:
            documents = redis.execute(document_count(recall_key(redis.namespace)))
        except IndexMissingError:  # only a Redis with the module answers so
            missing = True
        yield Finding(Level.FINE, "search module", "present")
    except SearchUnavailableError as error:
        yield Finding(Level.BROKEN if wanted else Level.NOTE, "search module", "none that recall can use", str(error))
    except StoreError as error:
        yield Finding(Level.NOTE, "search module", "unknown", str(error))
    described = redis.execute(recall.describe(redis.namespace))
    if described is None:
        yield Finding(Level.FINE, "index", "none yet")
        return
    value = f"{described.model}, {described.dimensions} dimensions, {described.settings}"
    if missing:
        yield Finding(
            Level.BROKEN if wanted else Level.NOTE, "index", f"missing ({value})",
            "it was dropped, or this server's search module cannot create it. The next search tries again and says why",
        )  # fmt: skip
        return
    try:
        if redis.maintenance.indexer is not None:
            redis.maintenance.indexer.check(described, redis.run(_dimensions()))
        if redis.execute(recall.terms_version(redis.namespace)) < TERMS_VERSION:
            yield Finding(
                Level.NOTE, "index", f"{value}; words of an earlier version",
                "words in Chinese, Japanese, Korean, Thai and Arabic are not found in older messages. "
                "Motorhead.reindex() indexes these words again, and embeds nothing",
            )  # fmt: skip
        elif advice := index_advice(described, documents):
            yield Finding(Level.NOTE, "index", f"{value}; {counted(documents, 'document')}", advice)
        else:
            yield Finding(Level.FINE, "index", value)
    except EmbeddingMismatchError as error:
        yield Finding(Level.BROKEN, "index", value, str(error))


def _dimensions() -> Flow[int]:
    return len((yield Embed((PROBE,)))[0])


def _archives(redis: RedisBackend, ids: Sequence[str]) -> Iterator[Finding]:
    messages = size = 0
    incomplete = list[str]()
    for start in range(0, len(ids), SESSIONS_PER_READ_COUNT):
        some = ids[start : start + SESSIONS_PER_READ_COUNT]
        counts = (read_archive_counts(session_keys(redis.namespace, session_id)) for session_id in some)
        for session_id, found in zip(some, redis.execute(together(*counts)), strict=True):
            messages, size = messages + found.messages, size + found.size
            if found.chunks != found.chunks_there:
                incomplete.append(session_id)
    value = f"{counted(messages, 'message')} in {counted(size, 'byte')}"
    if not incomplete:
        yield Finding(Level.FINE, "archives", value)
        return
    named = some_of(map(repr, incomplete))
    yield Finding(
        Level.BROKEN,
        "archives",
        f"{value}; {len(incomplete)} of {counted(len(ids), 'session')} lost part of theirs",
        f"Redis evicted messages, or another program deleted them, among others of {named}. Restore a backup, and set "
        "maxmemory-policy noeviction. Session.transcript lists the missing messages",
    )


def _versions(redis: RedisBackend, ids: Sequence[str]) -> Finding:
    incomplete = list[str]()
    for start in range(0, len(ids), SESSIONS_PER_READ_COUNT):
        some = ids[start : start + SESSIONS_PER_READ_COUNT]
        counts = redis.execute(together(*(count_records(session_keys(redis.namespace, each)) for each in some)))
        incomplete += [each for each, (noted, there) in zip(some, counts, strict=True) if noted != there]
    if not incomplete:
        return Finding(Level.FINE, "summary versions", f"complete in {counted(len(ids), 'session')}")
    named = some_of(map(repr, incomplete))
    return Finding(
        Level.NOTE, "summary versions", f"{len(incomplete)} of {counted(len(ids), 'session')} lost some of theirs",
        f"Redis evicted them, or another program deleted them, among others of {named}. The summaries themselves are "
        "there. After a forget, such a session is summarized again from the beginning",
    )  # fmt: skip


def _erasures(redis: RedisBackend) -> Iterator[Finding]:
    """Carry out deletions that were interrupted."""
    if found := redis.run(resume_erasures(redis.namespace)):
        yield Finding(
            Level.NOTE, "deletions", f"{counted(found, 'interrupted deletion')} completed now",
            "no search returned anything of these sessions meanwhile",
        )  # fmt: skip


def _marks(redis: RedisBackend, ids: Sequence[str]) -> Finding:
    lost = [each for each in ids if not redis.run(check_marks(session_keys(redis.namespace, each)))]
    if not lost:
        return Finding(Level.FINE, "known messages", f"complete in {counted(len(ids), 'session')}")
    named = some_of(map(repr, lost))
    return Finding(
        Level.BROKEN, "known messages", f"{len(lost)} of {counted(len(ids), 'session')} lost some of the marks",
        f"Redis evicted marks, or another program deleted them, among others of {named}. A message that is sent again "
        "is stored again. Restore a backup, and set maxmemory-policy noeviction",
    )  # fmt: skip


def _backlog(redis: RedisBackend, ids: Sequence[str]) -> Iterator[Finding]:
    due = waiting = failing = unindexed = 0
    lacking = refused = 0
    authors, rejected = Counter[str](), Counter[str]()
    for start in range(0, len(ids), SESSIONS_PER_READ_COUNT):
        keys = [
            session_keys(redis.namespace, session_id) for session_id in ids[start : start + SESSIONS_PER_READ_COUNT]
        ]
        for counts in redis.execute(together(*(operations.rejections(each, COUNTED) for each in keys))):
            rejected.update(counts)
        for reading in redis.execute(together(*(read_snapshot(each, 1, 0) for each in keys))):
            authors.update([reading.author] if reading.author else [])
            over = max(0, reading.length - redis.window.max_messages)
            due, waiting, failing = due + (over > 0), waiting + over, failing + (reading.failures > 0)
            if reading.indexed is not None:
                unindexed += max(0, reading.first + reading.length - reading.indexed)
        for missing in redis.execute(together(*(vectors_missing(each) for each in keys))):
            lacking, refused = lacking + missing.waiting, refused + missing.refused
    advice = "the summarizer fails. No message is lost, but prompts grow" if failing else ""
    value = backlog(len(ids), waiting, failing, f" of {counted(due, 'session')}")
    yield Finding(Level.NOTE if failing else Level.FINE, "backlog", value, advice)
    if authors:
        yield _summaries(authors, rejected)
    if unindexed:
        yield Finding(
            Level.NOTE, "index backlog", f"{counted(unindexed, 'message waits', 'messages wait')} to be indexed"
        )
    if lacking or refused:
        missing_of = counted(lacking + refused, "message")
        yield Finding(
            Level.NOTE, "vectors", f"missing of {missing_of}; {refused} of them are not tried again",
            "these messages are only found by their words. Those that are not tried again have a text that the "
            "embedding model refused: Motorhead.reindex() tries them once more",
        )  # fmt: skip


def backlog(sessions: int, waiting: int, failing: int, of: str = "") -> str:
    """Return how many messages wait to be summarized, in words.

    Args:
        sessions: How many sessions there are.
        waiting: How many messages wait.
        failing: In how many sessions the last summary failed.
        of: What the messages belong to.
    """
    waits = f"{counted(waiting, 'message')}{of} {'waits' if waiting == 1 else 'wait'} to be summarized"
    fails = counted(failing, "session fails", "sessions fail")
    return f"{counted(sessions, 'session')}; {waits}; {fails}"


def _summaries(authors: Counter[str], rejected: Counter[str]) -> Finding:
    """Return who wrote the summaries, and how many answers of models were rejected."""
    value = ", ".join(f"{count} by {_BY[Author(author)]}" for author, count in sorted(authors.items()))
    if not rejected:
        return Finding(Level.FINE, "summaries", value)
    reasons = ", ".join(f"{reason} {count}" for reason, count in rejected.most_common())
    often = authors[Author.EXTRACT] > authors[Author.MODEL]
    advice = "the model is not suited to writing summaries. Extracts of the messages take their place" if often else ""
    value = f"{value}; {counted(rejected.total(), 'answer')} rejected ({reasons})"
    return Finding(Level.NOTE if often else Level.FINE, "summaries", value, advice)
