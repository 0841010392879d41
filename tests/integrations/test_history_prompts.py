"""Histories for chains make prompts that every provider takes, and each message of a run is stored once."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory

from langchain_motorhead import MotorheadChatMessageHistory, Window
from support.agents import Model
from support.factory import MakeMotorhead
from support.messages import contents
from support.providers import refusals
from support.summarizers import Ledger

SMALL = Window(max_messages=4)
SESSION: Any = {"configurable": {"session_id": "s"}}


def with_history(runnable: Any, factory: Any, **keys: str) -> Any:
    """Wrap a runnable; the wrapper says that it is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RunnableWithMessageHistory(runnable, factory, **keys)  # type: ignore[arg-type]


def test_a_system_message_with_each_run(make: MakeMotorhead) -> None:
    """It is a part of the one system message, and is not stored. A greeting before the first question is quoted."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    motorhead.history("s").add_ai_message("Hello.")
    model = Model(answer=lambda given: AIMessage("ok"))
    chain = with_history(model, motorhead.history)
    for at in range(6):
        chain.invoke([SystemMessage("You are a pirate."), HumanMessage(f"q{at}")], SESSION)
    memory = motorhead.session("s").load()
    said = (memory.summary or "").split("\u241f") + contents(memory.messages)
    assert said == ["Hello.", *(text for at in range(6) for text in (f"q{at}", "ok"))]
    assert [str(prompt[0].content).count("pirate") for prompt in model.prompts] == [1] * 6


def test_examples_before_the_history(make: MakeMotorhead) -> None:
    """A summary that stands after other messages is no system message, which a provider would refuse there."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    examples = [("system", "Be kind."), ("human", "example"), ("ai", "answer")]
    template = ChatPromptTemplate.from_messages([*examples, MessagesPlaceholder("history"), ("human", "{q}")])
    model = Model(answer=lambda given: AIMessage("ok"))
    keys = {"input_messages_key": "q", "history_messages_key": "history"}
    chain = with_history(template | model, motorhead.history, **keys)
    for at in range(6):
        chain.invoke({"q": f"q{at}"}, SESSION)
    assert any("Summary" in str(message.content) for message in model.prompts[-1])


def test_a_call_without_a_result_is_not_shown(make: MakeMotorhead) -> None:
    """What a history begins a prompt with can be sent, also where a call was never answered."""
    history = make().history("s")
    call = {"name": "f", "args": {}, "id": "c"}
    history.add_messages([HumanMessage("q"), AIMessage("", tool_calls=[call])])
    assert refusals([*history.messages, HumanMessage("never mind")]) == []
    assert len(history.session.load().messages) == 2


class Filtered(MotorheadChatMessageHistory):
    """Leaves something out of what it shows."""

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """All but tool results."""
        return [message for message in super().messages if message.type != "tool"]


class Wrapper(BaseChatMessageHistory):
    """Passes everything on."""

    def __init__(self, inner: MotorheadChatMessageHistory) -> None:
        self.inner = inner

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The other's."""
        return self.inner.messages

    def add_messages(self, messages: Any) -> None:
        """Add to the other."""
        self.inner.add_messages(messages)

    def clear(self) -> None:
        """Clear the other."""
        self.inner.clear()


@pytest.mark.parametrize("kind", ["subclass", "wrapper"])
@pytest.mark.parametrize("event", ["compaction", "another writer"])
def test_a_subclass_or_a_wrapper(make: MakeMotorhead, kind: str, event: str) -> None:
    """Each message of a run is stored once, though the session became shorter or longer during the run."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="manual")
    session = motorhead.session("s")
    session.append([HumanMessage(f"m{at}") for at in range(5)])

    def answer(given: Any) -> AIMessage:
        if event == "compaction":
            session.compact()
        else:
            session.append(HumanMessage("from another tab"))
        return AIMessage("answer")

    def factory(session_id: str) -> BaseChatMessageHistory:
        inner = Filtered(session_id, motorhead=motorhead)
        return inner if kind == "subclass" else Wrapper(inner)

    with_history(RunnableLambda(answer), factory).invoke([HumanMessage("q")], SESSION)
    memory = session.load()
    said = [text for text in (memory.summary or "").split("\u241f") if text] + contents(memory.messages)
    between = ["from another tab"] if event == "another writer" else []
    assert said == [*(f"m{at}" for at in range(5)), *between, "q", "answer"]
