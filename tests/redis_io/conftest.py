"""Folders of embedded servers, and programs that use these, all gone after the test."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_motorhead.redis_io import embedded
from langchain_motorhead.redis_io.embedded import EmbeddedServer, acquire
from support.embedded_servers import Start, processes, wait_for


@pytest.fixture
def runtimes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The parent of all runtime folders of a test; when that ends it must be empty, and no process may mention it."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(embedded, "_servers", {})
    yield folder
    try:
        wait_for(lambda: not processes(folder) and not list(folder.iterdir()))
    finally:
        for pid in processes(folder):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder)


@pytest.fixture
def hold() -> Iterator[Callable[[str], EmbeddedServer]]:
    """`acquire`, released after the test."""
    held: list[EmbeddedServer] = []

    def hold(url: str) -> EmbeddedServer:
        held.append(acquire(url))
        return held[-1]

    yield hold
    for server in held:
        server.release()


@pytest.fixture
def start(runtimes: Path) -> Iterator[Start]:
    """Start a Python program in a process of its own, killed after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-W", "error", "-X", "dev", "-c", code, *arguments]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        started.append(subprocess.Popen(command, env=environment, text=True, **pipes, **options))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()
