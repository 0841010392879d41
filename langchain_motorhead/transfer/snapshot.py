"""Exported sessions, and how one begins to be read from Redis. `restoring.py` has what stores one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.storage.keys import SessionKeys, from_member, from_quoted, group_key
from langchain_motorhead.storage.operation import Command, Operation, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS
from langchain_motorhead.transfer.archive_lines import ArchiveRun

PAGE = 500
"""How many messages are read, written or staged at once."""

# Fields that are not exported: the session's identity, the state of its index, its registries, and its archive's size.
_NOT_EXPORTED = frozenset(
    "epoch indexed generation owned until groups embedded vectorless retry marks revision archived chunks "
    "archive_bytes versions remake".split()
)
MARKS = "marks"
"""Name under which the marks of a session's messages are exported, one after the other."""
# Buckets of marks read at once.


@dataclass(slots=True)
class ExportedSession:
    """A session as it was at one moment.

    Attributes:
        session_id: Its id.
        state: Fields of its state as stored, without the epoch and the state of its index.
        count: How many messages its list has.
        pages: Those messages as stored, oldest first, in pages of `PAGE`. They can be read once.
        ttl: Milliseconds until it expires, or 0.
        groups: Names of the groups that list it.
        grouped: Whether only groups list it.
        left: Largest number of summarized messages that recall can find here, but not after an import.
        archive: The messages of its archive, as far as they are there, to be read once and before `pages`. None if it
            has no archive.
        summaries: Records of the versions of its summary, as stored.
        archived: How many messages its archive has, if it was read from Redis.
    """

    session_id: str
    state: dict[str, bytes]
    count: int
    pages: Iterator[list[bytes]]
    ttl: int = 0
    groups: tuple[str, ...] = ()
    grouped: bool = False
    left: int = 0
    archive: Iterable[ArchiveRun] | None = None
    summaries: tuple[bytes, ...] = ()
    archived: int = 0

    @property
    def messages(self) -> int:
        """How many messages it has, in its list and its archive."""
        return self.count + (self.archived or int(self.state.get("archived", 0)))

    @property
    def user_id(self) -> str | None:
        """The user of the session, or None."""
        user = self.state.get("user")
        return None if user is None else from_member(user)


class Head(NamedTuple):
    """The first part of an exported session.

    Attributes:
        epoch: Epoch of the session.
        first: Sequence number of the first message in its list.
        state: The fields to export.
        ttl: Milliseconds until it expires, or 0.
        length: How many messages its list has.
        records: The first of them, as stored.
        groups: Names of the groups that list it.
        grouped: Whether only groups list it.
        left: Largest number of summarized messages that recall can find.
        archived: How many messages its archive should have.
        summaries: Records of the versions of the summary.
    """

    epoch: bytes
    first: int
    state: dict[str, bytes]
    ttl: int
    length: int
    records: list[bytes]
    groups: tuple[str, ...]
    grouped: bool
    left: int
    archived: int
    summaries: tuple[bytes, ...]


class Fingerprint:
    """A digest of an imported session, by which a repeated import recognizes it."""

    def __init__(self, session_id: bytes, state: dict[str, bytes], summaries: Sequence[bytes] = ()) -> None:
        self._digest = blake2b(digest_size=4)
        self.add([session_id])
        for name, value in sorted(state.items()):
            self.add([name.encode(), value])
        self.add(summaries)

    def add(self, values: Sequence[bytes]) -> None:
        """Add values to the digest, each with its length."""
        for value in values:
            self._digest.update(len(value).to_bytes(8, "big"))
            self._digest.update(value)

    @property
    def text(self) -> str:
        """The digest: 8 characters."""
        return self._digest.hexdigest()


def read_head(keys: SessionKeys) -> Operation[Head | None]:
    """Read a session and the first of its messages, or None if it does not exist. Atomic."""

    def read(replies: list[Any]) -> Head | None:
        flat, life, count, records, versions = replies[0]
        try:
            fields = {from_member(name): to_bytes(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
            indexed, first = int(fields.get("indexed", b"0")), int(fields.get("first", b"0"))
            # Archived messages are exported, and indexed after an import.
            kept_from = int(fields.get("archive_from", b"0")) if "archived" in fields else first
            listed = fields.get("groups", b"").decode().split()
            groups = tuple(from_quoted(key.removeprefix(prefix)) for key in listed if key.startswith(prefix))
        except ValueError as error:
            raise StoreError(f"the key {keys.state} holds data that this package did not write") from error
        if (epoch := fields.get("epoch")) is None:
            return None
        return Head(
            epoch=epoch,
            first=first,
            state={name: value for name, value in fields.items() if name not in _NOT_EXPORTED},
            ttl=max(0, life),
            length=count,
            records=[to_bytes(each) for each in records],
            groups=groups,
            grouped=group_key(keys.namespace) in listed,
            left=min(indexed, first, kept_from),
            archived=_count(fields.get("archived", b"0")),
            summaries=tuple(map(to_bytes, versions)),
        )

    prefix = group_key(keys.namespace, "-").removesuffix("-")
    command = Command(SCRIPTS["session_snapshot"], (keys.messages, keys.state, keys.summaries), (PAGE - 1,))
    return Operation((command,), read)


def _count(stored: bytes) -> int:
    """Return how many messages an archive should have. If the number is damaged, it is read all the same."""
    return int(stored) if stored.isdigit() else 1
