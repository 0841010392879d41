"""Redis commands of indexing, as data: what of a session is not indexed, and its documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from langchain_motorhead.recall.indexing.descriptions import Description, describing, to_description
from langchain_motorhead.recall.indexing.slices import AT_ONCE
from langchain_motorhead.storage.keys import SessionKeys, from_member, optional_member, to_member, to_tag
from langchain_motorhead.storage.operation import Command, Operation, Value
from langchain_motorhead.storage.scripts import SCRIPTS


class Unindexed(NamedTuple):
    """What is to be indexed of a session: its next messages, or documents that lack vectors.

    Attributes:
        epoch: Epoch of the session.
        user: User of the session, or None.
        indexed: Sequence number of the first message that is not indexed.
        total: Sequence number of the next message to be appended.
        start: Sequence number of the first of `records`. Records before `indexed` are context.
        records: Messages as stored.
        earlier: Name, role and text of documents before `records`, latest first.
        embedded: Sequence number from which on the documents lack vectors. Not above `indexed`.
        vectorless: Messages before it that lack a vector, as stored.
        again: Whether these are to be tried again now.
        revision: Revision of the session, as stored.
        remake: Messages whose documents are to be made again, as stored.
    """

    epoch: str
    user: str | None
    indexed: int
    total: int
    start: int
    records: list[bytes | str]
    earlier: list[tuple[str, str, str]]
    embedded: int
    vectorless: str = ""
    again: bool = False
    revision: str = "0"
    remake: str = ""


class IndexLease(Enum):
    """Why there is nothing to index for a worker. The values are those of `index_begin.lua`."""

    BUSY = 0
    """Another worker holds the indexing lease."""
    DONE = 1
    """All messages are indexed."""
    LATER = 3
    """All messages are indexed, and some vectors are to be tried again later."""


class IndexOutcome(Enum):
    """What an attempt to store documents came to. The values are those of `index_commit.lua`."""

    STALE = 0
    """Nothing was stored, because the session changed since it was read."""
    DONE = 1
    """All messages are indexed, and the lease is released."""
    MORE = 2
    """The documents were stored, and more messages are to be indexed."""
    AGAIN = 4
    """Documents of earlier messages are changed first, some in each call. Nothing was stored yet."""


DocumentRow: TypeAlias = tuple[str, int, Mapping[str, Value]]
"""A document to store: the end of its key, the sequence number of its message, and its fields."""


def unindexed(
    keys: SessionKeys,
    token: str,
    *,
    lease: int,
    limit: int,
    reach: int,
    context: int,
    words: bool = False,
    again: bool = False,
) -> Operation[tuple[Unindexed | IndexLease, Description | None]]:
    """Take the lease for indexing a session, and read its next unindexed messages and the index's description.

    Args:
        keys: Keys of the session.
        token: Random token of this run.
        lease: Duration of the lease in milliseconds.
        limit: Largest number of messages to read.
        reach: How many earlier messages to read as context.
        context: How many earlier documents to read as context, if those messages have left the list.
        words: Whether to look for messages that are not indexed only, and to take no lease.
        again: Whether vectors that failed are tried again now, and not only when their time has come.

    Returns:
        What is not indexed, or why there is nothing to do; and the description of the index, if there is one.
    """
    args = (token, lease, limit, reach, context, keys.documents, 1 if words else 2 if again else 0)
    script = Command(SCRIPTS["index_begin"], (keys.messages, keys.state, keys.indexing), args)

    def read(replies: list[Any]) -> tuple[Unindexed | IndexLease, Description | None]:
        status, *rest = replies[0]
        if status != _TAKEN:
            return IndexLease(status), None
        epoch, user, indexed, total, start, records, flat, embedded, vectorless, again, revision, remake = rest
        said = [from_member(each) for each in flat]
        earlier = list(zip(said[::3], said[1::3], said[2::3], strict=True))
        found = Unindexed(
            from_member(epoch), optional_member(user), indexed, total, start, records, earlier,
            embedded, from_member(vectorless), bool(again), from_member(revision), from_member(remake),
        )  # fmt: skip
        return found, to_description(replies[1])

    return Operation((script, describing(keys.namespace)), read)


_TAKEN = 2


def store_words(
    keys: SessionKeys, seen: Unindexed, upto: int, documents: Sequence[DocumentRow], *, at_once: int
) -> Operation[IndexOutcome]:
    """Store documents without vectors, or nothing if the session changed. Atomic. See `index`."""
    return _store(keys, seen, upto, documents, ("", 0, 0, 0, "", "", 0), at_once)


def index(
    keys: SessionKeys,
    token: str,
    seen: Unindexed,
    upto: int,
    documents: Sequence[DocumentRow],
    *,
    lease: int,
    generation: int,
    vectorless: str = "",
    pause: int = 0,
    at_once: int = AT_ONCE["flat"],
) -> Operation[IndexOutcome]:
    """Store documents and the position up to which the session is indexed, or nothing if the session changed. Atomic.

    If the documents were stored without vectors since the session was read, the vectors are added to them.

    Args:
        keys: Keys of the session.
        token: Token that took the lease.
        seen: What was read of the session.
        upto: Sequence number after the last message that is indexed.
        documents: For each document the end of its key, its sequence number and its fields.
        lease: Milliseconds to extend the lease by if more is to be indexed.
        generation: Generation of the index that the vectors are for.
        vectorless: Messages that lack a vector from now on, as they are stored.
        pause: Milliseconds until these are tried again.
        at_once: Of how many earlier messages to change the documents in one call, if they are to be changed.

    Returns:
        Whether the documents were stored, and whether more messages are to be indexed. If it is `AGAIN`, the same
        operation is to be executed again.
    """
    return _store(
        keys, seen, upto, documents, (token, lease, generation, 1, seen.vectorless, vectorless, pause), at_once
    )


def _store(
    keys: SessionKeys,
    seen: Unindexed,
    upto: int,
    documents: Sequence[DocumentRow],
    more: tuple[Value, ...],
    at_once: int,
) -> Operation[IndexOutcome]:
    token, lease, generation, *vectors = more
    user = "" if seen.user is None else to_tag(seen.user)
    args: list[Value] = [token, lease, seen.epoch, seen.indexed, upto, generation, keys.documents, user, *vectors]
    args += (seen.revision, at_once)
    for suffix, seq, fields in documents:
        args += (suffix, seq, 2 * len(fields))
        for name, value in fields.items():
            args += (name, to_member(value) if isinstance(value, str) else value)
    script = Command(SCRIPTS["index_commit"], (keys.messages, keys.state, keys.indexing, keys.stale), tuple(args))
    return Operation((script,), lambda replies: IndexOutcome(replies[0][0]))


def add_vectors(
    keys: SessionKeys,
    token: str,
    seen: Unindexed,
    upto: int,
    field: str,
    vectors: Sequence[tuple[str, bytes]],
    *,
    lease: int,
    generation: int,
    vectorless: str,
    pause: int,
) -> Operation[IndexOutcome]:
    """Add vectors to documents that were stored without them, or do nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        token: Token that took the lease.
        seen: What was read of the session.
        upto: Sequence number after the last message whose documents have vectors then.
        field: Field of the vectors.
        vectors: For each document the end of its key, and its vector.
        lease: Milliseconds to extend the lease by if more is to be done.
        generation: Generation of the index that the vectors are for.
        vectorless: Messages before `upto` that lack a vector from now on, as they are stored.
        pause: Milliseconds until these are tried again.

    Returns:
        Whether the vectors were stored, and whether more may be to be done.
    """
    args: list[Value] = [token, lease, seen.epoch, seen.embedded, upto, generation, keys.documents]
    args += [seen.vectorless, vectorless, pause, field, seen.revision]
    for each in vectors:
        args += each
    script = Command(SCRIPTS["vectors_commit"], (keys.messages, keys.state, keys.indexing), tuple(args))
    return Operation((script,), lambda replies: IndexOutcome(replies[0][0]))
