"""Counting the tokens of prompts: the larger of two estimates, each message counted once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from langchain_core.messages import AIMessage, BaseMessage


class PromptCounter:
    """Counts the tokens of messages, and remembers what it counted.

    A limit has to hold by the count of the provider, which nobody knows here. So the larger of two counts is taken: of
    the given counter, and of LangChain's approximate one.

    Args:
        count: Returns the number of tokens of messages.
    """

    def __init__(self, count: Callable[[Sequence[BaseMessage]], int]) -> None:
        from langchain_core.messages.utils import count_tokens_approximately  # imports much

        self._count = count
        self._count_approximately = count_tokens_approximately
        self._known: dict[tuple[str | None, str, str], int] = {}

    def __call__(self, messages: Iterable[BaseMessage]) -> int:
        """Return the number of tokens of messages."""
        return sum(map(self.one, messages))

    def one(self, message: BaseMessage) -> int:
        """Return the number of tokens of one message."""
        content = message.content if isinstance(message.content, str) else repr(message.content)
        calls = repr(message.tool_calls) if isinstance(message, AIMessage) and message.tool_calls else ""
        key = message.id, content, calls
        if (known := self._known.get(key)) is None:
            known = max(self._count([message]), self._count_approximately([message]))
            self._known[key] = known
        return known
