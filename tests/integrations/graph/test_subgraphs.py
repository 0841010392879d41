"""Graphs in graphs, and what goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from langchain_motorhead import Motorhead, StoreError, Window
from langchain_motorhead.integrations.nodes import MemoryState, load_memory, save_memory
from support.factory import MakeMotorhead
from support.graphs import Context, Kind, Model, ask, both_kinds, check, config, keeping, straight, turns, with_context
from support.summarizers import remembered

SMALL = Window(max_messages=4)


@both_kinds
@pytest.mark.parametrize("called", [False, True], ids=["as a node", "in a node"])
def test_a_subgraph(make: MakeMotorhead, kind: Kind, called: bool) -> None:
    """A graph with memory inside another is of the same thread, and stores each message once."""
    motorhead, model = keeping(make), Model(kind)
    inner = straight(motorhead, model)
    outer: Any = StateGraph(kind.schema)
    node = (lambda state: {"messages": inner.invoke({"messages": state["messages"]})["messages"]}) if called else inner
    outer.add_node("inner", node)
    outer.add_edge(START, "inner")
    app = outer.compile(checkpointer=InMemorySaver())
    for at in range(8):
        ask(app, at, kind)
    assert remembered(motorhead.session("t").load()) == turns(8)
    assert max(map(len, model.shown)) <= SMALL.read_limit + 2
    check(model.shown)


def test_both_graphs_have_memory(make: MakeMotorhead) -> None:
    """Where a graph and one in it both load and save, each message is stored once all the same."""
    motorhead, model = keeping(make), Model()
    outer: Any = StateGraph(MemoryState)
    outer.add_sequence(
        [("load", load_memory(motorhead)), ("inner", straight(motorhead, model)), ("save", save_memory(motorhead))]
    )
    outer.add_edge(START, "load")
    app = outer.compile(checkpointer=InMemorySaver())
    for at in range(6):
        ask(app, at)
    assert remembered(motorhead.session("t").load()) == turns(6)


def test_a_redis_that_is_away() -> None:
    """Where Redis cannot be reached, the run fails with an error that says so."""
    with Motorhead.from_url("redis://127.0.0.1:1") as motorhead, pytest.raises(StoreError, match="reached"):
        ask(straight(motorhead, Model()), 0)


def test_two_threads_of_one_session(make: MakeMotorhead) -> None:
    """Two threads that share a session by their context see what the other said, and each message is stored once."""
    motorhead = keeping(make)
    app = with_context(motorhead, Context)
    for at in range(8):
        given = {"messages": [HumanMessage(f"q{at}")]}
        app.invoke(given, config(f"t{at % 2}"), context=Context(session_id="shared"))
    assert remembered(motorhead.session("shared").load()) == turns(8)


def test_nothing_is_kept_per_run(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A thread has four keys in Redis and a place in the list of sessions, however many runs it has."""
    motorhead = keeping(make)
    app = straight(motorhead, Model(), InMemorySaver())
    for at in range(10):
        ask(app, at)
    keys = motorhead.session("t")._keys
    prefix = keys.state.removesuffix(":state")
    found = {key.decode() for key in client.scan_iter(count=10_000) if key.decode().startswith(prefix)}
    assert found == {keys.messages, keys.state, keys.marks, keys.archive, keys.summaries}
