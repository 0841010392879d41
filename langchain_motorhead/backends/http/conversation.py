"""Requests for a session's whole conversation, and parsers of their responses. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.messages import ChatMessage

from langchain_motorhead.backends.http import protocol
from langchain_motorhead.backends.http.protocol import NOT_OURS, HttpAnswer, HttpCall, HttpFlow
from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.messages.codec import decode_record
from langchain_motorhead.recall.pinned import Pin
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.sessions.transcript import Gap, GapReason, Transcript, TranscriptMessage, check_range
from langchain_motorhead.storage.keys import SessionKeys, session_keys

# Messages that are read at once at most to find some among them.
_RANGE_MESSAGES = 50
_ANY = "server"  # requests do not name the namespace


class RemoteConversations:
    """The tasks of a `RemoteBackend` that read a session's whole conversation. The original server has none of them."""

    def _needs_ours(self, what: str) -> HttpFlow[None]:
        """Raise `UnsupportedError` if the server is the original one."""
        raise NotImplementedError

    def transcript(
        self, keys: SessionKeys, start: int, stop: int | None, limit: int, epoch: str | None
    ) -> HttpFlow[Transcript]:
        """Read a page of the messages of a session by sequence number. See `Backend.transcript`."""
        check_range(start, stop)
        yield from self._needs_ours("reading the messages that were summarized")
        query = {"start": str(start), "limit": str(limit), **protocol.user(keys)}
        query |= {name: str(value) for name, value in (("stop", stop), ("epoch", epoch)) if value is not None}
        answer = yield HttpCall("GET", protocol.path(keys, "messages"), query)
        return to_transcript(answer)

    def pinned(self, pins: Sequence[Pin], query: Query) -> HttpFlow[list[Hit]]:
        """Read messages that a search found before, from their sessions. See `Backend.pinned`."""
        hits: list[Hit] = []
        for session_id, start, stop in _ranges(pins):
            keys = session_keys(_ANY, session_id, query.user_id)
            page = yield from self.transcript(keys, start, stop, stop - start, None)
            hits += [_to_hit(session_id, each, query.user_id) for each in page]
        return hits


def to_transcript(answer: HttpAnswer) -> Transcript:
    """Parse a page of a transcript.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    data = protocol.to_mapping(answer)
    try:
        return Transcript(
            messages=[_to_message(each) for each in data["messages"]],
            gaps=[Gap(each["first"], each["last"], GapReason(each["reason"])) for each in data["gaps"]],
            total=data["total"],
            next=data["next"],
            epoch=data["epoch"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(NOT_OURS) from error


def _ranges(pins: Sequence[Pin]) -> list[tuple[str, int, int]]:
    """Return the ranges of messages, each of one session, that have all pins. Pins near each other share one."""
    found: list[tuple[str, int, int]] = []
    for pin in sorted(pins):
        if found and found[-1][0] == pin.session_id and pin.seq - found[-1][1] < _RANGE_MESSAGES:
            found[-1] = pin.session_id, found[-1][1], pin.seq + 1
        else:
            found.append((pin.session_id, pin.seq, pin.seq + 1))
    return found


def _to_hit(session_id: str, found: TranscriptMessage, user_id: str | None) -> Hit:
    message = found.message
    return Hit(
        session_id=session_id,
        seq=found.seq,
        message_id=message.id,
        text=str(message.text).strip(),
        role=message.role if isinstance(message, ChatMessage) else message.type,
        name=message.role if isinstance(message, ChatMessage) else message.name,
        user_id=user_id,
        created=found.time,
        score=0.0,
    )


def _to_message(data: dict[str, Any]) -> TranscriptMessage:
    time = data["time"]
    return TranscriptMessage(
        data["seq"], None if time is None else datetime.fromisoformat(time), decode_record(data["message"])
    )
