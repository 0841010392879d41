"""A session as it is moved, and the Redis commands that read one and put one in place, as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Any, NamedTuple

from langchain_motorhead.keys import SessionKeys, from_member
from langchain_motorhead.operations import SCRIPTS, Command, Operation, Value

PAGE = 500
"""Messages that are read, written and staged at once."""

# What of the state is not moved: the identity of the session, what is known of its index, and where else it is listed.
_LEFT = frozenset({"epoch", "indexed", "generation", "owned", "until", "groups"})
# Milliseconds for which messages wait that were staged, from the last of them on.
_STAGED = 600_000


@dataclass(slots=True)
class Snapshot:
    """A session as it was at one instant.

    Attributes:
        session_id: Its id.
        state: Fields of its state as stored, but for the epoch and what is known of an index.
        count: Messages in its list.
        pages: Those messages as stored, oldest first, `PAGE` at a time. Can be read once.
        ttl: Milliseconds until it expires, or 0.
    """

    session_id: str
    state: dict[str, bytes]
    count: int
    pages: Iterator[list[bytes]]
    ttl: int = 0

    @property
    def user_id(self) -> str | None:
        """Whose session it is, if known."""
        user = self.state.get("user")
        return None if user is None else from_member(user)


class Head(NamedTuple):
    """What a snapshot begins with.

    Attributes:
        epoch: Of the session.
        first: Sequence number of the list's first message, as stored.
        state: Fields that are moved.
        ttl: Milliseconds until it expires, or 0.
        length: Messages in its list.
        records: The first of them, as stored.
    """

    epoch: bytes
    first: bytes
    state: dict[str, bytes]
    ttl: int
    length: int
    records: list[bytes]


class Restored(Enum):
    """What came of putting a session in place."""

    THERE = 0
    DONE = 1
    DONE_BEFORE = 2
    OTHER_OWNER = 3
    INCOMPLETE = 4


class Fingerprint:
    """A digest of what is imported, by which it is known again when it is in place."""

    def __init__(self, session_id: bytes, state: dict[str, bytes]) -> None:
        self._digest = blake2b(digest_size=4)
        self.add([session_id])
        for name, value in sorted(state.items()):
            self.add([name.encode(), value])

    def add(self, values: Sequence[bytes]) -> None:
        """Take in values, each told from the next by its length."""
        for value in values:
            self._digest.update(len(value).to_bytes(8, "big"))
            self._digest.update(value)

    @property
    def text(self) -> str:
        """The digest: 8 characters."""
        return self._digest.hexdigest()


def read_head(keys: SessionKeys) -> Operation[Head | None]:
    """Read a session with the first of its messages, or None where there is none. Atomic."""

    def read(replies: list[Any]) -> Head | None:
        flat, life, count, records = replies[0]
        fields = {from_member(name): to_bytes(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
        if (epoch := fields.get("epoch")) is None:
            return None
        state = {name: value for name, value in fields.items() if name not in _LEFT}
        return Head(epoch, fields.get("first", b"0"), state, max(0, life), count, [to_bytes(each) for each in records])

    return Operation((Command(SCRIPTS["snapshot"], (keys.messages, keys.state), (PAGE - 1,)),), read)


def stage(keys: SessionKeys, token: str, records: Sequence[bytes]) -> Operation[None]:
    """Put messages where a session that is put in place takes them from."""
    staged = _staged(keys, token)
    commands = (Command("RPUSH", (staged,), tuple(records)), Command("PEXPIRE", (staged,), (_STAGED,)))
    return Operation(commands, lambda _: None)


def unstage(keys: SessionKeys, token: str) -> Operation[None]:
    """Drop messages that were staged for nothing."""
    return Operation((Command("UNLINK", (_staged(keys, token),)),), lambda _: None)


def restore(
    keys: SessionKeys,
    snapshot: Snapshot,
    records: Sequence[bytes] | None,
    token: str,
    epoch: str,
    *,
    replace: bool,
    owner: SessionKeys,
    one_slot: bool,
) -> Operation[Restored]:
    """Put a session in place: all of it, or nothing.

    Args:
        keys: Keys of the session, with its user.
        snapshot: What it is to be.
        records: Its messages; None where they were staged.
        token: Token that they were staged with.
        epoch: For the session; it begins with the fingerprint of what is imported.
        replace: Whether to replace a session that is there.
        owner: Keys of the session that is there, with the user that it has.
        one_slot: Whether one script may touch the session and the registries, as anywhere but in a cluster.
    """
    active = int(snapshot.state["updated"])
    fields: list[Value] = [part for name, value in snapshot.state.items() for part in (name.encode(), value)]
    old = [each for each in owner.registries if each not in keys.registries]
    registries = (*keys.registries, *old) if one_slot else ()
    args: tuple[Value, ...] = (
        keys.member, epoch, int(replace), owner.user, keys.documents, snapshot.ttl, active, snapshot.count,
        int(records is None), len(keys.registries) if one_slot else 0, len(fields), *fields, *(records or ()),
    )  # fmt: skip
    session = (keys.messages, keys.state, keys.lease, keys.indexing, keys.stale, _staged(keys, token))
    return Operation(
        (Command(SCRIPTS["restore"], (*session, *registries), args),), lambda replies: Restored(replies[0][0])
    )


def list_restored(keys: SessionKeys, active: int, owner: SessionKeys, *, new: bool) -> Operation[None]:
    """List a session that was put in place, where one script cannot do so at once; an older one only if it is not."""
    how: tuple[Value, ...] = () if new else ("NX",)
    commands = [Command("ZADD", (registry,), (*how, active, keys.member)) for registry in keys.registries]
    commands += [
        Command("ZREM", (registry,), (keys.member,)) for registry in owner.registries if registry not in keys.registries
    ]
    return Operation(tuple(commands), lambda _: None)


def to_bytes(value: Any) -> bytes:
    """Give a reply as bytes, also where a client has decoded it."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def _staged(keys: SessionKeys, token: str) -> str:
    return f"{keys.lease.removesuffix('lease')}import:{token}"
