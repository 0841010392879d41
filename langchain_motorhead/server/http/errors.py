"""Maps exceptions to HTTP errors: JSON with a text for people and a stable code for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from langchain_motorhead import exceptions as ours
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.rest_protocol import CODES

FAILURE = "motorhead.failure"
"""Key of a request's scope that holds the exception which was answered with a 5xx, so that the log can name it."""

PREFIX = "motorhead.prefix"
"""Key of a request's scope that holds the path prefix under which the server is published, or an empty string."""

RETRY_AFTER = {"Retry-After": "1"}
"""Header of a 503: seconds after which the client should try again."""


class RequestError(Exception):
    """The request is wrong.

    Attributes:
        status: HTTP status of the answer.
        code: Stable code for programs.
        headers: Headers of the answer.
    """

    status = 400
    code = "invalid_request"
    headers: Mapping[str, str] = {}


class UnauthorizedError(RequestError):
    """The API key is missing or unknown."""

    status = 401
    code = "unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(RequestError):
    """A browser sent the request for a page of another site, or the host name is not allowed."""

    status = 403
    code = "forbidden"


class NotFoundError(RequestError):
    """There is no such session or message."""

    status = 404
    code = "not_found"


class InvalidJSONError(RequestError):
    """The body is not a JSON object."""

    code = "invalid_json"


class UnsupportedMediaTypeError(RequestError):
    """The body is not sent as application/json."""

    status = 415
    code = "unsupported_media_type"


class InvalidIdError(RequestError):
    """An id is empty, too long, or not Unicode text without control characters."""

    code = "invalid_id"


class ReusedKeyError(RequestError):
    """The `Idempotency-Key` was sent with another request to this session."""

    status = 409
    code = "idempotency_key_reused"


class TooLargeError(RequestError):
    """The body has too many bytes."""

    status = 413
    code = "too_large"
    headers: Mapping[str, str] = {"Connection": "close"}


class SlowRequestError(RequestError):
    """The client did not send its body in time."""

    status = 408
    code = "request_timeout"
    headers: Mapping[str, str] = {"Connection": "close"}


class TooManyMessagesError(RequestError):
    """The request has too many messages."""

    status = 413
    code = "too_many_messages"


_REQUEST_ERRORS = (
    RequestError, UnauthorizedError, ForbiddenError, InvalidJSONError, InvalidIdError, NotFoundError, ReusedKeyError,
    SlowRequestError,
    TooLargeError, TooManyMessagesError, UnsupportedMediaTypeError,
)  # fmt: skip
# Class, status, and the message if it is not the exception's own. The first class that fits counts, so subclasses
# stand before their bases.
_PACKAGE_ERRORS: tuple[tuple[type[ours.MotorheadError], int, str | None], ...] = (
    (ours.IdConflictError, 409, None),
    (ours.UnknownFactError, 404, None),
    (ours.InvalidMessageError, 400, None),
    (ours.UnknownMessageError, 404, None),
    (ours.InvalidInputError, 400, None),
    (ours.RecallNotConfiguredError, 400, "Long term memory is disabled"),
    (ours.StoreUnavailableError, 503, "Redis cannot be reached"),
    (ours.ClosedError, 503, "the server is stopping"),
    (ours.WrongKeyTypeError, 409, None),
    (ours.SearchUnavailableError, 501, "this Redis has no search module"),
    (ours.UnsupportedError, 501, None),
    (ours.IndexMissingError, 503, "the search index was dropped; the server creates it again"),
    (ours.SessionReplacedError, 409, None),
    (ours.StoreError, 503, None),
    (ours.SummarizationError, 502, "the summarizer failed; no message was removed"),
    (ours.LearningError, 502, "the learner failed; its messages are learned later"),
    (ours.EmbeddingError, 502, "the embedding model failed; no message was removed"),
    (ours.EmbeddingMismatchError, 409, None),
)
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}
_INTERNAL_CODE, _INTERNAL_MESSAGE = "internal", "internal error"


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Build the answer for an error."""
    body = orjson.dumps({"error": without_surrogates(message), "code": code})
    return Response(body, status, headers, media_type="application/json")


class Answer(NamedTuple):
    """How an error is answered: its HTTP status, its code for programs, its text for people, and further headers."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] | None = None


def to_answer(error: Exception) -> Answer:
    """Return how an exception is answered. An unexpected one is a 500 that reveals nothing."""
    if isinstance(error, RequestError):
        return Answer(error.status, error.code, str(error), error.headers)
    if isinstance(error, HTTPException):
        return Answer(error.status_code, _HTTP_CODES.get(error.status_code, "http_error"), error.detail, error.headers)
    for cls, status, message in _PACKAGE_ERRORS:
        if isinstance(error, cls):
            return Answer(status, CODES[cls], message or str(error), RETRY_AFTER if status == 503 else None)
    return Answer(500, _INTERNAL_CODE, _INTERNAL_MESSAGE)


def to_response(error: Exception) -> Response:
    """Build the answer for an exception. See `to_answer`."""
    return error_response(*to_answer(error))


def message_of(error: ours.MotorheadError) -> str:
    """Return the text with which an error is answered. It does not say where Redis is."""
    texts = (text or str(error) for cls, _, text in _PACKAGE_ERRORS if isinstance(error, cls))
    return without_surrogates(next(texts, str(error)))


def code_of(error: Exception) -> str:
    """Return the code with which an exception is answered that is no `RequestError`."""
    return next((CODES[cls] for cls, *_ in _PACKAGE_ERRORS if isinstance(error, cls)), _INTERNAL_CODE)


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer an exception that an endpoint raised. A 405 names every method of the path in its `Allow` header."""
    response = to_response(error)
    if response.status_code >= 500:
        request.scope[FAILURE] = error
    if response.status_code == 405:
        response.headers["Allow"] = ", ".join(allowed_methods(request))
    return response


HANDLERS: dict[Any, Any] = dict.fromkeys((RequestError, HTTPException, ours.MotorheadError), handle_error)
"""Exception handlers for Starlette."""


def allowed_methods(request: Request) -> list[str]:
    """Return the HTTP methods that the routes of the request's path answer, in alphabetical order."""
    methods = set[str]()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods.update(route.methods or ())
    return sorted(methods)


def error_messages() -> dict[int, dict[str, str]]:
    """Return every error the server can answer: HTTP status to code to an example of its message."""
    messages: dict[int, dict[str, str]] = {500: {_INTERNAL_CODE: _INTERNAL_MESSAGE}}
    for cls in _REQUEST_ERRORS:
        messages.setdefault(cls.status, {})[cls.code] = _first_line(cls)
    for each, status, message in _PACKAGE_ERRORS:
        messages.setdefault(status, {})[CODES[each]] = message or _first_line(each)
    return messages


def _first_line(cls: type[Exception]) -> str:
    return (cls.__doc__ or "").partition("\n")[0].strip()
