"""What the page's views read from Redis: flows of at most three round trips, whose results are bounded."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.tombstones import TOMBSTONE
from langchain_motorhead.sessions import registry_operations as listing
from langchain_motorhead.sessions.archive.operations import ArchiveCounts, read_archive_counts
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot
from langchain_motorhead.sessions.summaries.versions import SummaryVersion, read_versions
from langchain_motorhead.storage.keys import (
    SessionKeys,
    check_user,
    from_member,
    optional_member,
    registry_key,
    session_keys,
)
from langchain_motorhead.storage.operation import Command, Operation, together

PAGE_SESSIONS = 50
"""Sessions on a page."""

SCANNED_SESSIONS = 10_000
"""About how many session ids are compared with a filter at a time."""

USERS_SESSIONS = 250
"""Sessions that were active last, whose users are shown on a page."""

# Of the list of a session, how many messages are compared to find those that were forgotten.
_COMPARED_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session in a list.

    Attributes:
        session_id: Its id.
        active: Time of its last activity in microseconds since 1970.
        snapshot: Its state with its newest message.
    """

    session_id: str
    active: float
    snapshot: SessionSnapshot


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of sessions.

    Attributes:
        sessions: The sessions, the one that was active last first.
        total: How many there are in the registry.
        matching: With a filter: how many matched among those compared; else None.
        more: Where the next page begins: a position, or with a filter a cursor. None at the end.
    """

    sessions: list[ListedSession]
    total: int
    matching: int | None
    more: int | None


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user in a list.

    Attributes:
        user_id: Id of the user.
        active: Time of the last activity in microseconds since 1970.
        sessions: How many of the sessions that were looked at are the user's.
    """

    user_id: str
    active: float
    sessions: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page of a session shows.

    Attributes:
        snapshot: The state with the newest messages.
        archive: What the archive should have, and has.
        forgotten: How many messages were forgotten.
        forgotten_listed: Positions in the list of messages that were forgotten.
        created: Time of the first message in microseconds since 1970, or None.
        updated: Time of the last write likewise.
        versions: Versions of the summary that are kept, oldest first.
    """

    snapshot: SessionSnapshot
    archive: ArchiveCounts
    forgotten: int
    forgotten_listed: list[int]
    created: int | None
    updated: int | None
    versions: list[SummaryVersion]


def list_page(namespace: str, user_id: str | None, text: str, at: int) -> Flow[SessionPage]:
    """Read a page of sessions, by last activity. Two round trips.

    Args:
        namespace: Namespace of the sessions.
        user_id: Only sessions of this user.
        text: Only sessions whose id contains this text. Empty for all.
        at: Where the page begins: a position from 0, or with a text the cursor that the page before ended with.
    """
    registry = registry_key(namespace, user_id)
    size = Operation((Command("ZCARD", (registry,)),), lambda replies: int(replies[0]))
    if text:
        (cursor, count, found), total = yield together(_matching(registry, text, at), size)
        matching: int | None = count
        more = cursor or None
    else:
        found, total = yield together(listing.listed(registry, at, at + PAGE_SESSIONS - 1, newest_first=True), size)
        matching, more = None, at + PAGE_SESSIONS if at + PAGE_SESSIONS < total else None
    if not found:
        return SessionPage([], total, matching, more)
    keys = [session_keys(namespace, session_id) for session_id, _ in found]
    snapshots = yield together(*(read_snapshot(each, -1) for each in keys))
    there = [
        ListedSession(session_id, active, snapshot)
        for (session_id, active), snapshot in zip(found, snapshots, strict=True)
        if snapshot.epoch is not None  # it expired since it was listed
    ]
    return SessionPage(there, total, matching, more)


def list_users(namespace: str, at: int) -> Flow[tuple[list[ListedUser], int | None]]:
    """Read the users of the sessions that were active last. Two round trips.

    Args:
        namespace: Namespace of the sessions.
        at: Position of the first session, from 0.

    Returns:
        The users, and the position at which to go on, or None.
    """
    found = yield listing.listed(registry_key(namespace), at, at + USERS_SESSIONS - 1, newest_first=True)
    if not found:
        return [], None
    owners = yield together(*(listing.owner(session_keys(namespace, session_id)) for session_id, _ in found))
    users: dict[str, ListedUser] = {}
    for (_, time), user in zip(found, owners, strict=True):
        if user is not None:
            known = users.get(user, ListedUser(user, time, 0))
            users[user] = ListedUser(user, known.active, known.sessions + 1)
    return list(users.values()), at + USERS_SESSIONS if len(found) == USERS_SESSIONS else None


def read_overview(keys: SessionKeys, newest: int) -> Flow[Overview | None]:
    """Read what the page of a session shows. Two round trips.

    Args:
        keys: Keys of the session.
        newest: How many of its newest messages to read.

    Raises:
        InvalidInputError: The session belongs to another user.
    """
    snapshot, archive, (forgotten, created, updated), listed = yield together(
        read_snapshot(keys, -newest), read_archive_counts(keys), _details(keys), _tombstones(keys)
    )
    if snapshot.epoch is None:
        return None
    check_user(keys, snapshot.user)
    versions = yield from read_versions(keys)
    return Overview(snapshot, archive, int(forgotten or 0), listed, _time(created), _time(updated), versions)


def newest_activity(namespace: str) -> Operation[list[tuple[str, float]]]:
    """Read which session was active last, to notice that a list has changed."""
    return listing.listed(registry_key(namespace), 0, 0, newest_first=True)


def _matching(registry: str, text: str, cursor: int) -> Operation[tuple[int, int, list[tuple[str, float]]]]:
    """Return the operation that compares ids: the next cursor, how many matched, and those that were active last."""
    pattern = "*" + "".join(f"\\{char}" if char in "*?[]\\^" else char for char in text) + "*"
    match = pattern.encode("utf-8", "surrogatepass")
    command = Command("ZSCAN", (registry,), (cursor, "MATCH", match, "COUNT", SCANNED_SESSIONS))

    def read(replies: list[Any]) -> tuple[int, int, list[tuple[str, float]]]:
        following, reply = replies[0]
        nested = bool(reply) and isinstance(reply[0], list | tuple)  # RESP3
        found = dict(reply if nested else zip(reply[::2], reply[1::2], strict=False))
        # Thousands may match, and a page is shown of them.
        newest = nlargest(PAGE_SESSIONS, found, key=lambda member: float(found[member]))
        return int(following), len(found), [(from_member(member), float(found[member])) for member in newest]

    return Operation((command,), read)


def _details(keys: SessionKeys) -> Operation[list[Any]]:
    command = Command("HMGET", (keys.state,), ("forgotten", "created", "updated"))
    return Operation((command,), lambda replies: [optional_member(each) for each in replies[0]])


def _tombstones(keys: SessionKeys) -> Operation[list[int]]:
    command = Command("LPOS", (keys.messages,), (TOMBSTONE, "COUNT", 0, "MAXLEN", _COMPARED_RECORDS))
    return Operation((command,), lambda replies: list(map(int, replies[0] or ())))


def _time(text: str | None) -> int | None:
    try:
        return None if text is None else int(float(text))
    except ValueError:
        return None
