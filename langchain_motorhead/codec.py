"""A message to bytes and back. Knows message classes and roles; knows nothing of Redis or sessions.

A stored message is one JSON object, the REST wire's own with what LangChain needs beside it:
`{"role": "Human", "content": "hi"}`, and further keys only where a field is not at its default. What JSON lacks is
tagged by `plain.py`. Nothing stored names a class to import: a role, or a `type` from a fixed table, picks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.plain import from_plain, to_plain

# A role that any client may write, and the class that it is read as. Any other role is a ChatMessage.
ROLES: Mapping[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "Human": HumanMessage,
    "user": HumanMessage,
    "ai": AIMessage,
    "AI": AIMessage,
    "assistant": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
}
# A class whose role alone would be read as another class says so in `type`.
_TYPES: Mapping[str, type[BaseMessage]] = {"chat": ChatMessage, "function": FunctionMessage, "remove": RemoveMessage}
_WRITTEN: tuple[tuple[type[BaseMessage], str, tuple[str, ...]], ...] = (
    (HumanMessage, "Human", ()),
    (AIMessage, "AI", ("tool_calls", "invalid_tool_calls", "usage_metadata")),
    (ToolMessage, "tool", ("tool_call_id", "artifact", "status")),
    (SystemMessage, "system", ()),
    (ChatMessage, "", ()),
    (FunctionMessage, "function", ()),
    (RemoveMessage, "remove", ()),
)
_COMMON = ("id", "name", "additional_kwargs", "response_metadata")
_DEFAULTS: Mapping[str, object] = {
    "id": None, "name": None, "additional_kwargs": {}, "response_metadata": {}, "tool_calls": [],
    "invalid_tool_calls": [], "usage_metadata": None, "artifact": None, "status": "success",
}  # fmt: skip
_KNOWN = frozenset({"content", "type", "role", "example", *_COMMON, *(f for _, _, own in _WRITTEN for f in own)})
# Fields of a chunk that its merged message has no use for.
_CHUNK_ONLY = frozenset({"tool_call_chunks", "chunk_position"})


def encode(message: BaseMessage | Mapping[str, Any]) -> bytes:
    """Give the bytes to store for a message.

    Args:
        message: A LangChain message (a chunk counts as the message it adds up to), or the wire's own object, with
            `role` and `content`, which is checked and kept as it is.

    Raises:
        InvalidMessageError: It is neither, or holds something that cannot be kept as data.
    """
    if isinstance(message, BaseMessage):
        return _dumps(_record(message))
    if isinstance(message, Mapping):
        data = _dumps(dict(message))
        decode(data)
        return data
    raise InvalidMessageError(
        f"{message!r:.80} is not a message. Give a LangChain message such as HumanMessage(...), "
        'or {"role": "user", "content": "..."}'
    )


def decode(data: bytes | str, fallback_id: str | None = None) -> BaseMessage:
    """Read a stored message.

    Args:
        data: What `encode` gave, or what a REST client wrote.
        fallback_id: Id for a message that was stored without one.

    Raises:
        InvalidMessageError: The bytes are not a message.
    """
    record = _loads(data)
    if type(record) is not dict:
        raise InvalidMessageError("a stored message is a JSON object")
    role, content = record.get("role"), record.get("content")
    if len(record) == 2 and type(content) is str and (simple := _SIMPLE.get(role)) is not None:
        return _bare(simple, content, fallback_id)
    if not isinstance(role, str) or "content" not in record or not isinstance(content, str | list | None):
        raise InvalidMessageError("a message has a role, and a content that is a string or a list of blocks")
    return _full(record, role, fallback_id)


def _record(message: BaseMessage) -> dict[str, Any]:
    if isinstance(message, BaseMessageChunk):
        message = _merged(message)
    role, own = _written(message)
    record: dict[str, Any] = {"role": role, "content": message.content}
    if isinstance(message, ChatMessage):
        record["role"] = message.role
        if message.role in ROLES:
            record["type"] = "chat"
    elif role in _TYPES:
        record["type"] = role
    simple = len(record) == 2 and type(message.content) is str
    values = message.__dict__
    for name in _COMMON + own:
        value = values.get(name)
        if name not in _DEFAULTS or value != _DEFAULTS[name]:
            record[name] = value
    if extra := {key: value for key, value in {**values, **(message.model_extra or {})}.items() if key not in _KNOWN}:
        record["extra"] = extra
    if simple and len(record) == 2:
        return record
    try:
        return {key: to_plain(value, f"{type(message).__name__}.{key}") for key, value in record.items()}
    except RecursionError as error:
        raise InvalidMessageError("a message is nested too deeply to be stored") from error


def _written(message: BaseMessage) -> tuple[str, tuple[str, ...]]:
    for cls, role, own in _WRITTEN:
        if isinstance(message, cls):
            return role, own
    raise InvalidMessageError(
        f"{type(message).__name__} is not one of LangChain's message classes. Store it as a ChatMessage"
    )


def _merged(message: BaseMessageChunk) -> BaseMessage:
    merged = message_chunk_to_message(message)
    if isinstance(message, AIMessageChunk):
        for name in _CHUNK_ONLY:
            merged.__dict__.pop(name, None)
    return merged


def _dumps(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # a lone surrogate, which JSON can only carry escaped, or a wire object with odd values
        try:
            return json.dumps(record, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidMessageError(f"a message cannot be written as JSON: {error}") from error


def _loads(data: bytes | str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InvalidMessageError("a stored message is not JSON") from error


def _full(record: dict[str, Any], role: str, fallback_id: str | None) -> BaseMessage:
    values = {key: from_plain(value) for key, value in record.items() if key in _KNOWN and key not in ("role", "type")}
    extra = record.get("extra")
    if isinstance(extra, dict):
        values.update((key, from_plain(value)) for key, value in extra.items() if key not in _KNOWN)
    if values.get("content") is None:
        values["content"] = ""
    if values.get("id") is None:
        values["id"] = fallback_id
    cls = _TYPES.get(record.get("type", "")) or ROLES.get(role, ChatMessage)
    if cls is ChatMessage:
        values["role"] = role
    elif cls is ToolMessage:
        values.setdefault("tool_call_id", "")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:  # pydantic's ValidationError is a ValueError
        raise InvalidMessageError(f"a stored {role!r} message has fields that do not fit it") from error


# The constructor costs five times what the rest of decoding does; a message of a role and a text needs none of its
# checks. `test_codec.py` holds that both make the same object.
_SIMPLE: Mapping[Any, tuple[type[BaseMessage], str, bool]] = {
    role: (cls, cls.model_fields["type"].default, cls is AIMessage)
    for role, cls in ROLES.items()
    if cls is not ToolMessage
}


def _bare(simple: tuple[type[BaseMessage], str, bool], content: str, id_: str | None) -> BaseMessage:
    cls, type_, is_ai = simple
    message = cls.__new__(cls)
    fields: dict[str, Any] = {
        "content": content, "additional_kwargs": {}, "response_metadata": {}, "type": type_, "name": None, "id": id_,
    }  # fmt: skip
    if is_ai:
        fields["tool_calls"] = []
        fields["invalid_tool_calls"] = []
        fields["usage_metadata"] = None
    set_ = object.__setattr__
    set_(message, "__dict__", fields)
    set_(message, "__pydantic_fields_set__", {"content", "id"})
    set_(message, "__pydantic_extra__", {})
    set_(message, "__pydantic_private__", None)
    return message
