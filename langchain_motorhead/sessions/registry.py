"""Listing and deleting sessions, as flows."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions import registry_operations as listing
from langchain_motorhead.storage.keys import SessionKeys, check_user, registry_key, session_keys, to_member

# Ids read at once: bounds the size of a reply.
_PAGE = 1_000
# Looked at for each new session: more than one, so that registries shrink when fewer sessions come than went.
_SOME = 10


def list_sessions(
    namespace: str, user_id: str | None, *, page: int, size: int | None, newest_first: bool
) -> Flow[list[str]]:
    """List sessions by their last activity.

    A session that expired is dropped from the registry as it is met.

    Args:
        namespace: Whose sessions.
        user_id: Of one user alone, if given.
        page: Page to give, from 1.
        size: Sessions on a page, or None for all on one.
        newest_first: Whether the one that was active last comes first.

    Raises:
        InvalidInputError: A page or size below 1.
    """
    if not isinstance(page, int) or page < 1 or not (size is None or (isinstance(size, int) and size >= 1)):
        raise InvalidInputError("page and size are whole numbers from 1; leave size out for all sessions at once")
    registry = registry_key(namespace, user_id)
    start = 0 if size is None else (page - 1) * size
    ids: list[str] = []
    if size is None and page > 1:
        return ids
    while True:
        wanted = _PAGE if size is None else min(_PAGE, size - len(ids))
        if not wanted:
            return ids
        at = start + len(ids)
        found = yield listing.listed(registry, at, at + wanted - 1, newest_first=newest_first)
        if not found:
            return ids
        if (
            yield from _drop_gone(namespace, registry, found)
        ):  # dropping them moves the rest up: look at the same place again
            continue
        ids += [session_id for session_id, _ in found]


class Walk:
    """A way through all sessions of a registry, in no order.

    Each that is there all the while is met once, whichever are written to meanwhile and however many were active at one
    time: it goes by neither times nor positions, which change.

    Args:
        registry: Key of the registry.
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._cursor: int | None = 0
        self._seen: set[bytes] = set()  # digests, so that long ids take no more room than short ones

    @property
    def ended(self) -> bool:
        """Whether all were met."""
        return self._cursor is None

    def page(self) -> Flow[list[str]]:
        """Give the next ones, which may be none."""
        cursor, found = yield listing.scan(self._registry, self._cursor or 0, _PAGE)
        self._cursor = cursor or None
        return list(self._new(found))

    def _new(self, found: list[str]) -> Iterator[str]:
        for session_id in found:
            digest = blake2b(to_member(session_id), digest_size=16).digest()
            if digest not in self._seen:
                self._seen.add(digest)
                yield session_id


def all_sessions(namespace: str) -> Flow[list[str]]:
    """List every session that is there all the while, whichever are written to meanwhile."""
    ids, walk = list[str](), Walk(registry_key(namespace))
    while not walk.ended:
        ids += yield from walk.page()
    return ids


def prune_registries(keys: SessionKeys) -> Flow[None]:
    """Drop what is gone among the longest idle sessions of a session's registries: expiry leaves nothing behind."""
    for registry in keys.registries:
        found = yield listing.listed(registry, 0, _SOME - 1, newest_first=False)
        yield from _drop_gone(keys.namespace, registry, found)


def _drop_gone(namespace: str, registry: str, found: list[tuple[str, float]]) -> Flow[bool]:
    """Drop those of the sessions found in a registry that are not there. Returns whether there were any."""
    there = yield listing.existing([session_keys(namespace, session_id) for session_id, _ in found])
    gone = [entry for entry, exists in zip(found, there, strict=True) if not exists]
    if gone:
        for session_id, _ in gone:  # its documents outlive it a little
            yield listing.delete(session_keys(namespace, session_id), one_slot=True, expired=True)
        yield listing.prune(registry, gone)
    return bool(gone)


def delete_session(keys: SessionKeys, *, one_slot: bool) -> Flow[bool]:
    """Delete a session.

    Returns:
        Whether there was one.

    Raises:
        InvalidInputError: It is of another user than `keys` say.
    """
    while True:
        user = yield listing.owner(keys)
        check_user(keys, user)
        deleted = yield listing.delete(session_keys(keys.namespace, keys.session_id, user), one_slot=one_slot)
        if deleted >= 0:
            return bool(deleted)


def delete_user(namespace: str, user_id: str, *, one_slot: bool) -> Flow[int]:
    """Delete every session of a user.

    Returns:
        How many there were.

    Raises:
        InvalidInputError: The user is no string, or empty.
    """
    if user_id is None:  # without one, the registry is the whole namespace's
        raise InvalidInputError("user_id is None. Give the user whose sessions are to be deleted")
    registry = registry_key(namespace, user_id)
    count = 0
    while found := (yield listing.listed(registry, 0, _PAGE - 1, newest_first=False)):
        for session_id, _ in found:
            keys = session_keys(namespace, session_id, user_id)
            deleted = yield listing.delete(keys, one_slot=one_slot)
            if deleted <= 0:  # it expired, or the id is another user's by now
                yield listing.unlist(registry, session_id)
            count += deleted > 0
    return count
