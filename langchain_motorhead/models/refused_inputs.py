"""Refused inputs: distinguishes refusals of what a request contains from outages. Pure.

A refusal would repeat with the same request, so it is no use to wait and try again. Rate limits, timeouts, faults of a
server and wrong settings are no refusals. Errors are recognized by their fields, so that no provider's package has to
be imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

# Error codes and types, as letters alone.
_TOO_LONG = frozenset(
    "contextlengthexceeded exceedcontextsizeerror contextwindowexceeded contextwindowexceedederror requesttoolarge "
    "requestentitytoolarge stringabovemaxlength modelcontextwindowexceeded tokenslimitreached maxtokensexceeded "
    "prompttoolong inputtoolong contextoverflow contextoverflowerror payloadtoolarge".split()
)
_CONTENT = frozenset(
    "contentfilter contentpolicyviolation contentpolicyviolationerror responsibleaipolicyviolation invalidprompt "
    "contentfiltered prohibitedcontent safety blockedprompt blockedpromptexception stopcandidateexception moderation "
    "moderationblocked guardrailintervened contentfilterfinishreasonerror contentblocked datainspectionfailed".split()
)
# Refused whatever the request contains: a key, a name, a parameter or a bill is wrong.
_SETTINGS = frozenset(
    "invalidapikey apikeyinvalid modelnotfound modelnotfounderror deploymentnotfound unsupportedparameter "
    "unknownparameter unsupportedvalue unsupportedapiversion insufficientquota billinghardlimitreached billingerror "
    "authenticationerror permissionerror notfounderror accessdenied failedprecondition unauthenticated "
    "rejectedforquota userlocationinvalid".split()
)
_SETTINGS_TEXT = re.compile(
    r"api[ _-]?key|credit balance|billing|quota|(?:unsupported|unrecogni[sz]ed|unknown|unexpected|invalid) "
    r"(?:request )?(?:parameter|argument|value|option)|"
    r"(?:parameter|extra inputs?|value) (?:is|are) not (?:supported|permitted)|"
    r"model\b.{0,80}(?:not found|does not exist|not supported|not available)|user location",
    re.IGNORECASE | re.DOTALL,
)
_LENGTH_TEXT = re.compile(
    r"context (?:length|window|size)|(?:prompt|input|request|payload|message)s?\b.{0,40}too (?:long|large)|"
    r"too many (?:input )?tokens|maximum (?:number of )?(?:input |allowed )?tokens|"
    r"token (?:count|limit)\b.{0,40}exceed|"
    r"exceed\w*\b.{0,60}\b(?:context|token|max(?:imum)? (?:input|prompt) length)|input length and `?max_tokens",
    re.IGNORECASE | re.DOTALL,
)
_REFUSED_STATUS = frozenset({400, 413, 422})
_TOO_LARGE_STATUS = 413
_RATE_LIMIT_STATUS = 429
# A limit of tokens a minute that the request exceeds alone.
_LARGER_THAN_RATE = re.compile(r"request too large|single request", re.IGNORECASE)
_FAULTY_STATUS = frozenset({401, 402, 403, 404, 408, 409, 501, 502, 503, 504, 529})
_ERROR_STATUS = range(400, 600)
_MAX_CAUSES = 8
_MAX_TEXT_CHARS = 4_000


class Refusal(Enum):
    """Why a provider refuses an input."""

    TOO_LONG = "too long"
    CONTENT = "content"


def refusal_of(error: BaseException) -> Refusal | None:
    """Return why a provider refused what a request contains, or None if the error is of another kind.

    Args:
        error: What the model raised. The errors that it was raised from are looked at, too.
    """
    causes = list(_causes(error))
    words = {word for cause in causes for word in _words(cause)}
    statuses = [status for cause in causes if (status := _status(cause)) is not None]
    text = "\n".join(str(cause)[:_MAX_TEXT_CHARS] for cause in causes)
    status = statuses[0] if statuses else None
    if words & _TOO_LONG or (status == _RATE_LIMIT_STATUS and _LARGER_THAN_RATE.search(text)):
        return Refusal.TOO_LONG
    if words & _CONTENT:
        return Refusal.CONTENT
    if words & _SETTINGS or status == _RATE_LIMIT_STATUS or status in _FAULTY_STATUS:
        return None
    if status == _TOO_LARGE_STATUS or _LENGTH_TEXT.search(text):
        return Refusal.TOO_LONG
    return Refusal.CONTENT if status in _REFUSED_STATUS and not _SETTINGS_TEXT.search(text) else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MAX_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status: of openai and anthropic, httpx, requests, google, ollama, botocore and others."""
    response = getattr(error, "response", None)
    found = [getattr(error, name, None) for name in ("status_code", "http_status", "status", "code")]
    found.append(getattr(response, "status_code", None))
    if isinstance(response, Mapping):
        meta = response.get("ResponseMetadata")
        found.append(meta.get("HTTPStatusCode") if isinstance(meta, Mapping) else None)
    # The value of an http.HTTPStatus; the first of a pair in google.api_core.
    plain = (getattr(each, "value", each) for each in found)
    numbers = (each[0] if isinstance(each, tuple) and each else each for each in plain)
    return next((each for each in numbers if isinstance(each, int) and each in _ERROR_STATUS), None)


def _words(error: BaseException) -> Iterator[str]:
    """Return the names, codes and types by which an error says what it is, as letters alone in lower case."""
    yield from (_letters(kind.__name__) for kind in type(error).__mro__)
    response, body = getattr(error, "response", None), getattr(error, "body", None)
    found: list[Any] = [getattr(error, name, None) for name in ("code", "type", "status", "reason", "error_code")]
    for data in (body, getattr(error, "details", None), getattr(error, "error", None), response):
        found += _coded(data, 0)
    yield from (_letters(each) for each in found if isinstance(each, str))


def _coded(data: Any, depth: int) -> Iterator[Any]:
    """Return the values that stand under `code`, `type` and the like in the body of an error."""
    if depth > 4:
        return
    if isinstance(data, list):
        for each in data[:8]:
            yield from _coded(each, depth + 1)
    if isinstance(data, Mapping):
        for key, value in data.items():
            if str(key).lower() in ("code", "type", "status", "reason", "__type"):
                yield value
            yield from _coded(value, depth + 1)


def _letters(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())
