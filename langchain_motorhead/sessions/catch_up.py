"""Catching up with a conversation that is held elsewhere, such as in a graph's state: store what is new, and load.

One flow does both, so that an agent's turn takes one round trip.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import IdConflictError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.matching import as_message, renamed, trailing_count, unstored, variant_id
from langchain_motorhead.messages.tombstones import is_tombstone
from langchain_motorhead.sessions.append import AppendConfig, MessageLike, append_records, to_record, to_records
from langchain_motorhead.sessions.changes.operations import Knowledge, find_known
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.load import Memory, decode_all, read_window, to_memory
from langchain_motorhead.sessions.operations import AppendResult, NewestOf
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation, together

logger = logging.getLogger(__name__)

# Newest messages that are sent first if nothing is known of a long conversation. Few turns are longer.
_FIRST_ATTEMPT_MESSAGES = 64


class CatchUpResult(NamedTuple):
    """The result of catching up.

    Attributes:
        memory: The session, or None if it was not to be read.
        appended: Result of the append, or None if nothing was sent.
    """

    memory: Memory | None
    appended: AppendResult | None


def catch_up(
    keys: SessionKeys,
    messages: Sequence[MessageLike],
    after: str | None,
    config: AppendConfig,
    window: Window | None,
) -> Flow[CatchUpResult]:
    """Store the messages of a conversation that a session does not have yet, and load the session, in one round trip.

    New are the messages after `after`, and after the newest message whose id the session knows. If the ids do not say
    which messages are new, the session is read and the messages are matched by content and position, which takes a
    second round trip.

    A message is known if its id and its content are. A new message whose id is that of another message is stored under
    an id made of its own and of its content, which may take a further round trip.

    A message that the session has forgotten is not stored again. If it has forgotten any, a further round trip finds
    out which of the messages these are.

    Args:
        keys: Keys of the session.
        messages: The conversation so far, or its newest messages, oldest first.
        after: Id of a message that the caller knows to be stored, or None. Neither it nor an older one is stored again.
        config: How messages are appended.
        window: Bounds of what is loaded. None to load nothing.

    Raises:
        InvalidMessageError: A message cannot be stored. None was stored.
        InvalidInputError: The session belongs to another user.
    """
    new = _after(messages, after)
    if new is not None:
        part, conversation = new, NewestOf(len(new), whole=True)
    else:
        part = messages[-_FIRST_ATTEMPT_MESSAGES:]
        conversation = NewestOf(trailing_count(messages), whole=len(part) == len(messages))
    appended: AppendResult | None = None
    snapshot: SessionSnapshot | None = None
    if part:
        records = yield from to_records(part, config)
        appended, snapshot = yield from _append_and_read(
            append_records(keys, records, config, conversation), keys, window
        )
    elif window is not None:
        snapshot = yield read_window(keys, window)
    if appended is not None and appended.unclear:
        if snapshot is None:
            snapshot = yield read_snapshot(keys, -max(_FIRST_ATTEMPT_MESSAGES, 2 * len(messages)))
        first_read = snapshot.first + snapshot.length - len(snapshot.records)
        decoded = yield from decode_all(snapshot, keys, first_read)
        there = zip(decoded, snapshot.records, strict=True)
        stored = [each for each, record in there if each is not None or is_tombstone(record)]
        # A conversation of one message has no known position: its id was used again.
        is_reused = appended.newest_known and new is None and len(messages) == 1
        fresh = unstored(messages if new is None else new, stored, newest_known=is_reused)
        appended = None
        if fresh:
            appended, snapshot = yield from _append_renaming(keys, fresh, config, window, snapshot)
    if window is None or snapshot is None:
        return CatchUpResult(None, appended)
    memory = yield from to_memory(keys, window, snapshot)
    if snapshot.forgotten:
        memory.forgotten = yield from _forgotten(keys, messages)
    return CatchUpResult(memory, appended)


def _forgotten(keys: SessionKeys, messages: Sequence[MessageLike]) -> Flow[frozenset[str]]:
    """Return the ids of the messages that the session has forgotten, also under an id that it made of theirs."""
    names = dict[str, str]()
    for message in messages:
        known = as_message(message)
        if known.id:
            names[known.id] = known.id
            names[variant_id(known) or known.id] = known.id
    found: list[Knowledge] = yield find_known(keys, list(names))
    return frozenset(
        id_ for id_, knowledge in zip(names.values(), found, strict=True) if knowledge is Knowledge.FORGOTTEN
    )


def _append_renaming(
    keys: SessionKeys,
    messages: Sequence[MessageLike],
    config: AppendConfig,
    window: Window | None,
    snapshot: SessionSnapshot,
) -> Flow[tuple[AppendResult | None, SessionSnapshot]]:
    """Append messages, those with the ids of others under new ids, and read the session in the same round trip.

    A message is left out if the session has one under an id that was made of its content.
    """
    left = list(messages)
    records = yield from to_records(left, config)
    while left:
        try:
            appended, found = yield from _append_and_read(append_records(keys, records, config), keys, window)
        except IdConflictError as conflict:
            names = {at: renamed(left[at]) for at in conflict.positions}
            if count := sum(name is not None for name in names.values()):
                logger.warning(
                    "session %r: %d messages have the ids of other messages. They are stored under new ids",
                    keys.session_id, count,
                )  # fmt: skip
            pairs = [
                (message, records[at] if at not in names else to_record(message, config))
                for at in range(len(left))
                if (message := names.get(at, left[at])) is not None
            ]
            left, records = [message for message, _ in pairs], [record for _, record in pairs]
        else:
            return appended, found or snapshot
    return None, snapshot


def _append_and_read(
    append: Operation[AppendResult | None], keys: SessionKeys, window: Window | None
) -> Flow[tuple[AppendResult | None, SessionSnapshot | None]]:
    """Append, and read the session in the same round trip if there is a window."""
    if window is None:
        return (yield append), None
    appended, snapshot = yield together(append, read_window(keys, window))
    return appended, snapshot


def _after(messages: Sequence[Any], id_: str | None) -> Sequence[Any] | None:
    """Return the messages after the one with an id, or None if there is none with it."""
    if id_ is None:
        return None
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if (message.get("id") if isinstance(message, Mapping) else getattr(message, "id", None)) == id_:
            return messages[at + 1 :]
    return None
