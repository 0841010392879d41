"""Looks at servers that `embedded://` started, and at the processes of their users."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis

from langchain_motorhead.redis_io.embedded import EmbeddedServer

Start = Callable[..., "subprocess.Popen[str]"]


def ask(server: EmbeddedServer, *command: str | bytes | int) -> Any:
    """What the server replies to a command."""
    with redis.Redis.from_url(server.url, protocol=2) as client:
        return client.execute_command(*command)


def processes(folder: Path) -> dict[int, str]:
    """The commands of all processes that mention a folder, by id, without those that are dead and not reaped."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = (row.split(maxsplit=2) for row in listing.stdout.splitlines())
    return {int(row[0]): row[2] for row in rows if len(row) > 2 and row[1][0] != "Z" and str(folder) in row[2]}


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


Hold = Callable[[str], EmbeddedServer]


def str_url(folder: Path) -> str:
    """The URL of a folder."""
    return f"embedded://{quote(str(folder))}"
