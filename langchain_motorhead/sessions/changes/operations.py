"""Redis operations that forget and edit messages of a session, and tell which messages it knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.messages.ids import UNKNOWN_CONTENT, marks, origins
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.storage.keys import SessionKeys, optional_member
from langchain_motorhead.storage.operation import Command, Operation, Value, read_primary
from langchain_motorhead.storage.scripts import SCRIPTS

# How many messages after one are looked at for those whose vectors were made with its text: as many as are indexed at
# once, and more.
_REACH_MESSAGES = 300
_LATER_LAYOUT, _DONE = 1, 2


class Knowledge(IntEnum):
    """What a session knows of an id. The values are those of `marks_find.lua`."""

    UNKNOWN = 0
    KNOWN = 1
    FORGOTTEN = 2
    OTHER_CONTENT = 3


class Identity(NamedTuple):
    """What a change of a session is checked against.

    Attributes:
        epoch: Epoch of the session, or None if there is none.
        revision: Its revision.
        user: User that it belongs to, or None.
        first: Sequence number of the first message of the list.
    """

    epoch: str | None
    revision: int
    user: str | None
    first: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """What takes the place of messages, wherever they are stored.

    Attributes:
        seqs: Their sequence numbers, ascending.
        records: Sequence numbers and new records, of those that are in the list.
        chunks: First sequence numbers, headers as read, and new chunks of the archive.
        marks: Marks to put in the place of others with the same ids.
        size: Change of the list's token count, or None if tokens are not counted.
        forgotten: How many of the messages are forgotten now, and were not before.
        again: Whether the documents of the messages are to be made again.
        since: Sequence number from which on no summary may cover messages, or None to keep all summaries.
        total: How many messages the session had when some were not found in it, or None if all were found.
        missing: Ids of those. If one of them was appended since, nothing is replaced.
    """

    seqs: tuple[int, ...]
    records: tuple[tuple[int, bytes], ...]
    chunks: tuple[tuple[int, bytes, bytes], ...]
    marks: bytes
    size: int | None
    forgotten: int
    again: bool
    since: int | None
    total: int | None = None
    missing: tuple[str, ...] = ()


class Removed(NamedTuple):
    """What was removed beside the messages.

    Attributes:
        documents: Documents of the search index.
        vectors: Vectors of other messages that were made with the text of the messages.
        summaries: Summaries.
    """

    documents: int
    vectors: int
    summaries: int


def identify(keys: SessionKeys) -> Operation[Identity]:
    """Read what a change of a session is checked against."""

    def read(replies: list[Any]) -> Identity:
        epoch, revision, user, first = replies[0]
        return Identity(optional_member(epoch), int(revision or 0), optional_member(user), int(first or 0))

    return Operation((read_primary("HMGET", keys.state, "epoch", "revision", "user", "first"),), read)


def find_known(keys: SessionKeys, ids: Sequence[str]) -> Operation[list[Knowledge]]:
    """Read for each id whether the session has, or had, a message with it.

    Args:
        keys: Keys of the session.
        ids: Ids, none of them empty.
    """
    return find_contents(keys, [(id_, UNKNOWN_CONTENT) for id_ in ids])


def find_contents(keys: SessionKeys, contents: Sequence[tuple[str, bytes]]) -> Operation[list[Knowledge]]:
    """Read for each id whether the session has, or had, a message with it, and with a content.

    Args:
        keys: Keys of the session.
        contents: Ids, none of them empty, each with the digest of a content.
    """
    args = (marks(contents), origins([id_ for id_, _ in contents]))
    command = Command(SCRIPTS["marks_find"], (keys.state, keys.marks), args)
    return Operation(
        (command,), lambda replies: [Knowledge(int(each)) for each in optional_member(replies[0][1]) or ""]
    )


def read_document_ids(keys: SessionKeys, start: int, stop: int) -> Operation[list[str | None]]:
    """Read the ids of the messages from sequence number `start` to before `stop` from their documents."""
    commands = tuple(read_primary("HGET", f"{keys.documents}{seq}", "id") for seq in range(start, stop))
    return Operation(commands, lambda replies: list(map(optional_member, replies)))


def replace_messages(keys: SessionKeys, seen: Identity, change: Replacement) -> Operation[Removed | None]:
    """Replace messages, and remove all that was made of them; or do nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        seen: The session as it was when the messages were read.
        change: What to replace.

    Returns:
        What was removed, or None if nothing was done.

    Raises:
        StoreError: Raised by `read` if the session was written by a later version.
    """
    args: list[Value] = [
        seen.epoch or "", seen.revision, "" if change.since is None else change.since,
        "" if change.size is None else change.size, change.forgotten, keys.documents, int(change.again),
        _REACH_MESSAGES, "" if change.total is None else change.total, change.marks,
        len(change.seqs), len(change.records), len(change.chunks),
        "".join(f"{text}\n" for id_ in change.missing for text in _as_stored(id_)), *change.seqs,
    ]  # fmt: skip
    for group in (*change.records, *change.chunks):
        args += group
    touched = (keys.messages, keys.state, keys.marks, keys.archive, keys.summaries, keys.rebuild)

    def read(replies: list[Any]) -> Removed | None:
        status, *counts = replies[0]
        if status == _LATER_LAYOUT:
            raise StoreError(f"session {keys.session_id!r} was written by a later version of this package")
        return Removed(*counts) if status == _DONE else None

    return Operation((Command(SCRIPTS["session_forget"], touched, tuple(args)),), read)


def _as_stored(id_: str) -> set[str]:
    """Return the texts of which one is in the record of a message with this id: JSON as it is, and in ASCII."""
    return {json.dumps(id_), without_surrogates(json.dumps(id_, ensure_ascii=False))}
