"""Every Redis command of this package, each as data: what to send, and how to read the replies.

Imports no Redis client, and does no I/O; `store.py` executes what is described here.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

from langchain_motorhead.messages.ids import fingerprints, origin_epochs
from langchain_motorhead.storage.keys import SessionKeys, check_user, from_member
from langchain_motorhead.storage.operation import Command, Operation, _nothing
from langchain_motorhead.storage.scripts import SCRIPTS


class SessionSnapshot(NamedTuple):
    """A session as it was at one instant.

    Attributes:
        epoch: Random, made with the session; None if there is no such session.
        first: Sequence number of the list's first message: how many were folded.
        summary: Text that covers the messages before `first`, if any.
        tokens: Spent by the summarizer so far.
        failures: Summarizations that failed since the last that did not.
        user: Whose session it is, if known.
        size: Tokens of the list, where they are counted.
        indexed: Sequence number of the first message that is not indexed, where recall has begun.
        length: Messages in the list.
        records: Those of them that were asked for, as stored.
    """

    epoch: str | None
    first: int
    summary: str | None
    tokens: int
    failures: int
    user: str | None
    size: int | None
    indexed: int | None
    length: int
    records: list[bytes | str]


_UNCLEAR = 2


class Record(NamedTuple):
    """A message to append: as it is stored, its id if it has one, and its tokens where they are counted."""

    data: bytes
    id: str | None
    tokens: int | None


class Dedup(Enum):
    """Which of the messages of an append are taken for stored already, and left out."""

    OFF = "nothing"
    """None of them."""
    SKIP_KNOWN = ""
    """Those whose id is known."""


class NewestOf(NamedTuple):
    """The messages of an append are a conversation: what it has up to the newest message that is known is left out.

    Nothing is appended if the ids do not say which messages are new.

    Attributes:
        newest: How many of the newest messages may be new. If others are not known, they may have had other ids before.
        whole: Whether it is the whole conversation, and not only its newest messages.
    """

    newest: int
    whole: bool

    @property
    def value(self) -> str:
        """As the script takes it."""
        return f"{self.newest}{'' if self.whole else '+'}"


class AppendResult(NamedTuple):
    """What an append left.

    Attributes:
        length: Messages in the list.
        size: Their tokens, where they are counted.
        added: Messages that it added.
        tokens: Their tokens, where they are counted.
        unclear: Whether it appended nothing, since the ids do not say which messages of the conversation are new.
        newest_known: If `unclear`, whether the id of the newest message is known.
    """

    length: int
    size: int | None
    added: int
    tokens: int | None
    unclear: bool = False
    newest_known: bool = False


def append(
    keys: SessionKeys,
    records: Sequence[Record],
    *,
    now: int,
    token: str,
    ttl: int,
    recall: bool,
    one_slot: bool,
    leave_out: Dedup | NewestOf = Dedup.SKIP_KNOWN,
) -> Operation[AppendResult | None]:
    """Append messages to a session, making it if it is not there. Atomic.

    Args:
        keys: Keys of the session.
        records: The messages, one at least; all of them with tokens, or none.
        now: Microseconds since 1970.
        token: Random, made for this append: by it the same append, sent again because its answer was lost, is
            recognised where the messages have no ids. A new session's epoch is made of it and the time.
        ttl: Milliseconds until the session expires unless written to, or 0.
        recall: Whether the messages are to be indexed.
        one_slot: Whether one script may touch the session and the registries, as anywhere but in a cluster.
        leave_out: Which messages are taken for stored already.

    Returns:
        What it left.

    Raises:
        InvalidInputError: From `read`: the session is another user's.
    """
    ids = [record.id for record in records]
    args = (
        keys.member,
        now,
        token,
        keys.user,
        ttl,
        "" if records[0].tokens is None else ",".join(str(record.tokens) for record in records),
        int(recall),
        keys.documents,
        fingerprints(ids),
        origin_epochs(ids),
        leave_out.value,
        *(record.data for record in records),
    )
    # The last is of use where there is a time to live. While a cluster moves a slot, it refuses a script with a key
    # that is not there: none is named without need, so that an append goes on.
    session = (keys.messages, keys.state, keys.stale if ttl else keys.state)
    if one_slot:
        commands: tuple[Command, ...] = (Command(SCRIPTS["session_append"], session + keys.registries, args),)
    else:
        # In this order, a session that exists gets listed whatever deletion is at work beside it.
        listing = (Command("ZADD", (registry,), (now, keys.member)) for registry in keys.registries)
        commands = (Command(SCRIPTS["session_append"], session, args), *listing)

    def read(replies: list[Any]) -> AppendResult | None:
        status, *left = replies[0]
        if status == _UNCLEAR:
            return AppendResult(0, None, 0, None, unclear=True, newest_known=bool(left[0]))
        if status == 0:
            check_user(keys, from_member(left[0]))
        return AppendResult(*left)

    return Operation(commands, read)


def read(keys: SessionKeys, start: int, stop: int = -1) -> Operation[SessionSnapshot]:
    """Read the summary, the counts, and messages of the list from `start` to `stop`, as LRANGE takes them. Atomic."""
    command = Command(SCRIPTS["session_read"], (keys.messages, keys.state), (start, stop))
    return Operation((command,), lambda replies: to_reading(replies[0]))


def renew(lease_key: str, token: str, lease: int) -> Operation[None]:
    """Hold a lease for `lease` milliseconds from now, if it is still ours."""
    return Operation((Command(SCRIPTS["lease_renew"], (lease_key,), (token, lease)),), _nothing)


def give_up(lease_key: str, token: str) -> Operation[None]:
    """Give a lease back, if it is still ours."""
    return Operation((Command(SCRIPTS["lease_renew"], (lease_key,), (token, 0)),), _nothing)


def to_reading(reply: Sequence[Any]) -> SessionSnapshot:
    """Read what the scripts that read a session reply."""
    epoch, first, summary, tokens, failures, user, size, indexed, length, records = reply
    return SessionSnapshot(
        epoch=_text(epoch),
        first=int(first or 0),
        summary=_text(summary),
        tokens=int(tokens or 0),
        failures=int(failures or 0),
        user=_text(user),
        size=None if size is None else int(size),
        indexed=None if indexed is None else int(indexed),
        length=length,
        records=records,
    )


def _text(value: bytes | str | None) -> str | None:
    return None if value is None else from_member(value)
