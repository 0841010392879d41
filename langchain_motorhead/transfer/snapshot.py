"""Exported sessions, and the Redis commands that read and restore one, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.sessions.registry_operations import add
from langchain_motorhead.storage.keys import SessionKeys, from_member, from_quoted, group_key
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS
from langchain_motorhead.transfer.archive_lines import ArchiveRun

PAGE = 500
"""How many messages are read, written or staged at once."""

# Fields that are not exported: the session's identity, the state of its index, its registries, and its archive's size.
_NOT_EXPORTED = frozenset(
    "epoch indexed generation owned until groups embedded vectorless retry marks revision archived chunks "
    "archive_bytes versions remake".split()
)
MARKS = "marks"
"""Name under which the marks of a session's messages are exported, one after the other."""
# Buckets of marks read at once.


@dataclass(slots=True)
class ExportedSession:
    """A session as it was at one moment.

    Attributes:
        session_id: Its id.
        state: Fields of its state as stored, without the epoch and the state of its index.
        count: How many messages its list has.
        pages: Those messages as stored, oldest first, in pages of `PAGE`. They can be read once.
        ttl: Milliseconds until it expires, or 0.
        groups: Names of the groups that list it.
        grouped: Whether only groups list it.
        left: Largest number of summarized messages that recall can find here, but not after an import.
        archive: The messages of its archive, as far as they are there, to be read once and before `pages`. None if it
            has no archive.
        summaries: Records of the versions of its summary, as stored.
        archived: How many messages its archive has, if it was read from Redis.
    """

    session_id: str
    state: dict[str, bytes]
    count: int
    pages: Iterator[list[bytes]]
    ttl: int = 0
    groups: tuple[str, ...] = ()
    grouped: bool = False
    left: int = 0
    archive: Iterable[ArchiveRun] | None = None
    summaries: tuple[bytes, ...] = ()
    archived: int = 0

    @property
    def messages(self) -> int:
        """How many messages it has, in its list and its archive."""
        return self.count + (self.archived or int(self.state.get("archived", 0)))

    @property
    def user_id(self) -> str | None:
        """The user of the session, or None."""
        user = self.state.get("user")
        return None if user is None else from_member(user)


class Head(NamedTuple):
    """The first part of an exported session.

    Attributes:
        epoch: Epoch of the session.
        first: Sequence number of the first message in its list.
        state: The fields to export.
        ttl: Milliseconds until it expires, or 0.
        length: How many messages its list has.
        records: The first of them, as stored.
        groups: Names of the groups that list it.
        grouped: Whether only groups list it.
        left: Largest number of summarized messages that recall can find.
        archived: How many messages its archive should have.
        summaries: Records of the versions of the summary.
    """

    epoch: bytes
    first: int
    state: dict[str, bytes]
    ttl: int
    length: int
    records: list[bytes]
    groups: tuple[str, ...]
    grouped: bool
    left: int
    archived: int
    summaries: tuple[bytes, ...]


class RestoreOutcome(Enum):
    """The outcome of restoring a session."""

    THERE = 0
    DONE = 1
    DONE_BEFORE = 2
    OTHER_OWNER = 3
    INCOMPLETE = 4
    MANY_DOCUMENTS = 5
    CHANGED = 6


class Fingerprint:
    """A digest of an imported session, by which a repeated import recognizes it."""

    def __init__(self, session_id: bytes, state: dict[str, bytes], summaries: Sequence[bytes] = ()) -> None:
        self._digest = blake2b(digest_size=4)
        self.add([session_id])
        for name, value in sorted(state.items()):
            self.add([name.encode(), value])
        self.add(summaries)

    def add(self, values: Sequence[bytes]) -> None:
        """Add values to the digest, each with its length."""
        for value in values:
            self._digest.update(len(value).to_bytes(8, "big"))
            self._digest.update(value)

    @property
    def text(self) -> str:
        """The digest: 8 characters."""
        return self._digest.hexdigest()


