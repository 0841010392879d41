"""The message codec: a message to the bytes that are stored, and back.

A stored message is one JSON object. It has the two fields of Motorhead's REST API, `role` and `content`, and
LangChain's further fields where they differ from their defaults. `json_values.py` tags values that JSON cannot
express. A stored message never names a class to import: its role, or a `type` from a fixed table, selects the class.

This module knows message classes and roles. It knows nothing of Redis or of sessions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic import BaseModel

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.json_values import from_plain, is_json, to_plain
from langchain_motorhead.messages.tombstones import FORGOTTEN_FIELD, is_tombstone

# Roles that a client may write, and the class each is read as. Any other role is read as a ChatMessage.
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
# Classes that the role alone does not identify. Their stored messages also have a `type`.
_TYPES: Mapping[str, type[BaseMessage]] = {"chat": ChatMessage, "function": FunctionMessage, "remove": RemoveMessage}
_WRITTEN: Mapping[type[BaseMessage], str] = {
    HumanMessage: "Human",
    AIMessage: "AI",
    ToolMessage: "tool",
    SystemMessage: "system",
    ChatMessage: "",
    FunctionMessage: "function",
    RemoveMessage: "remove",
}
# For each role that `decode_all` reads without the constructor: the class, its `type`, and whether it is an AIMessage.
# `test_codec.py` checks that both ways give equal objects.
_SIMPLE: Mapping[Any, tuple[type[BaseMessage], str, bool]] = {
    role: (cls, cls.model_fields["type"].default, cls is AIMessage)
    for role, cls in ROLES.items()
    if cls is not ToolMessage
}
_set_fields: Any = BaseModel.__dict__["__dict__"].__set__
_set_given: Any = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra: Any = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private: Any = BaseModel.__dict__["__pydantic_private__"].__set__
_CONTENT = (str, list, type(None))
_EVERYWHERE = frozenset({"role", "content", "type"})
# Fields of each class with their defaults. A field at its default is not stored.
_FIELDS: Mapping[type[BaseMessage], Mapping[str, Any]] = {
    cls: {
        name: field.get_default(call_default_factory=True)
        for name, field in cls.model_fields.items()
        if name not in _EVERYWHERE
    }
    for cls in _WRITTEN
}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "id": (str,), "name": (str,), "additional_kwargs": (dict,), "response_metadata": (dict,), "tool_calls": (list,),
    "invalid_tool_calls": (list,), "usage_metadata": (dict,), "tool_call_id": (str,), "status": (str,),
}  # fmt: skip
_SIMPLE_ROLES: Mapping[type, str] = {HumanMessage: "Human", AIMessage: "AI", SystemMessage: "system"}
_NONE_OR_EMPTY = ("additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls", "usage_metadata")


def encode(message: BaseMessage | Mapping[str, Any]) -> bytes:
    """Return the bytes to store for a message.

    Args:
        message: A LangChain message (a chunk is stored as the complete message it stands for), or an object of the
            REST API with `role` and `content`. Such an object is checked and stored unchanged.

    Raises:
        InvalidMessageError: The argument is neither, or a field holds something that is not data.
    """
    if isinstance(message, BaseMessage):
        bare = encode_bare(message)
        return _dumps(_record(message)) if bare is None else bare
    if type(message) is dict or isinstance(message, Mapping):
        if len(message) == 2 and type(role := message.get("role")) is str and type(message.get("content")) is str:
            return _dumps({"role": role, "content": message["content"]})  # nothing to check
        if FORGOTTEN_FIELD in message:
            raise InvalidMessageError(
                f"a message cannot have the field {FORGOTTEN_FIELD!r}, which marks a message that was forgotten"
            )
        data = _dumps(
            {
                key: value if is_json(value) else to_plain(value, f"the message's {key}")
                for key, value in message.items()
            }
        )
        decode(data)
        return data
    raise InvalidMessageError(
        f"{message!r:.80} is not a message. Give a LangChain message such as HumanMessage(...), "
        'or {"role": "user", "content": "..."}'
    )


def encode_bare(message: object) -> bytes | None:
    """Return the bytes to store for a message that has nothing but a usual role and a text, as most have, else None."""
    role = _SIMPLE_ROLES.get(type(message))
    if role is None:
        return None
    values = message.__dict__
    content = values.get("content")
    if values.get("id") is not None or values.get("name") is not None or type(content) is not str:
        return None
    for name in _NONE_OR_EMPTY:
        if values.get(name):
            return None
    return None if message.__pydantic_extra__ else _dumps({"role": role, "content": content})  # type: ignore[attr-defined]


def decode(data: bytes | str, fallback_id: str | None = None) -> BaseMessage:
    """Return the message that was stored as these bytes.

    Args:
        data: What `encode` returned, or what a REST client wrote.
        fallback_id: Id for a message that was stored without one.

    Raises:
        InvalidMessageError: The bytes are not a message.
    """
    return decode_record(loads(data), fallback_id)


def decode_all(
    records: Sequence[bytes | str], epoch: str | None, position: int, skip: Callable[[int, InvalidMessageError], object]
) -> list[BaseMessage | None]:
    """Return the messages of several stored records. A message stored without an id always gets the same derived id.

    Args:
        records: The stored records, oldest first.
        epoch: Epoch of the session that holds them.
        position: Sequence number of the first record.
        skip: Called with the sequence number and the error of each record that cannot be read.

    Returns:
        One message for each record, or None where the record cannot be read, or stands for a forgotten message.
    """
    parsed, messages = _parsed_together(records), list[BaseMessage | None]()
    read: Callable[[Any, str | None], BaseMessage] = decode if parsed is None else decode_record
    given: Sequence[Any] = records if parsed is None else parsed
    prefix = derived_id(epoch, "")
    simple, new = _SIMPLE, object.__new__
    set_fields, set_given, set_extra, set_private = _set_fields, _set_given, _set_extra, _set_private
    for at, each in enumerate(given, position):
        if type(each) is dict and len(each) == 2:
            try:
                content, (cls, type_, is_ai) = each["content"], simple[each["role"]]
            except (KeyError, TypeError):  # other fields, or a role that is not simple
                content = None
            if type(content) is str:
                # The same object as the constructor makes, in a quarter of the time: there is nothing to validate. It
                # is inline because a function call would double that time.
                message: BaseMessage = new(cls)
                if is_ai:
                    set_fields(message, {
                        "content": content, "additional_kwargs": {}, "response_metadata": {}, "type": type_,
                        "name": None, "id": f"{prefix}{at}", "tool_calls": [], "invalid_tool_calls": [],
                        "usage_metadata": None,
                    })  # fmt: skip
                else:
                    set_fields(message, {
                        "content": content, "additional_kwargs": {}, "response_metadata": {}, "type": type_,
                        "name": None, "id": f"{prefix}{at}",
                    })  # fmt: skip
                set_given(message, {"content", "id"})
                set_extra(message, {})
                set_private(message, None)
                messages.append(message)
                continue
        try:
            messages.append(read(each, f"{prefix}{at}"))
        except InvalidMessageError as error:
            messages.append(None)
            if not is_tombstone(records[at - position]):
                skip(at, error)
    return messages


def _parsed_together(records: Sequence[bytes | str]) -> Sequence[Any] | None:
    """Return all records parsed in one call, in half the time; None if that could differ from one call each."""
    try:
        parsed: list[Any] = orjson.loads(b"[" + b",".join(records) + b"]")  # type: ignore[arg-type]
    except (orjson.JSONDecodeError, TypeError):  # a record is not JSON, or the records are str
        return None
    return parsed if len(parsed) == len(records) else None  # a broken record may hold several values


def decode_record(record: Any, fallback_id: str | None = None) -> BaseMessage:
    """Return the message of a record that is already parsed. See `decode`.

    Raises:
        InvalidMessageError: The record is not a message.
    """
    if type(record) is not dict:
        raise InvalidMessageError("a stored message is a JSON object")
    role, content = record.get("role"), record.get("content")
    if not isinstance(role, str) or "content" not in record or not isinstance(content, _CONTENT):
        raise InvalidMessageError("a message has a role, and a content that is a string or a list of blocks")
    try:
        return _full(record, role, fallback_id)
    except Exception as error:  # LangChain's constructors raise many kinds of errors
        raise InvalidMessageError(f"a stored {role!r:.40} message has fields that do not fit it") from error


def other_role(data: bytes | str, message: BaseMessage) -> str | None:
    """Return the role of a stored message if it differs from the one that `encode` would write, else None."""
    role: str = loads(data)["role"]
    written = message.role if isinstance(message, ChatMessage) else _WRITTEN[type(message)]
    return None if role == written else role


def _record(message: BaseMessage) -> dict[str, Any]:
    if isinstance(message, BaseMessageChunk):
        from langchain_core.messages import message_chunk_to_message  # imports much, and few messages are chunks

        message = message_chunk_to_message(message)
    cls = next((cls for cls in _WRITTEN if isinstance(message, cls)), None)
    if cls is None:
        raise InvalidMessageError(
            f"{type(message).__name__} is not one of LangChain's message classes. Store it as a ChatMessage"
        )
    if not isinstance(message.content, str | list):
        raise InvalidMessageError(f"a message's content is a string or a list of blocks, not {message.content!r:.40}")
    record: dict[str, Any] = {"role": _WRITTEN[cls], "content": message.content}
    if isinstance(message, ChatMessage):
        record["role"] = message.role
        if message.role in ROLES:
            record["type"] = "chat"
    elif record["role"] in _TYPES:
        record["type"] = record["role"]
    record.update(_set_fields_of(message, cls))
    extra = {
        key: value
        for key, value in {**message.__dict__, **(message.model_extra or {})}.items()
        if key not in cls.model_fields
    }
    if extra:
        record["extra"] = extra
    return {key: to_plain(value, f"{type(message).__name__}.{key}") for key, value in record.items()}


def _set_fields_of(message: BaseMessage, cls: type[BaseMessage]) -> Iterator[tuple[str, Any]]:
    for name, default in _FIELDS[cls].items():
        value = message.__dict__.get(name)
        if value is None or (type(value) is type(default) and value == default):
            continue
        if not isinstance(value, _KINDS.get(name, object)):
            raise InvalidMessageError(f"{type(message).__name__}.{name} cannot be {value!r:.40}")
        yield name, value


def _dumps(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # a lone surrogate, which has to be escaped, or an object of the REST API with unusual values
        try:
            return json.dumps(record, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise InvalidMessageError(f"a message cannot be written as JSON: {error}") from error


def loads(data: bytes | str) -> Any:
    """Return the value of a JSON text, which may contain lone surrogates.

    Raises:
        InvalidMessageError: The data is not JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InvalidMessageError("a stored message is not JSON") from error


def _full(record: dict[str, Any], role: str, fallback_id: str | None) -> BaseMessage:
    type_ = record.get("type")
    cls = (_TYPES.get(type_) if isinstance(type_, str) else None) or ROLES.get(role, ChatMessage)
    values = {name: from_plain(record[name]) for name in _FIELDS[cls] if name in record}
    values["content"] = "" if record["content"] is None else from_plain(record["content"])
    if values.get("id") is None:
        values["id"] = fallback_id
    if cls is ChatMessage:
        values["role"] = role
    elif cls is ToolMessage:
        values.setdefault("tool_call_id", "")
    message = cls(**values)
    extra = from_plain(record.get("extra"))
    if isinstance(extra, dict):
        # Not through the constructor, which gives some names a meaning.
        kept = {key: value for key, value in extra.items() if isinstance(key, str) and key not in cls.model_fields}
        _set_extra(message, kept)
        message.__pydantic_fields_set__.update(kept)
    return message
