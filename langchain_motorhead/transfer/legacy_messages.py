"""Legacy messages: converts messages stored by other packages. Pure; the classes come from a fixed table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import decode, encode

# The class for each `type` in LangChain's own format. A chunk is stored as a complete message.
_CLASSES: Mapping[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
    "HumanMessageChunk": HumanMessage,
    "AIMessageChunk": AIMessage,
    "SystemMessageChunk": SystemMessage,
    "ToolMessageChunk": ToolMessage,
    "FunctionMessageChunk": FunctionMessage,
    "ChatMessageChunk": ChatMessage,
}
# Fields of older versions or of chunks, which are ignored.
_IGNORED_FIELDS = frozenset({"type", "example", "is_chunk", "tool_call_chunks", "chunk_position"})


def from_line(data: bytes) -> bytes:
    """Return the record for a message of the form `role: content`. Its role is kept.

    Raises:
        InvalidMessageError: It has another form.
    """
    role, separator, content = _text(data).partition(": ")
    if not separator:
        raise InvalidMessageError("it does not have the form role: content")
    return encode({"role": role, "content": content})


def from_json(data: bytes) -> bytes:
    """Return the record for the JSON of LangChain's `message_to_dict`.

    Raises:
        InvalidMessageError: It is something else.
    """
    try:
        return from_dict(orjson.loads(data))
    except orjson.JSONDecodeError:
        import json

        try:
            return from_dict(json.loads(data))
        except (ValueError, RecursionError) as error:
            if isinstance(error, InvalidMessageError):
                raise
            raise InvalidMessageError("it is not JSON") from error


def from_dict(value: Any) -> bytes:
    """Return the record for a result of LangChain's `message_to_dict`.

    Raises:
        InvalidMessageError: It is something else, or a message of an unknown type.
    """
    if not isinstance(value, dict) or not isinstance(data := value.get("data"), dict):
        raise InvalidMessageError("it is not a message with a type and data")
    type_ = value.get("type")
    cls = _CLASSES.get(type_) if isinstance(type_, str) else None
    if cls is None:
        raise InvalidMessageError(f"it has the unknown type {type_!r:.40}")
    try:
        message = cls(**{key: each for key, each in data.items() if key not in _IGNORED_FIELDS and each is not None})
        record = encode(message)
        decode(record)
    except InvalidMessageError:
        raise
    except Exception as error:  # LangChain's constructors raise many kinds of errors
        raise InvalidMessageError(f"it has fields that do not fit a message of type {type_!r}") from error
    return record


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessageError("it is not UTF-8") from error
