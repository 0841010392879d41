"""Keep up with a conversation that somebody else holds, such as a graph's state: store what is new of it, and read.

A flow; it knows nothing of graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.matching import trailing_count, unstored
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.load import Memory, decode_all, reading_for, to_memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup, NewestOf
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation, together

# Newest messages that are offered first where it is not known which are stored. Hardly a turn is longer.
_TAIL = 64


class CatchUpResult(NamedTuple):
    """What came of it: the session, if it was to be read, and what the append left, if there was one."""

    memory: Memory | None
    left: AppendResult | None


def follow(
    keys: SessionKeys,
    messages: Sequence[Any],
    after: str | None,
    append: Callable[[Sequence[Any], Dedup | NewestOf], Operation[AppendResult | None]],
    window: Window | None,
) -> Flow[CatchUpResult]:
    """Store what is new of a conversation, and read the session, in one round trip.

    In two where the ids of the messages do not say what is new: they are matched by content and position then.

    Args:
        keys: Keys of the session.
        messages: The conversation so far, or its newest messages, oldest first.
        after: Id of a message that is known to be stored, if the holder remembers: no older one is stored again.
        append: Describes the append of messages.
        window: Bounds of the reading. None to read nothing.

    Raises:
        InvalidInputError: The session is another user's.
    """
    new = _after(messages, after)
    if new is not None:
        part, conversation = new, NewestOf(len(new), whole=True)
    else:
        part = messages[-_TAIL:]
        conversation = NewestOf(trailing_count(messages), whole=len(part) == len(messages))
    left, reading = None, None
    if part and window is not None:
        left, reading = yield together(append(part, conversation), reading_for(keys, window))
    elif part:
        left = yield append(part, conversation)
    elif window is not None:
        reading = yield reading_for(keys, window)
    if left is not None and left.unclear:
        if reading is None:
            reading = yield operations.read(keys, -max(_TAIL, 2 * len(messages)))
        stored = decode_all(reading, keys, reading.first + reading.length - len(reading.records))
        # A conversation of one message has no position that is known: its id is used again.
        is_reused = left.newest_known and new is None and len(messages) == 1
        fresh = unstored(
            messages if new is None else new, [each for each in stored if each is not None], newest_known=is_reused
        )
        left = None
        if fresh and window is not None:
            left, reading = yield together(append(fresh, Dedup.SKIP_KNOWN), reading_for(keys, window))
        elif fresh:
            left = yield append(fresh, Dedup.SKIP_KNOWN)
    if window is None or reading is None:
        return CatchUpResult(None, left)
    memory = yield from to_memory(keys, window, reading)
    return CatchUpResult(memory, left)


def _after(messages: Sequence[Any], id_: str | None) -> Sequence[Any] | None:
    if id_ is None:
        return None
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if (message.get("id") if isinstance(message, Mapping) else getattr(message, "id", None)) == id_:
            return messages[at + 1 :]
    return None
