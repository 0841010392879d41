"""A program in a pseudo terminal of 80 columns, which types and reads as a person does."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from typing import Self

_ROWS, _COLUMNS = 24, 80
_PATIENCE_SECONDS = 60
# The program gets the terminal as its own. A job of a shell ignores Ctrl-C from the start.
_CONTROLLED = """
import os, signal
os.close(os.open(os.ttyname(0), os.O_RDWR))
signal.signal(signal.SIGINT, signal.default_int_handler)
from langchain_motorhead.cli.main import main
main()
"""
# Colours, and movements of the cursor.
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


_BEGINS_TO_LISTEN = b"\x1b[?2004h"
PROMPT = "<prompt>"
"""Stands in what is read where the program begins to listen. What is typed before that is not for it."""


class Terminal:
    """A command of `motorhead` in a pseudo terminal. Used as a context manager.

    Args:
        args: The command and its options.
        environment: Its environment variables.
    """

    def __init__(self, *args: str, environment: Mapping[str, str]) -> None:
        self._near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        left = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLED, *args], stdin=far, stdout=far, stderr=far, start_new_session=True,
            # No terminal answers here where its cursor is.
            env={**left, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
        )  # fmt: skip
        os.close(far)
        self._seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failed: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._near)

    def type(self, keys: str) -> None:
        """Type keys."""
        os.write(self._near, keys.encode())

    def until(self, text: str) -> str:
        """Read until a text is shown, and return what came before it, without colours and movements of the cursor."""
        wanted = text.encode()
        while wanted not in (plain := _plain(self._seen)):
            assert select.select([self._near], [], [], _PATIENCE_SECONDS)[0], f"{text!r} not in {plain!r}"
            self._seen += os.read(self._near, 65_536)
        before, _, self._seen = plain.partition(wanted)
        return before.decode()

    def wait(self) -> int:
        """Wait for the end, and return the exit code."""
        return self._process.wait(_PATIENCE_SECONDS)


def _plain(seen: bytes) -> bytes:
    return _CONTROL.sub(b"", seen.replace(_BEGINS_TO_LISTEN, PROMPT.encode()))
