"""Nodes in conversations: what a model is shown, what is stored, and what is streamed."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

import langchain_motorhead
from langchain_motorhead import Window
from langchain_motorhead.integrations.nodes import MemoryState, load_memory, pre_model_hook, save_memory
from support.factory import MakeMotorhead
from support.graphs import (
    Kind,
    Model,
    all_kinds,
    ask,
    both_kinds,
    check,
    config,
    keeping,
    straight,
    turns,
    with_and_without,
)
from support.messages import contents
from support.summarizers import remembered

SMALL = Window(max_messages=4)


@all_kinds
@with_and_without
def test_a_conversation(make: MakeMotorhead, kind: Kind, saves: bool) -> None:
    """Whatever the state is, each message is stored once, in order, and the model sees all of it."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver() if saves else None)
    for at in range(9):
        ask(app, at, kind)
        assert remembered(motorhead.session("t").load()) == turns(at + 1)
        assert model.shown[-1][-1].content == f"q{at}"
        told = "\n".join(contents(model.shown[-1]))
        assert all(name in told for name in turns(at))
    check(model.shown)
    assert max(map(len, model.shown)) <= SMALL.read_limit + 2


@all_kinds
@with_and_without
async def test_an_async_conversation(amake: MakeMotorhead, kind: Kind, saves: bool) -> None:
    """The same where graphs are run on an event loop."""
    motorhead, model = keeping(amake), Model(kind)
    app = straight(motorhead, model, InMemorySaver() if saves else None)
    for at in range(9):
        await app.ainvoke({kind.messages: [HumanMessage(f"q{at}")]}, config())
    assert remembered(await motorhead.session("t").aload()) == turns(9)
    check(model.shown)


@all_kinds
@pytest.mark.parametrize("mode", ["values", "updates", "messages", "debug"])
async def test_streams(amake: MakeMotorhead, kind: Kind, mode: str) -> None:
    """Streaming a run stores what invoking it does, in every mode, sync and async."""
    motorhead, model = keeping(amake), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    for at in range(0, 6, 2):
        assert list(app.stream({kind.messages: [HumanMessage(f"q{at}")]}, config(), stream_mode=mode))
        given = {kind.messages: [HumanMessage(f"q{at + 1}")]}
        assert [part async for part in app.astream(given, config(), stream_mode=mode)]
    assert remembered(await motorhead.session("t").aload()) == turns(6)


@both_kinds
@with_and_without
def test_a_stream_of_messages_has_what_is_new(make: MakeMotorhead, kind: Kind, saves: bool) -> None:
    """Whoever streams messages to a user streams the answers: no summary, and nothing that was said before."""
    app = straight(keeping(make), Model(kind), InMemorySaver() if saves else None)
    for at in range(6):
        given = {"messages": [HumanMessage(f"q{at}")]}
        streamed = [part[0] for part in app.stream(given, config(), stream_mode="messages")]
        assert contents(streamed) == [f"a{at}"]


def test_nodes_go_by_any_name(make: MakeMotorhead) -> None:
    """A node can be added with a name, or without: then it has the name of what made it."""
    motorhead, model = keeping(make), Model()
    graph: Any = StateGraph(MemoryState)
    graph.add_node(load_memory(motorhead))
    graph.add_node("model", model)
    graph.add_node(save_memory(motorhead))
    graph.add_edge(START, "load_memory")
    graph.add_edge("load_memory", "model")
    graph.add_edge("model", "save_memory")
    app = graph.compile()
    assert {"load_memory", "save_memory"} <= set(app.nodes)
    for at in range(4):
        ask(app, at)
    assert remembered(motorhead.session("t").load()) == turns(4)
    hook: Any = StateGraph(MemoryState)
    hook.add_node(pre_model_hook(motorhead))
    hook.add_edge(START, "load_memory")
    assert hook.compile().invoke({"messages": []}, config("other"))["llm_input_messages"] == []


def test_they_are_exported() -> None:
    """The names are to be had from the package itself."""
    for name in ("MemoryState", "load_memory", "pre_model_hook", "save_memory"):
        assert name in langchain_motorhead.__all__
        assert getattr(langchain_motorhead, name) is globals()[name]


def test_a_prompt_is_bounded(make: MakeMotorhead) -> None:
    """Over 200 turns of a thread that is checkpointed, the model sees a bounded prompt, and nothing is lost."""
    motorhead, model = keeping(make, window=Window(max_messages=6)), Model()
    app = straight(motorhead, model, InMemorySaver())
    state = None
    for at in range(200):
        state = ask(app, at)
    assert state is not None
    assert contents(state["messages"]) == turns(200) == remembered(motorhead.session("t").load())
    assert max(map(len, model.shown)) <= 8
    check(model.shown)


def test_a_compaction_that_is_behind(make: MakeMotorhead) -> None:
    """Where nothing is ever summarized, the prompt keeps to the hard limit and to a limit for what waits."""
    window = Window(max_messages=4, hard_limit=6)
    motorhead = make(compaction="manual", window=window, token_counter=lambda given: 400 * len(given))
    model = Model()
    app = straight(motorhead, model, InMemorySaver())
    for at in range(40):
        ask(app, at)
    assert motorhead.session("t").load().total == 80
    assert max(map(len, model.shown)) <= 8 + 4_000 // 400
    check(model.shown)
