"""Requests of the wire as data, and what their answers say. Pure: knows messages and JSON, and sends nothing.

Answers of our server, of the original, and of the managed one, which wrapped them in `data`, are all read here.
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
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.storage.keys import SessionKeys

T = TypeVar("T")

_WITHOUT_LOSS = frozenset({"role", "content", "id"})
# What a client wrote that the original's users had, where there was no summary yet.
_NO_SUMMARY = ("", "NONE")


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        method: Such as `"GET"`.
        path: Below the server's URL, percent-encoded.
        query: Parameters.
        body: JSON, if there is any.
        again: Whether it may be sent again when nobody knows if it was carried out.
        probe: Whether a refusal is an answer as well: it is only to see who answers.
        slow: Whether the answer waits for a model.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    again: bool = True
    slow: bool = False
    probe: bool = False


class Answer(NamedTuple):
    """What was answered: its JSON, and whether by our server."""

    data: Any
    ours: bool


Calls: TypeAlias = Generator[Call, Answer, T]
"""A flow of requests."""


def unwrapped(data: Any) -> Any:
    """Give what the managed Motorhead wrapped, and anything else as it is."""
    return data.get("data", data) if isinstance(data, dict) else data


class Outgoing(NamedTuple):
    """Messages as they are sent: JSON each, all with an id, and whether the original keeps all there is of them."""

    records: list[bytes]
    plain: bool


def outgoing(messages: Sequence[BaseMessage | Mapping[str, Any]]) -> Outgoing:
    """Give messages as they are sent. One without an id is given one, so that it can be sent again.

    Raises:
        InvalidMessageError: One is not a message, or cannot be sent.
    """
    records, plain = list[bytes](), True
    for message in messages:
        data = encode(message)
        try:
            record = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise InvalidMessageError("a message has a lone surrogate, which REST cannot carry") from error
        plain = plain and record.keys() <= _WITHOUT_LOSS and isinstance(record["content"], str)
        records.append(data if record.get("id") else data[:-1] + b',"id":"%s"}' % str(uuid4()).encode())
    return Outgoing(records, plain)


def body(records: Sequence[bytes], **more: Any) -> bytes:
    """Make the body that carries messages."""
    rest = orjson.dumps({name: value for name, value in more.items() if value is not None})
    return b'{"messages":[' + b",".join(records) + b"]" + (b"," if len(rest) > 2 else b"") + rest[1:]


def path(keys: SessionKeys, *parts: str) -> str:
    """Give the path of a session, or of something of it.

    Raises:
        InvalidInputError: The id cannot be sent.
    """
    return "/".join(("/sessions", quoted(keys.session_id), *parts))


def quoted(id_: str) -> str:
    """Encode an id as one segment of a path; one of dots alone would else be taken for a folder."""
    text = quote(_sayable(id_), safe="")
    return text.replace(".", "%2E") if not text.strip(".") else text


def _sayable(id_: str) -> str:
    if without_surrogates(id_) != id_:
        raise InvalidInputError(f"the id {id_!r:.40} is no Unicode text, which REST cannot carry")
    return id_


def user(keys: SessionKeys) -> dict[str, str]:
    """Give the parameter that says whose session it is."""
    return {} if keys.user_id is None else {"user_id": _sayable(keys.user_id)}


def query(search: Query) -> bytes:
    """Make the body of a search."""
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
        "neighbors": search.neighbors or None,
        "exclude_window": search.exclude_window or None,
        "fetch_k": search.fetch_k,
        "lambda_mult": search.lambda_mult,
        "unseen": search.unseen and {"session_id": search.unseen[0], "seq": search.unseen[1]},
    }
    return orjson.dumps({name: value for name, value in asked.items() if value is not None})


def to_memory(answer: Answer) -> Memory:
    """Read a session.

    Raises:
        StoreError: The answer is none of a Motorhead.
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
    )


def to_hits(answer: Answer, asked: Query) -> list[Hit]:
    """Read what a search found. The original says of a message no more than what it is, and how near."""
    if not isinstance(answer.data, list):
        raise StoreError(NOT_OURS)
    return [_hit(_mapping(each), asked) for each in answer.data]


def to_ids(answer: Answer) -> list[str]:
    """Read a list of session ids."""
    if not isinstance(answer.data, list) or not all(isinstance(each, str) for each in answer.data):
        raise StoreError(NOT_OURS)
    return answer.data


def to_mapping(answer: Answer) -> dict[str, Any]:
    """Read an answer that is an object.

    Raises:
        StoreError: It is none.
    """
    return _mapping(answer.data)


NOT_OURS = "what is at the URL does not answer as a Motorhead does. Check the URL"
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
