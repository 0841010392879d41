"""Appending messages: the record that is stored for a message, and the operation that appends records to a session."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_motorhead.messages.codec import decode, encode
from langchain_motorhead.messages.content_digest import content_digest
from langchain_motorhead.messages.ids import UNKNOWN_CONTENT
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import AppendResult, Dedup, Record
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

MessageLike: TypeAlias = BaseMessage | Mapping[str, Any]
"""A LangChain message, or the JSON object of the REST API with `role` and `content`."""

# What is stored of these classes has the same content.
_STORED_AS_GIVEN = (HumanMessage, AIMessage, SystemMessage)


@dataclass(frozen=True, slots=True)
class AppendConfig:
    """How messages are appended.

    Attributes:
        count: Counts the tokens of messages.
        counted: Whether token counts are stored, as a window bounded in tokens needs them.
        ttl: Milliseconds until a session expires if nothing more is appended, or 0 for never.
        recall: Whether messages are indexed for recall.
        one_slot: Whether one script may touch the keys of a session and the registries. Not so in a cluster.
    """

    count: TokenCounter
    counted: bool
    ttl: int
    recall: bool
    one_slot: bool


def to_record(message: MessageLike, config: AppendConfig) -> Record:
    """Build the record that is stored for a message.

    Raises:
        InvalidMessageError: It is not a message, or cannot be stored.
    """
    data = encode(message)
    given = isinstance(message, BaseMessage)
    id_ = message.id if given else None
    needs_content = id_ if given else "id" in message
    if not needs_content and not config.counted:
        return Record(data, None, None)
    stored = message if type(message) in _STORED_AS_GIVEN and not config.counted else decode(data)
    if not given:
        id_ = stored.id  # the id of a JSON object may be a number
    tokens = config.count([stored]) if config.counted else None
    return Record(data, id_, tokens, content_digest(stored) if id_ else UNKNOWN_CONTENT)


def append_records(
    keys: SessionKeys, records: Sequence[Record], config: AppendConfig, dedup: Dedup = Dedup.SKIP_KNOWN
) -> Operation[AppendResult | None]:
    """Build the operation that appends records to a session at the current time. See `operations.append`.

    Args:
        keys: Keys of the session.
        records: Records to append, at least one.
        config: How messages are appended.
        dedup: Which messages are left out because they are stored already.
    """
    return operations.append(
        keys,
        records,
        now=time.time_ns() // 1_000,
        token=os.urandom(8).hex(),
        ttl=config.ttl,
        recall=config.recall,
        one_slot=config.one_slot,
        dedup=dedup,
    )

