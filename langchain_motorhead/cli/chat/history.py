"""What was typed in `chat` before: a private file of limited size, without anything that looks like a secret.

Imports prompt_toolkit, so it is imported only at a terminal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from platformdirs import user_state_path
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from langchain_motorhead.models.redaction import redact

_MOST_LINES = 1_000
# A longer one is rather a pasted document than something to type again.
_MOST_CHARS = 4_000
_OWNER_ONLY = 0o600
# What begins a line in the file of prompt_toolkit's FileHistory: a comment with the time, before each entry.
_ENTRY = re.compile(rb"(?m)^(?=# )")
# Credentials that redaction of errors does not know: named ones, those of clouds and forges, tokens and keys.
_SECRET = re.compile(
    r"(?i:\b(?:password|passwd|passphrase|pwd|pin|secret|token|credentials?|api[-_ ]?key)\b\W{0,3}(?:is\b|[=:])\W*\S)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{12,}|\bAIza[\w-]{20,}|\b(?:github_pat|gh[opsur]|glpat|xox[abprs])[-_]\w{6,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY"
)
# A long word of letters and digits is rather a key than something that was said.
_LONG_WORD = re.compile(r"(?=[^\s/]*\d)(?=[^\s/]*[A-Za-z])[\w+=.~-]{32,}")
_SECRET_VARIABLE = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)S?$")
_MIN_SECRET_CHARS = 6


def chat_history(*, keeps: bool) -> History:
    """Return the history of what was typed: that of the user's file, or an empty one for this chat alone.

    Args:
        keeps: Whether to read and write the file. If it cannot be written, this chat goes on without it.
    """
    if keeps:
        with suppress(OSError):
            return PrivateHistory(user_state_path("motorhead", appauthor=False) / "chat-history")
    return InMemoryHistory()


def looks_secret(text: str, environment: Mapping[str, str]) -> bool:
    """Return whether a text may have a credential in it. If in doubt, it has.

    Args:
        text: What was typed.
        environment: Environment variables. The values of those that are named like a key are credentials.
    """
    known = (
        value
        for name, value in environment.items()
        if len(value) >= _MIN_SECRET_CHARS and _SECRET_VARIABLE.search(name.upper())
    )
    return (
        redact(text) != text
        or _SECRET.search(text) is not None
        or _LONG_WORD.search(text) is not None
        or any(value in text for value in known)
    )


class PrivateHistory(FileHistory):
    """A history in a file that only its owner can read, with the newest lines.

    A line is not written if it begins with a blank, is very long, or looks like it has a secret in it.

    Args:
        path: The file. It and its folder are made if they do not exist.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _OWNER_ONLY))
        path.chmod(_OWNER_ONLY)  # it may have been made by something else
        _shorten(path)
        super().__init__(str(path))

    def store_string(self, string: str) -> None:
        """Append a line to the file."""
        if not string[:1].isspace() and len(string) <= _MOST_CHARS and not looks_secret(string, os.environ):
            with suppress(OSError):  # such as a full disk, which is no reason to end the chat
                super().store_string(string)


def _shorten(path: Path) -> None:
    """Leave only the newest entries in the file, once it has twice as many."""
    entries = _ENTRY.split(path.read_bytes())
    if len(entries) <= 2 * _MOST_LINES:
        return
    descriptor, made = mkstemp(dir=path.parent)  # private, as mkstemp makes all files
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(_newest(entries))
    Path(made).replace(path)


def _newest(entries: list[bytes]) -> Iterator[bytes]:
    yield from entries[-_MOST_LINES:]
