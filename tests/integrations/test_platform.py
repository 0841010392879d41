"""Runs whose config LangGraph's server made: who the user is, with and without authentication."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore

from langchain_motorhead import ClosedError, InvalidInputError, load_memory
from support.agents import agent_of, say
from support.doc_blocks import PAGES, python_blocks
from support.factory import MakeMotorhead


def of_server(thread: str, caller: str, *permissions: str, **sent: Any) -> Any:
    """Give the config of a run as the server makes it, for what it knows of the caller and what the client sent."""
    user = sent.get("user_id") or caller
    known = {"langgraph_auth_user_id": caller, "langgraph_auth_permissions": list(permissions), "user_id": user}
    return {"configurable": {"thread_id": thread, **sent, **known}}


async def test_users_of_the_server(make: MakeMotorhead) -> None:
    """A caller whom the server knows has the own memory, names no other user without permission; others have none."""
    motorhead = make()
    agent, _ = agent_of(motorhead)
    agent.invoke(say("no authentication"), of_server("1", ""))
    await agent.ainvoke(say("no authentication, named by the client"), of_server("2", "", user_id="bob"))
    agent.invoke(say("authenticated"), of_server("3", "ann"))
    agent.invoke(say("the same one"), of_server("4", "ann", user_id="ann"))
    agent.invoke(say("for another one"), of_server("5", "service", "motorhead:any-user", user_id="carl"))
    owned = {user: set(motorhead.sessions(user)) for user in ("bob", "ann", "carl", "service")}
    assert owned == {"bob": {"2"}, "ann": {"3", "4"}, "carl": {"5"}, "service": set()}

    node: Any = load_memory(motorhead)
    for run, config, options in (
        (agent, of_server("6", "ann", user_id="bob"), {}),
        (agent, of_server("6", "ann"), {"context": {"user_id": "bob"}}),
        (node, of_server("6", "ann", user_id="bob"), {}),
    ):
        with pytest.raises(InvalidInputError, match="motorhead:any-user"):
            run.invoke(say("as bob"), config, **options)
    assert set(motorhead.sessions()) == {"1", "2", "3", "4", "5"}


async def test_module_of_the_page(url: str) -> None:
    """What langgraph.json names is in the module on the page, and the end of its application closes the memory."""
    page = (PAGES / "operate" / "langgraph-platform.md").read_text()
    config = json.loads(re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[0])
    code = next(each.code for each in python_blocks() if each.name.startswith("docs_pages_operate_langgraph_platform"))
    names: dict[str, Any] = {"__name__": "memory_agent"}
    exec(code.replace("redis://localhost:6379", url), names)

    graph: Any = names[config["graphs"]["agent"].removeprefix("memory_agent:")]
    assert type(graph) is CompiledStateGraph
    assert graph.checkpointer is None  # the server refuses a graph that has its own
    assert graph.store is None
    app = names[config["http"]["app"].removeprefix("memory_agent:")]
    make_store = names[config["store"]["path"].removeprefix("memory_agent.")]
    thread = f"platform {uuid.uuid4()}"
    async with app.router.lifespan_context(app), make_store() as store:
        assert isinstance(store, BaseStore)
        running: Any = graph
        await running.ainvoke(say("hi"), of_server(thread, "ann"))
        assert len((await names["motorhead"].session(thread).aload()).messages) == 2
        await names["motorhead"].session(thread).adelete()
    with pytest.raises(ClosedError):
        await names["motorhead"].session(thread).aload()
