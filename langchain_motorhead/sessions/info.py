"""What is known about sessions without their messages: their users, counts and ages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Command, Operation, together


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session without its messages.

    Attributes:
        session_id: Id of the session.
        user_id: User that it belongs to, or None.
        total: Number of messages ever stored in it.
        window: Number of messages that its list has.
        summarized: Number of messages that its summary covers.
        failures: Number of summarizations that failed in a row.
        updated: When a message was last stored. None if that is not known.
        summary: Its summary. None if there is none, or a server was asked, which does not return it here.
    """

    session_id: str
    user_id: str | None
    total: int
    window: int
    summarized: int
    failures: int = 0
    updated: datetime | None = None
    summary: str | None = None


def describe(sessions: Sequence[SessionKeys]) -> Operation[list[SessionInfo | None]]:
    """Read what is known about sessions, in one round trip. None stands for a session that does not exist."""
    return together(*(_describe(keys) for keys in sessions))


def read_updated(keys: SessionKeys) -> Operation[datetime | None]:
    """Read when a message was last stored in a session."""
    return Operation((Command("HGET", (keys.state,), ("updated",)),), lambda replies: _to_time(replies[0]))


def _describe(keys: SessionKeys) -> Operation[SessionInfo | None]:
    both = together(read_snapshot(keys, 1, 0), read_updated(keys))  # none of the messages

    def to_info(replies: list[Any]) -> SessionInfo | None:
        reading, updated = both.read(replies)
        if reading.epoch is None:
            return None
        return SessionInfo(
            session_id=keys.session_id,
            user_id=reading.user,
            total=reading.first + reading.length,
            window=reading.length,
            summarized=reading.covered,
            failures=reading.failures,
            updated=updated,
            summary=reading.summary,
        )

    return Operation(both.commands, to_info)


def _to_time(micros: Any) -> datetime | None:
    try:
        return None if micros is None else datetime.fromtimestamp(int(micros) / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
