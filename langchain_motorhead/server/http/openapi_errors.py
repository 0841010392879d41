"""Which errors each request can give, and how the OpenAPI document describes them. Pure.

An error is named by its code, which programs read. A status can have several codes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from langchain_motorhead.server.http.errors import error_messages

EVERY_REQUEST = ("internal",)
"""Errors that every request can give."""

NEEDS_NO_KEY = ("forbidden",)
"""Errors of all requests to a server without API keys."""

NEEDS_KEY = ("unauthorized",)
"""Errors of requests that need an API key, where the server has any."""

USES_REDIS = ("redis_unavailable", "stopping", "store_error", "wrong_key_type")
"""Errors of requests that read or write what is stored."""

HAS_ID = ("invalid_id",)
"""Errors of requests with an id in the path or in the query."""

HAS_PARAMETERS = ("invalid_request",)
"""Errors of requests with numbers, flags or times in the query or in a header."""

HAS_BODY = ("invalid_json", "invalid_request", "request_timeout", "too_large", "unsupported_media_type")
"""Errors of requests with a JSON body."""

OF_USER = ("invalid_input",)
"""Errors of requests for a session that may belong to another user."""

SEARCHES = (
    "embedding_failed",
    "embedding_mismatch",
    "index_missing",
    "invalid_input",
    "long_term_memory_disabled",
    "search_unavailable",
)
"""Errors of searches for messages."""

STORES = ("invalid_message", "too_many_messages")
"""Errors of requests that send messages."""

_STATUSES = {
    400: "The request is wrong. It changed nothing.",
    401: "The API key is missing or unknown.",
    403: "A browser sent the request for a page of another site, or the host name is not allowed.",
    404: "There is no such session, message or fact. Nothing was changed.",
    408: "The body arrived too slowly. Nothing was changed.",
    409: "What is stored does not fit the request: read the code.",
    413: "The body or the number of messages exceeds a limit of the server.",
    415: "The body is not sent as application/json.",
    500: "An unexpected error. The log has the details.",
    501: "This Redis has no search module.",
    502: "A model failed. No message was removed.",
    503: "Redis cannot be reached or refused a command, or the server is stopping. Try again later.",
}
# Messages as they are sent, of errors whose message depends on the request.
_MESSAGES = {
    "embedding_mismatch": "the index of namespace 'default' was made with text-embedding-3-small (1536 dimensions); "
    "this is hashing (512 dimensions). Call Motorhead.reindex() to rebuild it with these",
    "forbidden": "requests from pages of other sites are refused",
    "id_conflict": "1 of 2 messages have ids that are already those of other messages: 'msg-1'. Give them other ids, "
    "or none. Nothing was stored",
    "idempotency_key_reused": "the Idempotency-Key was sent with another request to this session. Nothing was stored",
    "invalid_id": "session_id is longer than 1024 characters",
    "invalid_input": "session 'alice-2025-06-01' belongs to another user than 'bob'. Give the user_id that it was "
    "created with, or another session_id",
    "invalid_json": "the body must be a JSON object",
    "invalid_message": "a message is an object with role and content",
    "invalid_request": "full must be true or false",
    "not_found": "there is no session 'alice-2025-06-01'",
    "request_timeout": "the body did not arrive within 30 s",
    "session_replaced": "session 'alice-2025-06-01' was deleted while it was read",
    "store_error": "Redis has reached its maxmemory and is full. Nothing was written. Give it more memory",
    "too_large": "the body is larger than 8388608 bytes",
    "too_many_messages": "2001 messages exceed the limit of 2000",
    "unauthorized": "send a valid API key as Authorization: Bearer KEY or as x-metal-api-key: KEY",
    "unknown_fact": "there is no fact '5f0c1a9e7b3d2468'. Read the facts again to see their ids",
    "unknown_message": "session 'alice-2025-06-01' never had 'msg-9'. Nothing was changed",
    "unsupported_media_type": "the Content-Type of a body must be application/json, not text/plain",
    "wrong_key_type": "one of the keys motorhead:{default/alice-2025-06-01}:messages holds data that this package did "
    "not write. Use another namespace or session_id, or rename that key",
}
_REQUEST_ID = {"$ref": "#/components/headers/X-Request-Id"}
# Further headers of the errors of a status.
_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}},
    503: {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
}
_ALL_HEADERS: Mapping[str, Any] = {
    "X-Request-Id": {
        "description": "Random id of the request. The log repeats it.",
        "schema": {"type": "string"},
        "example": "9f86d081884c7d65",
    },
    "Retry-After": {
        "description": "Seconds after which to send the request again.",
        "schema": {"type": "string"},
        "example": "1",
    },
    "WWW-Authenticate": {
        "description": "How to send the API key.",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
}


class DescribedError(NamedTuple):
    """An error that a request can give.

    Attributes:
        status: HTTP status of the answer.
        meaning: What the error says, whatever the request.
        message: Its text as it may be sent.
    """

    status: int
    meaning: str
    message: str


def described_errors() -> dict[str, DescribedError]:
    """Return every error that the server can give, by its code."""
    return {
        code: DescribedError(status, meaning, _MESSAGES.get(code, meaning))
        for status, codes in error_messages().items()
        for code, meaning in codes.items()
    }


def error_responses(codes: Collection[str], schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the responses of an operation for its errors, by status. Each has an example for each of its codes.

    Args:
        codes: Codes of the errors.
        schema: Schema of an error's body.
    """
    known = described_errors()
    responses: dict[str, dict[str, Any]] = {}
    for code in sorted(codes, key=lambda each: (known[each].status, each)):
        error = known[code]
        response = responses.setdefault(str(error.status), _response(error.status, schema))
        response["content"]["application/json"]["examples"][code] = {
            "summary": error.meaning,
            "value": {"error": error.message, "code": code},
        }
    return responses


def headers(*, with_keys: bool) -> dict[str, Any]:
    """Return the headers that answers have, for the document's components.

    Args:
        with_keys: Whether the server needs an API key.
    """
    return {name: header for name, header in _ALL_HEADERS.items() if with_keys or name != "WWW-Authenticate"}


def success_headers() -> dict[str, Any]:
    """Return the headers of an answer without an error."""
    return {"X-Request-Id": _REQUEST_ID}


def _response(status: int, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": _STATUSES[status],
        "headers": {"X-Request-Id": _REQUEST_ID, **_HEADERS.get(status, {})},
        "content": {"application/json": {"schema": schema, "examples": {}}},
    }
