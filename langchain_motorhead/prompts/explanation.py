"""What a session contributes to the next prompt, and how many tokens each part has. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.wording import counted
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.layout import PromptBuilder
from langchain_motorhead.sessions.load import Memory


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a session contributes to the next prompt, without the agent's own system message, tools and run.

    Attributes:
        messages: The messages, as a model gets them before the next question.
        instructions: System messages that were stored on purpose, which are added to the system message.
        tokens: How many tokens each part takes: `"summary"`, `"gap"` and `"window"`.
    """

    messages: list[BaseMessage]
    instructions: str = ""
    tokens: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={count}" for name, count in self.tokens.items())
        messages = counted(len(self.messages), "message")
        return f"{type(self).__name__}({messages}, {counted(self.total, 'token')}: {parts})"

    @property
    def total(self) -> int:
        """Tokens of all parts."""
        return sum(self.tokens.values())


def explain(memory: Memory, read: Sequence[BaseMessage], count: PromptCounter) -> Explanation:
    """Return what a session contributes to the next prompt.

    Args:
        memory: The session.
        read: Messages of its gap.
        count: Counts tokens.
    """
    prompt = PromptBuilder(memory, read=read, count=count, measured=True).build([])
    tokens = {name: prompt.tokens[name] for name in ("summary", "gap", "window")}
    return Explanation(prompt.messages, prompt.instructions, tokens)
