"""`MotorheadMemory` of LangChain for JavaScript, before and since version 1."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.node import LISTED, run

from .conftest import KEY, link


@pytest.mark.parametrize(("version", "lock"), [("1", "packages"), ("0.3", "langchain-0.3")])
def test_langchain_for_javascript(folder: Path, server: str, server_with_key: str, version: str, lock: str) -> None:
    """The class from npm initializes, saves, reads and clears, finds the summary, and serves a chain."""
    link(folder, lock)
    shutil.copy(LISTED / "langchain" / "memory.test.ts", folder)
    shutil.copy(LISTED / "langchain" / f"version-{version}.ts", folder / "version.ts")
    if version == "1":  # only its packages have the types of Node
        run(folder, "node_modules/.bin/tsc")
    urls = {"MOTORHEAD_URL": server, "MOTORHEAD_URL_WITH_KEY": server_with_key}
    run(folder, "--test", "memory.test.ts", MOTORHEAD_API_KEY=KEY, PREFIX=lock, **urls)
