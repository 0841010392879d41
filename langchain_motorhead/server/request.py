"""What a request says: who asks, ids, numbers, its body, checked against the limits. Sends nothing to Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from starlette.requests import Request

from langchain_motorhead import Motorhead
from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.server.errors import (
    InvalidIdError,
    InvalidJSONError,
    RequestError,
    TooLargeError,
    TooManyMessagesError,
)
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.server.tenants import Tenants
from langchain_motorhead.sessions.append import AppendConfig, to_record
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.storage.keys import SessionKeys, session_keys

_LEAST, _MOST = 1, 2**31


class RequestContext:
    """A request, and what the application knows beside it."""

    __slots__ = ("request", "settings")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.settings: Settings = request.app.state.settings

    @property
    def motorhead(self) -> Motorhead:
        """The tenant's.

        Raises:
            UnauthorizedError: It is nobody's.
        """
        tenants: Tenants = self.request.app.state.tenants
        return tenants.of(self.request)

    @property
    def backend(self) -> RedisBackend:
        """The tenant's."""
        return self.motorhead.backend.require_redis()

    def keys(self, backend: RedisBackend) -> SessionKeys:
        """Give the keys of the session that the path names, of the user that the query does.

        Raises:
            InvalidIdError: An id cannot be used.
        """
        return session_keys(backend.namespace, self.path_id("session_id"), self.query_id("user_id"))

    def path_id(self, name: str) -> str:
        """Give an id from the path, which is percent-encoded there.

        Raises:
            InvalidIdError: It is too long, or no UTF-8.
        """
        try:
            value = unquote_to_bytes(self.request.path_params[name]).decode()
        except UnicodeDecodeError:
            raise InvalidIdError(f"{name} is not UTF-8") from None
        return self._id(name, value)

    def query_id(self, name: str) -> str | None:
        """Give an id from the query, if it is there and not empty."""
        value = self.request.query_params.get(name)
        return self._id(name, value) if value else None

    def number(self, name: str, default: int, most: int = _MOST) -> int:
        """Give a whole number from the query.

        Raises:
            RequestError: It is none, below 1, or too large.
        """
        text = self.request.query_params.get(name)
        if text is None or text == "":
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 12 and _LEAST <= int(text) <= most):
            raise RequestError(f"{name} must be a whole number from 1 to {most}")
        return int(text)

    def flag(self, name: str) -> bool:
        """Say whether the query asks for something.

        Raises:
            RequestError: It is neither `true` nor `false`.
        """
        text = self.request.query_params.get(name) or "false"
        if text not in ("true", "false"):
            raise RequestError(f"{name} must be true or false")
        return text == "true"

    async def body(self) -> dict[str, Any]:
        """Read the body, a JSON object.

        Raises:
            TooLargeError: It is larger than it may be.
            InvalidJSONError: It is no JSON, or no object.
        """
        data = await self._read()
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise InvalidJSONError(f"the body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise InvalidJSONError("the body must be a JSON object")
        return body

    def id_of(self, body: Mapping[str, Any], name: str) -> str | None:
        """Give an id from a body, if it is there."""
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise RequestError(f"{name} must be a string")
        return None if value is None else self._id(name, value)

    def messages_of(self, body: Mapping[str, Any]) -> list[Any]:
        """Give the messages of a body.

        Raises:
            RequestError: There is no list of messages.
            TooManyMessagesError: They are more than they may be.
        """
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise RequestError("messages must be a list of objects with role and content")
        if len(messages) > self.settings.max_messages:
            raise TooManyMessagesError(f"{len(messages)} messages are more than {self.settings.max_messages}")
        return messages

    def _id(self, name: str, value: str) -> str:
        if not value:
            raise InvalidIdError(f"{name} is empty")
        if without_surrogates(value) != value:
            raise InvalidIdError(f"{name} is not Unicode text")
        if len(value) > self.settings.max_id_length:
            raise InvalidIdError(f"{name} is longer than {self.settings.max_id_length} characters")
        return value

    async def _read(self) -> bytes:
        most = self.settings.max_body_bytes
        told = self.request.headers.get("content-length", "")
        if told.isdigit() and int(told) > most:
            raise TooLargeError(f"the body is larger than {most} bytes")
        parts, size = list[bytes](), 0
        async for part in self.request.stream():
            size += len(part)
            if size > most:
                raise TooLargeError(f"the body is larger than {most} bytes")
            parts.append(part)
        return b"".join(parts)


def to_records(messages: Sequence[Any], config: AppendConfig) -> list[Record]:
    """Give messages of the wire as they are to be stored: as they were sent.

    Raises:
        InvalidMessageError: One is not a message.
    """
    return [to_record(_checked(message), config) for message in messages]


def text_of(body: Mapping[str, Any], name: str, *, needed: bool = False) -> str | None:
    """Give a string from a body, if it is there.

    Raises:
        RequestError: It is something else, or needed and missing.
    """
    value = body.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a string")
    return without_surrogates(value)


def flag_of(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Give a truth value from a body.

    Raises:
        RequestError: It is something else.
    """
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false")
    return value


def number_of(body: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """Give a whole number from a body.

    Raises:
        RequestError: It is none, below 1, or too large.
    """
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not _LEAST <= value <= most:
        raise RequestError(f"{name} must be a whole number from 1 to {most}")
    return value


def _checked(message: Any) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise InvalidMessageError("a message is an object with role and content")
    if message.get("content") is None and not message.get("tool_calls"):
        raise InvalidMessageError("the content of a message must be a string")
    return message
