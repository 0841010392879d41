"""What a summary is made of and compared with: messages and the summary before them, read once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.text import plain_text
from langchain_motorhead.sessions.checks.details import Text


class Source(Text):
    """Messages and the summary before them, as one text to compare summaries with.

    It is made once for a batch: every answer of a model is compared with it, and so is the summary that is stored.

    Args:
        messages: The messages, oldest first.
        previous: The summary before them, or empty.

    Attributes:
        said: The messages alone.
        before: The summary before them, as a text of its own.
    """

    def __init__(self, messages: Sequence[BaseMessage], previous: str = "") -> None:
        self.messages, self.previous = messages, previous
        self.said, self.before = plain_text(messages), Text(previous)
        super().__init__(f"{previous}\n{self.said}" if previous else self.said)

    def is_of(self, messages: Sequence[BaseMessage], previous: str) -> bool:
        """Return whether it is made of these very messages, and of this summary."""
        return (
            previous == self.previous and len(messages) == len(self.messages) and all(map(is_, messages, self.messages))
        )
