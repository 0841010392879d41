"""The data folder of an embedded server: which one a URL names, and who may read it."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from langchain_motorhead.exceptions import InvalidInputError

LOCK_FILE = "motorhead.server"
"""File in a data folder whose lock shows that a server uses the folder."""

_LOGS = "appendonlydir"
_OURS = frozenset({LOCK_FILE, _LOGS, "dump.rdb"})
_OWNER_FOLDER, _OWNER_FILE = 0o700, 0o600


def folder_of(url: str) -> Path | None:
    """Return the data folder that a URL names, or None for a server in memory.

    Raises:
        InvalidInputError: `url` is not the URL of an embedded server.
    """
    match = re.fullmatch(r"embedded://(/[^?#]*)?", url, re.IGNORECASE)
    path = os.fsdecode(unquote_to_bytes(os.fsencode(match[1] or ""))) if match else "\0"
    if "\0" in path or (path and not path.strip("/")):
        raise InvalidInputError(
            f'{url!r} is not the URL of an embedded server. Give "embedded://" or, with three slashes, '
            '"embedded:///folder": an absolute path without host or options, and % written as %25, '
            "? as %3F and # as %23."
        )
    return Path("/" + path.lstrip("/")) if path else None


def make_private(folder: Path) -> None:
    """Remove the permissions of others from what a server has stored in a folder, as an earlier version left them.

    The folder itself becomes private too, unless it contains other files, which others may have to read. The server
    gives its new files the right permissions: see `supervise.sh`.

    Args:
        folder: A folder that exists. If it belongs to another user, its permissions stay.
    """
    with contextlib.suppress(PermissionError):
        if all(each.name in _OURS or each.name.startswith("temp-") for each in folder.iterdir()):
            folder.chmod(_OWNER_FOLDER)
        for name in _OURS:
            if (path := folder / name).is_symlink() or not path.exists():
                continue
            path.chmod(_OWNER_FOLDER if path.is_dir() else _OWNER_FILE)
        if (logs := folder / _LOGS).is_dir() and not logs.is_symlink():
            for path in logs.iterdir():
                if path.is_file() and not path.is_symlink():
                    path.chmod(_OWNER_FILE)
