"""Requests that read, forget and edit messages of a session, and parsers of their responses. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_motorhead.backends.http import protocol
from langchain_motorhead.backends.http.protocol import NOT_OURS, HttpAnswer, HttpCall, HttpFlow
from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.messages.codec import decode_record
from langchain_motorhead.sessions.append import MessageLike
from langchain_motorhead.sessions.forgetting import Receipt
from langchain_motorhead.sessions.transcript import Gap, GapReason, Transcript, TranscriptMessage, check_range
from langchain_motorhead.storage.keys import SessionKeys


class RemoteConversations:
    """The tasks of a `RemoteBackend` on single messages of a session. The original server has none of them."""

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

    def forget(self, keys: SessionKeys, which: Sequence[str | int]) -> HttpFlow[Receipt]:
        """Forget messages. See `Backend.forget`."""
        yield from self._needs_ours("forgetting messages")
        body = protocol.json_body(message_ids=list(which))
        answer = yield HttpCall("POST", protocol.path(keys, "forget"), protocol.user(keys), body)
        return to_receipt(answer)

    def edit(self, keys: SessionKeys, which: str | int, message: MessageLike) -> HttpFlow[Receipt]:
        """Replace a message by another one. See `Backend.edit`."""
        yield from self._needs_ours("editing messages")
        query = protocol.user(keys) | ({"by_id": "true"} if isinstance(which, str) else {})
        path = protocol.path(keys, "messages", protocol.quoted(str(which)))
        answer = yield HttpCall("PUT", path, query, protocol.message_body(message))
        return to_receipt(answer)


def to_receipt(answer: HttpAnswer) -> Receipt:
    """Parse a receipt.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    data = protocol.to_mapping(answer)
    try:
        counts = (data[name] for name in ("in_list", "in_archive", "documents", "vectors", "summaries"))
        return Receipt(tuple(data["messages"]), tuple(data["ids"]), *counts)
    except (KeyError, TypeError) as error:
        raise StoreError(NOT_OURS) from error


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


def _to_message(data: dict[str, Any]) -> TranscriptMessage:
    time = data["time"]
    return TranscriptMessage(
        data["seq"], None if time is None else datetime.fromisoformat(time), decode_record(data["message"])
    )
