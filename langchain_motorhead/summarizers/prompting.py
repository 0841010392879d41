"""What a model is shown to extend a summary: an instruction, the summary so far, and the new messages. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from langchain_motorhead.messages.quoting import block
from langchain_motorhead.messages.text import transcript

_HEADINGS = {"{summary}": "Summary so far:", "{messages}": "New messages:"}


def build_prompt(instruction: str, summary: str | None, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages to send to a model.

    Args:
        instruction: May have the placeholders `{summary}` and `{messages}`, which are replaced by quoted blocks. What
            has no placeholder follows in a message of its own.
        summary: The summary so far, if there is one.
        messages: The new messages.
    """
    parts = {
        "{summary}": block("summary", summary or "(none yet)"),
        "{messages}": block("messages", transcript(messages)),
    }
    missing = [part for part in parts if part not in instruction]
    prompt = _fill_in(instruction, parts)
    if not missing:
        return [HumanMessage(prompt)]
    said = "\n\n".join(f"{_HEADINGS[part]}\n{parts[part]}" for part in missing)
    return [SystemMessage(prompt), HumanMessage(f"{said}\n\nNew summary:")]


def _fill_in(prompt: str, parts: dict[str, str]) -> str:
    """Return a prompt with its placeholders replaced in one pass, so that placeholders in the parts stay text."""
    return re.sub("|".join(map(re.escape, parts)), lambda found: parts[found.group()], prompt)
