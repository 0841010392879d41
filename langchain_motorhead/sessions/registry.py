"""The session registry: flows that list, walk and delete sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions import registry_operations as listing
from langchain_motorhead.sessions.erasure import delete_whole
from langchain_motorhead.storage.keys import SessionKeys, check_user, registry_key, session_keys, to_member

# Ids read at a time: bounds the size of a reply.
_PAGE_SESSIONS = 1_000
# Sessions checked whenever a new one is created: more than one, so that a registry shrinks if most sessions expire.
_CHECKED_SESSIONS = 10


def list_sessions(
    namespace: str, user_id: str | None, *, page: int, size: int | None, newest_first: bool
) -> Flow[list[str]]:
    """Return session ids, ordered by last activity. Expired sessions that are met are removed from the registry.

    Args:
        namespace: Namespace of the sessions.
        user_id: User whose sessions are listed, or None for all sessions of the namespace.
        page: Number of the page, from 1.
        size: Number of sessions on a page, or None for all sessions on one page.
        newest_first: Whether the session that was active last comes first.

    Raises:
        InvalidInputError: The page or the size is not a whole number of at least 1.
    """
    if not isinstance(page, int) or page < 1 or not (size is None or (isinstance(size, int) and size >= 1)):
        raise InvalidInputError("page and size must be whole numbers from 1. Leave size out for all sessions at once")
    registry = registry_key(namespace, user_id)
    start = 0 if size is None else (page - 1) * size
    ids: list[str] = []
    if size is None and page > 1:
        return ids
    while True:
        wanted = _PAGE_SESSIONS if size is None else min(_PAGE_SESSIONS, size - len(ids))
        if not wanted:
            return ids
        at = start + len(ids)
        found = yield listing.listed(registry, at, at + wanted - 1, newest_first=newest_first)
        if not found:
            return ids
        if (
            yield from _remove_expired(namespace, registry, found)
        ):  # the rest has moved up: read the same positions again
            continue
        ids += [session_id for session_id, _ in found]


class Walk:
    """An iteration over all sessions of a registry, in no order.

    A session that exists during the whole walk is met exactly once, whatever is written meanwhile. Neither times of
    last activity nor positions are used, because both change.

    Args:
        registry: Key of the registry.
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._cursor: int | None = 0
        self._seen: set[bytes] = set()  # digests, so that long ids need no more memory than short ones

    @property
    def ended(self) -> bool:
        """Whether all sessions were met."""
        return self._cursor is None

    def page(self) -> Flow[list[str]]:
        """Return the next session ids, possibly none."""
        cursor, found = yield listing.scan(self._registry, self._cursor or 0, _PAGE_SESSIONS)
        self._cursor = cursor or None
        return list(self._new(found))

    def _new(self, found: list[str]) -> Iterator[str]:
        for session_id in found:
            digest = blake2b(to_member(session_id), digest_size=16).digest()
            if digest not in self._seen:
                self._seen.add(digest)
                yield session_id


def all_sessions(namespace: str) -> Flow[list[str]]:
    """Return the ids of all sessions of a namespace, in no order. See `Walk`."""
    ids, walk = list[str](), Walk(registry_key(namespace))
    while not walk.ended:
        ids += yield from walk.page()
    return ids


def prune_registries(keys: SessionKeys) -> Flow[None]:
    """Remove expired sessions from the registries of a session, looking at the sessions that were idle longest."""
    for registry in keys.registries:
        found = yield listing.listed(registry, 0, _CHECKED_SESSIONS - 1, newest_first=False)
        yield from _remove_expired(keys.namespace, registry, found)


def _remove_expired(namespace: str, registry: str, found: list[tuple[str, float]]) -> Flow[bool]:
    """Remove those of the sessions found in a registry that no longer exist. Returns whether there were any."""
    there = yield listing.existing([session_keys(namespace, session_id) for session_id, _ in found])
    gone = [entry for entry, exists in zip(found, there, strict=True) if not exists]
    if gone:
        for session_id, _ in gone:  # documents live a little longer than their session
            yield listing.delete(session_keys(namespace, session_id), one_slot=True, expired=True)
        yield listing.prune(registry, gone)
    return bool(gone)


def delete_session(keys: SessionKeys, *, one_slot: bool) -> Flow[bool]:
    """Delete a session with everything that belongs to it.

    Returns:
        Whether the session existed.

    Raises:
        InvalidInputError: The session belongs to another user than the one in `keys`.
    """
    while True:
        user = yield listing.owner(keys)
        check_user(keys, user)
        deleted = yield from delete_whole(session_keys(keys.namespace, keys.session_id, user), one_slot=one_slot)
        if deleted >= 0:
            return bool(deleted)


def delete_user(
    namespace: str, user_id: str, *, one_slot: bool, before: Callable[[SessionKeys], Flow[object]] | None = None
) -> Flow[int]:
    """Delete all sessions of a user, each with everything that belongs to it.

    Args:
        namespace: Namespace of the sessions.
        user_id: The user.
        one_slot: Whether one script may touch the keys of a session and the registries. Not so in a cluster.
        before: Returns what is to be done before a session is deleted.

    Returns:
        How many sessions were deleted.

    Raises:
        InvalidInputError: The user is not a string, or is empty.
    """
    if user_id is None:  # it would mean all sessions of the namespace
        raise InvalidInputError("user_id is None. Give the user whose sessions are to be deleted")
    registry = registry_key(namespace, user_id)
    count = 0
    while found := (yield listing.listed(registry, 0, _PAGE_SESSIONS - 1, newest_first=False)):
        for session_id, _ in found:
            keys = session_keys(namespace, session_id, user_id)
            if before is not None:
                yield from before(keys)
            deleted = yield from delete_whole(keys, one_slot=one_slot)
            if deleted <= 0:  # it expired, or now belongs to another user
                yield listing.unlist(registry, session_id)
            count += deleted > 0
    return count
