"""`cache_control` markers, as Anthropic needs them: those that the user set stay, and the summary gets one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

MARKER = "cache_control"
MAX_MARKERS = 4
"""How many markers Anthropic accepts in a request."""


def marker_for_summary(
    system: BaseMessage | None, messages: Sequence[BaseMessage], tools: Sequence[Any], settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the mark for the end of the summary: the one that the request has elsewhere, if there is room for another.

    Args:
        system: The system message.
        messages: The messages.
        tools: The tools, as objects or as dicts.
        settings: The settings for the model.
    """
    content = [block for message in (system, *messages) if message is not None for block in _marks(message.content)]
    extras = [getattr(tool, "extras", None) or tool for tool in tools]
    found = [*content, *(mark for each in extras for mark in _marks([each])), *_marks([settings])]
    return dict(found[0]) if 0 < len(found) < MAX_MARKERS else None


def _marks(blocks: Any) -> Iterator[Mapping[str, Any]]:
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, Mapping) and isinstance(mark := block.get(MARKER), Mapping):
            yield mark
