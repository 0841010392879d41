"""Stored messages and other stored bytes in lines of JSON, so that every byte is kept. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import orjson

from langchain_motorhead.exceptions import InvalidInputError

MAX_NUMBER = 2**53
"""Largest number of messages, tokens, or microseconds since 1970 (year 2255). Redis' scripts are exact up to it."""
_BYTES = "$base64"


def records_of(line: dict[str, Any]) -> list[bytes]:
    """Parse the messages of a line.

    Raises:
        InvalidInputError: They are not a list, or one of them is not a message.
    """
    messages = line.get("messages")
    if not isinstance(messages, list):
        raise InvalidInputError("has no list of messages")
    return [to_record(message) for message in messages]


def to_record(message: Any) -> bytes:
    """Return the stored bytes of a message of a line."""
    if isinstance(message, dict) and not (len(message) == 1 and _BYTES in message):
        try:
            return orjson.dumps(message)
        except TypeError:
            return json.dumps(message, separators=(",", ":")).encode()
    return from_json(message, "message")


def to_message(record: bytes) -> Any:
    """Return a stored message as it stands in a line."""
    try:
        # Parsed a level or two deeper than it will be in a line.
        (((message,),),) = orjson.loads(b"[[[" + record + b"]]]")
        if type(message) is dict and _BYTES not in message and orjson.dumps(message) == record:
            return message
    except (ValueError, TypeError):
        pass
    return to_json(record)


def to_json(value: bytes) -> Any:
    """Return any bytes as JSON: a string, or an object with base64 if they are not UTF-8."""
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return {_BYTES: base64.b64encode(value).decode("ascii")}


def from_json(value: Any, name: str) -> bytes:
    """Return the bytes that `to_json` wrote.

    Raises:
        InvalidInputError: It wrote something else. The message names the value by `name`.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and isinstance(text := value.get(_BYTES), str):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInputError(f"has a {name} that is not base64") from error
    raise InvalidInputError(f"has a {name} that is neither text nor base64")


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number from 0 to `MAX_NUMBER`."""
    return type(value) is int and 0 <= value <= MAX_NUMBER


def dumps(line: dict[str, Any]) -> bytes:
    """Return a line as bytes."""
    try:
        return orjson.dumps(line) + b"\n"
    except TypeError:  # a lone surrogate, which has to be escaped
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def loads(raw: bytes) -> dict[str, Any]:
    """Parse a line.

    Raises:
        InvalidInputError: It is not a JSON object.
    """
    try:
        line = orjson.loads(raw)
    except ValueError:
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError("is not JSON") from error
    if not isinstance(line, dict):
        raise InvalidInputError("is not a JSON object")
    return line
