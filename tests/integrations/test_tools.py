"""Tools of memory for agents: they reach their user's memory, and nobody else's, whatever a model asks for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from langchain_motorhead import (
    Facts,
    HashingEmbeddings,
    InvalidInputError,
    MissingExtraError,
    Motorhead,
    MotorheadMiddleware,
    RecallNotConfiguredError,
    Window,
)
from langchain_motorhead.recall.search_options import to_query
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.tools import flows
from support.agents import Model
from support.factory import MakeMotorhead
from support.http_servers import served

READING = ["search_memory", "read_conversation", "list_sessions", "user_profile"]
WRITING = ["remember", "correct_fact", "forget_fact"]
SECRET = "Eve hid the red umbrella in Paris."


def filled(motorhead: Motorhead) -> Motorhead:
    """Store a long conversation of bob with summaries, one of eve, and one of nobody."""
    said = [HumanMessage(f"Topic {at} is {'a red umbrella in Oslo' if at == 3 else 'rain'}.") for at in range(20)]
    motorhead.session("his", "bob").append(said)
    motorhead.session("hers", "eve").append([HumanMessage(SECRET)])
    motorhead.session("nobody's").append([HumanMessage("Nobody has an umbrella.")])
    motorhead.user("eve").remember(SECRET)
    return motorhead


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """A handle with recall and facts."""
    small = Window(max_messages=4)
    return filled(make(embeddings=HashingEmbeddings(), facts=Facts(), window=small, compaction="inline"))


@pytest.fixture
def remote(motorhead: Motorhead) -> Iterator[Motorhead]:
    """The same memory through a server."""
    with served(create_app(Settings(), motorhead=motorhead)) as base, Motorhead.from_url(base) as made:
        yield made


def named(tools: Sequence[BaseTool]) -> dict[str, BaseTool]:
    """Return tools by their names."""
    return {tool.name: tool for tool in tools}


@pytest.mark.parametrize("where", ["motorhead", "remote"])
async def test_each_tool(where: str, request: pytest.FixtureRequest) -> None:
    """Each tool does what it says, sync and async, on Redis and on a server; a hit is opened where it was said."""
    motorhead: Motorhead = request.getfixturevalue(where)
    tools = named(motorhead.tools(user_id="bob"))
    assert list(tools) == [*READING, *WRITING]
    found = await tools["search_memory"].ainvoke({"query": "red umbrella", "count": 1})
    assert '["his", message 3, ' in found
    around = tools["read_conversation"].invoke({"session_id": "his", "around": 3, "count": 3})
    assert "Messages 2 to 4 of conversation" in around
    assert "a red umbrella in Oslo" in around
    newest = await tools["read_conversation"].ainvoke({"session_id": "his", "count": 2})
    assert "Messages 18 to 19" in newest
    listed = tools["list_sessions"].invoke({})
    assert '"his": 20 messages, last active 20' in listed
    remembered = await tools["remember"].ainvoke({"text": "Lives in Oslo", "attribute": "home"})
    fact = remembered.split()[-1].rstrip(".")
    assert "is superseded by" in tools["correct_fact"].invoke({"fact_id": fact, "text": "Lives in Rome"})
    profile = await tools["user_profile"].ainvoke({"query": "Where does he live?"})
    assert "Lives in Rome (home;" in profile
    assert "Oslo" not in profile
    fact = profile[profile.index("[") + 1 : profile.index("]")]
    assert "was removed" in tools["forget_fact"].invoke({"fact_id": fact})
    assert "there is no fact" in await tools["forget_fact"].ainvoke({"fact_id": fact})
    gone = tools["correct_fact"].invoke({"fact_id": fact, "text": "Lives in Bonn"})
    assert "Read the facts again" in gone  # a model knows no methods of Python
    assert "count: Input should be" in tools["read_conversation"].invoke({"count": 0})
    assert "give a session_id" in tools["read_conversation"].invoke({})


def test_a_profile_without_a_match(make: MakeMotorhead) -> None:
    """Without an embedding model, a question whose words no fact has is answered with the most important facts."""
    motorhead = make(facts=Facts())
    motorhead.user("bob").remember("Lives in Rome")
    profile = named(motorhead.tools(user_id="bob"))["user_profile"].invoke({"query": "Where does he stay?"})
    assert "No fact has these words" in profile
    assert "Lives in Rome" in profile


@pytest.mark.parametrize("where", ["motorhead", "remote"])
def test_no_way_out(where: str, request: pytest.FixtureRequest) -> None:
    """Tools of one user find, read and list nothing of another user, or of a session without a user."""
    motorhead: Motorhead = request.getfixturevalue(where)
    eve_fact = motorhead.user("eve").facts()[0].id
    tools = named(motorhead.tools(user_id="bob"))
    answers = [
        tools["search_memory"].invoke({"query": SECRET, "user_id": "eve", "namespace": "other", "session_id": "hers"}),
        *(tools["read_conversation"].invoke({"session_id": each, "user_id": "eve"}) for each in ("hers", "nobody's")),
        tools["list_sessions"].invoke({"user_id": "eve"}),
        tools["user_profile"].invoke({"user_id": "eve"}),
        tools["correct_fact"].invoke({"fact_id": eve_fact, "text": "Eve told all"}),
        tools["forget_fact"].invoke({"fact_id": eve_fact}),
    ]
    assert not [each for each in answers if "Paris" in each or '"hers":' in each or "Nobody" in each]
    assert (
        answers[1]
        == answers[2].replace("nobody's", "hers")
        == tools["read_conversation"].invoke({"session_id": "none"}).replace("none", "hers")
    )
    assert [each.text for each in motorhead.user("eve").facts()] == [SECRET]
    only = named(motorhead.tools(session_id="nobody's"))
    assert "Nobody has an umbrella" in only["read_conversation"].invoke({})
    assert "Oslo" not in only["search_memory"].invoke({"query": "umbrella"})
    assert "there is no conversation" in only["read_conversation"].invoke({"session_id": "his"})
    assert "his" not in only["list_sessions"].invoke({})


@pytest.mark.parametrize("is_async", [False, True])
async def test_agents_use_the_ids_of_their_run(motorhead: Motorhead, is_async: bool) -> None:
    """With `tools=True` an agent's tools have the run's ids, whatever its model writes; results are stored as usual."""
    calls = [
        {"name": "search_memory", "args": {"query": "umbrella", "runtime": {"context": {"user_id": "eve"}}}, "id": "1"},
        {"name": "read_conversation", "args": {"session_id": "hers"}, "id": "2"},
        {"name": "read_conversation", "args": {}, "id": "3"},
        {"name": "remember", "args": {"text": "Likes umbrellas", "user_id": "eve"}, "id": "4"},
    ]

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        return AIMessage("done") if isinstance(messages[-1], ToolMessage) else AIMessage("", tool_calls=calls)

    agent: Any = create_agent(
        Model(answer=answer, checks=False), middleware=[MotorheadMiddleware(motorhead, tools=True)]
    )
    config = {"configurable": {"thread_id": "now", "user_id": "bob"}}
    asked = {"messages": [HumanMessage("Where is my umbrella?")]}
    result = await agent.ainvoke(asked, config) if is_async else agent.invoke(asked, config)
    search, refused, current, remembered = [each.text for each in result["messages"] if each.type == "tool"]
    assert "in Oslo" in search
    assert "Where is my umbrella?" not in search  # the window is in the prompt already
    assert "Paris" not in search
    assert "there is no conversation" in refused
    assert "Where is my umbrella?" in current
    assert "Remembered as fact" in remembered
    assert [each.text for each in motorhead.user("bob").facts()] == ["Likes umbrellas"]
    assert [each.type for each in motorhead.session("now", "bob").load().messages][-1] == "ai"


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_day_in_a_query_is_that_of_the_user(
    motorhead: Motorhead, monkeypatch: pytest.MonkeyPatch, is_async: bool
) -> None:
    """The time of a search by an agent is in the time zone of the run."""
    times = list[datetime]()

    def noting(*args: Any, now: datetime, **options: Any) -> Any:
        times.append(now)
        return to_query(*args, now=now, **options)

    monkeypatch.setattr(flows, "to_query", noting)
    call = {"name": "search_memory", "args": {"query": "What did I say yesterday?"}, "id": "1"}

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        return AIMessage("done") if isinstance(messages[-1], ToolMessage) else AIMessage("", tool_calls=[call])

    agent: Any = create_agent(Model(answer=answer), middleware=[MotorheadMiddleware(motorhead, tools=True)])
    for zone, expected in (("Asia/Kolkata", "IST"), (None, "UTC")):
        config = {"configurable": {"thread_id": "now", "user_id": "bob", "time_zone": zone}}
        asked = {"messages": [HumanMessage("What did I say?")]}
        await agent.ainvoke(asked, config) if is_async else agent.invoke(asked, config)
        assert times.pop().tzname() == expected


def test_which_tools(make: MakeMotorhead, motorhead: Motorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools are chosen by name; those that need what is not configured are absent, and a clear error if named."""
    plain = make()
    assert list(named(plain.tools(user_id="bob"))) == ["read_conversation", "list_sessions"]
    with pytest.raises(RecallNotConfiguredError, match="search_memory"):
        plain.tools(["search_memory"], user_id="bob")
    with pytest.raises(InvalidInputError, match=r"'remember' cannot be offered: .*facts="):
        MotorheadMiddleware(plain, tools=["remember"])
    assert list(named(motorhead.tools(["remember", "search_memory"]))) == ["search_memory", "remember"]
    assert list(named(motorhead.tools(user_id="bob", read_only=True))) == READING
    with pytest.raises(InvalidInputError, match="only reading"):
        motorhead.tools(["remember"], read_only=True)
    with pytest.raises(InvalidInputError, match="Did you mean 'search_memory'"):
        motorhead.tools(["search_memories"])
    with pytest.raises(InvalidInputError, match="list of names"):
        motorhead.tools("remember")
    with pytest.raises(InvalidInputError, match="empty"):
        motorhead.tools(user_id="")
    with pytest.raises(InvalidInputError, match="empty"):
        motorhead.tools(session_id="")
    assert MotorheadMiddleware(motorhead).tools == []
    shown = MotorheadMiddleware(motorhead, tools=["read_result", "remember"], max_run_tokens=2_000)
    assert sorted(named(shown.tools)) == ["read_result", "remember"]
    assert list(named(motorhead.tools(["read_result"]))) == ["read_result"]
    monkeypatch.delitem(sys.modules, "langchain_motorhead.integrations.runs.tools", raising=False)
    monkeypatch.setitem(sys.modules, "langgraph.prebuilt.tool_node", None)
    with pytest.raises(MissingExtraError, match="give the tools a user_id"):
        motorhead.tools()
    assert motorhead.tools(user_id="bob")


class Standard:
    """The tool that LangChain's standard tests try."""

    @pytest.fixture(autouse=True)
    def _motorhead(self, motorhead: Motorhead) -> None:
        self.made = motorhead.tools(["search_memory"], user_id="bob")[0]

    @property
    def tool_constructor(self) -> BaseTool:
        """The tool."""
        return self.made

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        """Arguments that a model may give."""
        return {"query": "umbrella", "count": 3}


class TestUnit(Standard, ToolsUnitTests):
    """LangChain's standard tests of a tool."""


class TestIntegration(Standard, ToolsIntegrationTests):
    """LangChain's standard tests of what a tool returns."""
