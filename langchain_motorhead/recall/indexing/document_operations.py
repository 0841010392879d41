"""Redis commands that read and change documents of messages that were indexed before, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_motorhead.recall.indexing.operations import IndexOutcome, Unindexed
from langchain_motorhead.storage.keys import SessionKeys, from_member, optional_member, to_member, to_tag
from langchain_motorhead.storage.operation import Command, Operation, Value
from langchain_motorhead.storage.scripts import SCRIPTS


class Text(NamedTuple):
    """The text of a stored document, and the end of its key. `done` says whether it has the requested vector."""

    suffix: str
    name: str
    role: str
    text: str
    done: bool


class StoredTexts(NamedTuple):
    """Documents of a session.

    Attributes:
        epoch: Epoch of the session, or None if it was deleted.
        indexed: Sequence number of its first message that is not indexed.
        revision: Its revision, as stored.
        documents: The documents.
    """

    epoch: str | None
    indexed: int
    revision: str
    documents: list[Text]


def remake(
    keys: SessionKeys,
    token: str,
    seen: Unindexed,
    left: str,
    upto: int,
    documents: Sequence[tuple[str, int, int | None, Mapping[str, Value]]],
    *,
    lease: int,
    generation: int,
    vectorless: str,
    pause: int,
) -> Operation[IndexOutcome]:
    """Store documents of earlier messages again, or do nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        token: Token that took the lease.
        seen: What was read of the session.
        left: Messages whose documents are still to be made again, as they are stored.
        upto: Sequence number after the last of these documents.
        documents: For each document the end of its key, its sequence number, its time in microseconds since 1970 if
            that is known, and its fields.
        lease: Milliseconds to extend the lease by.
        generation: Generation of the index that the vectors are for, or 0 if the documents have none.
        vectorless: Messages that lack a vector from now on, as they are stored.
        pause: Milliseconds until these are tried again.

    Returns:
        Whether the documents were stored.
    """
    user = "" if seen.user is None else to_tag(seen.user)
    args: list[Value] = [token, lease, seen.epoch, seen.revision, seen.remake, left, upto, generation, keys.documents]
    args += [user, seen.vectorless, vectorless, pause]
    for suffix, seq, time, fields in documents:
        args += (suffix, seq, "" if time is None else time, 2 * len(fields))
        for name, value in fields.items():
            args += (name, to_member(value) if isinstance(value, str) else value)
    script = Command(SCRIPTS["documents_remake"], (keys.state, keys.indexing, keys.stale), tuple(args))
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
) -> Operation[list[StoredTexts]]:
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
        What was found of each session.
    """
    after = (start, stop, field, size, "" if generation is None else generation, *dropped)
    commands = tuple(Command(SCRIPTS["documents_read"], (keys.state,), (keys.documents, *after)) for keys in sessions)

    def read(replies: list[Any]) -> list[StoredTexts]:
        found = []
        for epoch, indexed, revision, flat in replies:
            said = [from_member(each) if isinstance(each, bytes | str) else each for each in flat]
            rows = (said[at : at + 5] for at in range(0, len(said), 5))
            documents = [Text(suffix, name, role, text, bool(done)) for suffix, name, role, text, done in rows]
            found.append(StoredTexts(optional_member(epoch), indexed, from_member(revision), documents))
        return found

    return Operation(commands, read)


def revise(
    keys: SessionKeys, epoch: str, revision: str, field: str, vectors: Sequence[tuple[str, str, bytes]]
) -> Operation[int]:
    """Store another vector and other terms for documents, or nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        epoch: Epoch of the session when the documents were read.
        revision: Revision of the session when the documents were read.
        field: Field of the vector.
        vectors: For each document the end of its key, its terms and its vector.

    Returns:
        How many documents were changed. -1, and nothing was done, if the session has another revision.
    """
    args: list[Value] = [epoch, revision, keys.documents, field]
    for each in vectors:
        args += each
    return Operation(
        (Command(SCRIPTS["documents_revise"], (keys.state,), tuple(args)),), lambda replies: int(replies[0])
    )
