"""The Redis commands that list sessions and delete them, as data. The rest of a session's are in `operations.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.storage.keys import SessionKeys, from_member, optional_member, to_member
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies
from langchain_motorhead.storage.scripts import SCRIPTS


def owner(keys: SessionKeys) -> Operation[str | None]:
    """Read whose session it is."""
    return Operation((Command("HGET", (keys.state,), ("user",)),), lambda replies: optional_member(replies[0]))


def delete(keys: SessionKeys, *, one_slot: bool, expired: bool = False) -> Operation[int]:
    """Delete every key and document of the session, and take it off its registries.

    Args:
        keys: Keys of the session, with the user that it has.
        one_slot: Whether one script may touch the session and the registries.
        expired: Whether to delete only what is left of a session that expired, and nothing if there is one.

    Returns:
        How many keys there were; negative, and nothing done, if the session has another user than `keys` say.
    """
    args = (keys.member, keys.user, keys.documents, int(expired))
    session = (keys.messages, keys.state, keys.lease, keys.indexing, keys.stale)
    if one_slot:
        command = Command(SCRIPTS["session_delete"], session if expired else session + keys.registries, args)
        return Operation((command,), lambda replies: int(replies[-1]))
    unlist = () if expired else tuple(Command("ZREM", (registry,), (keys.member,)) for registry in keys.registries)
    return Operation((*unlist, Command(SCRIPTS["session_delete"], session, args)), lambda replies: int(replies[-1]))


def unlist(registry: str, session_id: str) -> Operation[None]:
    """Take a session off a registry."""
    return Operation((Command("ZREM", (registry,), (to_member(session_id),)),), ignore_replies)


def listed(registry: str, start: int, stop: int, *, newest_first: bool) -> Operation[list[tuple[str, float]]]:
    """Read ids and times of last activity from a registry, by position."""
    command = Command("ZREVRANGE" if newest_first else "ZRANGE", (registry,), (start, stop, "WITHSCORES"))
    return Operation((command,), lambda replies: _scored(replies[0]))


def scan(registry: str, cursor: int, count: int) -> Operation[tuple[int, list[str]]]:
    """Read about `count` ids from a registry, and where to go on; at 0 it begins, and is at its end.

    An id that is there all the while comes once at least, whatever its time of last activity becomes meanwhile.
    """
    command = Command("ZSCAN", (registry,), (cursor, "COUNT", count))
    return Operation(
        (command,), lambda replies: (int(replies[0][0]), [session_id for session_id, _ in _scored(replies[0][1])])
    )


def existing(keys: Sequence[SessionKeys]) -> Operation[list[bool]]:
    """Ask which sessions are there."""
    return Operation(
        tuple(Command("EXISTS", (session.state,)) for session in keys),
        lambda replies: [bool(reply) for reply in replies],
    )


def prune(registry: str, gone: Sequence[tuple[str, float]]) -> Operation[None]:
    """Drop sessions from a registry, unless they were written to after the given time."""
    args: list[Value] = []
    for session_id, score in gone:
        args += (to_member(session_id), repr(score))
    return Operation((Command(SCRIPTS["registry_prune"], (registry,), tuple(args)),), ignore_replies)


def _scored(reply: Sequence[Any]) -> list[tuple[str, float]]:
    if reply and isinstance(reply[0], list | tuple):  # RESP3
        return [(from_member(member), float(score)) for member, score in reply]
    if len(reply) % 2:
        raise StoreError("Redis gave members without scores")
    return [(from_member(reply[at]), float(reply[at + 1])) for at in range(0, len(reply), 2)]
