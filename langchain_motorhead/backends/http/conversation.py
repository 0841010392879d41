"""Requests for a session's whole conversation, and parsers of their responses. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

import orjson

from langchain_motorhead.backends.http import protocol
from langchain_motorhead.backends.http.pinned import read_pinned
from langchain_motorhead.backends.http.protocol import NOT_OURS, HttpAnswer, HttpCall, HttpFlow
from langchain_motorhead.exceptions import InvalidInputError, StoreError
from langchain_motorhead.messages.codec import decode_record
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.search.pinned import Pin
from langchain_motorhead.sessions.archive.transcript import Gap, GapReason, Transcript, TranscriptMessage, check_range
from langchain_motorhead.sessions.info import SessionInfo
from langchain_motorhead.sessions.summaries.origin import kept_from_json, to_author
from langchain_motorhead.sessions.summaries.rebuilding import RebuildReport
from langchain_motorhead.sessions.summaries.setting import check_text
from langchain_motorhead.sessions.summaries.versions import SummaryVersion
from langchain_motorhead.storage.keys import SessionKeys

T = TypeVar("T")


class RunsHttp(Protocol):
    """What runs flows of requests."""

    def run(self, flow: HttpFlow[T]) -> T:
        """Run a flow, and return its result."""

    async def arun(self, flow: HttpFlow[T]) -> T:
        """Run a flow, and return its result."""

    def rebuild_flow(self, keys: SessionKeys, prompt: str | None, *, wait: bool) -> HttpFlow[RebuildReport | None]:
        """Make a session's summary again."""


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

    def describe(self, session_ids: Sequence[str]) -> HttpFlow[list[SessionInfo | None]]:
        """Return what is known about sessions, with a request for each. See `Backend.describe`."""
        yield from self._needs_ours("what is known about a session")
        infos = list[SessionInfo | None]()
        for session_id in session_ids:
            answer = yield HttpCall("GET", f"/sessions/{protocol.quoted(session_id)}")
            infos.append(to_info(protocol.to_mapping(answer)))
        return infos

    def pinned(self, pins: Sequence[Pin], query: Query) -> HttpFlow[list[Hit]]:
        """Read messages that a search found before, from their sessions. See `Backend.pinned`."""
        return read_pinned(self.transcript, pins, query)

    def summaries(self, keys: SessionKeys) -> HttpFlow[list[SummaryVersion]]:
        """Return the versions of a session's summary. See `sessions.summaries.versions.read_versions`."""
        yield from self._needs_ours("versions of a summary")
        answer = yield HttpCall("GET", protocol.path(keys, "summaries"), protocol.user(keys))
        return to_versions(answer)

    def set_summary(self, keys: SessionKeys, text: str, *, override: bool) -> HttpFlow[None]:
        """Put a text in the place of a session's summary. See `sessions.summaries.setting.set_summary`."""
        check_text(text)
        yield from self._needs_ours("replacing a summary")
        sent = orjson.dumps({"text": without_surrogates(text), "override": override})
        yield HttpCall("PUT", protocol.path(keys, "summary"), protocol.user(keys), sent)

    def rebuild_flow(self, keys: SessionKeys, prompt: str | None, *, wait: bool) -> HttpFlow[RebuildReport | None]:
        """Make a session's summary again. See `sessions.summaries.rebuilding.rebuild`."""
        if not isinstance(prompt, str | None):
            raise InvalidInputError(f"prompt must be a string, not {type(prompt).__name__}")
        yield from self._needs_ours("making a summary again")
        sent = orjson.dumps({"wait": wait} if prompt is None else {"wait": wait, "prompt": without_surrogates(prompt)})
        answer = yield HttpCall("POST", protocol.path(keys, "rebuild"), protocol.user(keys), sent, slow=wait)
        done = protocol.to_mapping(answer)
        if not wait:
            return None
        return RebuildReport(*(done.get(name, 0) for name in ("messages", "batches", "tokens")))


@dataclass(frozen=True, slots=True)
class RemoteRebuild:
    """The task of making a summary again on a server.

    Args:
        backend: The server.
        keys: Keys of the session.
        prompt: Instruction for the model, or None.
    """

    backend: RunsHttp
    keys: SessionKeys
    prompt: str | None

    def run(self, *, wait: bool) -> RebuildReport | None:
        """Let the server do it. See `RebuildTask`."""
        return self.backend.run(self.backend.rebuild_flow(self.keys, self.prompt, wait=wait))

    async def arun(self, *, wait: bool) -> RebuildReport | None:
        """Let the server do it. See `RebuildTask`."""
        return await self.backend.arun(self.backend.rebuild_flow(self.keys, self.prompt, wait=wait))


def to_info(data: Mapping[str, Any]) -> SessionInfo | None:
    """Parse what is known about a session. None if there is none.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    try:
        updated = data.get("updated")  # absent in answers of earlier versions
        info = SessionInfo(
            data["session_id"],
            data["user_id"],
            data["total"],
            data["length"],
            data["summarized"],
            data["failures"],
            None if updated is None else datetime.fromisoformat(updated),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(NOT_OURS) from error
    return info if data.get("exists") else None


def to_versions(answer: HttpAnswer) -> list[SummaryVersion]:
    """Parse the versions of a summary.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    if not isinstance(answer.data, list):
        raise StoreError(NOT_OURS)
    try:
        return [_to_version(each) for each in answer.data]
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(NOT_OURS) from error


def _to_version(data: dict[str, Any]) -> SummaryVersion:
    time = data["time"]
    return SummaryVersion(
        text=data["text"],
        added=data["added"],
        start=data["start"],
        stop=data["stop"],
        tokens=data["tokens"],
        model=data["model"],
        author=to_author(data["author"]),
        time=None if time is None else datetime.fromisoformat(time),
        failed=data["failed"],
        kept=kept_from_json(data["kept"]),
    )


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
