"""Appending messages: the record that is stored for a message, and the operation that appends records to a session."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.codec import decode, encode
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import AppendResult, Dedup, NewestOf, Record
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

MessageLike: TypeAlias = BaseMessage | Mapping[str, Any]
"""A LangChain message, or the JSON object of the REST API with `role` and `content`."""


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
    return Record(data, _id_of(message, data), config.count([decode(data)]) if config.counted else None)


def append_records(
    keys: SessionKeys, records: Sequence[Record], config: AppendConfig, dedup: Dedup | NewestOf = Dedup.SKIP_KNOWN
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


def _id_of(message: MessageLike, data: bytes) -> str | None:
    if isinstance(message, BaseMessage):
        return message.id
    return decode(data).id if "id" in message else None  # the id of a JSON object may be a number
