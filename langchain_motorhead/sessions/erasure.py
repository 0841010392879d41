"""Deleting a session whose documents are too many for one script: they are deleted in slices afterwards.

It is noted before the session is deleted, in the hash that describes the index of the namespace. From then on searches
look at the session of each document that they find, so no document of a deleted session is shown. A worker that dies
leaves the note. Whoever next indexes a message of the namespace, or runs `motorhead doctor`, goes on.
"""

from __future__ import annotations

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions import registry_operations as operations
from langchain_motorhead.storage.keys import SessionKeys, session_keys

SLICE_MESSAGES = 2_000
"""Messages whose documents are deleted by one script. Not more than `AT_ONCE` in `lib_documents.lua`."""
_OTHER_USER = -1


def delete_whole(keys: SessionKeys, *, one_slot: bool) -> Flow[int]:
    """Delete a session with all its documents.

    Args:
        keys: Keys of the session, with the user that it belongs to.
        one_slot: Whether one script may touch the session and the registries.

    Returns:
        How many keys were deleted. Negative, and nothing was done, if the session belongs to another user.

    Raises:
        StoreError: The session was written by a later version of this package. Nothing was deleted.
    """
    if not one_slot:  # before it is removed from a registry
        yield operations.check_layout(keys)
    noted, deleted = 0, _OTHER_USER - 1
    while deleted < _OTHER_USER:
        deleted = yield operations.delete(keys, one_slot=one_slot, noted=noted)
        if deleted < _OTHER_USER:
            noted = -2 - deleted
            yield operations.note_erasure(keys, noted)
    if noted:
        yield from erase(keys, noted)
    return deleted


def erase(keys: SessionKeys, count: int) -> Flow[int]:
    """Delete the documents that a deleted session left, and the note of it. A session of the same id keeps its own.

    Args:
        keys: Keys of the session.
        count: Number of messages that may have documents.

    Returns:
        How many documents were deleted.
    """
    deleted = 0
    for start in range(0, count, SLICE_MESSAGES):
        deleted += yield operations.erase_documents(keys, start, min(start + SLICE_MESSAGES, count))
    yield operations.note_erasure(keys, 0)
    return deleted


def resume_erasures(namespace: str) -> Flow[int]:
    """Delete what sessions of a namespace left whose deletion was interrupted. Returns how many sessions there were."""
    noted: dict[str, int] = yield operations.erasures(namespace)
    for session_id, count in noted.items():
        yield from erase(session_keys(namespace, session_id), count)
    return len(noted)
