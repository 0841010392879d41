"""Redis commands of indexing, as data: the description of an index, and the documents of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.storage.keys import SessionKeys, from_member, recall_key, to_member, to_tag
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies
from langchain_motorhead.storage.scripts import SCRIPTS

_DESCRIBED = ("model", "dimensions", "settings", "generation")
_PLANNED = tuple(f"next_{name}" for name in _DESCRIBED)


@dataclass(frozen=True, slots=True)
class Description:
    """The stored description of a namespace's index.

    Attributes:
        model: Name of the embedding model.
        dimensions: Dimensions of its vectors.
        settings: Algorithm, metric and datatype of the vectors, and language of the terms.
        generation: Number of the index. It grows with each rebuild.
    """

    model: str
    dimensions: int
    settings: str
    generation: int


class Unindexed(NamedTuple):
    """The next messages of a session that are not indexed yet.

    Attributes:
        epoch: Epoch of the session.
        user: User of the session, or None.
        indexed: Sequence number of the first message that is not indexed.
        total: Sequence number of the next message to be appended.
        start: Sequence number of the first of `records`. Records before `indexed` are context.
        records: Messages as stored.
        earlier: Name, role and text of documents before `records`, latest first.
    """

    epoch: str
    user: str | None
    indexed: int
    total: int
    start: int
    records: list[bytes | str]
    earlier: list[tuple[str, str, str]]


class IndexLease(Enum):
    """Why there is nothing to index for a worker. The values are those of `index_begin.lua`."""

    BUSY = 0
    """Another worker holds the indexing lease."""
    DONE = 1
    """All messages are indexed."""


class IndexOutcome(Enum):
    """What an attempt to store documents came to. The values are those of `index_commit.lua`."""

    STALE = 0
    """Nothing was stored, because the session changed since it was read."""
    DONE = 1
    """All messages are indexed, and the lease is released."""
    MORE = 2
    """The documents were stored, and more messages are to be indexed."""


class Text(NamedTuple):
    """The text of a stored document, and the end of its key. `done` says whether it has the requested vector."""

    suffix: str
    name: str
    role: str
    text: str
    done: bool


def describe(namespace: str) -> Operation[Description | None]:
    """Return the operation that reads the description of the index."""
    return Operation((describing(namespace),), lambda replies: to_description(replies[0]))


def establish(namespace: str, description: Description) -> Operation[tuple[bool, Description]]:
    """Store the description of the index, unless it has one.

    Returns:
        Whether it was stored, and the description that is stored now.
    """

    def read(replies: list[Any]) -> tuple[bool, Description]:
        new, flat = replies[0]
        known = dict(zip(map(from_member, flat[::2]), flat[1::2], strict=True))
        found = to_description([known.get(name) for name in _DESCRIBED])
        if found is None:
            raise StoreError(
                f"the key {recall_key(namespace)} does not hold the description of an index. Delete it, then reindex"
            )
        return bool(new), found

    return Operation(
        (Command(SCRIPTS["index_describe"], (recall_key(namespace),), tuple(_pairs(_DESCRIBED, description))),), read
    )


def switch(namespace: str, description: Description, index: str, *, one_slot: bool) -> Operation[None]:
    """Store another description, and direct searches to its index.

    Args:
        namespace: Namespace of the index.
        description: Description of the new index.
        index: Name of the new index.
        one_slot: Whether both can happen in one transaction, which is impossible in a cluster.
    """
    key = recall_key(namespace)
    both = (
        Command("HSET", (key,), tuple(_pairs(_DESCRIBED, description))),
        Command("FT.ALIASUPDATE", (key,), (index,)),
    )

    def read(replies: list[Any]) -> None:
        for reply in replies[-1] if one_slot else ():
            if isinstance(reply, Exception):
                raise StoreError(
                    f"the index {index} was made, but searches could not be directed to it: {reply}"
                ) from reply

    return Operation((Command("MULTI", ()), *both, Command("EXEC", ())) if one_slot else both, read)


def unplan(namespace: str) -> Operation[None]:
    """Delete the description of the index under construction, since that index is in use now."""
    return Operation((Command("HDEL", (recall_key(namespace),), _PLANNED),), ignore_replies)


def planned(namespace: str) -> Operation[Description | None]:
    """Read the description of the index under construction."""
    return Operation(
        (Command("HMGET", (recall_key(namespace),), _PLANNED),), lambda replies: to_description(replies[0])
    )


def plan(namespace: str, description: Description) -> Operation[None]:
    """Store the description of an index under construction."""
    return Operation((Command("HSET", (recall_key(namespace),), tuple(_pairs(_PLANNED, description))),), ignore_replies)


def unindexed(
    keys: SessionKeys, token: str, *, lease: int, limit: int, reach: int, context: int
) -> Operation[tuple[Unindexed | IndexLease, Description | None]]:
    """Take the lease for indexing a session, and read its next unindexed messages and the index's description.

    Args:
        keys: Keys of the session.
        token: Random token of this run.
        lease: Duration of the lease in milliseconds.
        limit: Largest number of messages to read.
        reach: How many earlier messages to read as context.
        context: How many earlier documents to read as context, if those messages have left the list.

    Returns:
        What is not indexed, or why there is nothing to do; and the description of the index, if there is one.
    """
    args = (token, lease, limit, reach, context, keys.documents)
    script = Command(SCRIPTS["index_begin"], (keys.messages, keys.state, keys.indexing), args)

    def read(replies: list[Any]) -> tuple[Unindexed | IndexLease, Description | None]:
        status, *rest = replies[0]
        if status != _TAKEN:
            return IndexLease(status), None
        epoch, user, indexed, total, start, records, flat = rest
        said = [from_member(each) for each in flat]
        earlier = list(zip(said[::3], said[1::3], said[2::3], strict=True))
        known = None if user is None else from_member(user)
        found = Unindexed(from_member(epoch), known, indexed, total, start, records, earlier)
        return found, to_description(replies[1])

    return Operation((script, describing(keys.namespace)), read)


_TAKEN = 2


def index(
    keys: SessionKeys,
    token: str,
    seen: Unindexed,
    upto: int,
    documents: Sequence[tuple[str, int, Mapping[str, Value]]],
    *,
    lease: int,
    generation: int,
) -> Operation[IndexOutcome]:
    """Store documents and the position up to which the session is indexed, or nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        token: Token that took the lease.
        seen: What was read of the session.
        upto: Sequence number after the last message that is indexed.
        documents: For each document the end of its key, its sequence number and its fields.
        lease: Milliseconds to extend the lease by if more is to be indexed.
        generation: Generation of the index that the vectors are for.

    Returns:
        Whether the documents were stored, and whether more messages are to be indexed.
    """
    user = "" if seen.user is None else to_tag(seen.user)
    args: list[Value] = [token, lease, seen.epoch, seen.indexed, upto, generation, keys.documents, user]
    for suffix, seq, fields in documents:
        args += (suffix, seq, 2 * len(fields))
        for name, value in fields.items():
            args += (name, to_member(value) if isinstance(value, str) else value)
    script = Command(SCRIPTS["index_commit"], (keys.messages, keys.state, keys.indexing, keys.stale), tuple(args))
    return Operation((script,), lambda replies: IndexOutcome(replies[0][0]))


def texts(
    sessions: Sequence[SessionKeys],
    start: int,
    stop: int,
    field: str,
    size: int,
    *,
    generation: int | None,
    dropped: Sequence[str],
) -> Operation[list[tuple[str | None, int, list[Text]]]]:
    """Read the texts of documents of several sessions.

    Args:
        sessions: Keys of the sessions.
        start: First sequence number.
        stop: Sequence number after the last.
        field: Field of the requested vector.
        size: Size of that vector in bytes.
        generation: Refuse vectors of earlier generations for these sessions from now on; None to change nothing.
        dropped: Fields of vectors to delete.

    Returns:
        For each session its epoch, or None if it was deleted; its first sequence number that is not indexed; and its
        documents.
    """
    after = (start, stop, field, size, "" if generation is None else generation, *dropped)
    commands = tuple(Command(SCRIPTS["documents_read"], (keys.state,), (keys.documents, *after)) for keys in sessions)

    def read(replies: list[Any]) -> list[tuple[str | None, int, list[Text]]]:
        found = []
        for epoch, indexed, flat in replies:
            said = [from_member(each) if isinstance(each, bytes | str) else each for each in flat]
            rows = (said[at : at + 5] for at in range(0, len(said), 5))
            documents = [Text(suffix, name, role, text, bool(done)) for suffix, name, role, text, done in rows]
            found.append((None if epoch is None else from_member(epoch), indexed, documents))
        return found

    return Operation(commands, read)


def revise(keys: SessionKeys, epoch: str, field: str, vectors: Sequence[tuple[str, str, bytes]]) -> Operation[int]:
    """Store another vector and other terms for documents, or nothing if the session was deleted. Atomic.

    Args:
        keys: Keys of the session.
        epoch: Epoch of the session when the documents were read.
        field: Field of the vector.
        vectors: For each document the end of its key, its terms and its vector.

    Returns:
        How many documents were changed.
    """
    args: list[Value] = [epoch, keys.documents, field]
    for each in vectors:
        args += each
    return Operation(
        (Command(SCRIPTS["documents_revise"], (keys.state,), tuple(args)),), lambda replies: int(replies[0])
    )


def _pairs(names: Sequence[str], description: Description) -> list[Value]:
    values: tuple[Value, ...] = (
        description.model,
        description.dimensions,
        description.settings,
        description.generation,
    )
    pairs: list[Value] = []
    for name, value in zip(names, values, strict=True):
        pairs += (name, value)
    return pairs


def describing(namespace: str) -> Command:
    """Return the command that reads the description of the index."""
    return Command("HMGET", (recall_key(namespace),), _DESCRIBED)


def to_description(values: Sequence[Any]) -> Description | None:
    """Return the description in the reply to `describing`, or None if there is none."""
    if any(value is None for value in values):
        return None
    model, dimensions, settings, generation = map(from_member, values)
    return Description(model, int(dimensions), settings, int(generation))
