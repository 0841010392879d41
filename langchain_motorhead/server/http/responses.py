"""Builds JSON answers. Stored messages are joined as bytes, without parsing them into LangChain messages. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import encode, loads
from langchain_motorhead.recall.query import FoundFact, Hit
from langchain_motorhead.sessions.archive.transcript import Transcript
from langchain_motorhead.sessions.changes.forgetting import Receipt
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.snapshot import SessionSnapshot
from langchain_motorhead.sessions.summaries.origin import kept_to_json
from langchain_motorhead.sessions.summaries.versions import SummaryVersion

OK = b'{"status":"Ok"}'
_ROLES = {"human": "Human", "ai": "AI"}


class JSONBytes(Response):
    """A successful answer whose body is JSON already.

    Starlette's class comes to the same, in four times the time.
    """

    body: bytes

    def __init__(self, body: bytes) -> None:
        self.status_code, self.body, self.background = 200, body, None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        await send({"type": "http.response.start", "status": 200, "headers": headers_of(b"%d" % len(self.body))})
        await send({"type": "http.response.body", "body": self.body})


def headers_of(length: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a `JSONBytes` whose body has this length."""
    return [(b"content-length", length), (b"content-type", b"application/json")]


def raw(body: bytes) -> Response:
    """Build an answer from bytes that are JSON already."""
    return JSONBytes(body)


def plain(value: Any) -> Response:
    """Build an answer from a value, as JSON."""
    return raw(orjson.dumps(value))


def memory(reading: SessionSnapshot, window: Window) -> Response:
    """Build the answer for a session: its messages, newest first, its summary and its counters."""
    records = _to_bytes(reading.records[::-1])
    joined = b",".join(records)
    if not _are_messages(joined, len(records)):
        records = _readable(records)
        joined = b",".join(records)
    if reading.first + reading.length > len(reading.records) and b'"tool_call_id"' in joined:  # it is cut
        joined = b",".join(_without_orphan_results(records))
    rest = orjson.dumps({"context": reading.summary, **counts(reading, window)})
    return raw(b'{"messages":[%b],%b' % (joined, rest[1:]))


def counts(reading: SessionSnapshot, window: Window) -> dict[str, Any]:
    """Return the counters of a session, as `schemas.answers.Counts` describes them."""
    return {
        "tokens": reading.tokens,
        "total": reading.first + reading.length,
        "summarized": reading.covered,
        "backlog": max(0, reading.length - window.max_messages),
        "failures": reading.failures,
        "epoch": reading.epoch,
    }


def whole(memory: Memory) -> Response:
    """Build the answer for a prompt: each message with its id, and no tool result without its tool call."""
    rest = orjson.dumps(
        {
            "context": memory.summary,
            "tokens": memory.tokens,
            "total": memory.total,
            "summarized": memory.summarized,
            "backlog": memory.backlog,
            "failures": memory.failures,
            "start": memory.start,
            "gap": memory.gap and {"start": memory.gap.start, "stop": memory.gap.stop, "count": memory.gap.count},
            "epoch": memory.epoch,
            "written_by": memory.written_by,
            "kept": kept_to_json(memory.kept),
            "forgotten": sorted(memory.forgotten),
        }
    )
    return raw(b'{"messages":[' + b",".join(map(encode, reversed(memory.messages))) + b"]," + rest[1:])


def transcript(page: Transcript) -> Response:
    """Build the answer for a page of a transcript: each message with its id, its sequence number and its time."""
    messages = (
        b'{"seq":%d,"time":%s,"message":%s}'
        % (each.seq, orjson.dumps(each.time and each.time.isoformat()), encode(each.message))
        for each in page.messages
    )
    rest = orjson.dumps(
        {
            "gaps": [{"first": gap.first, "last": gap.last, "reason": gap.reason.value} for gap in page.gaps],
            "total": page.total,
            "next": page.next,
            "epoch": page.epoch,
        }
    )
    return raw(b'{"messages":[' + b",".join(messages) + b"]," + rest[1:])


def receipt(made: Receipt) -> Response:
    """Build the answer that says what was removed, and where."""
    return plain({"status": "Ok", **asdict(made)})


def version(each: SummaryVersion) -> dict[str, Any]:
    """Return a version of a summary."""
    return {
        "text": each.text,
        "added": each.added,
        "start": each.start,
        "stop": each.stop,
        "tokens": each.tokens,
        "model": each.model,
        "author": each.author,
        "time": each.time and each.time.isoformat(),
        "failed": dict(each.failed),
        "kept": kept_to_json(each.kept),
    }


def hit(found: Hit) -> dict[str, Any]:
    """Return a search hit in the original's form."""
    role = found.sent or _ROLES.get(found.role, found.role)
    return {"role": role, "content": found.text, "dist": 1 - found.score}


def _fact(found: FoundFact) -> dict[str, Any]:
    return {**asdict(found), "said_at": found.said_at.isoformat()}


def full_hit(found: Hit) -> dict[str, Any]:
    """Return a search hit with its session, its sequence number and its neighbors."""
    return {
        **hit(found),
        "score": found.score,
        "type": found.role,
        "name": found.name,
        "id": found.message_id,
        "session_id": found.session_id,
        "seq": found.seq,
        "user_id": found.user_id,
        "created": found.created and found.created.isoformat(),
        "piece": found.piece,
        "pieces": found.pieces,
        "before": [full_hit(each) for each in found.before],
        "after": [full_hit(each) for each in found.after],
        **({"facts": [_fact(each) for each in found.facts]} if found.facts else {}),
    }


def _are_messages(joined: bytes, count: int) -> bool:
    """Return whether joined records are so many messages. Another program may have put something else into the list."""
    try:
        parsed = orjson.loads(b"[%b]" % joined)
    except orjson.JSONDecodeError:
        return False
    for each in parsed:  # `_is_message`, without ten calls
        if type(each) is not dict or type(each.get("role")) is not str or "content" not in each:
            return False
    return len(parsed) == count


def _to_bytes(records: Sequence[bytes | str]) -> Sequence[bytes]:
    """Return records as bytes, also if the user's client decodes replies."""
    given: Any = records
    return [each.encode() for each in given] if given and isinstance(given[0], str) else given


def _readable(records: Sequence[bytes]) -> Sequence[bytes]:
    """Return the records that are messages."""
    readable = []
    for record in records:
        try:
            if _is_message(loads(record)):
                readable.append(record)
        except InvalidMessageError:
            continue
    return readable


def _without_orphan_results(records: Sequence[bytes]) -> Sequence[bytes]:
    """Remove tool results whose call is not among the records, unless nothing else would be left. Newest first."""
    called, kept = set[Any](), list[bytes]()
    for record in reversed(records):
        message = loads(record)
        called.update(call.get("id") for call in message.get("tool_calls") or () if isinstance(call, dict))
        result_of = message.get("tool_call_id")
        if not result_of or result_of in called:
            kept.append(record)
    return kept[::-1] or records


def _is_message(record: Any) -> bool:
    return type(record) is dict and type(record.get("role")) is str and "content" in record
