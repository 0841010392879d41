"""Runs that fail, or are ended by others: what was said is kept, once, and no later prompt is spoilt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import Motorhead, MotorheadMiddleware, StoreError, Window
from support.agents import Failing, Model, agent_of, echo, faults, say, stored, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents

LARGE = Window(max_messages=100)


@pytest.fixture(params=[None, InMemorySaver], ids=["no checkpointer", "checkpointer"])
def checkpointer(request: pytest.FixtureRequest) -> Any:
    """None, or a checkpointer in memory."""
    return request.param() if request.param else None


# Failures -------------------------------------------------------------------------------------------------------------


def test_a_model_that_raises_at_once(make: MakeMotorhead, checkpointer: Any) -> None:
    """What the user said is kept, once, and is in the next prompt."""
    motorhead = make(window=LARGE)
    agent, model = agent_of(motorhead, Model(answer=Failing(1)), checkpointer=checkpointer)
    with pytest.raises(RuntimeError, match="away"):
        agent.invoke(say("a"), thread())
    assert stored(motorhead) == ["a"]
    agent.invoke(say("b"), thread())
    assert stored(motorhead) == ["a", "b", "re b"]
    assert texts(model.prompts[-1]) == ["a", "b"]


def test_a_model_that_raises_after_tools(make: MakeMotorhead, checkpointer: Any) -> None:
    """What the tools found is kept as well, once, in its order."""
    motorhead = make(window=LARGE)
    agent, model = agent_of(motorhead, Model(answer=Failing(2, 5)), checkpointer=checkpointer)
    for text in ("a look 2", "b look 1"):
        with pytest.raises(RuntimeError, match="away"):
            agent.invoke(say(text), thread())
        agent.invoke(say("on"), thread())
    kept = ["a look 2", "", "saw a look 2/0", "saw a look 2/1", "on", "re on"]
    assert stored(motorhead) == [*kept, "b look 1", "", "saw b look 1/0", "on", "re on"]
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 6


async def test_an_async_model_that_raises(amake: MakeMotorhead, checkpointer: Any) -> None:
    """The same for `ainvoke` and `astream`."""
    motorhead = amake(window=LARGE)
    agent, model = agent_of(motorhead, Model(answer=Failing(2)), checkpointer=checkpointer)
    with pytest.raises(RuntimeError, match="away"):
        async for _ in agent.astream(say("a look 2"), thread(), stream_mode=["messages", "updates"]):
            pass
    await agent.ainvoke(say("b"), thread())
    memory = await motorhead.session("t").aload()
    assert contents(memory.messages) == ["a look 2", "", "saw a look 2/0", "saw a look 2/1", "b", "re b"]
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 3


def test_a_failed_run_goes_on(make: MakeMotorhead) -> None:
    """With a checkpointer a run that failed may be taken up where it failed, here or in another process."""
    saver = InMemorySaver()
    for name, fresh in (("here", False), ("elsewhere", True)):
        motorhead = make(window=LARGE)
        answer = Failing(2)
        agent, model = agent_of(motorhead, Model(answer=answer), checkpointer=saver)
        with pytest.raises(RuntimeError, match="away"):
            agent.invoke(say("a look 2"), thread(name))
        if fresh:
            motorhead = make(window=LARGE)
            agent, model = agent_of(motorhead, Model(answer=answer), checkpointer=saver)
        agent.invoke(None, thread(name))
        found = ["saw a look 2/0", "saw a look 2/1"]
        assert texts(model.prompts[-1]) == ["a look 2", "<2>", *found]
        assert stored(motorhead, name) == ["a look 2", "", *found, f"after {found[1]}"]


def test_a_tool_that_raises(make: MakeMotorhead, checkpointer: Any) -> None:
    """What the user said is kept, once; the call without a result is in no prompt."""

    @tool
    def look(at: str) -> str:
        """Fail."""
        raise ValueError(at)

    motorhead = make(window=LARGE)
    agent, model = agent_of(motorhead, tools=[look], checkpointer=checkpointer)
    for at in range(3):
        with pytest.raises(ValueError, match="look"):
            agent.invoke(say(f"q{at} look 2"), thread())
    agent.invoke(say("on"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 4
    assert texts(model.prompts[-1]) == ["q0 look 2", "q1 look 2", "q2 look 2", "on"]
    assert [text for text in stored(motorhead) if text] == ["q0 look 2", "q1 look 2", "q2 look 2", "on", "re on"]


def test_a_failing_long_run_is_stored_once(make: MakeMotorhead) -> None:
    """A run of more messages than a session knows by their ids, whose model fails, is stored once."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        if messages[-1].type == "tool":
            raise RuntimeError("away")
        return echo(messages)

    motorhead = make(compaction="manual")
    agent, _ = agent_of(motorhead, Model(answer=answer), checkpointer=InMemorySaver())
    with pytest.raises(RuntimeError, match="away"):
        agent.invoke(say("q look 150"), thread())
    assert motorhead.session("t").load().total == 152
    agent.invoke(say("on"), thread())
    assert motorhead.session("t").load().total == 154


async def test_a_cancelled_run(amake: MakeMotorhead, checkpointer: Any) -> None:
    """A run that is cancelled while the model is asked has stored what the user said; the next one works."""
    started = asyncio.Event()

    class Slow(Model):
        async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
            if messages[-1].text == "a":
                started.set()
                await asyncio.sleep(60)
            return await super()._agenerate(messages)

    motorhead = amake(window=LARGE)
    agent, _ = agent_of(motorhead, Slow(), checkpointer=checkpointer)
    run = asyncio.create_task(agent.ainvoke(say("a"), thread()))
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await agent.ainvoke(say("b"), thread())
    assert contents((await motorhead.session("t").aload()).messages) == ["a", "b", "re b"]


def test_redis_is_away(make: MakeMotorhead, checkpointer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A run whose memory cannot be stored ends with our error; where the model failed before, with the model's."""
    motorhead = Motorhead.from_url("redis://127.0.0.1:1", window=LARGE)
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    with pytest.raises(StoreError):
        agent.invoke(say("a"), thread())
    assert model.prompts == []
    motorhead.close()
    motorhead = make()

    def answer(messages: Any) -> AIMessage:
        if messages[-1].type != "tool":
            return echo(messages)
        motorhead.close()
        raise RuntimeError("the model is away")

    agent, _ = agent_of(motorhead, Model(answer=answer), checkpointer=checkpointer)
    with pytest.raises(RuntimeError, match="model is away"):
        agent.invoke(say("a look 1"), thread("other"))
    assert "was not stored" in caplog.text


@pytest.mark.parametrize("first", [True, False])
def test_another_middleware_ends_the_run(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """Where another one answers before the model is asked, what was said and answered is stored, once."""

    class Ends(AgentMiddleware[Any, Any, Any]):
        @hook_config(can_jump_to=["end"])
        def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
            if "forbidden" not in state["messages"][-1].text:
                return None
            return {"messages": [AIMessage("no")], "jump_to": "end"}

    motorhead = make(window=LARGE)
    ours = MotorheadMiddleware(motorhead)
    agent, model = agent_of(
        motorhead, middleware=[ours, Ends()] if first else [Ends(), ours], checkpointer=checkpointer
    )
    for text in ("a", "forbidden", "b", "forbidden"):
        agent.invoke(say(text), thread())
    assert stored(motorhead) == ["a", "re a", "forbidden", "no", "b", "re b", "forbidden", "no"]
    assert texts(model.prompts[-1]) == ["a", "re a", "forbidden", "no", "b"]
