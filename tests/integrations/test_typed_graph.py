"""A graph as a user writes it, under strict type checks: mypy checks this file, and pytest runs it."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph

from langchain_motorhead import MemoryState, Motorhead, load_memory, save_memory


async def test_a_graph_needs_no_casts(url: str, namespace: str) -> None:
    """Neither the state, nor a node, nor the input of a graph with memory needs a cast or an ignored error."""
    model = GenericFakeChatModel(messages=iter([AIMessage("Hi Bob!"), AIMessage("Bob.")]))

    async def call_model(state: MemoryState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state.get("llm_input_messages", []))]}

    async with Motorhead.from_url(url, namespace=namespace) as motorhead:
        graph = StateGraph(MemoryState)
        graph.add_node("load", load_memory(motorhead))
        graph.add_node("model", call_model)
        graph.add_node("save", save_memory(motorhead))
        graph.add_edge(START, "load")
        graph.add_edge("load", "model")
        graph.add_edge("model", "save")
        chat = graph.compile()
        config: RunnableConfig = {"configurable": {"thread_id": "typed"}}
        await chat.ainvoke({"messages": [HumanMessage("Hi, I'm Bob.")]}, config)
        given: MemoryState = {"messages": [HumanMessage("Who am I?")]}
        await chat.ainvoke(given, config)
        session = motorhead.session("typed")
        texts = [message.text for message in (await session.aload()).messages]
        assert texts == ["Hi, I'm Bob.", "Hi Bob!", "Who am I?", "Bob."]
        await session.adelete()
