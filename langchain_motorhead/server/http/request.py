"""Parses a request: tenant, ids, numbers, flags and the JSON body, checked against the limits. No I/O with Redis."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import orjson
from starlette.requests import ClientDisconnect, Request

from langchain_motorhead import Motorhead
from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.messages.acceptance import is_name
from langchain_motorhead.rest_protocol import IDEMPOTENCY_KEY
from langchain_motorhead.server.http.body import checked, to_records
from langchain_motorhead.server.http.errors import (
    InvalidIdError,
    InvalidJSONError,
    RequestError,
    SlowRequestError,
    TooLargeError,
    TooManyMessagesError,
    UnsupportedMediaTypeError,
)
from langchain_motorhead.server.http.uvicorn_cycle import body_of
from langchain_motorhead.server.schemas.limits import MAX_IDEMPOTENCY_KEY, MAX_INTEGER
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.server.tenants import Tenants
from langchain_motorhead.sessions import append
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.storage.keys import SessionKeys, session_keys

# Digits of a query parameter; more are not worth parsing.
_MAX_DIGITS = 19
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_MAX_FIELDS = 50
_IDEMPOTENCY_KEY = IDEMPOTENCY_KEY.lower().encode()
_EMPTY: Mapping[str, str] = {}


class RequestContext:
    """A request together with the settings and tenants of the application."""

    __slots__ = ("_body_size", "_headers", "_query", "request", "settings")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.settings: Settings = request.scope["app"].state.settings
        self._query: Mapping[str, str] = request.query_params if request.scope.get("query_string") else _EMPTY
        self._headers: Mapping[bytes, bytes] | None = None
        self._body_size = 0

    @property
    def motorhead(self) -> Motorhead:
        """The `Motorhead` of the tenant that sent the request.

        Raises:
            UnauthorizedError: The API key is missing or unknown.
        """
        tenants: Tenants = self.request.app.state.tenants
        return tenants.of(self.request)

    @property
    def backend(self) -> RedisBackend:
        """The backend of the tenant that sent the request."""
        return self.motorhead.backend.require_redis()

    async def warmed(self) -> None:
        """Wait until everything is imported that requests other than reads and appends may need.

        Raises:
            InvalidInputError: A model cannot be built.
        """
        await self.request.app.state.warm.aget()

    def keys(self, backend: RedisBackend) -> SessionKeys:
        """Return the Redis keys of the session in the path, for the user in the query.

        Raises:
            InvalidIdError: An id is empty, too long, or not Unicode text without control characters.
        """
        return session_keys(backend.namespace, self.path_id("session_id"), self.query_id("user_id"))

    def path_id(self, name: str) -> str:
        """Return an id from the path, percent-decoded.

        Raises:
            InvalidIdError: The id is too long, or not UTF-8.
        """
        value: str = self.request.scope["path_params"][name]
        if "%" in value or not value.isascii():
            try:
                value = unquote_to_bytes(value).decode()
            except UnicodeDecodeError:
                raise InvalidIdError(f"{name} is not UTF-8") from None
        return self._id(name, value)

    def query_id(self, name: str) -> str | None:
        """Return an id from the query, or None if it is absent or empty."""
        if self._query is _EMPTY:
            return None
        value = self._query.get(name)
        return self._id(name, value) if value else None

    def number_up_to(self, name: str, default: int, maximum: int) -> int:
        """Return a whole number from the query, or `maximum` if it is larger, as the original did.

        Raises:
            RequestError: The value is not a whole number of at least 1.
        """
        return min(self.number(name, default, sys.maxsize), maximum)

    def number(self, name: str, default: int, maximum: int = MAX_INTEGER, *, minimum: int = 1) -> int:
        """Return a whole number from the query.

        Raises:
            RequestError: The value is not a whole number from `minimum` to `maximum`.
        """
        text = self._query.get(name)
        if text is None or text == "":
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and minimum <= int(text) <= maximum):
            raise RequestError(f"{name} must be a whole number from {minimum} to {maximum}")
        return int(text)

    def flag(self, name: str) -> bool:
        """Return a flag from the query; false if it is absent.

        Raises:
            RequestError: The value is neither `true` nor `false`.
        """
        text = self._query.get(name) or "false"
        if text not in ("true", "false"):
            raise RequestError(f"{name} must be true or false")
        return text == "true"

    def idempotency_key(self) -> str | None:
        """Return the text by which the client marks a request that it may send again, or None.

        Raises:
            RequestError: It is empty, too long, or has other than printable ASCII characters.
        """
        key = self._header(_IDEMPOTENCY_KEY)
        if key is not None and not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()):
            raise RequestError(
                f"{IDEMPOTENCY_KEY} must have 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters, such as a UUID"
            )
        return key

    async def body(self, *, needed: bool = True) -> dict[str, Any]:
        """Read and parse the body, a JSON object.

        Args:
            needed: Whether there has to be a body. If not, no body is an empty object.

        Raises:
            UnsupportedMediaTypeError: The body is not sent as application/json.
            TooLargeError: The body exceeds the setting `max_body_bytes`.
            SlowRequestError: The body did not arrive within the setting `client_timeout`.
            InvalidJSONError: The body is not a JSON object.
        """
        data = await self.json_bytes()
        self._body_size = len(data)
        if not data and not needed:
            return {}
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise InvalidJSONError(f"the body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise InvalidJSONError("the body must be a JSON object")
        return body

    async def form(self) -> dict[str, str]:
        """Read and parse the body, a form of a page of this server. Line breaks are those of Python.

        Raises:
            UnsupportedMediaTypeError: The body is not sent as a form.
            TooLargeError: The body exceeds the setting `max_body_bytes`.
            SlowRequestError: The body did not arrive within the setting `client_timeout`.
            RequestError: The body is not a form.
        """
        self._check_content_type(_FORM)
        data = await self._read()
        try:
            fields = parse_qsl(data.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:
            raise RequestError("the body is not a form") from None
        return {name: value.replace("\r\n", "\n") for name, value in fields}

    async def json_bytes(self) -> bytes:
        """Read a body of JSON without parsing it.

        Raises:
            UnsupportedMediaTypeError: The body is not sent as application/json.
            TooLargeError: The body exceeds the setting `max_body_bytes`.
            SlowRequestError: The body did not arrive within the setting `client_timeout`.
        """
        self._check_content_type(_JSON)
        return await self._read()

    def id_of(self, body: Mapping[str, Any], name: str) -> str | None:
        """Return an id from a body, or None if it is absent."""
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise RequestError(f"{name} must be a string")
        return None if value is None else self._id(name, value)

    def messages_of(self, body: Mapping[str, Any]) -> list[Any]:
        """Return the messages of a body.

        Raises:
            RequestError: `messages` is not a list.
            TooManyMessagesError: They exceed the setting `max_messages`.
        """
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise RequestError("messages must be a list of objects with role and content")
        if len(messages) > self.settings.max_messages:
            raise TooManyMessagesError(f"{len(messages)} messages exceed the limit of {self.settings.max_messages}")
        return messages

    async def records_of(self, messages: Sequence[Any], backend: RedisBackend) -> list[Record]:
        """Build the records that are stored for the messages of the body. See `to_records`.

        If that takes long, other requests are answered meanwhile.

        Raises:
            InvalidMessageError: One of them is not a message.
        """
        config = backend.append_config
        if append.is_quick(messages, self._body_size):
            return [append.to_record(checked(message), config) for message in messages]
        return await backend.arun(to_records(messages, config))

    def _id(self, name: str, value: str) -> str:
        if not value:
            raise InvalidIdError(f"{name} is empty")
        if not is_name(value):
            raise InvalidIdError(f"{name} is not Unicode text without control characters")
        if len(value) > self.settings.max_id_length:
            raise InvalidIdError(f"{name} is longer than {self.settings.max_id_length} characters")
        return value

    def _header(self, name: bytes) -> str | None:
        """Return the first header with a name."""
        if self._headers is None:
            self._headers = dict(self.request.scope["headers"][::-1])
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def _check_content_type(self, expected: str) -> None:
        # Also a body without a type is refused: a page of another site can send one without asking the server first.
        sent = self._header(b"content-type") or ""
        if sent == expected:
            return
        kind = sent.partition(";")[0].strip().lower()
        has_body = self._header(b"transfer-encoding") is not None or self._header(b"content-length") not in (None, "0")
        if kind != expected and (kind or has_body):
            raise UnsupportedMediaTypeError(f"the Content-Type of a body must be {expected}, not {kind or 'missing'}")

    async def _read(self) -> bytes:
        max_bytes = self.settings.max_body_bytes
        length = self._header(b"content-length") or ""
        if length.isdigit() and int(length) > max_bytes:
            raise TooLargeError(f"the body is larger than {max_bytes} bytes")
        body = body_of(self.request.receive)
        if body is not None and len(body) <= max_bytes:
            return body
        if body is not None:
            raise TooLargeError(f"the body is larger than {max_bytes} bytes")
        parts, size, seconds = list[bytes](), 0, self.settings.client_timeout
        try:
            async with asyncio.timeout(seconds or None):
                more = True
                while more:
                    message = await self.request.receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    part, more = message.get("body", b""), message.get("more_body", False)
                    size += len(part)
                    if size > max_bytes:
                        raise TooLargeError(f"the body is larger than {max_bytes} bytes")
                    parts.append(part)
        except TimeoutError:
            raise SlowRequestError(f"the body did not arrive within {seconds:g} s") from None
        return b"".join(parts)
