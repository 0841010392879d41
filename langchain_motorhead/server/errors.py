"""Every error of a request as JSON with a stable code: the one place where ours are mapped to HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead import exceptions as ours
from langchain_motorhead.rest_protocol import CODES

RETRY_AFTER = {"Retry-After": "1"}


class RequestError(Exception):
    """A request cannot be served as it is.

    Attributes:
        status: HTTP status.
        code: Stable, for programs.
        headers: Of the answer.
    """

    status = 400
    code = "invalid_request"
    headers: Mapping[str, str] = {}


class UnauthorizedError(RequestError):
    """It has no key, or a wrong one."""

    status = 401
    code = "unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(RequestError):
    """It comes from a page of another site, in somebody's browser."""

    status = 403
    code = "forbidden"


class InvalidJSONError(RequestError):
    """Its body is not JSON."""

    code = "invalid_json"


class InvalidIdError(RequestError):
    """An id of it cannot be used."""

    code = "invalid_id"


class TooLargeError(RequestError):
    """It is larger than it may be."""

    status = 413
    code = "too_large"
    headers: Mapping[str, str] = {"Connection": "close"}


class TooManyMessagesError(RequestError):
    """It has more messages than it may."""

    status = 413
    code = "too_many_messages"


# The first class that fits, so the more special ones come first.
_MAPPED: tuple[tuple[type[ours.MotorheadError], int, str | None], ...] = (
    (ours.InvalidMessageError, 400, None),
    (ours.InvalidInputError, 400, None),
    (ours.RecallNotConfiguredError, 400, "Long term memory is disabled"),
    (ours.StoreUnavailableError, 503, "Redis cannot be reached"),
    (ours.ClosedError, 503, "the server is stopping"),
    (ours.WrongKeyTypeError, 409, None),
    (ours.SearchUnavailableError, 501, "this Redis has no search module"),
    (ours.UnsupportedError, 501, None),
    (ours.IndexMissingError, 503, "the index was dropped. It is made anew"),
    (ours.StoreError, 503, None),
    (ours.SummarizationError, 502, "the summarizer failed. No message was removed"),
    (ours.EmbeddingError, 502, "the embedding model failed. No message was removed"),
    (ours.EmbeddingMismatchError, 409, None),
)
_OF_HTTP = {404: "not_found", 405: "method_not_allowed"}


def answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Make the answer that tells an error."""
    body = orjson.dumps({"error": _sayable(message), "code": code})
    return Response(body, status, headers, media_type="application/json")


def to_response(error: Exception) -> Response:
    """Make the answer for an error of ours, of the request or of the framework; another is a 500 that says nothing."""
    if isinstance(error, RequestError):
        return answer(error.status, error.code, str(error), error.headers)
    if isinstance(error, HTTPException):
        return answer(error.status_code, _OF_HTTP.get(error.status_code, "http_error"), error.detail, error.headers)
    for cls, status, message in _MAPPED:
        if isinstance(error, cls):
            return answer(status, CODES[cls], message or str(error), RETRY_AFTER if status == 503 else None)
    return answer(500, "internal", "internal error")


async def handle(_: Request, error: Exception) -> Response:
    """Answer an error, as Starlette asks for it."""
    return to_response(error)


HANDLED = (RequestError, HTTPException, ours.MotorheadError)
HANDLERS: dict[Any, Any] = dict.fromkeys(HANDLED, handle)


def _sayable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
