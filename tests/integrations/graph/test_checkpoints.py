"""Nodes with checkpoints: runs that fail, are interrupted, or go on from an older state."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from langchain_motorhead import HashingEmbeddings
from support.factory import MakeMotorhead
from support.graphs import (
    OURS,
    Data,
    Kind,
    Model,
    ask,
    both_kinds,
    check,
    config,
    keeping,
    looping,
    straight,
    tools,
    turns,
)
from support.messages import contents
from support.summarizers import remembered


def test_a_prompt_is_in_no_lasting_checkpoint(make: MakeMotorhead) -> None:
    """With our state, only the checkpoints between loading and the model have the prompt."""
    motorhead, saver = keeping(make, embeddings=HashingEmbeddings()), InMemorySaver()
    app = looping(motorhead, Model(calls=2), saver, recall=2)
    for at in range(6):
        ask(app, at)
    assert set(app.get_state(config()).values) == {"messages", "motorhead_stored", "motorhead_recalled"}
    for past in app.get_state_history(config()):
        assert ("llm_input_messages" in past.values) == (past.next == ("model",))


@both_kinds
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_run_from_an_older_checkpoint(make: MakeMotorhead, kind: Kind, durability: Any) -> None:
    """Running a graph again from a checkpoint stores no message a second time."""
    motorhead, model = keeping(make), Model(kind, calls=1)
    app = looping(motorhead, model, InMemorySaver())
    for at in range(4):
        app.invoke({"messages": [HumanMessage(f"q{at}")]}, config(), durability=durability)
    expected = turns(4, 1)
    assert remembered(motorhead.session("t").load()) == expected
    for past in list(app.get_state_history(config())):
        if not past.next or past.next[0] not in ("load", "save", "tools"):
            continue
        before = motorhead.session("t").load().total
        state = app.invoke(None, past.config)
        stored = remembered(motorhead.session("t").load())
        # Only answers that were given anew, and results, have ids of their own.
        assert [name for name in stored if name[0] == "q"] == [f"q{at}" for at in range(4)]
        new = stored[before:]
        assert new == contents(state["messages"])[len(state["messages"]) - len(new) :]


@both_kinds
def test_a_model_that_fails(make: MakeMotorhead, kind: Kind) -> None:
    """Where the model raises, and the run is repeated as it was begun, the question is stored once."""
    motorhead, model = keeping(make), Model(kind)
    for saver in (None, InMemorySaver()):
        thread = f"t{saver}"
        app = straight(motorhead, model, saver)
        ask(app, 0, kind, thread)
        model.fails = 2
        question = HumanMessage("q1", id="the question")
        for _ in range(2):
            with pytest.raises(ConnectionError):
                app.invoke({"messages": [question]}, config(thread))
        app.invoke({"messages": [question]}, config(thread))
        assert remembered(motorhead.session(thread).load()) == turns(2)


@both_kinds
def test_a_run_goes_on_at_the_model_that_failed(make: MakeMotorhead, kind: Kind) -> None:
    """Where the model raises, and the thread goes on from its checkpoint, the model has its prompt."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    ask(app, 0, kind)
    model.fails = 1
    with pytest.raises(ConnectionError):
        ask(app, 1, kind)
    app.invoke(None, config())
    assert remembered(motorhead.session("t").load()) == turns(2)
    assert contents(model.shown[-1]) == contents(model.shown[-2])


@both_kinds
def test_an_interrupt_before_the_model(make: MakeMotorhead, kind: Kind) -> None:
    """Where a person is asked between load and model, the model has its prompt when the run goes on."""
    motorhead, model = keeping(make), Model(kind)
    graph: Any = StateGraph(kind.schema)
    nodes = [("load", kind.load(motorhead)), ("model", model), ("save", kind.save(motorhead))]
    graph.add_sequence(nodes)
    graph.add_edge(START, "load")
    app = graph.compile(checkpointer=InMemorySaver(), interrupt_before=["model"])
    for at in range(3):
        ask(app, at, kind)
        app.invoke(None, config())
    assert remembered(motorhead.session("t").load()) == turns(3)
    check(model.shown)


@both_kinds
async def test_an_interrupt_in_a_tool(amake: MakeMotorhead, kind: Kind) -> None:
    """Where a tool asks a person, what was said is stored once, and the question is in the prompt that comes after."""
    motorhead, model = keeping(amake), Model(kind, calls=1)

    def asking(state: Any) -> dict[str, Any]:
        interrupt("may I?")
        return tools(state)

    app = looping(motorhead, model, InMemorySaver(), asking)
    for at in range(4):
        state = await app.ainvoke({"messages": [HumanMessage(f"q{at}")]}, config())
        assert "__interrupt__" in state
        await app.ainvoke(Command(resume="yes"), config())
        assert remembered(await motorhead.session("t").aload()) == turns(at + 1, 1)
    check(model.shown)


@both_kinds
def test_an_interrupt_that_is_given_up(make: MakeMotorhead, kind: Kind) -> None:
    """A call that never gets a result, as the person says something else, is in no prompt, and spoils none."""
    motorhead, model = keeping(make), Model(kind, calls=1)

    def asking(state: Any) -> dict[str, Any]:
        interrupt("may I?")
        return tools(state)

    app = looping(motorhead, model, InMemorySaver(), asking)
    for at in range(6):
        ask(app, at, kind)
    assert remembered(motorhead.session("t").load()) == [
        *(name for at in range(5) for name in (f"q{at}", f"c{at}.0")),
        "q5",
    ]
    check(model.shown)


@both_kinds
def test_a_node_that_fails_after_storing(make: MakeMotorhead, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a node had stored, and failed before its result was kept, the run repeated stores nothing twice."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    ask(app, 0, kind)
    from langchain_motorhead.integrations.runs.recall import RecallPolicy

    def fail(*arguments: Any) -> str:
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(RecallPolicy, "find", fail)
        with pytest.raises(ConnectionError):
            ask(app, 1, kind)
    assert remembered(motorhead.session("t").load()) == [*turns(1), "q1"]
    app.invoke(None, config())
    assert remembered(motorhead.session("t").load()) == turns(2)


@pytest.mark.parametrize("kind", [OURS, Kind(Data)], ids=["MemoryState", "dataclass"])
def test_a_deleted_session_does_not_come_back(make: MakeMotorhead, kind: Kind) -> None:
    """Where the state remembers what is stored, a thread that goes on stores what is new after a deletion, no more."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    for at in range(5):
        ask(app, at, kind)
    assert motorhead.session("t").delete()
    ask(app, 5, kind)
    assert remembered(motorhead.session("t").load()) == turns(1, start=5)
    assert not any("q3" in str(message.content) for message in model.shown[-1])
