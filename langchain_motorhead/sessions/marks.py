"""The marks by which a session recognises messages that are sent again: reading and checking them."""

from __future__ import annotations

from typing import Any

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.ids import MARK_BYTES, mark
from langchain_motorhead.sessions.load import decode_all
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Command, Operation, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS

# Buckets of marks that are read in one step.
_BUCKETS_PAGE = 64
_ID_BYTES = 6
# Newest messages whose marks are looked for.
_CHECKED_MESSAGES = 50


def read_marks(keys: SessionKeys, start: int) -> Operation[tuple[bytes | None, int | None, bytes]]:
    """Read a page of the marks by which a session recognises messages.

    Args:
        keys: Keys of the session.
        start: 0, then what the page before returned.

    Returns:
        The epoch of the session, where the next page starts or None if this was the last, and the marks.
    """
    command = Command(SCRIPTS["marks_page"], (keys.state, keys.marks), (start, _BUCKETS_PAGE))

    def read(replies: list[Any]) -> tuple[bytes | None, int | None, bytes]:
        epoch, buckets, numbers = replies[0]
        digests = zip(numbers[::2], numbers[1::2], strict=True)
        found = b"".join(id_.to_bytes(6, "big") + content.to_bytes(3, "big") for id_, content in digests)
        end = start + _BUCKETS_PAGE
        return None if epoch is None else to_bytes(epoch), end if end < buckets else None, found

    return Operation((command,), read)


def check_marks(keys: SessionKeys) -> Flow[bool]:
    """Return whether a session recognises its messages: it has as many marks as it counts, and those of the newest.

    A session without them stores a message again that is sent again.
    """
    seen: SessionSnapshot = yield read_snapshot(keys, -_CHECKED_MESSAGES)
    start: int | None = 0
    found = b""
    while start is not None:
        _, start, page = yield read_marks(keys, start)
        found += page
    earlier, counted = yield Operation(
        (Command("HMGET", (keys.state,), ("ids", "marks")),), lambda replies: (replies[0][0], int(replies[0][1] or 0))
    )
    if earlier is not None:
        return True  # of an earlier version: they are in another layout until the next append
    if len(found) // MARK_BYTES < counted:
        return False
    ids = {found[at : at + _ID_BYTES] for at in range(0, len(found), MARK_BYTES)}
    decoded = yield from decode_all(seen, keys, seen.first + seen.length - len(seen.records))
    return all(
        mark(message.id)[:_ID_BYTES] in ids
        for message in decoded
        if message is not None and message.id and not message.id.startswith(f"motorhead-{seen.epoch}-")
    )
