"""Reads the quoted blocks of prompts."""

from __future__ import annotations

import re


def quoted(prompt: str, tag: str) -> list[str]:
    """List what stands between the tags of a name, block by block."""
    return [block or "" for block in re.findall(rf"^<{tag}>\n(.*?)\n?^</{tag}>$", prompt, re.DOTALL | re.MULTILINE)]


def outside(prompt: str) -> str:
    """Return a prompt without its quoted blocks, each left as its empty tags."""
    return re.sub(r"^<(\w+)>\n.*?^</\1>$", r"<\1></\1>", prompt, flags=re.DOTALL | re.MULTILINE)
