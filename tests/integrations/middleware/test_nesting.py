"""The middleware beside itself, and in an agent that is another one's tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool

from langchain_motorhead import MotorheadMiddleware
from support.agents import SYSTEM, Model, agent_of, faults, look, say, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents
from support.orders import LARGE, dialogue

FIRST = pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])


class Second(MotorheadMiddleware):
    """One more, under a name of its own."""


# Beside itself --------------------------------------------------------------------------------------------------------


@FIRST
def test_two_memories(make: MakeMotorhead, first: bool, checkpointer: Any, namespace: str) -> None:
    """Two middlewares on two Motorheads each store all of the conversation, and the prompt has it once."""
    one, two = make(window=LARGE), make(window=LARGE, namespace=namespace + " two")
    middleware = [MotorheadMiddleware(one), Second(two)]
    agent, model = agent_of(one, middleware=middleware if first else middleware[::-1], checkpointer=checkpointer)
    for at in range(3):
        agent.invoke(say(f"q{at}"), thread())
    assert contents(one.session("t").load().messages) == dialogue(3)
    assert contents(two.session("t").load().messages) == dialogue(3)
    assert texts(model.prompts[-1]) == dialogue(3)[:-1]


def test_one_middleware_in_two_agents(make: MakeMotorhead) -> None:
    """One middleware serves several agents, on one session or on many."""
    motorhead = make(window=LARGE)
    ours = MotorheadMiddleware(motorhead)
    model = Model()
    agents: list[Any] = [create_agent(model, [look], middleware=[ours], system_prompt=SYSTEM) for _ in range(2)]
    for at in range(4):
        agents[at % 2].invoke(say(f"q{at}"), thread())
    assert texts(model.prompts[-1]) == dialogue(4)[:-1]


def calling(name: str) -> Model:
    """Make a model that asks another agent, and tells what that one said."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if last.type == "tool":
            return AIMessage(f"it says: {last.text}")
        return AIMessage("", tool_calls=[{"name": name, "args": {"question": f"sub {last.text}"}, "id": last.text}])

    return Model(answer=answer)


# Agents as tools ------------------------------------------------------------------------------------------------------


def test_an_agent_as_a_tool(make: MakeMotorhead, checkpointer: Any) -> None:
    """An agent without memory that is called as a tool leaves the session to the one that calls it."""
    motorhead = make(window=LARGE)
    helper, _ = agent_of(motorhead, middleware=[])

    @tool
    def delegate(question: str) -> str:
        """Ask another."""
        return str(helper.invoke(say(question))["messages"][-1].text)

    agent, model = agent_of(motorhead, calling("delegate"), tools=[delegate], checkpointer=checkpointer)
    for at in range(2):
        agent.invoke(say(f"q{at}"), thread())
    stored = [text for text in contents(motorhead.session("t").load().messages) if text]
    assert stored == [text for at in range(2) for text in (f"q{at}", f"re sub q{at}", f"it says: re sub q{at}")]
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 4


def test_an_agent_with_a_session_of_its_own_as_a_tool(make: MakeMotorhead, checkpointer: Any) -> None:
    """An agent that is called as a tool with a session of its own keeps to it."""
    motorhead = make(window=LARGE)
    ours = MotorheadMiddleware(motorhead)
    helper, inner = agent_of(motorhead, middleware=[ours], context_schema=dict)

    @tool
    def delegate(question: str) -> str:
        """Ask another."""
        return str(helper.invoke(say(question), context={"session_id": "helper"})["messages"][-1].text)

    agent, model = agent_of(
        motorhead, calling("delegate"), tools=[delegate], middleware=[ours], checkpointer=checkpointer
    )
    for at in range(2):
        agent.invoke(say(f"q{at}"), thread())
    assert contents(motorhead.session("helper").load().messages) == ["sub q0", "re sub q0", "sub q1", "re sub q1"]
    assert motorhead.session("t").load().total == 8
    assert texts(inner.prompts[-1]) == ["sub q0", "re sub q0", "sub q1"]
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 4
