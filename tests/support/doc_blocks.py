"""Fenced blocks of the README and the documentation's pages: where they stand, their code, and the output they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "pages"
_PYTHON = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n^```text\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE)
_SHELL = re.compile(r"^```bash\n(?P<code>.*?)^```\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A Python block.

    Attributes:
        name: Of its page and its place there, as a Python module may be called.
        code: What stands in it.
        output: What the text block right after it shows, or None where there is none.
    """

    name: str
    code: str
    output: str | None


def pages() -> list[Path]:
    """List the README and the pages of the documentation."""
    return [ROOT / "README.md", *sorted(PAGES.rglob("*.md"))]


def python_blocks() -> list[Block]:
    """List every Python block, page by page."""
    return [block for page in pages() for block in _blocks_of(page)]


def shell_lines() -> list[str]:
    """List every line of every shell block, without comments; continued lines are joined."""
    texts = [match["code"].replace("\\\n", " ") for page in pages() for match in _SHELL.finditer(page.read_text())]
    return [line.partition("  #")[0].strip() for text in texts for line in text.splitlines() if line.strip()]


def _blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _PYTHON.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        name = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")))
        yield Block(f"{name}_line_{line}", match["code"], match["output"])
