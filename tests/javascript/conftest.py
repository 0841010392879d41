"""A folder for Node with the packages of npm, and servers for it. `make javascript` installs the packages."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.http_servers import process
from support.node import LISTED

PACKAGES = os.environ.get("JAVASCRIPT", "")
KEY = "key-of-the-tests"
SETTINGS = {
    "MOTORHEAD_LOG_LEVEL": "warning",
    "MOTORHEAD_LONG_TERM_MEMORY": "true",
    "MOTORHEAD_EMBEDDINGS": "hashing",
    "MOTORHEAD_MAX_WINDOW_SIZE": "4",
    "MOTORHEAD_MAX_MESSAGES": "10",
}


def link(folder: Path, packages: str) -> None:
    """Let Node find the packages of one of the locks in a folder, and no others."""
    found = folder / "node_modules"
    found.unlink(missing_ok=True)
    found.symlink_to(Path(PACKAGES).resolve() / packages / "node_modules")


@pytest.fixture(scope="session")
def packages() -> None:
    """The packages of npm. Without `make javascript`, the test is skipped."""
    if not PACKAGES:
        pytest.skip("make javascript runs these tests")


@pytest.fixture
def folder(packages: None, tmp_path: Path) -> Path:
    """An empty folder in which Node finds the packages."""
    link(tmp_path, "packages")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(LISTED / "tsconfig.json", tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def server(packages: None, url: str) -> Iterator[str]:
    """URL of `motorhead serve`, with search and a small window."""
    with process(REDIS_URL=url, MOTORHEAD_NAMESPACE=f"test {uuid.uuid4()}", **SETTINGS) as (_, base):
        yield base


@pytest.fixture(scope="session")
def server_with_key(packages: None, url: str) -> Iterator[str]:
    """URL of another one, which needs the API key `KEY`."""
    with process(REDIS_URL=url, MOTORHEAD_API_KEYS=f"{KEY}=test {uuid.uuid4()}", **SETTINGS) as (_, base):
        yield base
