"""Middleware in either order."""

from __future__ import annotations

from langchain_motorhead import Window

LARGE = Window(max_messages=100)


def dialogue(count: int) -> list[str]:
    """Name the messages of a dialogue of runs without tools."""
    return [text for at in range(count) for text in (f"q{at}", f"re q{at}")]
