"""Catching up with a conversation that is held elsewhere, such as in a graph's state: store what is new, and load.

One flow does both, so that an agent's turn takes one round trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.matching import trailing_count, unstored
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.append import AppendConfig, MessageLike, append_records, to_record
from langchain_motorhead.sessions.load import Memory, decode_all, read_window, to_memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup, NewestOf
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation, together

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
    appended, snapshot = None, None
    if part and window is not None:
        appended, snapshot = yield together(_append(keys, part, config, conversation), read_window(keys, window))
    elif part:
        appended = yield _append(keys, part, config, conversation)
    elif window is not None:
        snapshot = yield read_window(keys, window)
    if appended is not None and appended.unclear:
        if snapshot is None:
            snapshot = yield operations.read(keys, -max(_FIRST_ATTEMPT_MESSAGES, 2 * len(messages)))
        first_read = snapshot.first + snapshot.length - len(snapshot.records)
        stored = [each for each in decode_all(snapshot, keys, first_read) if each is not None]
        # A conversation of one message has no known position: its id was used again.
        is_reused = appended.newest_known and new is None and len(messages) == 1
        fresh = unstored(messages if new is None else new, stored, newest_known=is_reused)
        appended = None
        if fresh and window is not None:
            appended, snapshot = yield together(
                _append(keys, fresh, config, Dedup.SKIP_KNOWN), read_window(keys, window)
            )
        elif fresh:
            appended = yield _append(keys, fresh, config, Dedup.SKIP_KNOWN)
    if window is None or snapshot is None:
        return CatchUpResult(None, appended)
    memory = yield from to_memory(keys, window, snapshot)
    return CatchUpResult(memory, appended)


def _append(
    keys: SessionKeys, messages: Sequence[MessageLike], config: AppendConfig, dedup: Dedup | NewestOf
) -> Operation[AppendResult | None]:
    return append_records(keys, [to_record(each, config) for each in messages], config, dedup)


def _after(messages: Sequence[Any], id_: str | None) -> Sequence[Any] | None:
    """Return the messages after the one with an id, or None if there is none with it."""
    if id_ is None:
        return None
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if (message.get("id") if isinstance(message, Mapping) else getattr(message, "id", None)) == id_:
            return messages[at + 1 :]
    return None
