"""Ids of messages: those that messages without one are given, and the marks by which a message is known again. Pure."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import blake2b

MARK = 11
"""Characters of a mark: 64 bits, as text, since people look at what is stored."""
_NONE = " " * MARK
_GIVEN = re.compile(r"motorhead-([0-9a-f]{16})-(?:\d+|summary|continued)", re.ASCII)
_EPOCH = 16


def derived_id(epoch: str | None, at: int | str) -> str:
    """Name a message that was stored without an id, for good: by its session's epoch and its sequence number."""
    return f"motorhead-{epoch}-{at}"


def fingerprints(ids: Sequence[str | None]) -> str:
    """Give a mark for each id, one after the other; spaces for none. Empty where there is no id at all."""
    if not any(ids):
        return ""
    return "".join(map(_mark, ids))


def origin_epochs(ids: Sequence[str | None]) -> str:
    """Give for each id the epoch of the session that gave it, one after the other; zeros for none of ours.

    Empty where there is no such id at all.
    """
    found = [match[1] if id_ and (match := _GIVEN.fullmatch(id_)) else "" for id_ in ids]
    return "".join(epoch.rjust(_EPOCH, "0") for epoch in found) if any(found) else ""


def _mark(id_: str | None) -> str:
    if not id_:
        return _NONE
    digest = blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return b2a_base64(digest, newline=False).decode("ascii")[:MARK]
