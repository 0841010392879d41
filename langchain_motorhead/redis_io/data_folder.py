"""The data folder of an embedded server: readable by its owner only."""

from __future__ import annotations

import contextlib
from pathlib import Path

LOCK_FILE = "motorhead.server"
"""File in a data folder whose lock shows that a server uses the folder."""

_LOGS = "appendonlydir"
_OURS = frozenset({LOCK_FILE, _LOGS, "dump.rdb"})
_OWNER_FOLDER, _OWNER_FILE = 0o700, 0o600


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
