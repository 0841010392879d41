"""What tests of agents need: a chat model with scripted answers that keeps what it was shown, and prompt checks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from pydantic import Field

from langchain_motorhead import Motorhead, MotorheadMiddleware
from support.messages import contents
from support.providers import refusals

SYSTEM = "You are a parrot."
Answer = Callable[[Sequence[BaseMessage]], AIMessage]


def echo(messages: Sequence[BaseMessage]) -> AIMessage:
    """Answer the newest message; one that says "look N" with N calls of `look`, until they have results."""
    last = messages[-1]
    if not isinstance(last, HumanMessage):
        return AIMessage(f"after {last.text}")
    asked = last.text.partition("look ")[2]
    if not asked:
        return AIMessage(f"re {last.text}")
    calls = [
        {"name": "look", "args": {"at": f"{last.text}/{at}"}, "id": f"{last.text}/{at}"} for at in range(int(asked))
    ]
    return AIMessage("", tool_calls=calls)


class Model(BaseChatModel):
    """Answers as a function says, and keeps what it was shown. It streams too, natively async.

    Attributes:
        answer: Makes the answer to a prompt.
        prompts: The prompts so far.
        bound: The tools that were bound.
        checks: Whether it raises for a prompt that a provider would refuse.
    """

    answer: Answer = echo
    checks: bool = True
    prompts: list[list[BaseMessage]] = Field(default_factory=list)
    bound: list[Any] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Note what was bound."""
        self.bound.append((list(tools), kwargs))
        return self

    def _said(self, messages: list[BaseMessage]) -> AIMessage:
        self.prompts.append(list(messages))
        if self.checks:
            refused = refusals(messages)
            assert refused == [], refused
        return self.answer(messages)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._said(messages))])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages)

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from _chunks(self._said(messages))

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(self._said(messages)):
            yield chunk


def _chunks(said: AIMessage) -> list[ChatGenerationChunk]:
    chunks = [AIMessageChunk(content=word) for word in said.text.split(" ")] if said.text else []
    calls = [
        {"name": call["name"], "args": str(call["args"]).replace("'", '"'), "id": call["id"], "index": at}
        for at, call in enumerate(said.tool_calls)
    ]
    chunks.append(AIMessageChunk(content="", tool_call_chunks=calls, chunk_position="last"))
    return [ChatGenerationChunk(message=chunk) for chunk in chunks]


@tool
def look(at: str) -> str:
    """Look at something."""
    return f"saw {at}"


@tool
async def alook(at: str) -> str:
    """Look at something."""
    return f"saw {at}"


def agent_of(
    motorhead: Motorhead, model: Model | None = None, *, tools: Sequence[Any] = (look,), **options: Any
) -> tuple[Any, Model]:
    """Make an agent with our middleware, or with those given, and a model."""
    model = model or Model()
    options.setdefault("middleware", [MotorheadMiddleware(motorhead)])
    options.setdefault("system_prompt", SYSTEM)
    agent: Any = create_agent(model, list(tools), **options)
    return agent, model


def thread(name: str = "t", **configurable: Any) -> dict[str, Any]:
    """Give the config of a thread."""
    return {"configurable": {"thread_id": name, **configurable}}


def say(*texts: str) -> dict[str, Any]:
    """Give the input of a run in which a person says something."""
    return {"messages": [HumanMessage(text) for text in texts]}


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    """Give the text of messages, but of the system's and of memory's own; that of calls is their number."""
    return [_text(each) for each in messages if not isinstance(each, SystemMessage) and not is_memory(each)]


def is_memory(message: BaseMessage) -> bool:
    """Tell whether a message of a prompt is memory's own: the summary, or recalled lines."""
    return re.match("motorhead-[0-9a-f]{16}-(summary|recalled|continued)", str(message.id)) is not None


def memory_of(prompt: Sequence[BaseMessage]) -> str:
    """Give the text of what memory added to a prompt: the summary, and recalled lines."""
    return "\n".join(str(message.text) for message in prompt if is_memory(message))


def _text(message: BaseMessage) -> str:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return f"{message.text}<{len(calls)}>" if calls else str(message.text)


def system_of(prompt: Sequence[BaseMessage]) -> str:
    """Give the text of a prompt's system messages."""
    return "\n".join(str(message.text) for message in prompt if isinstance(message, SystemMessage))


def faults(prompt: Sequence[BaseMessage], system: str = SYSTEM) -> list[str]:
    """List what a provider would refuse in a prompt, and what should never be in one."""
    found = []
    rest = [message for message in prompt if not isinstance(message, SystemMessage)]
    if not system_of(prompt).startswith(system):
        found.append("the system prompt is not kept")
    if "<summary>" in system_of(prompt) or "<recalled>" in system_of(prompt):
        found.append("something remembered is in the system message")
    if rest and not isinstance(rest[0], HumanMessage):
        found.append(f"it begins with {rest[0].type}")
    if any(isinstance(message, SystemMessage) for message in prompt[1:]):
        found.append("there is a second system message")
    ids = [message.id for message in prompt if message.id is not None]
    found += [f"{id_} is there twice" for id_ in sorted({id_ for id_ in ids if ids.count(id_) > 1})]
    return found + unpaired(rest)


def unpaired(messages: Sequence[BaseMessage]) -> list[str]:
    """List the calls whose results do not follow at once, and the results that follow no call."""
    found, waiting = [], list[str]()
    for message in messages:
        if isinstance(message, ToolMessage):
            if message.tool_call_id in waiting:
                waiting.remove(message.tool_call_id)
            else:
                found.append(f"result without a call: {message.tool_call_id}")
            continue
        found += [f"call without a result: {id_}" for id_ in waiting]
        waiting = [str(call["id"]) for call in message.tool_calls] if isinstance(message, AIMessage) else []
    return found + [f"call without a result: {id_}" for id_ in waiting]


class Failing:
    """Answers as `echo` does, but raises in the calls of the given numbers."""

    def __init__(self, *numbers: int, error: BaseException | None = None) -> None:
        self.numbers, self.count = numbers, 0
        self.error = error or RuntimeError("the model is away")

    def __call__(self, messages: Sequence[BaseMessage]) -> AIMessage:
        """Answer, or raise."""
        self.count += 1
        if self.count in self.numbers:
            raise self.error
        return echo(messages)


def stored(motorhead: Motorhead, name: str = "t") -> list[str]:
    """Give what a session has."""
    return contents(motorhead.session(name).load().messages)
