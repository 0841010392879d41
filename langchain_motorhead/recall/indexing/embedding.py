"""Embedding of documents, as a flow that finds texts which the model refuses, and blames no text for an outage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from langchain_motorhead.concurrency.bounded_call import TooSlowError
from langchain_motorhead.exceptions import EmbeddingError
from langchain_motorhead.flows.protocol import Embed, Flow
from langchain_motorhead.recall.indexing.index import PROBE
from langchain_motorhead.storage.operation import Operation

BATCH = 256
"""Largest number of texts that are embedded in one call."""

Embedded: TypeAlias = Any
"""A vector, or the `EmbeddingError` of a text that failed alone."""

_CONTENT_STATUSES = frozenset({400, 413, 422})
_RATE_LIMIT_STATUSES = frozenset({429, 529})
# What Python libraries raise for an argument that they cannot use.
_CONTENT_ERRORS = (ValueError, TypeError, LookupError)
_RATE_LIMIT = re.compile(r"rate.?limit|too many requests|\b429\b|throttl|overloaded", re.IGNORECASE)
# Errors that occur whatever the text is, although some have the status 400 or are a ValueError.
_NOT_CONTENT = re.compile(
    r"quota|billing|api.?key|credential|permission|unauthori|forbidden|time.?out|timed out|unavailable|connection"
    r"|try again|\b(?:401|403|408|5\d\d)\b",
    re.IGNORECASE,
)


def embed_all(
    texts: Sequence[str], instead: Sequence[str], heartbeat: Operation[None] | None = None
) -> Flow[list[Embedded]]:
    """Return a vector for each text, or the error of a text that failed alone while the model answered for another.

    Args:
        texts: The texts, of any number.
        instead: For each text, what to embed if it fails alone: the text without its context.
        heartbeat: Operation to execute every few seconds during a call.

    Raises:
        EmbeddingError: The model fails at present, or limits the rate of calls.
    """
    found: list[Embedded] = []
    for at in range(0, len(texts), BATCH):
        found += yield from _embed(texts[at : at + BATCH], instead[at : at + BATCH], heartbeat)
    return found


def check_lengths(vectors: Sequence[Embedded]) -> int | None:
    """Return the dimensions of the vectors, or None if there is no vector.

    Raises:
        EmbeddingError: The vectors have different dimensions.
    """
    lengths = [len(vector) for vector in vectors if not isinstance(vector, EmbeddingError)]
    for length in lengths:
        if length != lengths[0]:
            raise EmbeddingError(f"the embedding model returned vectors of {lengths[0]} and of {length} dimensions")
    return lengths[0] if lengths else None


def is_about_content(error: BaseException) -> bool:
    """Return whether an error of an embedding model is about the text, not about the model, the network or a limit."""
    if _NOT_CONTENT.search(signs := f"{error} {error.__cause__}") or _RATE_LIMIT.search(signs):
        return False
    for each in _chain(error):
        status = _status(each)
        if status is not None:
            return status in _CONTENT_STATUSES
    return isinstance(error.__cause__, _CONTENT_ERRORS)


def is_rate_limit(error: BaseException) -> bool:
    """Return whether an embedding model refuses calls because there were too many, or too large ones."""
    if any(_status(each) in _RATE_LIMIT_STATUSES for each in _chain(error)):
        return True
    return _RATE_LIMIT.search(f"{error} {error.__cause__}") is not None


def _embed(texts: Sequence[str], instead: Sequence[str], heartbeat: Operation[None] | None) -> Flow[list[Embedded]]:
    try:
        vectors = yield Embed(tuple(texts), heartbeat=heartbeat)
        return list(vectors)
    except EmbeddingError as error:
        if isinstance(error.__cause__, TooSlowError) or is_rate_limit(error):
            raise  # further calls would make it worse
        # Either the model fails, or one of the texts is the reason. A text that everybody knows tells.
        yield Embed((PROBE,), heartbeat=heartbeat)
        if len(texts) == 1 and instead[0] != texts[0]:  # the context may be the reason
            return (yield from _embed(instead, instead, heartbeat))
        if len(texts) == 1:
            return (yield from _embed_alone(texts[0], error, heartbeat))
    half = len(texts) // 2
    first = yield from _embed(texts[:half], instead[:half], heartbeat)
    second = yield from _embed(texts[half:], instead[half:], heartbeat)
    return first + second


def _embed_alone(text: str, error: EmbeddingError, heartbeat: Operation[None] | None) -> Flow[list[Embedded]]:
    """Try a text that failed alone once more at once, unless the error says that this is in vain."""
    if is_about_content(error):
        return [error]
    try:
        vectors = yield Embed((text,), heartbeat=heartbeat)
    except EmbeddingError as again:
        return [again]
    return list(vectors)


def _chain(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    seen = set[int]()
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error of a client library has, or None."""
    for owner in (error, getattr(error, "response", None)):
        for name in ("status_code", "http_status", "status", "code"):
            value = getattr(owner, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
                return int(value)
    response = getattr(error, "response", None)  # botocore's errors have a dict
    if isinstance(response, dict):
        value = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return value if isinstance(value, int) else None
    return None