def read_head(keys: SessionKeys) -> Operation[Head | None]:
    """Read a session and the first of its messages, or None if it does not exist. Atomic."""

    def read(replies: list[Any]) -> Head | None:
        flat, life, count, records, versions = replies[0]
        try:
            fields = {from_member(name): to_bytes(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
            indexed, first = int(fields.get("indexed", b"0")), int(fields.get("first", b"0"))
            # Archived messages are exported, and indexed after an import.
            kept_from = int(fields.get("archive_from", b"0")) if "archived" in fields else first
            listed = fields.get("groups", b"").decode().split()
            groups = tuple(from_quoted(key.removeprefix(prefix)) for key in listed if key.startswith(prefix))
        except ValueError as error:
            raise StoreError(f"the key {keys.state} holds data that this package did not write") from error
        if (epoch := fields.get("epoch")) is None:
            return None
        return Head(
            epoch=epoch,
            first=first,
            state={name: value for name, value in fields.items() if name not in _NOT_EXPORTED},
            ttl=max(0, life),
            length=count,
            records=[to_bytes(each) for each in records],
            groups=groups,
            grouped=group_key(keys.namespace) in listed,
            left=min(indexed, first, kept_from),
            archived=_count(fields.get("archived", b"0")),
            summaries=tuple(map(to_bytes, versions)),
        )

    prefix = group_key(keys.namespace, "-").removesuffix("-")
    command = Command(SCRIPTS["session_snapshot"], (keys.messages, keys.state, keys.summaries), (PAGE - 1,))
    return Operation((command,), read)


def listing_keys(keys: SessionKeys, snapshot: ExportedSession, *, one_slot: bool) -> SessionKeys:
    """Return the keys of a session, with the registries of its groups."""
    return dataclasses.replace(
        keys, registries=(*keys.registries, *_group_keys(keys.namespace, snapshot, one_slot=one_slot))
    )


def _group_keys(namespace: str, snapshot: ExportedSession, *, one_slot: bool) -> list[str]:
    found = [group_key(namespace, group) for group in dict.fromkeys(snapshot.groups)]
    # In a cluster, no script could maintain the last one.
    return [*found, group_key(namespace)] if found and snapshot.grouped and one_slot else found


def stage(keys: SessionKeys, token: str, records: Sequence[bytes], marks: bytes, marked: int) -> Operation[int]:
    """Store messages and marks for a restore that follows. They expire if it does not.

    Args:
        keys: Keys of the session.
        token: Token of the import.
        records: Messages, added to those that are staged.
        marks: Marks, added to those that are staged.
        marked: How many marks are staged before.

    Returns:
        How many marks are staged now.
    """
    command = Command(SCRIPTS["restore_stage"], _staged(keys, token), (marked, marks, *records))
    return Operation((command,), lambda replies: int(replies[0]))


def stage_chunks(keys: SessionKeys, token: str, chunks: Sequence[bytes]) -> Operation[None]:
    """Store chunks of an archive for a restore that follows. They expire if it does not."""
    staged = _staged_archive(keys, token)
    command = Command(SCRIPTS["restore_stage"], (staged, staged), (0, b"", *chunks))  # without marks
    return Operation((command,), ignore_replies)


def unstage(keys: SessionKeys, token: str) -> Operation[None]:
    """Delete staged messages."""
    return Operation((Command("UNLINK", (*_staged(keys, token), _staged_archive(keys, token))),), ignore_replies)


def restore(
    keys: SessionKeys,
    snapshot: ExportedSession,
    records: Sequence[bytes] | None,
    marks: bytes,
    marked: int,
    token: str,
    digest: str,
    *,
    replace: bool,
    owner: SessionKeys,
    one_slot: bool,
    chunks: int = 0,
    noted: int = 0,
    seen: str = "",
) -> Operation[RestoreOutcome]:
    """Store a session completely or not at all.

    Args:
        keys: Keys of the session with its user, from `listing_keys`.
        snapshot: The session.
        records: Its messages, or None if they are staged.
        marks: Marks of its messages that are not staged.
        marked: How many marks are staged.
        token: Token with which they were staged.
        digest: Fingerprint of the import, with which the session's epoch begins.
        replace: Whether to replace an existing session.
        owner: Keys of the existing session, with its user.
        one_slot: Whether one script may write the session and the registries, which is impossible in a cluster.
        chunks: Number of staged chunks of its archive.
        noted: Number of messages of which it is noted that their documents are to be erased.
        seen: Epoch and revision of the session to replace, as it was when the import was prepared. Empty if there was
            none.
    """
    active = int(snapshot.state["updated"])
    fields: list[Value] = [part for name, value in snapshot.state.items() for part in (name.encode(), value)]
    if snapshot.groups:
        fields += (b"groups", f" {' '.join(_group_keys(keys.namespace, snapshot, one_slot=one_slot))} ".encode())
    old = [each for each in owner.registries if each not in keys.registries]
    registries = (*keys.registries, *old) if one_slot else ()
    args: tuple[Value, ...] = (
        keys.member, digest, int(replace), owner.user, keys.documents, snapshot.ttl, active, snapshot.count,
        int(records is None), len(keys.registries) if one_slot else 0, marked, marks, chunks, len(fields),
        len(snapshot.summaries), noted, seen, *fields, *snapshot.summaries, *(records or ()),
    )  # fmt: skip
    session = (keys.messages, keys.state, keys.marks, keys.archive, keys.lease, keys.indexing, keys.stale)
    summaries = (keys.summaries, keys.rebuild, keys.rebuilding)
    staged = (*_staged(keys, token), _staged_archive(keys, token))
    return Operation(
        (Command(SCRIPTS["session_restore"], (*session, *summaries, *staged, *registries), args),),
        lambda replies: RestoreOutcome(replies[0][0]),
        split=(lambda: restore(
            keys, snapshot, records, marks, marked, token, digest, replace=replace, owner=owner, one_slot=False,
            chunks=chunks, noted=noted, seen=seen,
        )) if one_slot else None,
    )  # fmt: skip


def list_restored(keys: SessionKeys, active: int, ttl: int, owner: SessionKeys, *, new: bool) -> Operation[None]:
    """List a restored session in a second step, as a cluster requires.

    Args:
        keys: Keys of the session.
        active: Time of its last activity in microseconds since 1970.
        ttl: Milliseconds until it expires, or 0 for never.
        owner: Keys of the session that it replaced, with its user.
        new: Whether it was restored just now. If not, a newer time of activity is kept.
    """
    commands = [add(registry, keys.member, active, ttl, only_new=not new) for registry in keys.registries]
    commands += [
        Command("ZREM", (registry,), (keys.member,)) for registry in owner.registries if registry not in keys.registries
    ]
    return Operation(tuple(commands), lambda _: None)


def _staged(keys: SessionKeys, token: str) -> tuple[str, str]:
    staged = f"{keys.lease.removesuffix('lease')}import:{token}"
    return staged, f"{staged}:marks"


def _staged_archive(keys: SessionKeys, token: str) -> str:
    return f"{_staged(keys, token)[0]}:archive"


def _count(stored: bytes) -> int:
    """Return how many messages an archive should have. If the number is damaged, it is read all the same."""
    return int(stored) if stored.isdigit() else 1
