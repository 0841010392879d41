"""A TypeScript client that a generator of npm makes of the OpenAPI document."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx

from support.node import LISTED, run

from .conftest import KEY


def test_a_generated_client(folder: Path, server_with_key: str) -> None:
    """The client has no errors of types, and its requests do what is documented: all of them, and errors too."""
    document = httpx.get(f"{server_with_key}/openapi.json").json()
    (folder / "openapi.json").write_text(json.dumps(document))
    shutil.copytree(LISTED / "client", folder, dirs_exist_ok=True)
    run(folder, "node_modules/.bin/openapi-ts", "--silent", "--no-log-file", DOCUMENT="openapi.json")
    run(folder, "node_modules/.bin/tsc")
    tests = sorted(each.name for each in folder.glob("*.test.ts"))
    run(folder, "--test", *tests, MOTORHEAD_URL=server_with_key, MOTORHEAD_API_KEY=KEY, CALLED="called.txt")
    called = set((folder / "called.txt").read_text().splitlines())
    assert called == {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
