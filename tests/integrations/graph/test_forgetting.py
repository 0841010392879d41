"""Forgetting in graphs and agents: state and session at once, what a prompt hides, and threads that go along."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages

from langchain_motorhead import InvalidInputError, Motorhead, aforget_messages, forget_messages
from support.agents import agent_of, thread
from support.factory import MakeMotorhead
from support.messages import contents, with_tools


def shown(model: Any) -> str:
    """Give everything that the model was shown with its newest call."""
    return "\n".join(str(each) for each in model.prompts[-1])


def test_state_and_session_forget_at_once(make: MakeMotorhead) -> None:
    """The update removes messages and results of their calls from a state, and empties a result whose call stays."""
    session = make(compaction="manual").session("s")
    turns = [each.model_copy(update={"id": str(each.content)}) for at in range(2) for each in with_tools(f"t{at}")]
    session.append(turns)
    update = forget_messages(session, turns[:3] + turns[4:], ["t0 question", "t0 calls", "t1 result t1-0"])
    left: Any = add_messages(turns[:3] + turns[4:], update)  # type: ignore[arg-type]
    assert contents(left) == ["t1 question", "t1 calls", "[forgotten]", "t1 answer"]
    assert contents(session.load().messages) == ["t0 answer", *contents(left)]


async def test_async(amake: MakeMotorhead) -> None:
    """The async method does the same."""
    session = amake(compaction="manual").session("s")
    await session.aappend([HumanMessage("a", id="1"), AIMessage("b", id="2")])
    update = await aforget_messages(session, [HumanMessage("a", id="1")], ["1", "2"])
    assert [(each.type, each.id) for each in update] == [("remove", "1")]


def test_an_agent_is_not_shown_what_was_forgotten(make: MakeMotorhead) -> None:
    """The state still holds the message, and no prompt of a later run has it, nor is it stored again."""
    motorhead = make(compaction="manual")
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver())
    for text in ("my secret is platypus", "look 1", "hi"):
        state = agent.invoke({"messages": [HumanMessage(text)]}, thread())
    session = motorhead.session("t")
    question, answer = state["messages"][:2]
    (result,) = (each for each in state["messages"] if isinstance(each, ToolMessage))
    session.forget([question.id, answer.id, str(result.id)])
    agent.invoke({"messages": [HumanMessage("and now?")]}, thread())
    assert "platypus" not in shown(model)
    assert "content='saw" not in shown(model)
    assert "[forgotten]" in shown(model)
    total = session.transcript().total
    agent.invoke({"messages": [question, HumanMessage("still?", id="n")]}, thread("t"))
    assert session.transcript().total == total + 2
    assert "platypus" not in shown(model)


def test_what_is_forgotten_during_a_thread_is_left_out_although_it_is_sent(make: MakeMotorhead) -> None:
    """A front end that sends the whole conversation, also with the forgotten question last, has it left out."""
    motorhead = make(compaction="manual")
    agent, model = agent_of(motorhead)
    said = [HumanMessage("first", id="1"), AIMessage("re first", id="2"), HumanMessage("platypus", id="3")]
    agent.invoke({"messages": said}, thread())
    motorhead.session("t").forget(["3"])
    agent.invoke({"messages": [*said, HumanMessage("last", id="5")]}, thread())
    assert "platypus" not in "\n".join(str(each) for each in model.prompts[-1] if each.type == "human")
    assert [each.id for each in motorhead.session("t").load().messages if each.type == "human"] == ["1", "5"]


class Removed(MessagesState):
    """A state whose messages may be removed."""

    messages: Annotated[list[AnyMessage], add_messages]


def test_a_removal_from_a_state_never_forgets(make: MakeMotorhead) -> None:
    """Summarizing middleware removes messages as its normal work: the session keeps them."""
    from langchain_core.messages import RemoveMessage
    from langgraph.graph.message import REMOVE_ALL_MESSAGES

    motorhead = make(compaction="manual")
    agent, _ = agent_of(motorhead, checkpointer=InMemorySaver())
    agent.invoke({"messages": [HumanMessage("kept")]}, thread())
    agent.update_state(thread(), {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]})
    agent.invoke({"messages": [HumanMessage("next")]}, thread())
    assert contents(motorhead.session("t").load().messages)[0] == "kept"


@pytest.fixture
def threads(make: MakeMotorhead) -> tuple[Motorhead, InMemorySaver]:
    """Two sessions of a user whose threads a checkpointer keeps."""
    motorhead, saver = make(compaction="manual"), InMemorySaver()
    graph = StateGraph(MessagesState)
    graph.add_node("say", lambda state: {"messages": [AIMessage("hi")]})
    graph.add_edge(START, "say")
    app: Any = graph.compile(checkpointer=saver)
    for name in ("a", "b"):
        app.invoke({"messages": [HumanMessage("x")]}, thread(name))
        motorhead.session(name, "u").append(HumanMessage("x"))
    return motorhead, saver


def left(saver: InMemorySaver) -> set[str]:
    """List the threads that a checkpointer keeps."""
    return {each.config["configurable"]["thread_id"] for each in saver.list(None)}


async def test_deletions_take_threads_along(threads: tuple[Motorhead, InMemorySaver]) -> None:
    """Deleting a session or a user with a checkpointer deletes the threads too, and of nobody else."""
    motorhead, saver = threads
    with pytest.raises(InvalidInputError, match="another user"):
        motorhead.session("a", "other").delete(checkpointer=saver)
    with pytest.raises(InvalidInputError, match="must be a checkpointer"):
        motorhead.session("a").delete(checkpointer="memory")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="user"):
        motorhead.delete_user(None, checkpointer=saver)  # type: ignore[arg-type]
    assert left(saver) == {"a", "b"}
    assert motorhead.session("a", "u").delete(checkpointer=saver)
    assert left(saver) == {"b"}
    assert await motorhead.adelete_user("u", checkpointer=saver) == 1
    assert left(saver) == set()
    assert not await motorhead.session("a").adelete(checkpointer=saver)
    assert motorhead.delete_user("u", checkpointer=saver) == 0
