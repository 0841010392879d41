"""The gap of a read: messages that are neither in the summary nor in the result, and a text in their place. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.quoting import turn
from langchain_motorhead.messages.text import message_text, speaker

# A shorter line says too little to be worth its place.
_MIN_LINE_CHARACTERS = 40
_CUT = "…"


@dataclass(frozen=True, slots=True)
class MemoryGap:
    """Messages that wait to be summarized and were not read, because they are beyond the hard limits of the window.

    They are stored, and the next summaries cover them.

    Attributes:
        start: Sequence number of the first of them.
        stop: Sequence number after the last of them.
    """

    start: int
    stop: int

    @property
    def count(self) -> int:
        """How many messages there are."""
        return self.stop - self.start

    def __str__(self) -> str:
        """Describe the gap in a sentence."""
        what = "message is" if self.count == 1 else "messages are"
        return f"{self.count} {what} not shown here, and not in the summary yet (from {self.start} to {self.stop - 1})"


def extract(messages: Sequence[BaseMessage], max_characters: int) -> str:
    """Return a line for each message, cut so that all lines together fit, as a substitute for a summary.

    Where even short lines do not fit, the results of tools are left out, then the oldest messages. Nothing is called:
    it takes as long as copying the text.

    Args:
        messages: The messages of a gap, oldest first.
        max_characters: Largest length of the text.
    """
    lines = [
        (message.type in ("tool", "function"), turn(speaker(message), " ".join(text.split())))
        for message in messages
        if (text := message_text(message).strip()[: max(0, max_characters)])
    ]
    most = max(0, max_characters + 1) // (_MIN_LINE_CHARACTERS + 1)
    if len(lines) > most:
        lines = [each for each in lines if not each[0]]
    said = [line for _, line in lines[max(0, len(lines) - most) :]]
    width = _common_width([len(line) for line in said], max_characters - max(0, len(said) - 1))
    return "\n".join(line if len(line) <= width else line[: width - 1] + _CUT for line in said)


def _common_width(lengths: Sequence[int], room: int) -> int:
    """Return the largest width to which all lines can be cut so that they fit: short lines leave room to long ones."""
    left = len(lengths)
    for length in sorted(lengths):
        if length * left > room:
            return room // left
        room -= length
        left -= 1
    return max(lengths, default=0)
