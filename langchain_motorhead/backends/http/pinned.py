"""Messages that a search on a server found before, read again from their sessions. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from langchain_core.messages import ChatMessage

from langchain_motorhead.backends.http.protocol import HttpFlow
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.search.pinned import Pin
from langchain_motorhead.sessions.archive.transcript import Transcript, TranscriptMessage
from langchain_motorhead.storage.keys import SessionKeys, session_keys

# Messages that are read at once at most to find some among them.
_RANGE_MESSAGES = 50
_ANY = "server"  # requests do not name the namespace


def read_pinned(
    read: Callable[[SessionKeys, int, int | None, int, str | None], HttpFlow[Transcript]],
    pins: Sequence[Pin],
    query: Query,
) -> HttpFlow[list[Hit]]:
    """Read messages again. See `Backend.pinned`.

    Args:
        read: Builds the flow that reads a page of a session.
        pins: Which messages.
        query: The search that found them.
    """
    hits: list[Hit] = []
    for session_id, start, stop in _ranges(pins):
        page = yield from read(session_keys(_ANY, session_id, query.user_id), start, stop, stop - start, None)
        hits += [_to_hit(session_id, each, query.user_id) for each in page]
    return hits


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
    name = message.role if isinstance(message, ChatMessage) else message.name
    return Hit(
        session_id=session_id,
        seq=found.seq,
        message_id=message.id,
        text=str(message.text).strip(),
        role=message.role if isinstance(message, ChatMessage) else message.type,
        name=name,
        user_id=user_id,
        created=found.time,
        score=0.0,
    )
