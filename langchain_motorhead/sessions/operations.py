"""Redis operations that append to a session, and what follows an append. `redis_io/executor.py` sends them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import IdConflictError, StoreError
from langchain_motorhead.messages.ids import UNKNOWN_CONTENT, marks, origins
from langchain_motorhead.sessions import registry_operations
from langchain_motorhead.sessions.summaries.origin import REJECTED_PREFIX
from langchain_motorhead.storage.keys import SessionKeys, check_user, from_member
from langchain_motorhead.storage.operation import Command, Operation
from langchain_motorhead.storage.scripts import SCRIPTS

_OTHER_USER, _UNCLEAR, _CONFLICTS, _LATER_LAYOUT = 0, 2, 3, 4
_SHOWN_IDS = 3


class Record(NamedTuple):
    """A message to append.

    Attributes:
        data: The message as it is stored.
        id: Id of the message, or None.
        tokens: Tokens of the message, or None if they are not counted.
        content: Digest of its content. It is compared if the session knows the id.
    """

    data: bytes
    id: str | None
    tokens: int | None
    content: bytes = UNKNOWN_CONTENT


class Dedup(Enum):
    """Which messages of an append are left out because the session has them already. It knows the ids of all of them.

    The values are those of `session_append.lua`.
    """

    OFF = "nothing"
    """None are left out."""
    SKIP_KNOWN = ""
    """Messages with a known id are left out."""


class NewestOf(NamedTuple):
    """How to append the newest messages of a conversation: those up to the newest known message are left out.

    Nothing is appended if the ids do not say which messages are new.

    Attributes:
        newest: How many of the newest messages may be new. If more are unknown, their ids may have changed.
        whole: Whether it is the whole conversation, and not only its newest messages.
    """

    newest: int
    whole: bool

    @property
    def value(self) -> str:
        """The argument of the script."""
        return f"{self.newest}{'' if self.whole else '+'}"


class AppendResult(NamedTuple):
    """The result of an append.

    Attributes:
        length: Number of messages in the list after the append.
        size: Tokens of the list's messages, or None if they are not counted.
        added: Number of messages that were appended.
        tokens: Tokens of the appended messages, or None if they are not counted.
        has_gap: Whether the summary does not cover all messages that left the list.
        unclear: Whether nothing was appended because the ids do not say which messages of the conversation are new.
        newest_known: If `unclear`, whether the id of the newest message is known.
        renewing: Whether `renew_documents` is to be called.
        chars: Characters of the appended messages as they are stored, about.
        cause: The span of the append, if it is traced. The work that it makes due links to it.
    """

    length: int
    size: int | None
    added: int
    tokens: int | None
    has_gap: bool = False
    unclear: bool = False
    newest_known: bool = False
    renewing: bool = False
    chars: int = 0
    cause: object = None


def append(
    keys: SessionKeys,
    records: Sequence[Record],
    *,
    now: int,
    token: str,
    ttl: int,
    one_slot: bool,
    dedup: Dedup | NewestOf = Dedup.SKIP_KNOWN,
) -> Operation[AppendResult | None]:
    """Append messages to a session, creating the session if needed. Atomic.

    Args:
        keys: Keys of the session.
        records: Messages to append, at least one. Either all have token counts, or none has.
        now: Microseconds since 1970.
        token: Random token of this append. If the same append is sent again because the reply was lost, it is
            recognised by its token among the latest appends, also when the messages have no ids. The epoch of a new
            session is made of the token and the time.
        ttl: Milliseconds until the session expires if nothing more is appended, or 0 for never.
        one_slot: Whether one script may touch the session and the registries. Not so in a cluster.
        dedup: Which messages are left out because they are stored already.

    Returns:
        The result.

    Raises:
        InvalidInputError: Raised by `read` if the session belongs to another user.
        IdConflictError: Raised by `read` if the session has other messages under some of the ids. Nothing was appended.
        StoreError: Raised by `read` if the session was written by a later version.
    """
    ids = [record.id for record in records]
    known_by = marks([(record.id, record.content) for record in records]) if any(ids) else b""
    args = (  # no numbers, which a client would have to look for
        keys.member,
        str(now),
        token,
        keys.user,
        str(ttl),
        "" if records[0].tokens is None else ",".join(str(record.tokens) for record in records),
        keys.documents if ttl else "",
        known_by,
        origins(ids) if known_by else "",
        dedup.value,
        *(record.data for record in records),
    )
    # While a cluster moves a slot, it refuses a script with a key that does not exist, so no key is named without need:
    # `marks` is only used with ids, and the others with a time to live.
    expiring = (keys.archive, keys.summaries, keys.stale) if ttl else ()
    session = (keys.messages, keys.state, keys.marks if known_by or ttl else keys.state, *expiring)
    if one_slot:
        commands: tuple[Command, ...] = (Command(SCRIPTS["session_append"], session + keys.registries, args),)
    else:
        # In this order, a session that exists is listed in the end, whatever a concurrent deletion does.
        listing = (registry_operations.add(registry, keys.member, now, ttl) for registry in keys.registries)
        commands = (Command(SCRIPTS["session_append"], session, args), *listing)

    stored = sum([len(record.data) for record in records])

    def read(replies: list[Any]) -> AppendResult | None:
        reply = replies[0]
        if type(reply) is int:  # all messages were appended, and there is nothing else to tell
            return AppendResult(reply, None, len(records), None, chars=stored)
        status, *left = reply
        if status == _UNCLEAR:
            return AppendResult(0, None, 0, None, unclear=True, newest_known=bool(left[0]))
        if status == _OTHER_USER:
            check_user(keys, from_member(left[0]))
        if status == _LATER_LAYOUT:
            raise StoreError(f"session {keys.session_id!r} was written by a later version of this package")
        if status == _CONFLICTS:
            raise _conflict([at - 1 for at in left[0]], ids)
        length, size, added, tokens, gap, *renewing = left
        chars = stored * added // len(records)
        return AppendResult(length, size, added, tokens, has_gap=bool(gap), renewing=renewing == [1], chars=chars)

    if not one_slot:
        return Operation(commands, read)
    return Operation(
        commands,
        read,
        split=lambda: append(keys, records, now=now, token=token, ttl=ttl, one_slot=False, dedup=dedup),
    )


def _conflict(positions: Sequence[int], ids: Sequence[str | None]) -> IdConflictError:
    shown = ", ".join(f"{ids[at]!r:.80}" for at in positions[:_SHOWN_IDS])
    more = ", ..." if len(positions) > _SHOWN_IDS else ""
    return IdConflictError(
        f"{len(positions)} of {len(ids)} messages have ids that are already those of other messages: {shown}{more}. "
        "Give them other ids, or none. Nothing was stored",
        positions,
    )


def rejections(keys: SessionKeys, reasons: Sequence[str]) -> Operation[dict[str, int]]:
    """Read how many answers of the summarizer were rejected in a session, for those of the reasons that occurred."""
    command = Command("HMGET", (keys.state,), tuple(REJECTED_PREFIX + reason for reason in reasons))
    return Operation(
        (command,),
        lambda replies: {
            reason: int(count) for reason, count in zip(reasons, replies[0], strict=True) if count is not None
        },
    )


def renew_documents(keys: SessionKeys) -> Operation[bool]:
    """Let some more documents of a session live as long as it. Returns whether there are further ones.

    An append begins this if the session expires, and has more documents than one script should touch.
    """
    command = Command(SCRIPTS["documents_renew"], (keys.state, keys.stale), (keys.documents,))
    return Operation((command,), lambda replies: bool(replies[0]))
