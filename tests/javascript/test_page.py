"""The programs and the shell lines on the page about JavaScript."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.doc_blocks import PAGES
from support.node import LISTED, run

PAGE = (PAGES / "operate" / "javascript.md").read_text()
BLOCK = re.compile(r'^```(\w+)(?: title="([\w.-]+)")?\n(.*?)^```\n', re.DOTALL | re.MULTILINE)
ADDRESS = "http://localhost:8000"


def test_the_page(folder: Path, server: str) -> None:
    """From top to bottom, each file has no errors of types, each line runs, and prints what the page shows."""
    known = json.loads((LISTED / "packages" / "package.json").read_text())["devDependencies"]
    printed, ran = "", list[str]()
    for kind, title, text in BLOCK.findall(PAGE):
        if title:
            (folder / title).write_text(text.replace(ADDRESS, server))
        elif kind == "text":
            assert printed == text
        else:
            assert kind == "bash"
            for line in text.splitlines():
                command, *words = line.split()
                ran.append(command)
                if command == "npm":
                    assert {word for word in words[1:] if not word.startswith("--")} <= known.keys()
                else:
                    tool = {"npx": f"node_modules/.bin/{words[0]}", "node": words[0]}[command]
                    printed = run(folder, tool, *words[1:])
    assert ADDRESS in PAGE
    assert ran == ["npm", "npx", "npx", "node", "node", "npm", "node", "npx"]
