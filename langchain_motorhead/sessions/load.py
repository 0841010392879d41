"""Loading a session: from a snapshot in Redis to the `Memory` for a prompt. A flow and pure functions."""

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
from langchain_motorhead.sessions.keeping import Kept
from langchain_motorhead.sessions.operations import SessionSnapshot
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys, check_user
from langchain_motorhead.storage.operation import Operation

logger = logging.getLogger(__name__)

SUMMARY_PREFIX = "Summary of the conversation so far:\n"


@dataclass(slots=True)
class Memory:
    """What a session remembers at one instant: the summary of older messages, and the newest messages word for word.

    The window is the newest messages, as many as the options allow. The backlog is older messages that the summary does
    not cover yet, as while a compaction is under way: they are still in `messages`.

    Attributes:
        summary: Text that covers every message before `messages`, or None if nothing was summarized yet.
        messages: All messages that the summary does not cover, oldest first, but at most as many as the window's hard
            limit.
        backlog: Number of messages that are older than the window and wait to be summarized.
        tokens: Tokens that the summarizer has used for this session.
        total: Number of messages ever stored in this session.
        summarized: Number of messages that the summary covers.
        failures: Number of summarizations that failed in a row. 0 after one that succeeded.
        written_by: Who wrote the summary: `"model"`, `"extract"` (sentences of the messages, in place of a model's
            answer or without a model) or `"client"`. None if there is no summary.
        kept: How many numbers, dates and names the summary keeps of the messages that it was made of. None if that was
            not measured.
        start: Sequence number of the first message that was read. That is the first of `messages`, unless it was a tool
            result without its call, which is left out.
        epoch: Random identifier of the session, from its first message to its deletion. None if there is no session.
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
    written_by: str | None = None
    kept: Kept | None = None

    def as_messages(self) -> list[BaseMessage]:
        """Return the summary, as a system message, and the messages after it."""
        if self.summary is None:
            return list(self.messages)
        return [SystemMessage(SUMMARY_PREFIX + self.summary, id=derived_id(self.epoch, "summary")), *self.messages]


def load(keys: SessionKeys, window: Window) -> Flow[Memory]:
    """Load a session in one round trip, or in two if its newest messages are one oversized group of tool results.

    Raises:
        InvalidInputError: The session belongs to another user than the one in `keys`.
    """
    snapshot: SessionSnapshot = yield read_window(keys, window)
    return (yield from to_memory(keys, window, snapshot))


def read_window(keys: SessionKeys, window: Window) -> Operation[SessionSnapshot]:
    """Build the operation that reads the snapshot for `to_memory`."""
    return operations.read(keys, -window.read_limit)


def to_memory(keys: SessionKeys, window: Window, snapshot: SessionSnapshot) -> Flow[Memory]:
    """Build the memory of a snapshot, having read the whole session if the snapshot shows no message that may be shown.

    Raises:
        InvalidInputError: The session belongs to another user than the one in `keys`.
    """
    check_user(keys, snapshot.user)
    messages = prompt_messages(snapshot, keys)
    if snapshot.records and not messages and snapshot.length > len(snapshot.records):
        snapshot = yield operations.read(keys, 0)
        messages = _newest_group(prompt_messages(snapshot, keys), window.read_limit)
    return Memory(
        summary=snapshot.summary,
        messages=messages,
        backlog=max(0, snapshot.length - window.max_messages),
        tokens=snapshot.tokens,
        total=snapshot.first + snapshot.length,
        summarized=snapshot.first,
        failures=snapshot.failures,
        start=snapshot.first + snapshot.length - len(snapshot.records),
        epoch=snapshot.epoch,
        written_by=snapshot.author,
        kept=snapshot.kept,
    )


def decode_all(snapshot: SessionSnapshot, keys: SessionKeys, position: int) -> list[BaseMessage | None]:
    """Return the messages of a snapshot. A message without an id gets one that is the same each time.

    Args:
        snapshot: Snapshot of the session.
        keys: Keys of the session, for the log.
        position: Sequence number of the first record.

    Returns:
        One message for each record, or None for a record that cannot be decoded; that is logged.
    """

    def skip(at: int, error: InvalidMessageError) -> None:
        logger.warning("session %r: stored message %d cannot be read and is skipped: %s", keys.session_id, at, error)

    return codec.decode_all(snapshot.records, snapshot.epoch, position, skip)


def prompt_messages(snapshot: SessionSnapshot, keys: SessionKeys) -> list[BaseMessage]:
    """Return the messages of a snapshot that a prompt may show: readable, and no tool result without its call.

    Args:
        snapshot: Snapshot whose records end with the newest message.
        keys: Keys of the session, for the log.
    """
    position = snapshot.first + snapshot.length - len(snapshot.records)
    messages = [message for message in decode_all(snapshot, keys, position) if message is not None]
    if position:
        return visible(messages)
    # Nothing was cut off before these: leave out only what may not begin a prompt, a tool result.
    start = next((at for at, message in enumerate(messages) if message.type not in ("tool", "function")), 0)
    return messages[start:]


def _newest_group(messages: Sequence[BaseMessage], limit: int) -> list[BaseMessage]:
    start = max(0, len(messages) - limit)
    while start and len(visible(messages[start:])) < len(messages) - start:
        start -= 1
    return list(messages[start:])
