"""Redis operations that make a session's summary again beside the stored one, and put it in its place."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from langchain_motorhead.sessions.summaries.operations import rejected_args
from langchain_motorhead.sessions.summaries.origin import Origin, kept_to_text
from langchain_motorhead.sessions.summaries.records import to_about
from langchain_motorhead.storage.keys import SessionKeys, optional_member, to_member
from langchain_motorhead.storage.operation import Command, Operation, Value, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS


class RebuildRefused(Enum):
    """Why a worker did not get the lease. The values are those of `rebuild_begin.lua`."""

    BUSY = 0
    """Another worker makes the summary again."""
    NO_SESSION = 1
    """There is no such session."""
    LATER_LAYOUT = 4
    """A later version of this package wrote the session."""


class Rebuilt(NamedTuple):
    """How far the new summary of a session came, and the session at that instant.

    Attributes:
        epoch: Epoch of the session.
        user: User that the session belongs to, or None.
        first: Sequence number of the first message of the list: the new summary is to cover those before.
        revision: Revision of the session.
        kept_from: Sequence number from which on every message should be in the archive or the list.
        records: Records of the new summary so far.
    """

    epoch: str
    user: str | None
    first: int
    revision: str
    kept_from: int
    records: list[bytes]


class Swap(NamedTuple):
    """The result of putting the new summary in the place of the old one.

    Attributes:
        done: Whether it is there.
        first: If more messages were summarized meanwhile: how many the summary has to cover.
    """

    done: bool
    first: int | None = None


_TAKEN, _BEHIND = 2, 2


def begin_rebuild(keys: SessionKeys, token: str, kind: str, *, lease: int) -> Operation[Rebuilt | RebuildRefused]:
    """Take the lease of making a summary again, and read how far that came. Atomic.

    Args:
        keys: Keys of the session.
        token: Random token of this worker.
        kind: How the summary is made. One that was begun in another way is removed.
        lease: Milliseconds until the lease expires.
    """

    def parse(replies: list[Any]) -> Rebuilt | RebuildRefused:
        status, *found = replies[0]
        if status != _TAKEN:
            return RebuildRefused(status)
        epoch, user, first, revision, kept_from, records = found
        return Rebuilt(
            optional_member(epoch) or "",
            optional_member(user),
            first,
            optional_member(revision) or "0",
            kept_from,
            list(map(to_bytes, records)),
        )

    touched = (keys.state, keys.rebuilding, keys.rebuild)
    return Operation((Command(SCRIPTS["rebuild_begin"], touched, (token, lease, kind)),), parse)


def add_rebuilt(
    keys: SessionKeys,
    token: str,
    kind: str,
    seen: Rebuilt,
    *,
    lease: int,
    start: int,
    stop: int,
    summary: str | None,
    spent: int,
    origin: Origin,
) -> Operation[bool]:
    """Store a version of the new summary, or do nothing if the session changed. Atomic.

    Args:
        keys: Keys of the session.
        token: Token of this worker.
        kind: How the summary is made.
        seen: The session as it was read. It must still have its epoch and revision.
        lease: Milliseconds until the lease expires.
        start: How many messages the new summary covers so far.
        stop: How many it covers with this version.
        summary: Its text.
        spent: Tokens that the summarizer used for it.
        origin: Who wrote it, what it keeps, and which answers were rejected.

    Returns:
        Whether it was stored.
    """
    args: tuple[Value, ...] = (token, lease, seen.epoch, seen.revision, kind, start, stop, spent)
    args += (to_member(summary or ""), to_about(origin, spent), *rejected_args(origin))
    command = Command(SCRIPTS["rebuild_add"], (keys.state, keys.rebuilding, keys.rebuild), args)
    return Operation((command,), lambda replies: bool(replies[0]))


def swap_rebuilt(
    keys: SessionKeys, token: str, kind: str, seen: Rebuilt, *, stop: int, origin: Origin
) -> Operation[Swap]:
    """Put the new summary in the place of the old one, if it covers as many messages. Atomic.

    Args:
        keys: Keys of the session.
        token: Token of this worker.
        kind: How the summary was made.
        seen: The session as it was read. It must still have its epoch and revision.
        stop: How many messages the new summary covers.
        origin: Who wrote it, and what it keeps.
    """
    touched = (keys.state, keys.rebuilding, keys.rebuild, keys.summaries)
    args = (token, seen.epoch, seen.revision, kind, stop, origin.author.value, kept_to_text(origin.kept))

    def parse(replies: list[Any]) -> Swap:
        status, *left = replies[0]
        return Swap(status == 1, left[0] if status == _BEHIND else None)

    return Operation((Command(SCRIPTS["rebuild_swap"], touched, args),), parse)
