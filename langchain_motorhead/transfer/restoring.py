"""Redis operations that restore an exported session: its parts are staged, and put in place in one step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import Enum

from langchain_motorhead.sessions.registry_operations import add
from langchain_motorhead.storage.keys import SessionKeys, group_key
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies
from langchain_motorhead.storage.scripts import SCRIPTS
from langchain_motorhead.transfer.snapshot import ExportedSession


class RestoreOutcome(Enum):
    """The outcome of restoring a session."""

    THERE = 0
    DONE = 1
    DONE_BEFORE = 2
    OTHER_OWNER = 3
    INCOMPLETE = 4
    MANY_DOCUMENTS = 5
    CHANGED = 6


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
