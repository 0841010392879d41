"""Message ids: derived ids for messages stored without one, and the fingerprints by which a known id is found. Pure."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import blake2b

FINGERPRINT_CHARS = 11
"""Characters of a fingerprint: 64 bits in base64, because people read what is stored."""
_NO_FINGERPRINT = " " * FINGERPRINT_CHARS
_DERIVED_ID = re.compile(r"motorhead-([0-9a-f]{16})-(?:\d+|summary|continued)", re.ASCII)
_EPOCH_CHARS = 16


def derived_id(epoch: str | None, at: int | str) -> str:
    """Return the permanent id of a message that was stored without one: its session's epoch and its sequence number."""
    return f"motorhead-{epoch}-{at}"


def fingerprints(ids: Sequence[str | None]) -> str:
    """Return the fingerprints of the ids, joined into one string of `FINGERPRINT_CHARS` characters each.

    An id that is missing gives spaces. The result is empty if all ids are missing.
    """
    if not any(ids):
        return ""
    return "".join(map(_fingerprint, ids))


def origin_epochs(ids: Sequence[str | None]) -> str:
    """Return the epochs of the sessions that derived these ids, joined into one string; zeros for any other id.

    The result is empty if no id was derived.
    """
    found = [match[1] if id_ and (match := _DERIVED_ID.fullmatch(id_)) else "" for id_ in ids]
    return "".join(epoch.rjust(_EPOCH_CHARS, "0") for epoch in found) if any(found) else ""


def _fingerprint(id_: str | None) -> str:
    if not id_:
        return _NO_FINGERPRINT
    digest = blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return b2a_base64(digest, newline=False).decode("ascii")[:FINGERPRINT_CHARS]
