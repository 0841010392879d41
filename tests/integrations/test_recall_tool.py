"""Agents that search what was said by a tool: they find what is their user's, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, create_retriever_tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import HashingEmbeddings, Motorhead, MotorheadMiddleware
from support.agents import Model
from support.factory import MakeMotorhead

QUESTION = "Where is my red umbrella?"
HIS, HERS = "I left my red umbrella in Oslo.", "My red umbrella is in Paris, and nobody may know."


def looking_up(query: str | None = None) -> Model:
    """Make a model that looks a question up with the first tool it has, and answers with what came of it."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        newest = messages[-1]
        if isinstance(newest, ToolMessage):
            return AIMessage(f"I found: {newest.text}")
        (tool, *_), _ = model.bound[-1]
        arguments = {"query": query or newest.text}
        return AIMessage("", tool_calls=[{"name": tool.name, "args": arguments, "id": f"call-{newest.id}"}])

    model = Model(answer=answer)
    return model


def ours(motorhead: Motorhead, **fields: Any) -> BaseTool:
    """Make our tool."""
    return motorhead.recall_tool(**fields)


def langchains(motorhead: Motorhead, **fields: Any) -> BaseTool:
    """Make LangChain's tool over our retriever."""
    return create_retriever_tool(motorhead.retriever(**fields), "search_memory", "Searches what was said before.")


Maker = Callable[..., BaseTool]
both_tools = pytest.mark.parametrize("tool", [ours, langchains], ids=["ours", "LangChain's"])


@pytest.fixture
async def motorhead(amake: MakeMotorhead) -> Motorhead:
    """A handle with recall, and what two users said."""
    motorhead = amake(embeddings=HashingEmbeddings())
    await motorhead.session("his", "bob").aappend([HumanMessage(HIS), AIMessage("I will keep that in mind.")])
    await motorhead.session("hers", "eve").aappend([HumanMessage(HERS), AIMessage("I tell nobody.")])
    await motorhead.aflush()
    return motorhead


def agent(tool: BaseTool, *middleware: Any, model: Model | None = None, **options: Any) -> Any:
    """Make an agent with a tool."""
    return create_agent(model or looking_up(), [tool], middleware=middleware, **options)


def given(text: str = QUESTION) -> Any:
    """Make an input."""
    return {"messages": [HumanMessage(text)]}


def config(thread: str, user: str = "bob") -> Any:
    """Name a thread and its user."""
    return {"configurable": {"thread_id": thread, "user_id": user}}


@both_tools
def test_an_agent_finds_what_its_user_said(motorhead: Motorhead, tool: Maker) -> None:
    """What was said in another thread of the same user is found, and what another user said is not."""
    for user, mine, others in (("bob", HIS, HERS), ("eve", HERS, HIS)):
        answer = agent(tool(motorhead, user_id=user)).invoke(given())["messages"][-1].text
        assert mine in answer
        assert others not in answer


@both_tools
async def test_an_async_agent_finds_the_same(motorhead: Motorhead, tool: Maker) -> None:
    """The same on an event loop, for many at once."""
    agents = {user: agent(tool(motorhead, user_id=user)) for user in ("bob", "eve")}
    users = ["bob", "eve"] * 16
    states = await asyncio.gather(*(agents[user].ainvoke(given()) for user in users))
    for user, state in zip(users, states, strict=True):
        answer = state["messages"][-1].text
        assert (HIS in answer, HERS in answer) == (user == "bob", user == "eve")


@both_tools
def test_a_stranger_finds_nothing(motorhead: Motorhead, tool: Maker) -> None:
    """A user of whom nothing is known, also one whose id looks like a pattern, gets an answer without a message."""
    for user in ("mallory", "*", "bob|eve", "bo", "bob ", "BOB", "{bob}", "*} | @user:{eve"):
        state = agent(tool(motorhead, user_id=user)).invoke(given())
        result = state["messages"][-2]
        assert isinstance(result, ToolMessage)
        assert "umbrella" not in str(result.content)
        assert result.status == "success"
    assert state["messages"][-1].text.startswith("I found")


