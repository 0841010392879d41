"""Catching up with a conversation that is held elsewhere, such as in a graph's state: store what is new, and load.

One flow does both, so that an agent's turn takes one round trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions.append import AppendConfig, MessageLike, append_records, to_record
from langchain_motorhead.sessions.load import Memory, read_window, to_memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup
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

    New are the messages after `after`, and after the newest message whose id the session knows. A second round trip is
    needed if the conversation is long, `after` is unknown, and the session knows none of its newest messages.

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
    appended, snapshot = None, None
    for part, dedup in attempts:
        if part and window is not None:
            appended, snapshot = yield together(_append(keys, part, config, dedup), read_window(keys, window))
        elif part:
            appended = yield _append(keys, part, config, dedup)
        elif window is not None:
            snapshot = yield read_window(keys, window)
        if appended is not None:
            break
    if window is None or snapshot is None:
        return CatchUpResult(None, appended)
    memory = yield from to_memory(keys, window, snapshot)
    return CatchUpResult(memory, appended)


def _append(
    keys: SessionKeys, messages: Sequence[MessageLike], config: AppendConfig, dedup: Dedup
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
