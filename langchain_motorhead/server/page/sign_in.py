"""Who is signed in on the page: cookies that prove which API key was entered. Pure.

A cookie is signed with the key that it stands for. So every replica accepts it, also after a restart, and it ends with
the key. It does not hold the key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

LIFETIME_SECONDS = 12 * 3600
"""How long a sign-in lasts."""

_PURPOSE = b"motorhead page: sign-in\n"
_NAME_CHARS = 16


class SignIns:
    """Issues and checks the cookies of one server.

    Args:
        digests: Digests of the API keys.
    """

    def __init__(self, digests: Iterable[bytes]) -> None:
        self._digests = {_name(digest): digest for digest in digests}

    def issue(self, digest: bytes, now: float) -> str:
        """Return a new cookie for a key.

        Args:
            digest: Digest of the key.
            now: Seconds since 1970.
        """
        body = f"{_name(digest)}.{int(now) + LIFETIME_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{body}.{_signature(digest, body)}"

    def read(self, cookie: str, now: float) -> bytes | None:
        """Return the digest of the key that a cookie stands for, or None if it is forged, expired, or of an old key."""
        body, _, signature = cookie.rpartition(".")
        name, _, rest = body.partition(".")
        digest = self._digests.get(name)
        if digest is None or not hmac.compare_digest(_signature(digest, body).encode(), signature.encode()):
            return None
        return digest if int(rest.partition(".")[0]) > now else None


def _name(digest: bytes) -> str:
    return hashlib.sha256(_PURPOSE + digest).hexdigest()[:_NAME_CHARS]


def _signature(digest: bytes, body: str) -> str:
    return hmac.new(digest, _PURPOSE + body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
