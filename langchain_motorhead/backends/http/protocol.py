"""The REST client protocol: requests to a Motorhead server as data, and parsers of its responses. Pure: sends nothing.

It parses the responses of this package's server, of the original Motorhead, and of the managed Motorhead, which wrapped
them in `data`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote
from uuid import uuid4

import orjson
from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidInputError, InvalidMessageError, StoreError
from langchain_motorhead.messages.codec import decode_record, encode
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.rendering import found_fact
from langchain_motorhead.sessions.gap import MemoryGap
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.summaries.origin import kept_from_json, to_author
from langchain_motorhead.storage.keys import SessionKeys

T = TypeVar("T")

_WITHOUT_LOSS = frozenset({"role", "content", "id"})
# Values of `context` that older clients stored when there was no summary yet.
_NO_SUMMARY = ("", "NONE")


@dataclass(frozen=True, slots=True)
class HttpCall:
    """An HTTP request to the server. Our server may be sent any of them again.

    Attributes:
        method: HTTP method, such as `"GET"`.
        path: Path below the server's URL, percent-encoded.
        query: Query parameters.
        body: JSON body, or None.
        key: Idempotency key, by which our server recognises a request that is sent again. None if it needs none.
        probe: Whether an error status is a response as well: the request only finds out which server answers.
        slow: Whether the response waits for a language model.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    key: str | None = None
    slow: bool = False
    probe: bool = False


class HttpAnswer(NamedTuple):
    """The JSON of a response, and whether it comes from this package's server."""

    data: Any
    ours: bool


HttpFlow: TypeAlias = Generator[HttpCall, HttpAnswer, T]
"""A flow that yields requests and is sent their responses."""


def unwrapped(data: Any) -> Any:
    """Return the JSON that the managed Motorhead wrapped in `data`, and other JSON unchanged."""
    return data.get("data", data) if isinstance(data, dict) else data


class Outgoing(NamedTuple):
    """Messages ready to be sent.

    Attributes:
        records: Messages as JSON.
        plain: Whether the messages have nothing that the original server would lose.
    """

    records: list[bytes]
    plain: bool


def outgoing(messages: Sequence[BaseMessage | Mapping[str, Any]], *, named: bool) -> Outgoing:
    """Return messages ready to be sent.

    Args:
        messages: The messages.
        named: Whether a message without an id gets one, by which the server recognises it when it is sent again.

    Raises:
        InvalidMessageError: One is not a message, or cannot be sent.
    """
    records, plain = list[bytes](), True
    for message in messages:
        data = encode(message)
        try:
            record = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise InvalidMessageError("a message has a lone surrogate, which cannot be sent as JSON") from error
        plain = plain and record.keys() <= _WITHOUT_LOSS and isinstance(record["content"], str)
        if named and not record.get("id"):
            data = data[:-1] + b',"id":"%s"}' % str(uuid4()).encode()
        records.append(data)
    return Outgoing(records, plain)


def body(records: Sequence[bytes], **more: Any) -> bytes:
    """Build the body of a request that stores messages."""
    rest = orjson.dumps({name: value for name, value in more.items() if value is not None})
    return b'{"messages":[' + b",".join(records) + b"]" + (b"," if len(rest) > 2 else b"") + rest[1:]


def json_body(**fields: Any) -> bytes:
    """Build the body of a request.

    Raises:
        InvalidInputError: A value cannot be sent.
    """
    try:
        return orjson.dumps(fields)
    except TypeError as error:
        raise InvalidInputError(f"{', '.join(fields)} cannot be sent as JSON") from error


def message_body(message: BaseMessage | Mapping[str, Any]) -> bytes:
    """Build the body of a request that has one message.

    Raises:
        InvalidMessageError: It is not a message, or cannot be sent.
    """
    data = encode(message)
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidMessageError("a message has a lone surrogate, which cannot be sent as JSON") from error
    return data


def path(keys: SessionKeys, *parts: str) -> str:
    """Return the path of a session, or of a part of it.

    Raises:
        InvalidInputError: The session id cannot be sent.
    """
    return "/".join(("/sessions", quoted(keys.session_id), *parts))


def quoted(id_: str) -> str:
    """Return an id as one segment of a path. An id of dots only is encoded, because `..` would mean a parent folder."""
    text = quote(_sayable(id_), safe="")
    return text.replace(".", "%2E") if not text.strip(".") else text


