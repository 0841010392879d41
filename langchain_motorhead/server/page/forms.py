"""Tokens of the page's forms: each form can be sent once, by the browser that got it, for what it was made for. Pure.

What a form changes is bound to the state that it was made from as well, so that no replica executes a form on something
that its user did not see.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict

from langchain_motorhead.server.http.errors import ForbiddenError, RequestError

LIFETIME_SECONDS = 3600
"""How long a form can be sent."""

_MAX_USED = 10_000


class StaleFormError(RequestError):
    """The form was sent before, is too old, or was made from something that has changed since."""

    status = 409
    code = "stale_form"


class Forms:
    """Issues and checks the tokens of one server's forms. It remembers which ones were used."""

    def __init__(self) -> None:
        self._used: OrderedDict[str, int] = OrderedDict()

    def issue(self, secret: str, purpose: str, now: float) -> str:
        """Return the token of a new form.

        Args:
            secret: What only the browser knows that gets the form: the value of its cookie.
            purpose: What the form does, and to what.
            now: Seconds since 1970.
        """
        body = f"{secrets.token_urlsafe(12)}.{int(now) + LIFETIME_SECONDS}"
        return f"{body}.{_signature(secret, purpose, body)}"

    def accept(self, token: str, secret: str, purpose: str, now: float) -> None:
        """Accept a form that was sent, once.

        Raises:
            ForbiddenError: It was not made for this browser, or for something else.
            StaleFormError: It was sent before, or is too old.
        """
        body, _, signature = token.rpartition(".")
        expected = _signature(secret, purpose, body)
        if not secret or not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise ForbiddenError(
                "this form was not made for you here. Nothing was changed. Open it again from the page"
            )
        expires = int(body.partition(".")[2])
        if expires <= now:
            raise StaleFormError("this form is too old. Nothing was changed. Open it again from the page")
        if body in self._used:
            raise StaleFormError("this form was sent before. It was not executed again")
        while self._used and (len(self._used) >= _MAX_USED or next(iter(self._used.values())) <= now):
            self._used.popitem(last=False)
        self._used[body] = expires

    def release(self, token: str) -> None:
        """Let a form be sent again, because what it asked for failed."""
        self._used.pop(token.rpartition(".")[0], None)


def state_of(*parts: object) -> str:
    """Return a digest of what a form was made from, to find out whether it changed."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _signature(secret: str, purpose: str, body: str) -> str:
    text = f"motorhead page: form\n{purpose}\n{body}"
    key = secret.encode("utf-8", "replace")
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
