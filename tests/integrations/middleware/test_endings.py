"""Runs that end without their last hook: what they did is stored, and nothing of them is held in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.types import Command, interrupt

from langchain_motorhead import MotorheadMiddleware, Window
from support.agents import Model, agent_of, echo, look, say, stored, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents

LARGE = Window(max_messages=100)


@tool
def fail(at: str) -> str:
    """Fail."""
    raise ConnectionError(at)


def then_fail(messages: Sequence[BaseMessage]) -> AIMessage:
    """Call a tool that works, then one that works beside one that fails."""
    if messages[-1].type == "human":
        return echo(messages)
    calls = [{"name": name, "args": {"at": name}, "id": name} for name in ("look", "fail")]
    return AIMessage("then", tool_calls=calls)


@pytest.fixture(params=[None, InMemorySaver], ids=["no checkpointer", "checkpointer"])
def checkpointer(request: pytest.FixtureRequest) -> Any:
    """None, or a checkpointer in memory."""
    return request.param() if request.param else None


def test_a_tool_that_raises_after_others(make: MakeMotorhead, checkpointer: Any) -> None:
    """What was carried out before, and beside, is stored; and nothing twice when the thread goes on."""
    motorhead = make(window=LARGE)
    ours = MotorheadMiddleware(motorhead)
    model = Model(answer=then_fail)
    agent, _ = agent_of(motorhead, model, tools=[look, fail], middleware=[ours], checkpointer=checkpointer)
    with pytest.raises(ConnectionError):
        agent.invoke(say("look 1"), thread())
    assert sorted(stored(motorhead)) == ["", "look 1", "saw look", "saw look 1/0", "then"]
    model.answer = lambda messages: AIMessage("ok")
    agent.invoke(say("hm"), thread())
    assert sorted(stored(motorhead)) == ["", "hm", "look 1", "ok", "saw look", "saw look 1/0", "then"]
    assert len(ours._runs) == 0


async def test_an_async_tool_that_raises_after_others(amake: MakeMotorhead, checkpointer: Any) -> None:
    """The same for `ainvoke`."""
    motorhead = amake(window=LARGE)
    agent, _ = agent_of(motorhead, Model(answer=then_fail), tools=[look, fail], checkpointer=checkpointer)
    with pytest.raises(ConnectionError):
        await agent.ainvoke(say("look 1"), thread())
    memory = await motorhead.session("t").aload()
    assert contents(memory.messages)[:4] == ["look 1", "", "saw look 1/0", "then"]


def test_the_recursion_limit(make: MakeMotorhead) -> None:
    """A run that the limit ends is stored up to there, before the error is raised."""
    motorhead = make(window=LARGE)
    answer = Model(answer=lambda messages: AIMessage("", tool_calls=[call(len(messages))]))
    agent, _ = agent_of(motorhead, answer)
    with pytest.raises(GraphRecursionError):
        agent.invoke(say("q"), {**thread(), "recursion_limit": 8})
    assert stored(motorhead)[:3] == ["q", "", "saw 2"]
    assert len(stored(motorhead)) == 9


def call(number: int) -> dict[str, Any]:
    """Make a call of `look`."""
    return {"name": "look", "args": {"at": str(number)}, "id": f"call {number}"}


async def test_a_run_that_is_cancelled_after_a_tool(amake: MakeMotorhead, checkpointer: Any) -> None:
    """A cancelled run, or one that took too long, has stored what its tools did."""

    class Slow(Model):
        async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
            if messages[-1].type == "tool":
                await asyncio.sleep(60)
            return await super()._agenerate(messages)

    motorhead = amake(window=LARGE)
    agent, _ = agent_of(motorhead, Slow(), checkpointer=checkpointer)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(agent.ainvoke(say("look 1"), thread()), 1)
    assert contents((await motorhead.session("t").aload()).messages) == ["look 1", "", "saw look 1/0"]


def test_a_stream_that_is_not_read_to_its_end(make: MakeMotorhead, checkpointer: Any) -> None:
    """The answer that the model gave is stored when the reader has left."""
    motorhead = make(window=LARGE)
    agent, _ = agent_of(motorhead, checkpointer=checkpointer)
    for chunk, _ in agent.stream(say("q"), thread(), stream_mode="messages"):
        if getattr(chunk, "chunk_position", None) == "last":
            break
    assert stored(motorhead) == ["q", "req"]  # its tokens have no spaces


def test_nothing_is_held_of_runs_that_ended(make: MakeMotorhead) -> None:
    """A run that is interrupted, fails, or is handed off holds nothing in memory after it."""

    @tool
    def ask(at: str) -> str:
        """Ask a person."""
        return str(interrupt(at))

    motorhead = make(window=LARGE)
    ours = MotorheadMiddleware(motorhead)
    model = Model(answer=lambda given: AIMessage("", tool_calls=[{**call(1), "name": "ask"}]))
    agent, _ = agent_of(motorhead, model, tools=[ask], middleware=[ours], checkpointer=InMemorySaver())
    for at in range(3):
        agent.invoke(say("q"), thread(f"t{at}"))
        assert len(ours._runs) == 0
    model.answer = lambda given: AIMessage("done") if isinstance(given[-1], ToolMessage) else echo(given)
    agent.invoke(Command(resume="yes"), thread("t0"))
    assert stored(motorhead, "t0") == ["q", "", "yes", "done"]
    assert texts(model.prompts[-1]) == ["q", "<1>", "yes"]
    assert len(ours._runs) == 0
