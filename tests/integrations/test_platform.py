"""Runs whose config LangGraph's server made: who the user is, with and without authentication."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_motorhead import InvalidInputError, load_memory
from support.agents import agent_of, say
from support.factory import MakeMotorhead


def of_server(thread: str, caller: str, *permissions: str, **sent: Any) -> dict[str, Any]:
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
