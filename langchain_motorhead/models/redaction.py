"""Redaction: removes credentials from the text of a provider's error before it is raised or logged. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import SecretStr

_MASK = "***"
# A shorter secret may occur in a text by chance.
_MIN_SECRET_CHARS = 6
# A login in a URL, up to the last @, since a password may have an @ or a slash in it; the value after the name of a
# credential; and keys with the usual prefixes.
_CREDENTIAL = re.compile(
    r"(?<=://)\S+(?=@)"
    r"|(?i:(?<=bearer )|(?<=basic )|(?<=api[-_ ]key[=:])|(?<=password[=:])|(?<=token[=:]))[\"']?[^\s\"',;&}]{6,}"
    r"|\b(?:sk|pk|rk|hf|gsk|xai|ghp)[-_][\w*.-]{6,}"
)


def redact(text: str, model: object = None) -> str:
    """Return a text without the secrets that a model holds, and without anything that looks like a credential.

    Args:
        text: The text of an error. A server may repeat the key that it was sent.
        model: The model that was called. Its fields of type `SecretStr` are removed from the text.
    """
    for secret in sorted(set(_secrets(model)), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return _CREDENTIAL.sub(_MASK, text)


def _secrets(model: object) -> Iterator[str]:
    for value in getattr(model, "__dict__", {}).values():
        secret = value.get_secret_value() if isinstance(value, SecretStr) else ""
        if len(secret) >= _MIN_SECRET_CHARS:
            yield secret
