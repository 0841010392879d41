"""Runs of an agent with the middleware: what is given and comes back, structured output, and what it costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_motorhead import Motorhead, MotorheadMiddleware, Window
from langchain_motorhead.redis_io.embedded import acquire
from support.agents import Model, agent_of, echo, faults, is_memory, look, say, system_of, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents
from support.orders import LARGE
from support.summarizers import Ledger, remembered
from support.wiretap import wiretapped

SMALL = Window(max_messages=4)


@pytest.fixture(params=[None, InMemorySaver], ids=["no checkpointer", "checkpointer"])
def checkpointer(request: pytest.FixtureRequest) -> Any:
    """None, or a checkpointer in memory."""
    return request.param() if request.param else None


# What is given and what comes back ------------------------------------------------------------------------------------


def test_input_and_output_have_nothing_of_memory(make: MakeMotorhead, checkpointer: Any) -> None:
    """The state that a caller gets has the messages of the thread, unchanged, and no key of ours."""
    agent, _ = agent_of(make(llm=Ledger(), window=SMALL, compaction="inline"), checkpointer=checkpointer)
    for at in range(6):
        out = agent.invoke(say(f"q{at}"), thread())
    assert set(out) == {"messages"}
    expected = [text for at in range(6) for text in (f"q{at}", f"re q{at}")]
    assert texts(out["messages"]) == (expected if checkpointer else expected[-2:])
    assert "motorhead_stored" not in str(agent.get_output_jsonschema())
    assert "motorhead_stored" not in str(agent.get_input_jsonschema())


def test_the_caller_may_send_the_whole_history(make: MakeMotorhead) -> None:
    """A client that holds the conversation and sends all of it each time stores nothing twice."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    agent, model = agent_of(motorhead)
    messages: list[BaseMessage] = []
    for at in range(50):
        messages = agent.invoke({"messages": [*messages, HumanMessage(f"q{at}")]}, thread())["messages"]
    assert len(messages) == 100
    assert remembered(motorhead.session("t").load()) == texts(messages)
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 50
    assert max(len(prompt) for prompt in model.prompts) <= 1 + SMALL.read_limit


def test_several_messages_at_once(make: MakeMotorhead, checkpointer: Any) -> None:
    """What is given may be several messages. Those of the system are instructions, which the thread alone keeps."""
    motorhead = make()
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    given = [SystemMessage("Rules."), HumanMessage("a"), AIMessage("b"), HumanMessage("c"), HumanMessage("d")]
    agent.invoke({"messages": given}, thread())
    agent.invoke(say("e"), thread())
    assert texts(model.prompts[-1]) == ["a", "b", "c", "d", "re d", "e"]
    assert ["Rules." in system_of(prompt) for prompt in model.prompts] == [True, checkpointer is not None]
    assert motorhead.session("t").load().total == 7


def test_nothing_is_said(make: MakeMotorhead, checkpointer: Any) -> None:
    """A run without a new message, in a new session or in an old one, works, and stores what it comes to."""
    motorhead = make()

    def answer(messages: Any) -> AIMessage:
        return AIMessage(f"{len(messages)} seen")

    agent, model = agent_of(motorhead, Model(answer=answer, checks=False), checkpointer=checkpointer)
    agent.invoke({"messages": []}, thread())
    agent.invoke(say("q"), thread())
    agent.invoke({"messages": []}, thread())
    assert contents(motorhead.session("t").load().messages) == ["1 seen", "q", "4 seen", "5 seen"]
    assert texts(model.prompts[-1]) == ["1 seen", "q", "4 seen"]
    assert is_memory(model.prompts[-1][1])  # a prompt begins with a person


def test_images_and_blocks(make: MakeMotorhead, checkpointer: Any) -> None:
    """What is not text is shown and stored as it was given, in a run and in later ones."""
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    blocks: list[str | dict[Any, Any]] = [{"type": "text", "text": "What is it?"}, image]
    agent, model = agent_of(make(), checkpointer=checkpointer)
    agent.invoke({"messages": [HumanMessage([image])]}, thread())
    agent.invoke({"messages": [HumanMessage(blocks)]}, thread())
    agent.invoke(say("q"), thread())
    shown = [message.content for message in model.prompts[-1] if message.type == "human"]
    assert shown == [[image], blocks, "q"]


