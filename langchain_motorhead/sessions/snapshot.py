"""The stored state of a session at one instant, and the operation that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from langchain_motorhead.sessions.checks.keeping import Kept
from langchain_motorhead.sessions.plain_read import plain_commands, to_script_reply
from langchain_motorhead.sessions.summaries.origin import Author, to_author, to_kept
from langchain_motorhead.storage.keys import SessionKeys, optional_member
from langchain_motorhead.storage.operation import Command, Operation, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS


class SessionSnapshot(NamedTuple):
    """The stored state of a session at one instant.

    Messages are numbered from 0; a message's sequence number never changes. The list holds the newest messages.

    Attributes:
        epoch: Random identifier, made with the session. None if there is no such session.
        first: Sequence number of the list's first message.
        summary: Text that covers the messages before `covered`, or None.
        tokens: Tokens that the summarizer has used.
        failures: Number of summarizations that failed in a row.
        user: User that the session belongs to, or None.
        size: Tokens of the list's messages, or None if they are not counted.
        indexed: Sequence number of the first message that is not indexed, or None if none was indexed yet.
        revision: How often what the summary is made of was changed, or the summary itself was replaced. A commit is
            refused if it changed.
        length: Number of messages in the list.
        records: The messages that were asked for, as stored.
        author: Who wrote the summary. None if there is none, or that is not known.
        kept: What the summary keeps of the messages it was made of. None if that was not measured.
        stored_covered: Number of messages that the summary covers. None for all before `first`.
        forgotten: How many messages were forgotten.
        tail: Newest chunk of the archive, or None. Only read for a compaction.
        times: Sequence numbers of messages with the time, in microseconds since 1970, that holds from each on. Only
            read for a compaction.
    """

    epoch: str | None
    first: int
    summary: str | None
    tokens: int
    failures: int
    user: str | None
    size: int | None
    indexed: int | None
    revision: int
    length: int
    records: list[bytes | str]
    author: Author | None = None
    kept: Kept | None = None
    stored_covered: int | None = None
    forgotten: int = 0
    tail: bytes | None = None
    times: tuple[tuple[int, int], ...] = ()

    @property
    def covered(self) -> int:
        """Number of messages that the summary covers. Those from there to `first` are in the archive alone."""
        return self.first if self.stored_covered is None else min(self.stored_covered, self.first)


def read_snapshot(keys: SessionKeys, start: int, stop: int = -1) -> Operation[SessionSnapshot]:
    """Read the state of a session, and its messages from position `start` to `stop`, as LRANGE takes them. Atomic."""
    return _read(keys.messages, keys.state, start, stop)


@lru_cache(maxsize=1024)  # most sessions are read again and again
def _read(messages: str, state: str, start: int, stop: int) -> Operation[SessionSnapshot]:
    plain = Operation(
        plain_commands(messages, state, start, stop), lambda replies: to_snapshot(to_script_reply(replies))
    )
    script = Command(SCRIPTS["session_read"], (messages, state), (start, stop))
    return Operation((script,), lambda replies: to_snapshot(replies[0]), plain=lambda: plain)


def to_times(flat: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """Parse the times that `times_of` (lib_archive.lua) returns. What is no number is left out."""
    pairs = zip(map(int, flat[::2]), map(to_bytes, flat[1::2]), strict=True)
    return tuple((seq, int(time)) for seq, time in pairs if time.isdigit())


def to_snapshot(reply: Sequence[Any]) -> SessionSnapshot:
    """Parse the snapshot that `lib_snapshot.lua` returns."""
    (
        epoch, first, summary, tokens, failures, user, size, indexed, revision, length, records, author, kept, covered,
        forgotten,
    ) = reply  # fmt: skip
    return SessionSnapshot(  # without names, which take as long as the rest
        optional_member(epoch),
        int(first or 0),
        optional_member(summary),
        int(tokens or 0),
        int(failures or 0),
        optional_member(user),
        None if size is None else int(size),
        None if indexed is None else int(indexed),
        int(revision or 0),
        length,
        records,
        to_author(optional_member(author)),
        to_kept(optional_member(kept)),
        None if covered is None else int(covered),
        int(forgotten or 0),
    )
