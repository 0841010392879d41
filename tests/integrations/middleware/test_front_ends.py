"""Front ends that hold the conversation: whatever ids they give, each message is stored once, and none is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents.middleware import dynamic_prompt
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool

from langchain_motorhead import MotorheadMiddleware, Window
from support.agents import SYSTEM, Model, agent_of, memory_of, say, stored, system_of, texts, thread
from support.factory import MakeMotorhead
from support.summarizers import Ledger, remembered

SMALL = Window(max_messages=6)
IDS: dict[str, Callable[[str], dict[str, str]]] = {
    "own": lambda name: {"id": f"front-{name}"},
    "none": lambda name: {},
}


@pytest.mark.parametrize("ids", list(IDS))
def test_the_whole_conversation_is_sent(make: MakeMotorhead, ids: str) -> None:
    """With ids of its own for all messages, or with none, also where older ones are in the summary."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    agent, model = agent_of(motorhead)
    conversation: list[Any] = []
    for at in range(12):
        conversation.append({"role": "user", "content": f"q{at}", **IDS[ids](f"q{at}")})
        answer = agent.invoke({"messages": list(conversation)}, thread())["messages"][-1].text
        conversation.append({"role": "assistant", "content": answer, **IDS[ids](f"a{at}")})
    assert remembered(motorhead.session("t").load()) == [text for at in range(12) for text in (f"q{at}", f"re q{at}")]
    assert texts(model.prompts[-1])[-1] == "q11"


def test_one_id_for_all(make: MakeMotorhead) -> None:
    """A question that has the id of an earlier one is stored, and shown once."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    agent, model = agent_of(motorhead)
    for at in range(9):
        agent.invoke({"messages": [HumanMessage(f"q{at}", id="1")]}, thread())
    assert remembered(motorhead.session("t").load()) == [text for at in range(9) for text in (f"q{at}", f"re q{at}")]
    assert texts(model.prompts[-1]).count("q8") == 1


def test_a_system_message_with_each_turn(make: MakeMotorhead) -> None:
    """It is an instruction for the turn: first in the prompt, once, and not stored."""
    motorhead = make()
    agent, model = agent_of(motorhead)
    for at in range(3):
        given = [SystemMessage(SYSTEM), SystemMessage(f"It is day {at}."), HumanMessage(f"q{at}")]
        agent.invoke({"messages": given}, thread())
    assert system_of(model.prompts[-1]) == f"{SYSTEM}\n\nIt is day 2."
    assert stored(motorhead) == ["q0", "re q0", "q1", "re q1", "q2", "re q2"]


class Unstorable:
    """Is no data."""


def test_an_artifact_that_cannot_be_stored(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """The result is stored without it, with one warning, and what the caller reads is not read by memory."""
    stream = iter([1, 2, 3])

    @tool(response_format="content_and_artifact")
    def look(at: str) -> tuple[str, Any]:
        """Look."""
        return f"saw {at}", {"frame": Unstorable(), "stream": stream}

    motorhead = make()
    agent, _ = agent_of(motorhead, tools=[look])
    for _ in range(2):
        out = agent.invoke(say("look 1"), thread())
    assert out["messages"][-2].artifact["stream"] is stream
    assert list(stream) == [1, 2, 3]
    assert stored(motorhead) == ["look 1", "", "saw look 1/0", "after saw look 1/0"] * 2
    assert caplog.text.count("cannot be stored") == 1


def test_a_middleware_that_replaces_the_system_message(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever it stands in the list, the summary is shown, and there is nothing to warn of."""

    @dynamic_prompt
    def kind(request: Any) -> str:
        return "You are kind."

    motorhead = make(llm=Ledger(), window=Window(max_messages=2), compaction="inline")
    motorhead.session("t").append([HumanMessage(f"old {at}") for at in range(4)])
    for middleware in ([kind, MotorheadMiddleware(motorhead)], [MotorheadMiddleware(motorhead), kind]):
        agent, model = agent_of(motorhead, Model(answer=lambda given: AIMessage("ok")), middleware=middleware)
        with caplog.at_level(logging.WARNING):
            agent.invoke(say("q"), thread())
        assert system_of(model.prompts[-1]) == "You are kind."
        assert "old 0" in memory_of(model.prompts[-1])
    assert caplog.text == ""
