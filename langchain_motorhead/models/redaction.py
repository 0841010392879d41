"""Taking credentials out of what a provider's error says, before it is told or logged. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import SecretStr

_HIDDEN = "***"
# What is shorter stands in a text by chance.
_LEAST = 6
# A password in a URL, what follows the name of a credential, and keys of the usual makes.
_LIKE_ONE = re.compile(
    r"(?<=://)[^\s/@]+(?=@)"
    r"|(?i:(?<=bearer )|(?<=basic )|(?<=api[-_ ]key[=:])|(?<=password[=:])|(?<=token[=:]))[\"']?[^\s\"',;&}]{6,}"
    r"|\b(?:sk|pk|rk|hf|gsk|xai|ghp)[-_][\w*.-]{6,}"
)


def concealed(text: str, model: object = None) -> str:
    """Give a text without the secrets that a model holds, and without what looks like a credential.

    Args:
        text: What an error says: a server may repeat what it was sent.
        model: The model that was called, whose fields may be secrets.
    """
    for secret in sorted(set(_secrets(model)), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _LIKE_ONE.sub(_HIDDEN, text)


def _secrets(model: object) -> Iterator[str]:
    for value in getattr(model, "__dict__", {}).values():
        secret = value.get_secret_value() if isinstance(value, SecretStr) else ""
        if len(secret) >= _LEAST:
            yield secret
