"""Chat models that answer by a script, and how a summarizer is called."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from langchain_motorhead.messages.text import message_text

Fold = Callable[..., Awaitable[str]]

BOTH = "{summary}\n{messages}"


class Scripted(BaseChatModel):
    """Answers from a list, the last again and again, and keeps what it was asked."""

    answers: list[Any] = Field(default_factory=lambda: ["new"])
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def prompts(self) -> list[str]:
        """What it was asked, as text."""
        return ["\n".join(str(message.content) for message in messages) for messages in self.asked]

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(messages)
        self.options.update(kwargs)
        if isinstance(answer, Exception):
            raise answer
        message = answer if isinstance(answer, AIMessage) else AIMessage(answer)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages, **kwargs)


def words(messages: Sequence[BaseMessage]) -> int:
    """Count a token a word, and one a message."""
    return sum(1 + len(message_text(message).split()) for message in messages)


def numbered(count: int, name: str = "w") -> str:
    """Make a text of words that are all different."""
    return " ".join(f"{name}{at}." for at in range(count))


MESSAGES = [HumanMessage(numbered(30, f"m{at}-")) for at in range(10)]
HUGE = HumanMessage(numbered(400, "h"))
