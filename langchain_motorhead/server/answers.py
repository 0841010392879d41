"""What is answered: stored records as they are, joined by commas, and the rest as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from langchain_motorhead.hits import Hit
from langchain_motorhead.operations import Reading
from langchain_motorhead.window import Window

OK = b'{"status":"Ok"}'
_ROLES = {"human": "Human", "ai": "AI"}


def raw(body: bytes) -> Response:
    """Answer JSON that is there already."""
    return Response(body, media_type="application/json")


def plain(value: Any) -> Response:
    """Answer a value as JSON."""
    return raw(orjson.dumps(value))


def memory(reading: Reading, window: Window) -> Response:
    """Answer a session: its messages newest first, its summary, and its counts."""
    records = [each.encode() if isinstance(each, str) else each for each in reversed(reading.records)]
    rest = orjson.dumps({"context": reading.summary, **counts(reading, window)})
    return raw(b'{"messages":[' + b",".join(_readable(records)) + b"]," + rest[1:])


def counts(reading: Reading, window: Window) -> dict[str, Any]:
    """Give the counts of a session: tokens that summaries cost, messages in all, summarized, and due to be."""
    return {
        "tokens": reading.tokens,
        "total": reading.first + reading.length,
        "summarized": reading.first,
        "backlog": max(0, reading.length - window.max_messages),
        "failures": reading.failures,
        "epoch": reading.epoch,
    }


def hit(found: Hit) -> dict[str, Any]:
    """Give a message that was found, in the original's form."""
    role = found.sent or _ROLES.get(found.role, found.role)
    return {"role": role, "content": found.text, "dist": 1 - found.score}


def full_hit(found: Hit) -> dict[str, Any]:
    """Give a message that was found, with where it is."""
    return {
        **hit(found),
        "score": found.score,
        "id": found.message_id,
        "session_id": found.session_id,
        "seq": found.seq,
        "user_id": found.user_id,
        "created": found.created.isoformat(),
    }


def _readable(records: Sequence[bytes]) -> Sequence[bytes]:
    """Leave out what is not a message of ours, such as what another program put into a list."""
    try:
        whole = orjson.loads(b"[" + b",".join(records) + b"]")
    except orjson.JSONDecodeError:
        whole = []
    if len(whole) == len(records) and all(map(_is_message, whole)):
        return records
    readable = []
    for record in records:
        try:
            if _is_message(orjson.loads(record)):
                readable.append(record)
        except orjson.JSONDecodeError:
            continue
    return readable


def _is_message(record: Any) -> bool:
    return type(record) is dict and type(record.get("role")) is str and "content" in record