def test_dicts_and_tuples(make: MakeMotorhead, checkpointer: Any) -> None:
    """Messages may be given in every shape that an agent takes."""
    motorhead = make()
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    agent.invoke({"messages": [{"role": "user", "content": "a"}]}, thread())
    agent.invoke({"messages": [("user", "b")]}, thread())
    agent.invoke({"messages": "c"}, thread())
    assert texts(model.prompts[-1]) == ["a", "re a", "b", "re b", "c"]


# Structured output ----------------------------------------------------------------------------------------------------


class Weather(BaseModel):
    """The weather."""

    degrees: int


def forecast(messages: Any) -> AIMessage:
    """Answer by the tool of the schema."""
    call = {"name": "Weather", "args": {"degrees": 7}, "id": f"w-{messages[-1].text}"}
    return AIMessage("", tool_calls=[call])


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_structured_output(make: MakeMotorhead, strategy: Any, checkpointer: Any) -> None:
    """A structured answer comes back, is stored, and is in a later prompt as a provider takes it."""
    motorhead = make()
    answer = forecast if strategy is ToolStrategy else lambda messages: AIMessage('{"degrees": 7}')
    agent, model = agent_of(
        motorhead, Model(answer=answer), response_format=strategy(Weather), checkpointer=checkpointer
    )
    for at in range(3):
        out = agent.invoke(say(f"q{at}"), thread())
        assert out["structured_response"] == Weather(degrees=7)
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 3
    memory = motorhead.session("t").load()
    assert memory.total == (9 if strategy is ToolStrategy else 6)
    assert texts(model.prompts[-1])[:-1] == texts(memory.messages)[: len(model.prompts[-1]) - 2]


def test_structured_output_that_is_wrong_at_first(make: MakeMotorhead) -> None:
    """The error that a model is shown is part of the run, in its order."""

    def answer(messages: Any) -> AIMessage:
        args = {"degrees": 7} if messages[-1].type == "tool" else {"degrees": "warm"}
        return AIMessage("", tool_calls=[{"name": "Weather", "args": args, "id": f"w{len(messages)}"}])

    motorhead = make()
    agent, model = agent_of(motorhead, Model(answer=answer), response_format=ToolStrategy(Weather))
    assert agent.invoke(say("q"), thread())["structured_response"] == Weather(degrees=7)
    assert [faults(prompt) for prompt in model.prompts] == [[], []]
    assert [message.type for message in motorhead.session("t").load().messages] == ["human", "ai", "tool", "ai", "tool"]


# What it costs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tapped(namespace: str) -> Iterator[Any]:
    """A handle whose round trips are counted, that is connected."""
    server = acquire("embedded://")
    with (
        wiretapped(str(server.socket)) as (url, wire),
        Motorhead.from_url(url, namespace=namespace, compaction="manual", window=LARGE) as motorhead,
    ):
        motorhead.session("warm").catch_up([HumanMessage("hi")])  # connects, and sends the scripts
        yield motorhead, wire
    server.release()


@pytest.fixture
async def atapped(namespace: str) -> AsyncIterator[Any]:
    """The same for async."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (url, wire):
        async with Motorhead.from_url(url, namespace=namespace, compaction="manual", window=LARGE) as motorhead:
            await motorhead.session("warm").acatch_up([HumanMessage("hi")])
            yield motorhead, wire
    server.release()


@pytest.mark.parametrize("said", ["q", "q look 1", "q look 5"])
def test_a_run_is_two_round_trips(tapped: Any, said: str, checkpointer: Any) -> None:
    """One to store what was said and read the session, one to store what came of it, however often tools are called."""
    motorhead, wire = tapped
    agent, _ = agent_of(motorhead, checkpointer=checkpointer)
    for at in range(20):
        wire.reset()
        agent.invoke(say(f"{at} {said}"), thread("t", user_id="u"))
        assert wire.round_trips == 2


@pytest.mark.parametrize("said", ["q", "q look 5"])
async def test_an_async_run_is_two_round_trips(atapped: Any, said: str, checkpointer: Any) -> None:
    """The same for the async method."""
    motorhead, wire = atapped
    agent, _ = agent_of(motorhead, tools=[look], checkpointer=checkpointer)
    for at in range(20):
        wire.reset()
        await agent.ainvoke(say(f"{at} {said}"), thread("t", user_id="u"))
        assert wire.round_trips == 2


def test_making_it_costs_nothing(tapped: Any) -> None:
    """Neither the middleware nor an agent with it sends anything when it is made."""
    motorhead, wire = tapped
    wire.reset()
    create_agent(Model(answer=echo), [look], middleware=[MotorheadMiddleware(motorhead)])
    assert (wire.round_trips, wire.up) == (0, 0)
