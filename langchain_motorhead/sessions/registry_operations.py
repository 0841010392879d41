"""Redis operations of the registries, and the deletion of a session.

What decides about a removal is read from the primary: a replica may not have a session yet, or still have it.

A registry is a sorted set of session ids with the times of their last activity. Each namespace has one, and each user
in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NoReturn

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.storage.keys import (
    SessionKeys,
    from_member,
    optional_member,
    own_fact_keys,
    recall_key,
    to_member,
)
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies, read_primary, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS

# The layout of a session's keys that this version knows, as `FORMAT` in `lib_formats.lua`.
_LAYOUT = 1
ERASURE_PREFIX = b"erase:"
"""Beginning of the fields that note of which sessions documents are to be erased. The id of the session follows."""


def owner(keys: SessionKeys) -> Operation[str | None]:
    """Read the user that a session belongs to, or None."""
    return Operation((read_primary("HGET", keys.state, "user"),), lambda replies: optional_member(replies[0]))


def check_layout(keys: SessionKeys) -> Operation[None]:
    """Raise StoreError, when the reply is read, if a session has a layout of which not all keys are known."""

    def read(replies: list[Any]) -> None:
        layout = optional_member(replies[0]) or ""
        if layout.isdecimal() and int(layout) > _LAYOUT:  # a damaged number is no reason to keep a session
            _raise_later(keys)

    return Operation((read_primary("HGET", keys.state, "format"),), read)


def delete(keys: SessionKeys, *, one_slot: bool, expired: bool = False, noted: int = 0) -> Operation[int]:
    """Delete all keys and documents of a session, and remove it from its registries.

    If it has too many documents for one step, they stay. See `erasure.py`.

    Args:
        keys: Keys of the session, with the user that it belongs to.
        one_slot: Whether one script may touch the session and the registries. Not so in a cluster.
        expired: Whether to delete only what an expired session left behind. If the session exists, nothing is done.
        noted: Number of messages of which it is noted that their documents are to be erased.

    Returns:
        How many keys were deleted. Negative if nothing was done: -1 if the session belongs to another user than the one
        in `keys`; -2 - N if it has documents of N messages, of which that has to be noted before.

    Raises:
        StoreError: Raised by `read` if the session was written by a later version.
    """
    args = (keys.member, keys.user, keys.documents, int(expired), noted)
    session: tuple[str, ...] = (keys.messages, keys.state, keys.marks, keys.archive, keys.lease, keys.indexing)
    session += (keys.stale, keys.summaries, keys.rebuild, keys.rebuilding, *own_fact_keys(keys).all)

    def read(replies: list[Any]) -> int:
        deleted = replies[-1]
        if not isinstance(deleted, int):
            _raise_later(keys)
        return int(deleted)

    if one_slot:
        command = Command(SCRIPTS["session_delete"], session if expired else session + keys.registries, args)
        return Operation(
            (command,),
            read,
            split=None if expired else lambda: delete(keys, one_slot=False, noted=noted),
        )
    unlist = () if expired else tuple(Command("ZREM", (registry,), (keys.member,)) for registry in keys.registries)
    return Operation((*unlist, Command(SCRIPTS["session_delete"], session, args)), read)


def unlist(registry: str, session_id: str) -> Operation[None]:
    """Remove a session from a registry."""
    return Operation((Command("ZREM", (registry,), (to_member(session_id),)),), ignore_replies)


def listed(registry: str, start: int, stop: int, *, newest_first: bool) -> Operation[list[tuple[str, float]]]:
    """Read session ids and times of last activity from a registry, from position `start` to `stop`."""
    command = read_primary("ZREVRANGE" if newest_first else "ZRANGE", registry, start, stop, "WITHSCORES")
    return Operation((command,), lambda replies: _scored(replies[0]))


def scan(registry: str, cursor: int, count: int) -> Operation[tuple[int, list[str]]]:
    """Read about `count` session ids of a registry, in no order.

    An id that is in the registry during a whole scan is returned at least once, also if its time of last activity
    changes meanwhile.

    Args:
        registry: Key of the registry.
        cursor: 0 to begin, then the cursor that the scan before returned.
        count: How many ids to read, approximately.

    Returns:
        The next cursor, or 0 at the end, and the ids.
    """
    command = read_primary("ZSCAN", registry, cursor, "COUNT", count)
    return Operation(
        (command,), lambda replies: (int(replies[0][0]), [session_id for session_id, _ in _scored(replies[0][1])])
    )


def existing(keys: Sequence[SessionKeys]) -> Operation[list[bool]]:
    """Read for each session whether it exists."""
    states = tuple(session.state for session in keys)
    return Operation(
        (Command(SCRIPTS["sessions_exist"], states),),
        lambda replies: [bool(reply) for reply in replies[0]],
        split=lambda: Operation(
            tuple(Command(SCRIPTS["sessions_exist"], (state,)) for state in states),
            lambda replies: [bool(reply) for reply in chain.from_iterable(replies)],
        ),
    )


def add(registry: str, member: bytes, active: int, ttl: int, *, only_new: bool = False) -> Command:
    """Build the command that lists a session in a registry, which expires with the last of its sessions.

    Args:
        registry: Key of the registry.
        member: Id of the session, as a member of the registry.
        active: Time of its last activity in microseconds since 1970.
        ttl: Milliseconds until the session expires, or 0 for never.
        only_new: Whether a session that is listed already keeps its time.
    """
    return Command(SCRIPTS["registry_add"], (registry,), (member, active, ttl, int(only_new)))


def prune(registry: str, gone: Sequence[tuple[str, float]]) -> Operation[None]:
    """Remove sessions from a registry, unless they were active after the given times."""
    args: list[Value] = []
    for session_id, score in gone:
        args += (to_member(session_id), repr(score))
    return Operation((Command(SCRIPTS["registry_prune"], (registry,), tuple(args)),), ignore_replies)


def document_count(keys: SessionKeys) -> Operation[int]:
    """Read of how many messages a session may have documents."""
    commands = (read_primary("HGET", keys.state, "indexed"), read_primary("GET", keys.stale))
    return Operation(commands, lambda replies: max(int(each or 0) for each in replies))


def note_erasure(keys: SessionKeys, count: int) -> Operation[None]:
    """Note that the documents of the first `count` messages of a session are to be erased. 0 if all are erased."""
    field = ERASURE_PREFIX + keys.member
    return Operation((Command(SCRIPTS["erasure_note"], (recall_key(keys.namespace),), (field, count)),), ignore_replies)


def erasures(namespace: str) -> Operation[dict[str, int]]:
    """Read which sessions have documents that are to be erased, and of how many messages."""

    def read(replies: list[Any]) -> dict[str, int]:
        flat = [to_bytes(each) for each in replies[0]]
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {
            from_member(name.removeprefix(ERASURE_PREFIX)): int(count)
            for name, count in pairs
            if name.startswith(ERASURE_PREFIX)
        }

    return Operation((read_primary("HGETALL", recall_key(namespace)),), read)


def erase_documents(keys: SessionKeys, start: int, stop: int) -> Operation[int]:
    """Delete documents from sequence number `start` to before `stop` that a deleted session of this id left.

    Returns:
        How many were deleted.
    """
    args = (keys.documents, start, stop)
    return Operation((Command(SCRIPTS["documents_erase"], (keys.state,), args),), lambda replies: int(replies[0]))


def _scored(reply: Sequence[Any]) -> list[tuple[str, float]]:
    if reply and isinstance(reply[0], list | tuple):  # RESP3
        return [(from_member(member), float(score)) for member, score in reply]
    if len(reply) % 2:
        raise StoreError("Redis returned members of a sorted set without their scores")
    return [(from_member(reply[at]), float(reply[at + 1])) for at in range(0, len(reply), 2)]


def _raise_later(keys: SessionKeys) -> NoReturn:
    raise StoreError(
        f"session {keys.session_id!r} was written by a later version of this package, which has to delete it: this one "
        "does not know all of its keys. Nothing was deleted"
    )
