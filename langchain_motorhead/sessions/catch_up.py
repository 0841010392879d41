"""Catching up with a conversation that is held elsewhere, such as in a graph's state: store what is new, and load.

One flow does both, so that an agent's turn takes one round trip.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import IdConflictError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.codec import with_id
from langchain_motorhead.messages.ids import renamed_id
from langchain_motorhead.sessions.append import AppendConfig, MessageLike, append_records, to_records
from langchain_motorhead.sessions.load import Memory, read_window, to_memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup, Record, SessionSnapshot
from langchain_motorhead.sessions.window import Window
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
        renamed: New ids of messages whose own ids are those of other messages of the session, by their positions in
            the conversation that was given.
    """

    memory: Memory | None
    appended: AppendResult | None
    renamed: Mapping[int, str] = MappingProxyType({})


def catch_up(
    keys: SessionKeys,
    messages: Sequence[MessageLike],
    after: str | None,
    config: AppendConfig,
    window: Window | None,
) -> Flow[CatchUpResult]:
    """Store the messages of a conversation that a session does not have yet, and load the session, in one round trip.

    New are the messages after `after`, and after the newest message whose id the session knows. A second round trip is
    needed if the conversation is long, `after` is unknown, and the session knows none of its newest messages.

    A message is known if its id and its content are. A new message whose id is that of another message is stored under
    an id made of its own and of its content, which takes a further round trip.

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
        attempts = [(new, Dedup.AFTER_LAST_KNOWN)]
    elif len(messages) <= _FIRST_ATTEMPT_MESSAGES:
        attempts = [(messages, Dedup.AFTER_LAST_KNOWN)]
    else:
        newest = messages[-_FIRST_ATTEMPT_MESSAGES:]
        attempts = [(newest, Dedup.AFTER_LAST_KNOWN_OR_NONE), (messages, Dedup.AFTER_LAST_KNOWN)]
    read = None if window is None else read_window(keys, window)
    stored = _Stored(None, None, {})
    if not attempts[0][0]:
        attempts = []
        stored = _Stored(None, None if read is None else (yield read), {})
    for part, dedup in attempts:
        stored = yield from _store(keys, part, config, dedup, read)
        if stored.appended is not None:
            break
    renamed = {len(messages) - len(part) + at: id_ for at, id_ in stored.renamed.items()} if attempts else {}
    if renamed:
        logger.warning(
            "session %r: %d messages have the ids of other messages. They are stored under new ids",
            keys.session_id, len(renamed),
        )  # fmt: skip
    memory = None
    if window is not None and stored.snapshot is not None:
        memory = yield from to_memory(keys, window, stored.snapshot)
    return CatchUpResult(memory, stored.appended, renamed)


class _Stored(NamedTuple):
    appended: AppendResult | None
    snapshot: SessionSnapshot | None
    renamed: dict[int, str]


def _store(
    keys: SessionKeys,
    messages: Sequence[MessageLike],
    config: AppendConfig,
    dedup: Dedup,
    read: Operation[SessionSnapshot] | None,
) -> Flow[_Stored]:
    """Append messages, those with the ids of others under new ids, and read the session in the same round trip."""
    records, renamed = (yield from to_records(messages, config)), dict[int, str]()
    while True:
        append = append_records(keys, records, config, dedup)
        try:
            if read is None:
                return _Stored((yield append), None, renamed)
            appended, snapshot = yield together(append, read)
            return _Stored(appended, snapshot, renamed)
        except IdConflictError as conflict:
            if not renamed.keys().isdisjoint(conflict.positions):
                raise
            for at in conflict.positions:
                records[at] = _renamed(records[at])
                renamed[at] = records[at].id or ""


def _renamed(record: Record) -> Record:
    id_ = renamed_id(record.id or "", record.content)
    return record._replace(data=with_id(record.data, id_), id=id_)


def _after(messages: Sequence[Any], id_: str | None) -> Sequence[Any] | None:
    """Return the messages after the one with an id, or None if there is none with it."""
    if id_ is None:
        return None
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if (message.get("id") if isinstance(message, Mapping) else getattr(message, "id", None)) == id_:
            return messages[at + 1 :]
    return None
