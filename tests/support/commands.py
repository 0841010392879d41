"""Runs commands of `motorhead`, each in a process that is forked from one with the large libraries imported.

A command would spend two seconds on imports otherwise. Nothing of the package is imported before the fork.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple, Self

LIBRARIES = [
    "httpx",
    "langchain_core.messages",
    "langchain_openai",
    "numpy",
    "orjson",
    "redis.asyncio",
    "redisvl.index",
    "rich.console",
    "tiktoken",
    "typer",
]
# Variables of the caller that the package or its models would read.
OURS = ("OPENAI", "MOTORHEAD", "AZURE", "REDIS_URL", "SUMMARIZER")
_TIMEOUT_SECONDS = 100


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Commands:
    """A process that commands are forked from. Used as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *failed: object) -> None:
        self._process.communicate()

    def run(self, *args: str, stdin: str = "", **environment: str) -> Ended:
        """Run a command with 80 columns and without variables of the caller, and wait for it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
            files[0].write_text(stdin)
            request = {"args": args, "env": {**kept, "COLUMNS": "80", **environment}, "files": list(map(str, files))}
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
            return Ended(int(self._process.stdout.readline()), files[1].read_text(), files[2].read_text())


def main() -> None:
    """Import the libraries, then run one command after the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            importlib.import_module(name)
    for line in sys.stdin:
        if not (process := os.fork()):
            run(**json.loads(line))
        _, status = os.waitpid(process, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run(args: list[str], env: dict[str, str], files: list[Any]) -> None:
    """Run a command as `motorhead` does. Does not return."""
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - what was read ahead of it is the next command
    os.environ.clear()
    os.environ.update(env)
    signal.alarm(_TIMEOUT_SECONDS)
    sys.argv = ["motorhead", *args]
    sys.path.pop(0)  # the folder of this file, which has names of other packages
    runpy.run_module("langchain_motorhead.cli", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
