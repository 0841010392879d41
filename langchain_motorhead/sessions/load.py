"""From what a read found to what a prompt is made of. A flow, and pure functions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage, SystemMessage

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages import codec
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.tool_calls import visible
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import SessionSnapshot
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys, check_user
from langchain_motorhead.storage.operation import Operation

logger = logging.getLogger(__name__)

SUMMARY_PREFIX = "Summary of the conversation so far:\n"


@dataclass(slots=True)
class Memory:
    """A session as a prompt needs it, all of one instant.

    Attributes:
        summary: Text that covers every message older than the list, or None.
        messages: The newest messages, oldest first: all that are not in the summary, up to the window's hard limit.
        backlog: Messages beyond the window that wait to be summarized.
        tokens: Tokens that summaries have cost so far.
        total: Messages ever accepted: summarized, or still in the list.
        summarized: How many of them the summary covers.
        failures: Summarizations that failed in a row; 0 when all is well.
        start: Sequence number of the first message that was read: the first of `messages`, unless that was a result
            whose call is summarized.
        epoch: Identity of the session, from its first message to its deletion; None where there is none.
    """

    summary: str | None = None
    messages: list[BaseMessage] = field(default_factory=list)
    backlog: int = 0
    tokens: int = 0
    total: int = 0
    summarized: int = 0
    failures: int = 0
    start: int = 0
    epoch: str | None = None

    def as_messages(self) -> list[BaseMessage]:
        """Give the summary, as a system message, and the messages after it."""
        if self.summary is None:
            return list(self.messages)
        return [SystemMessage(SUMMARY_PREFIX + self.summary, id=derived_id(self.epoch, "summary")), *self.messages]


def load(keys: SessionKeys, window: Window) -> Flow[Memory]:
    """Read a session in one round trip; in two where its newest messages are one oversized group of tool results.

    Raises:
        InvalidInputError: The session is another user's than `keys` say.
    """
    reading: SessionSnapshot = yield reading_for(keys, window)
    return (yield from to_memory(keys, window, reading))


def reading_for(keys: SessionKeys, window: Window) -> Operation[SessionSnapshot]:
    """Describe the reading that `to_memory` makes a memory of."""
    return operations.read(keys, -window.read_limit)


def to_memory(keys: SessionKeys, window: Window, reading: SessionSnapshot) -> Flow[Memory]:
    """Make a memory of a reading, with one more where it is not enough.

    Raises:
        InvalidInputError: The session is another user's than `keys` say.
    """
    check_user(keys, reading.user)
    messages = shown(reading, keys)
    if reading.records and not messages and reading.length > len(reading.records):
        reading = yield operations.read(keys, 0)
        messages = _newest_group(shown(reading, keys), window.read_limit)
    return Memory(
        summary=reading.summary,
        messages=messages,
        backlog=max(0, reading.length - window.max_messages),
        tokens=reading.tokens,
        total=reading.first + reading.length,
        summarized=reading.first,
        failures=reading.failures,
        start=reading.first + reading.length - len(reading.records),
        epoch=reading.epoch,
    )


def decode_all(reading: SessionSnapshot, keys: SessionKeys, position: int) -> list[BaseMessage | None]:
    """Decode the records of a reading, giving a message without an id one that never changes.

    Args:
        reading: What was read.
        keys: Keys of the session, for the report.
        position: Sequence number of the first record.

    Returns:
        A message each, or None where a record is not one, which is reported in the log.
    """

    def skip(at: int, error: InvalidMessageError) -> None:
        logger.warning("session %r: record %d is skipped: %s", keys.session_id, at, error)

    return codec.decode_all(reading.records, reading.epoch, position, skip)


def shown(reading: SessionSnapshot, keys: SessionKeys) -> list[BaseMessage]:
    """Give the readable messages of a reading that ends with the newest, without tool results cut from their calls."""
    position = reading.first + reading.length - len(reading.records)
    messages = [message for message in decode_all(reading, keys, position) if message is not None]
    if position:
        return visible(messages)
    # Nothing came before: only a prompt that began with a tool result would be refused by a model.
    start = next((at for at, message in enumerate(messages) if message.type not in ("tool", "function")), 0)
    return messages[start:]


def _newest_group(messages: Sequence[BaseMessage], limit: int) -> list[BaseMessage]:
    start = max(0, len(messages) - limit)
    while start and len(visible(messages[start:])) < len(messages) - start:
        start -= 1
    return list(messages[start:])
