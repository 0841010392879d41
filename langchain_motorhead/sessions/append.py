"""Appending messages: the record that is stored for a message, and the operation that appends records to a session."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.acceptance import check_message
from langchain_motorhead.messages.codec import ROLES, decode, encode, encode_bare
from langchain_motorhead.messages.content_digest import content_digest
from langchain_motorhead.messages.ids import UNKNOWN_CONTENT
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import AppendResult, Dedup, NewestOf, Record
from langchain_motorhead.sessions.slices import MAX_SLICE_SIZE, in_slices, rough_size
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

MessageLike: TypeAlias = BaseMessage | Mapping[str, Any]
"""A LangChain message, or the JSON object of the REST API with `role` and `content`."""

_PLAIN = (HumanMessage, AIMessage, SystemMessage)
# What it takes to make a record of a small message, in bytes of a large one.
_RECORD_COST = 2_500


@dataclass(frozen=True, slots=True)
class AppendConfig:
    """How messages are appended.

    Attributes:
        count: Counts the tokens of messages.
        counted: Whether token counts are stored, as a window bounded in tokens needs them.
        ttl: Milliseconds until a session expires if nothing more is appended, or 0 for never.
        one_slot: Whether one script may touch the keys of a session and the registries. Not so in a cluster.
    """

    count: TokenCounter
    counted: bool
    ttl: int
    one_slot: bool


def to_record(message: MessageLike, config: AppendConfig) -> Record:
    """Build the record that is stored for a message.

    Raises:
        InvalidMessageError: It is not a message, or cannot be stored.
    """
    bare = encode_bare(message)
    if bare is not None:
        return Record(bare, None, config.count([message]) if config.counted else None)  # type: ignore[list-item]
    data = encode(message)
    stored = message if _is_plain(message) else None
    if stored is None and not _is_plain_object(message):
        stored = decode(data)
        check_message(stored)
    elif stored is None and not config.counted:
        return Record(data, None, None)
    id_ = None if stored is None else stored.id
    if not config.counted:
        return Record(data, id_, None, content_digest(stored) if stored is not None and id_ else UNKNOWN_CONTENT)
    counted = decode(data) if stored is None else stored
    return Record(data, id_, config.count([counted]), content_digest(counted) if id_ else UNKNOWN_CONTENT)


def is_quick(messages: Sequence[object], size: int) -> bool:
    """Return whether the records of messages are made in about five milliseconds at most.

    Args:
        messages: The messages.
        size: Size of all of them, in bytes of JSON.
    """
    return size + _RECORD_COST * len(messages) <= MAX_SLICE_SIZE


def to_records(messages: Sequence[MessageLike], config: AppendConfig) -> Flow[list[Record]]:
    """Build the records that are stored for messages, with pauses in which the event loop does something else.

    Raises:
        InvalidMessageError: One of them is not a message, or cannot be stored.
    """
    return (yield from in_slices(messages, _cost, lambda part: [to_record(each, config) for each in part]))


def _cost(message: MessageLike) -> int:
    """Return how large a message is, in bytes, with what it takes beside its size."""
    if _is_plain(message):
        return _RECORD_COST + len(message.content)
    values = message.__dict__ if isinstance(message, BaseMessage) else message
    content = values.get("content") if isinstance(values, Mapping) and len(values) == 2 else None
    if type(content) is str:
        return _RECORD_COST + len(content)
    return _RECORD_COST + rough_size(values)


def _is_plain(message: MessageLike) -> TypeGuard[BaseMessage]:
    """Return whether a message has nothing to check: a usual role and a text."""
    if type(message) not in _PLAIN:
        return False
    values = message.__dict__
    if type(values.get("content")) is not str or values.get("additional_kwargs"):
        return False
    return not (values.get("tool_calls") or values.get("invalid_tool_calls"))


def _is_plain_object(message: MessageLike) -> bool:
    if not (type(message) is dict or isinstance(message, Mapping)) or len(message) != 2:
        return False
    role = message.get("role")
    return type(role) is str and role in ROLES and type(message.get("content")) is str


def append(
    keys: SessionKeys, messages: Sequence[MessageLike], config: AppendConfig, dedup: Dedup
) -> Flow[AppendResult | None]:
    """Store messages. See `operations.append`.

    Raises:
        InvalidMessageError: One of them is not a message, or cannot be stored. None was stored.
    """
    records = yield from to_records(messages, config)
    appended: AppendResult | None = yield append_records(keys, records, config, dedup)
    return appended


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
        one_slot=config.one_slot,
        dedup=dedup,
    )
