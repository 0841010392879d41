"""Messages on their way into a session: each as a record, and all of them as the operation that appends them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.codec import decode, encode
from langchain_motorhead.runtime.engine import Engine
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import AppendResult, Dedup, NewestOf, Record
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

MessageLike: TypeAlias = BaseMessage | Mapping[str, Any]


def to_record(message: MessageLike, engine: Engine) -> Record:
    """Make what is stored of a message, with its id, and its tokens where they are counted.

    Raises:
        InvalidMessageError: It is not a message, or cannot be stored.
    """
    data = encode(message)
    counted = engine.window.max_tokens is not None
    return Record(data, _id_of(message, data), engine.compactor.count([decode(data)]) if counted else None)


def append(
    keys: SessionKeys, records: Sequence[Record], engine: Engine, leave_out: Dedup | NewestOf = Dedup.SKIP_KNOWN
) -> Operation[AppendResult | None]:
    """Append messages to a session, now and as the engine is configured. See `operations.append`.

    Args:
        keys: Keys of the session.
        records: The messages, one at least.
        engine: Whose session it is.
        leave_out: Which messages are taken for stored already.
    """
    return operations.append(
        keys,
        records,
        now=time.time_ns() // 1_000,
        token=os.urandom(8).hex(),
        ttl=engine.ttl,
        recall=engine.indexer is not None,
        one_slot=engine.one_slot,
        leave_out=leave_out,
    )


def _id_of(message: MessageLike, data: bytes) -> str | None:
    if isinstance(message, BaseMessage):
        return message.id
    return decode(data).id if "id" in message else None  # on the wire it may be a number
