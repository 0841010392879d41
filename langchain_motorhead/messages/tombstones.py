"""Tombstones: what is stored in the place of a message that was forgotten. Pure.

A message that was forgotten keeps its sequence number. In its place stands a record without anything of the message.
The result of a tool whose call stays is replaced by a result without content, since no provider takes a call without
its result. Older versions of this package cannot read the first kind, and skip it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from langchain_core.messages import BaseMessage, FunctionMessage, ToolMessage

FORGOTTEN_FIELD = "forgotten"
"""The first field of a tombstone. No message that a client sends may have it."""
TOMBSTONE = b'{"forgotten":true}'
"""Stands for a message that was forgotten."""
FORGOTTEN_TEXT = "[forgotten]"
"""Content of the result of a tool that was forgotten."""
_BEGIN = TOMBSTONE[:-1]
# Fields of a result that providers need to match it with its call. They stand in the call as well.
_OF_CALL = ("tool_call_id", "name", "type")
_RESULT_ROLES = ("tool", "function")  # no set, since the role of a damaged record may be of any type


def is_tombstone(data: bytes | str) -> bool:
    """Return whether a stored record stands for a message that was forgotten."""
    return (data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data).startswith(_BEGIN)


def result_tombstone(record: Mapping[str, Any]) -> bytes:
    """Return what is stored in the place of the result of a tool, if the call of the tool stays.

    Args:
        record: The result as stored, parsed.
    """
    kept = {name: record[name] for name in _OF_CALL if isinstance(record.get(name), str)}
    return orjson.dumps({FORGOTTEN_FIELD: True, "role": record["role"], "content": FORGOTTEN_TEXT, **kept})


def is_result(record: Mapping[str, Any]) -> bool:
    """Return whether a record as stored, parsed, is the result of a tool."""
    return record.get("role") in _RESULT_ROLES


def hidden(message: BaseMessage) -> BaseMessage | None:
    """Return what a prompt shows of a message that was forgotten: nothing, or a result without content."""
    if not isinstance(message, ToolMessage | FunctionMessage):
        return None
    return message.model_copy(update={"content": FORGOTTEN_TEXT, "artifact": None, "additional_kwargs": {}})
