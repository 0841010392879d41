"""A store in a graph, and with the tools of LangMem."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.store.base import BaseStore

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.integrations.store import MotorheadStore
from support.factory import MakeMotorhead


async def test_in_a_graph(amake: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A graph hands the store to its nodes, which put and search."""
    searchable = MotorheadStore(amake(embeddings=embeddings))
    from langgraph.graph import END, START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        said: str

    async def node(state: State, *, store: BaseStore) -> dict[str, Any]:
        found = await store.asearch(("users", "bob"), query=state["said"], limit=1)
        await store.aput(("users", "bob"), state["said"], {"text": state["said"]})
        return {"said": found[0].value["text"] if found else "nothing"}

    node.__annotations__ = {"state": State, "store": BaseStore, "return": dict}
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    graph: Any = builder.compile(store=searchable)
    assert [(await graph.ainvoke({"said": text}))["said"] for text in ("cats sleep", "cats", "dogs and cats")] == [
        "nothing",
        "cats sleep",
        "cats",
    ]


@pytest.mark.filterwarnings("ignore:Importing Send from langgraph.constants")
async def test_with_the_tools_of_langmem(amake: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """LangMem's tools keep memories in the store, find them, change and delete them."""
    searchable = MotorheadStore(amake(embeddings=embeddings))
    langmem = pytest.importorskip("langmem")
    manage = langmem.create_manage_memory_tool(("memories", "bob"), store=searchable)
    search = langmem.create_search_memory_tool(("memories", "bob"), store=searchable)
    await manage.ainvoke({"action": "create", "content": "Bob is a vegetarian"})
    manage.invoke({"action": "create", "content": "Bob wants to move to Oslo"})
    assert "Oslo" in (await search.ainvoke({"query": "move to Oslo", "limit": 1}))
    assert "vegetarian" in search.invoke({"query": "is a vegetarian", "limit": 1})
    (item,) = searchable.search(("memories",), query="move to Oslo", limit=1)
    manage.invoke({"action": "update", "id": item.key, "content": "Bob moved to Rome"})
    assert "Rome" in search.invoke({"query": "moved to Rome", "limit": 1})
    await manage.ainvoke({"action": "delete", "id": item.key})
    assert len(searchable.search(("memories",))) == 1
