"""Message ids: derived ids, and the marks by which a session recognises a message that is sent again. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

MARK_BYTES = 9
"""Bytes of a mark: 6 of a digest of an id, and 3 of a digest of a content. The layout of `lib_marks.lua`."""
UNKNOWN_CONTENT = bytes(3)
"""Digest of a content that is unknown. It equals any other."""
FORGOTTEN_CONTENT = b"\xff" * 3
"""In the mark of a message that was forgotten, in the place of the digest of its content."""
_ID_BYTES = 6
_NO_ID = bytes(_ID_BYTES)
_NO_MARK = bytes(MARK_BYTES)
_ORIGIN_CHARS = 32
_NUMBER_CHARS = 16
_GIVEN_ID = re.compile(
    r"motorhead-([0-9a-f]{16})-(0|[1-9]\d*|summary|continued|instructions|recalled-.*)", re.ASCII | re.DOTALL
)


def derived_id(epoch: str | None, at: int | str) -> str:
    """Return the permanent id of a message that was stored without one: its session's epoch and its sequence number."""
    return f"motorhead-{epoch}-{at}"


def derived_number(epoch: str | None, id_: str) -> int | None:
    """Return the sequence number in an id that a session derived for a message, or None for another id."""
    match = _GIVEN_ID.fullmatch(id_)
    return int(match[2]) if match is not None and match[1] == epoch and match[2].isdigit() else None


def mark(id_: str | None, content: bytes = UNKNOWN_CONTENT) -> bytes:
    """Return the mark of a message, or zeros if it has no id.

    Args:
        id_: Id of the message.
        content: Digest of its content.
    """
    if not id_:
        return _NO_MARK
    digest = blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest()[:_ID_BYTES]
    return (b"\1" + digest[1:] if digest == _NO_ID else digest) + content


def state_id(id_: str) -> str:
    """Return the id under which the mark of a message is that an agent's state had when it was edited."""
    return f"{id_}\0state"


def marks(messages: Sequence[tuple[str | None, bytes]]) -> bytes:
    """Return the marks of messages, given by their ids and contents, one after the other; nothing if none has an id."""
    if not any(id_ for id_, _ in messages):
        return b""
    return b"".join([mark(id_, content) for id_, content in messages])


def origins(ids: Sequence[str | None]) -> str:
    """Return which session gave each id, and for which sequence number, one after the other in 32 characters each.

    The number of what is no message, such as a summary, is negative. An id that no session has given is spaces.
    The result is empty if all are.
    """
    found = [_origin(id_) for id_ in ids]
    return "".join(found) if any(each.strip() for each in found) else ""


def _origin(id_: str | None) -> str:
    match = _GIVEN_ID.fullmatch(id_) if id_ and id_.startswith("motorhead-") else None
    if match is None:
        return " " * _ORIGIN_CHARS
    number = match[2] if match[2].isdigit() else "-1"
    # No session reaches a number of more digits.
    return match[1] + (number.zfill(_NUMBER_CHARS) if len(number) < _NUMBER_CHARS else "0" + "9" * (_NUMBER_CHARS - 1))
