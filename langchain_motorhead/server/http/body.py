"""Reads fields of a JSON body: messages, texts, flags and numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.acceptance import is_name
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.server.http.errors import RequestError
from langchain_motorhead.sessions import append
from langchain_motorhead.sessions.append import AppendConfig
from langchain_motorhead.sessions.operations import Record


def to_records(messages: Sequence[Any], config: AppendConfig) -> Flow[list[Record]]:
    """Build the records that are stored for messages of a request. Keys other than role and content are kept.

    Raises:
        InvalidMessageError: One of them is not a message.
    """
    return append.to_records([checked(message) for message in messages], config)


def text_of(body: Mapping[str, Any], name: str, *, needed: bool = False) -> str | None:
    """Return a string from a body, or None if it is absent.

    Raises:
        RequestError: The value is not a string, or it is absent and `needed`.
    """
    value = body.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a string")
    return without_surrogates(value)


def flag_of(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return a flag from a body.

    Raises:
        RequestError: The value is not true or false.
    """
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false")
    return value


def number_of(body: Mapping[str, Any], name: str, default: int, maximum: int) -> int:
    """Return a whole number from a body.

    Raises:
        RequestError: The value is not a whole number from 1 to `maximum`.
    """
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= maximum:
        raise RequestError(f"{name} must be a whole number from 1 to {maximum}")
    return value


def checked(message: Any) -> dict[str, Any]:
    """Return a message of a body.

    Raises:
        InvalidMessageError: It is no message.
    """
    if not isinstance(message, dict):
        raise InvalidMessageError("a message is an object with role and content")
    if message.get("content") is None and not message.get("tool_calls"):
        raise InvalidMessageError("the content of a message must be a string")
    if isinstance(id_ := message.get("id"), str) and not is_name(id_):
        raise InvalidMessageError("the id of a message is not Unicode text without control characters")
    return message
