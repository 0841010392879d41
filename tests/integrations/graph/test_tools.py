"""Nodes around loops of tools."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from langchain_motorhead.integrations.nodes import pre_model_hook, save_memory
from support import agents
from support.factory import MakeMotorhead
from support.graphs import (
    Kind,
    Model,
    ask,
    both_kinds,
    check,
    config,
    keeping,
    look,
    looping,
    tools,
    turns,
    with_and_without,
)
from support.messages import contents
from support.summarizers import remembered

REACT = pytest.mark.filterwarnings("ignore:create_react_agent has been moved")


@pytest.mark.parametrize("mode", ["inline", "manual"])
@both_kinds
@with_and_without
def test_a_long_loop_of_tools(make: MakeMotorhead, kind: Kind, saves: bool, mode: str) -> None:
    """However far a run goes beyond the window, its question stays in the prompt, and so do its pairs, whole."""
    motorhead, model = keeping(make, compaction=mode), Model(kind, calls=20)
    app = looping(motorhead, model, InMemorySaver() if saves else None)
    for at in range(3):
        ask(app, at, kind)
        for calls, prompt in enumerate(model.shown[-21:]):
            run = turns(1, 20, at)[: 2 * calls + 1]
            assert contents(prompt)[-len(run) :] == run
    check(model.shown)
    motorhead.session("t").compact()
    assert remembered(motorhead.session("t").load()) == turns(3, 20)


@both_kinds
async def test_a_run_of_more_messages_than_are_remembered(amake: MakeMotorhead, kind: Kind) -> None:
    """A run of hundreds of messages that is saved at its end, and saved again, is stored once."""
    motorhead, model = keeping(amake), Model(kind, calls=150)
    graph: Any = StateGraph(kind.schema)
    for name, node in (("load", kind.load(motorhead)), ("model", model), ("tools", tools)):
        graph.add_node(name, node)
    graph.add_node("save", kind.save(motorhead))
    graph.add_node("again", kind.save(motorhead))
    graph.add_edge(START, "load")
    graph.add_edge("load", "model")
    # The prompt is made once: the node is shown what its state has.
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else "save")
    graph.add_node("show", lambda state: {kind.prompt: state["messages"]})
    graph.add_edge("tools", "show")
    graph.add_edge("show", "model")
    graph.add_edge("save", "again")
    app = graph.compile(checkpointer=InMemorySaver())
    await app.ainvoke({"messages": [HumanMessage("q0")]}, config())
    await app.ainvoke({"messages": []}, config())
    assert remembered(await motorhead.session("t").aload())[: len(turns(1, 150))] == turns(1, 150)


def chat(calls: int) -> agents.Model:
    """Make a chat model that answers as the node does."""
    node = Model(calls=calls)
    return agents.Model(answer=lambda prompt: node({"llm_input_messages": prompt})["messages"][0])


@REACT
@pytest.mark.parametrize("saver", [None, InMemorySaver], ids=["no checkpointer", "checkpointer"])
@pytest.mark.parametrize(
    ("version", "post"), [("v1", False), ("v2", False), ("v2", True)], ids=["v1", "v2", "v2 with post"]
)
def test_a_react_agent(make: MakeMotorhead, saver: Any, version: Any, post: bool) -> None:
    """The hooks of LangGraph's own agent show it the session, and store each message once."""
    from langgraph.prebuilt import create_react_agent

    motorhead, model = keeping(make), chat(3)
    app: Any = create_react_agent(
        model,
        [look],
        pre_model_hook=pre_model_hook(motorhead),
        post_model_hook=save_memory(motorhead) if post else None,
        checkpointer=saver and saver(),
        version=version,
    )
    for at in range(5):
        ask(app, at)
    check(model.prompts)
    expected = [name if name[0] != "r" else "seen" for name in turns(5, 3)]
    stored = remembered(motorhead.session("t").load())
    if post:
        assert stored == expected
    elif saver:
        assert stored == expected[:-1]  # the last answer is stored when the thread goes on
    for at in range(4, 20, 4):
        assert model.prompts[at][-1].content == f"q{at // 4}"


@REACT
async def test_an_async_react_agent(amake: MakeMotorhead) -> None:
    """The same on an event loop, with parallel calls of the agent."""
    from langgraph.prebuilt import create_react_agent

    motorhead, model = keeping(amake), chat(2)
    app: Any = create_react_agent(
        model,
        [look],
        pre_model_hook=pre_model_hook(motorhead),
        post_model_hook=save_memory(motorhead),
        checkpointer=InMemorySaver(),
    )

    async def talk(thread: str) -> None:
        for at in range(4):
            await app.ainvoke({"messages": [HumanMessage(f"q{at}")]}, config(thread))

    await asyncio.gather(*(talk(f"t{at}") for at in range(8)))
    check(model.prompts)
    expected = [name if name[0] != "r" else "seen" for name in turns(4, 2)]
    for at in range(8):
        assert remembered(await motorhead.session(f"t{at}").aload()) == expected