@both_tools
@pytest.mark.parametrize(
    "query",
    ["@user:{eve} umbrella", "umbrella) | (@user:{eve}", "*", "", "   ", "\ud800", "a" * 20_000, "'\"\\-{}[]|~%$"],
)
async def test_no_query_reaches_another_user(motorhead: Motorhead, tool: Maker, query: str) -> None:
    """Whatever a model asks for, it is a text to find: it neither fails nor leaves the user's own sessions."""
    made = tool(motorhead, user_id="bob")
    for answer in (made.invoke({"query": query}), await made.ainvoke({"query": query})):
        assert isinstance(answer, str)
        assert "Paris" not in answer
    if "\ud800" not in query:  # LangChain's tracing of a model's call takes no lone surrogate
        state = await agent(made, model=looking_up(query)).ainvoke(given())
        assert "Paris" not in state["messages"][-1].text


@both_tools
def test_one_session_alone(motorhead: Motorhead, tool: Maker) -> None:
    """A tool of one session finds what was said in it, and nothing of another's."""
    assert HIS in str(tool(motorhead, session_id="his").invoke({"query": QUESTION}))
    assert "umbrella" not in str(tool(motorhead, session_id="new").invoke({"query": QUESTION}))
    assert "umbrella" not in str(tool(motorhead, session_id="hers", user_id="bob").invoke({"query": QUESTION}))


def test_the_tool_tells_who_said_it_and_has_the_documents(motorhead: Motorhead) -> None:
    """Its answer has a line for each message with when and who; the result message has the documents."""
    state = agent(motorhead.recall_tool(user_id="bob", k=1)).invoke(given())
    result = state["messages"][-2]
    assert isinstance(result, ToolMessage)
    assert str(result.content).endswith(f"] Human: {HIS}\n</recalled>")
    assert [document.page_content for document in result.artifact] == [HIS]
    assert result.artifact[0].metadata["session_id"] == "his"


def test_a_tool_may_have_another_name(motorhead: Motorhead) -> None:
    """The caller chooses its name and the description that the model reads; the arguments are one query."""
    tool = motorhead.recall_tool(user_id="bob", name="look_back", description="Looks back.")
    assert (tool.name, tool.description, list(tool.args)) == ("look_back", "Looks back.", ["query"])
    assert HIS in agent(tool).invoke(given())["messages"][-1].text


@both_tools
async def test_a_tool_beside_the_middleware(motorhead: Motorhead, tool: Maker) -> None:
    """An agent whose threads are kept by the middleware finds by its tool what was said in an earlier one."""
    model = looking_up()
    made = agent(
        tool(motorhead, user_id="bob"), MotorheadMiddleware(motorhead), model=model, checkpointer=InMemorySaver()
    )
    await made.ainvoke(given("My bicycle is green."), config("first"))
    await motorhead.aflush()
    state = await made.ainvoke(given("What colour is my bicycle?"), config("second"))
    assert "My bicycle is green." in state["messages"][-1].text
    assert not any("green" in message.text for message in model.prompts[-2])
    state = made.invoke(given("Is the bicycle green?"), config("third", "eve"))
    assert state["messages"][-1].text  # the tool is bob's: whose the run is changes nothing
    assert sorted(motorhead.sessions("eve")) == ["hers", "third"]
    assert (await motorhead.session("first").aload()).total == 4
    assert (await motorhead.session("second").aload()).total == 4


@both_tools
def test_a_deleted_session_is_not_found(motorhead: Motorhead, tool: Maker) -> None:
    """What was deleted is found by no agent."""
    made = agent(tool(motorhead, user_id="bob"))
    assert motorhead.session("his").delete()
    assert "umbrella" not in made.invoke(given())["messages"][-1].text.lower()


@both_tools
def test_what_a_tool_found_is_not_recalled(motorhead: Motorhead, tool: Maker) -> None:
    """Results of the tool are stored with their thread, and not indexed: what was said is found once."""
    made = agent(tool(motorhead, user_id="bob"), MotorheadMiddleware(motorhead), checkpointer=InMemorySaver())
    made.invoke(given(), config("first"))
    motorhead.flush()
    found = motorhead.retriever(user_id="bob", k=50, roles=["tool"]).invoke(QUESTION)
    assert found == []
