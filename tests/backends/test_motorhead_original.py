"""The client of a server, against the original Motorhead's answers."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_motorhead import Motorhead, MotorheadMemory, StoreError, StoreUnavailableError, UnsupportedError
from langchain_motorhead.sessions.load import quoted_summary
from support.http_faults import Flaky
from support.http_servers import served
from support.messages import contents, numbered
from support.motorhead_stub import Original

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.mark.parametrize("managed", [False, True])
def test_the_original(managed: bool) -> None:
    """The original is read and written, plain or managed, and what it has no place for is refused before it is lost."""
    server = Original(managed=managed)
    keys: Any = {"api_key": "k", "client_id": "c"} if managed else {}
    with served(server.app) as base, Motorhead.from_url(base, **keys) as motorhead:
        session = motorhead.session("s")
        assert session.load().messages == []
        assert not session.delete()
        session.append([HumanMessage("hi"), AIMessage("hello", id="7"), {"role": "navigator", "content": "left"}])
        server.contexts["s"] = "They met."
        memory = session.load()
        assert [(each.type, each.content) for each in memory.messages] == [
            ("human", "hi"), ("ai", "hello"), ("chat", "left"),
        ]  # fmt: skip
        assert (memory.summary, memory.total, memory.backlog, memory.epoch) == ("They met.", 3, 0, None)
        motorhead.session("t").append(numbered(20))
        assert contents(motorhead.session("t").load().messages) == [f"m{at}" for at in range(8, 20)]
        assert motorhead.sessions(newest_first=False) == ["s", "t"]
        assert motorhead.sessions(size=1) == ["t"]
        (found,) = session.search("hell")
        assert (found.page_content, found.metadata["score"], found.metadata["role"]) == ("hello", 0.75, "ai")
        assert found.metadata["created"] is None
        assert "<recalled>\nAI: hello\n</recalled>" in motorhead.recall_tool("s").invoke({"query": "hell"})
        stored = {name: list(each) for name, each in server.sessions.items()}
        call = AIMessage("", tool_calls=[{"name": "x", "args": {}, "id": "1"}])
        for lossy in (
            lambda: session.append([HumanMessage("before"), call]),
            lambda: session.append(ToolMessage("r", tool_call_id="1")),
            lambda: session.append(HumanMessage([{"type": "text", "text": "x"}])),
            lambda: motorhead.session("s", "bob").append(HumanMessage("x")),
            lambda: motorhead.session("s", "bob").load(),
            lambda: motorhead.session("s", "bob").delete(),
            lambda: session.catch_up([HumanMessage("x", id="1")]),
            lambda: motorhead.sessions("bob"),
            lambda: motorhead.delete_user("bob"),
            lambda: motorhead.retriever().invoke("hi"),
            lambda: session.search("hi", roles=["human"]),
            session.compact,
        ):
            with pytest.raises(UnsupportedError, match="original Motorhead"):
                lossy()
        assert server.sessions == stored
        assert session.delete()
        assert motorhead.sessions() == ["t"]


def test_the_managed_one_without_keys() -> None:
    """Keys that are missing or wrong are said to be."""
    app = Original(managed=True).app
    with served(app) as base, Motorhead.from_url(base) as motorhead, pytest.raises(StoreError, match="api_key"):
        motorhead.session("s").load()


async def test_the_documented_lines() -> None:
    """The lines of LangChain's documentation of Motorhead work with the new import."""
    server = Original()
    server.sessions["testing-1"] = [{"role": "Human", "content": "hi im bob"}, {"role": "AI", "content": "Hi Bob!"}]
    server.contexts["testing-1"] = "Bob said hi."
    with served(server.app) as base:
        memory = MotorheadMemory(
            session_id="testing-1", url=base, api_key="k", client_id="c", memory_key="chat_history"
        )
        await memory.init()
        assert memory.context == "Bob said hi."
        said = memory.load_memory_variables({})["chat_history"]
        assert said == f"{quoted_summary('Bob said hi.')}\nHuman: hi im bob\nAI: Hi Bob!"
        memory.save_context({"input": "whats my name?"}, {"output": "Bob"})
        assert server.sessions["testing-1"][-1] == {"role": "AI", "content": "Bob"}
        memory.delete_session()
        assert "testing-1" not in server.sessions
        await memory.aclose()


def test_an_append_to_the_original_is_not_sent_twice() -> None:
    """It would be stored twice; one that was certainly not carried out is sent again."""
    server = Original()
    flaky = Flaky(server.app)
    with served(flaky) as base, Motorhead.from_url(base) as motorhead:
        session = motorhead.session("s")
        session.load()
        flaky.statuses = [-503]
        with pytest.raises(StoreUnavailableError):
            session.append(HumanMessage("once"))
        assert contents(session.load().messages) == ["once"]
        flaky.statuses = [429]
        session.append(HumanMessage("twice"))
        assert contents(session.load().messages) == ["once", "twice"]