def _sayable(id_: str) -> str:
    if without_surrogates(id_) != id_:
        raise InvalidInputError(f"the id {id_!r:.40} has lone surrogates, which cannot be sent in a URL")
    return id_


def user(keys: SessionKeys) -> dict[str, str]:
    """Return the query parameter with the user of the session."""
    return {} if keys.user_id is None else {"user_id": _sayable(keys.user_id)}


def query(search: Query) -> bytes:
    """Build the body of a search request."""
    asked: dict[str, Any] = {
        "text": without_surrogates(search.text),
        "k": search.k,
        "session_id": search.session_id and _sayable(search.session_id),
        "user_id": search.user_id and _sayable(search.user_id),
        "search_type": search.search_type,
        "score_threshold": search.score_threshold,
        "roles": search.roles,
        "after": search.after,
        "before": search.before,
        "now": search.now and search.now.isoformat(),
        "neighbors": search.neighbors or None,
        "exclude_window": search.exclude_window or None,
        "fetch_k": search.fetch_k,
        "lambda_mult": search.lambda_mult,
        "facts": search.facts or None,
        "expand": search.expand or None,
        "unseen": search.unseen and {"session_id": search.unseen[0], "seq": search.unseen[1]},
    }
    return orjson.dumps({name: value for name, value in asked.items() if value is not None})


def to_memory(answer: HttpAnswer) -> Memory:
    """Parse a session.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    data = _mapping(answer.data)
    records = data.get("messages")
    if not isinstance(records, list):
        raise StoreError(NOT_OURS)
    messages = [decode_record(record) for record in reversed(records)]
    summary = data.get("context")
    total = _number(data, "total", len(messages))
    return Memory(
        summary=None if summary in _NO_SUMMARY else summary,
        messages=messages,
        backlog=_number(data, "backlog"),
        tokens=_number(data, "tokens"),
        total=total,
        summarized=_number(data, "summarized"),
        failures=_number(data, "failures"),
        start=_number(data, "start"),
        epoch=data.get("epoch"),
        written_by=to_author(data.get("written_by")),
        kept=kept_from_json(data.get("kept")),
        gap=_gap(data.get("gap")),
        forgotten=frozenset(map(str, data.get("forgotten") or ())),
    )


def _gap(value: Any) -> MemoryGap | None:
    if not isinstance(value, dict):
        return None
    gap = MemoryGap(_number(value, "start"), _number(value, "stop"))
    return gap if gap.count > 0 else None


def to_hits(answer: HttpAnswer, asked: Query) -> list[Hit]:
    """Parse the hits of a search. The original server returns only the message and its distance.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    if not isinstance(answer.data, list):
        raise StoreError(NOT_OURS)
    return [_hit(_mapping(each), asked) for each in answer.data]


def to_ids(answer: HttpAnswer) -> list[str]:
    """Parse a list of session ids.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    if not isinstance(answer.data, list) or not all(isinstance(each, str) for each in answer.data):
        raise StoreError(NOT_OURS)
    return answer.data


def to_mapping(answer: HttpAnswer) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    return _mapping(answer.data)


NOT_OURS = "what is at the URL does not answer as a Motorhead server does. Check the URL"
_TYPES = {"Human": "human", "AI": "ai", "user": "human", "assistant": "ai"}


def _hit(data: dict[str, Any], asked: Query) -> Hit:
    distance, created = data.get("dist"), data.get("created")
    return Hit(
        session_id=data.get("session_id") or asked.session_id or "",
        seq=data.get("seq"),
        message_id=data.get("id"),
        text=str(data.get("content", "")),
        role=data.get("type") or _TYPES.get(str(data.get("role")), str(data.get("role"))),
        name=data.get("name"),
        user_id=data.get("user_id"),
        created=datetime.fromisoformat(created) if created else None,
        score=data.get("score", 1 - distance if isinstance(distance, int | float) else 0.0),
        piece=data.get("piece", 0),
        pieces=data.get("pieces", 1),
        facts=[found_fact(_mapping(each)) for each in data.get("facts") or ()],
        before=[_hit(each, asked) for each in data.get("before") or ()],
        after=[_hit(each, asked) for each in data.get("after") or ()],
    )


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StoreError(NOT_OURS)
    return value


def _number(data: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = data.get(name)
    return value if isinstance(value, int) else default
