"""The Redis commands of indexing, as data: what describes an index, and its documents. See also `operations.py`."""

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
    """What is known of the index of a namespace.

    Attributes:
        model: Name of the embedding model.
        dimensions: Of its vectors.
        settings: How they are stored and compared, and in what language words are.
        generation: Counts the rebuilds.
    """

    model: str
    dimensions: int
    settings: str
    generation: int


class Unindexed(NamedTuple):
    """What of a session is not indexed yet.

    Attributes:
        epoch: Of the session.
        user: Whose it is, if known.
        indexed: Sequence number of the first message that is not indexed.
        total: Sequence number that the next message will get.
        start: Sequence number of the first record given; those before `indexed` are context.
        records: Messages as stored.
        earlier: Name, role and text of documents before those, the latest first.
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
    """What a document says: the rest of its key, and whether it has the vector that was asked for."""

    suffix: str
    name: str
    role: str
    text: str
    done: bool


def describe(namespace: str) -> Operation[Description | None]:
    """Read what is known of the index."""
    return Operation((describing(namespace),), lambda replies: to_description(replies[0]))


def establish(namespace: str, description: Description) -> Operation[tuple[bool, Description]]:
    """Describe the index, unless it is described already.

    Returns:
        Whether it was not, and the description that holds.
    """

    def read(replies: list[Any]) -> tuple[bool, Description]:
        new, flat = replies[0]
        known = dict(zip(map(from_member, flat[::2]), flat[1::2], strict=True))
        found = to_description([known.get(name) for name in _DESCRIBED])
        if found is None:
            raise StoreError(f"{recall_key(namespace)} does not describe an index. Delete that key, then reindex")
        return bool(new), found

    return Operation(
        (Command(SCRIPTS["index_describe"], (recall_key(namespace),), tuple(_pairs(_DESCRIBED, description))),), read
    )


def switch(namespace: str, description: Description, index: str, *, one_slot: bool) -> Operation[None]:
    """Describe the index anew, and search it from now on.

    Args:
        namespace: Whose index.
        description: Of the new one.
        index: Its name.
        one_slot: Whether both can be done at one instant, as anywhere but in a cluster.
    """
    key = recall_key(namespace)
    both = (
        Command("HSET", (key,), tuple(_pairs(_DESCRIBED, description))),
        Command("FT.ALIASUPDATE", (key,), (index,)),
    )

    def read(replies: list[Any]) -> None:
        for reply in replies[-1] if one_slot else ():
            if isinstance(reply, Exception):
                raise StoreError(f"the index {index} was made, but could not be put in place: {reply}") from reply

    return Operation((Command("MULTI", ()), *both, Command("EXEC", ())) if one_slot else both, read)


def unplan(namespace: str) -> Operation[None]:
    """Forget of what kind an index was that was begun, since it is in place."""
    return Operation((Command("HDEL", (recall_key(namespace),), _PLANNED),), ignore_replies)


def planned(namespace: str) -> Operation[Description | None]:
    """Read of what kind an index is that was begun."""
    return Operation(
        (Command("HMGET", (recall_key(namespace),), _PLANNED),), lambda replies: to_description(replies[0])
    )


def plan(namespace: str, description: Description) -> Operation[None]:
    """Keep of what kind an index is that is begun."""
    return Operation((Command("HSET", (recall_key(namespace),), tuple(_pairs(_PLANNED, description))),), ignore_replies)


def unindexed(
    keys: SessionKeys, token: str, *, lease: int, limit: int, reach: int, context: int
) -> Operation[tuple[Unindexed | IndexLease, Description | None]]:
    """Take the lease for indexing a session, and read what is not indexed; and what is known of the index.

    Args:
        keys: Keys of the session.
        token: Random, made for this run.
        lease: Milliseconds after which others may take over.
        limit: Messages to read at most.
        reach: Messages before those to read as well.
        context: Documents before those to read at most, where the list begins later.

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
    """Store documents, and that the messages up to `upto` are indexed, or nothing if the session moved on. Atomic.

    Args:
        keys: Keys of the session.
        token: Token that the lease was taken with.
        seen: What was read of it.
        upto: End of the sequence numbers that are indexed with this.
        documents: Rest of the key, sequence number and fields of each.
        lease: Milliseconds to hold the lease for longer, if there is more to do.
        generation: Of the index that the vectors are for.

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
    """Read what documents of sessions say.

    Args:
        sessions: Keys of the sessions.
        start: First sequence number.
        stop: End of the sequence numbers.
        field: Field of the vector that is wanted.
        size: Bytes that it has.
        generation: From now on, index these sessions for no earlier generation than this.
        dropped: Fields of vectors to drop from them.

    Returns:
        For each session its epoch, None if it is gone; the first sequence number not indexed; and its documents.
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
    """Give documents another vector and other words. Atomic; nothing if the session is gone.

    Args:
        keys: Keys of the session.
        epoch: As it was read.
        field: Field of the vector.
        vectors: Rest of the key, words, and vector of each.

    Returns:
        How many there were.
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
    """Give the command that reads what is known of the index."""
    return Command("HMGET", (recall_key(namespace),), _DESCRIBED)


def to_description(values: Sequence[Any]) -> Description | None:
    """Read the reply to it."""
    if any(value is None for value in values):
        return None
    model, dimensions, settings, generation = map(from_member, values)
    return Description(model, int(dimensions), settings, int(generation))
