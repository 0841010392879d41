"""Which session and user a run belongs to, and what may stand in its state."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from langchain_motorhead import InvalidInputError, MotorheadError, RecallNotConfiguredError
from langchain_motorhead.integrations.nodes import MemoryState, load_memory, pre_model_hook, save_memory
from langchain_motorhead.sessions.load import SUMMARY_PREFIX
from support.factory import MakeMotorhead
from support.graphs import Context, Kind, Model, ask, config, keeping, straight, turns, with_context
from support.messages import contents
from support.summarizers import remembered


class Items(TypedDict, total=False):
    """A context as a dict."""

    session_id: str
    user_id: str


@pytest.mark.parametrize(("schema", "make_context"), [(Context, Context), (Items, dict)], ids=["dataclass", "dict"])
async def test_sessions_and_users_of_the_context(
    amake: MakeMotorhead, schema: Any, make_context: Callable[..., Any]
) -> None:
    """The session and the user are those of the context, else of the config, sync and async."""
    motorhead = keeping(amake)
    app = with_context(motorhead, schema)
    given = {"messages": [HumanMessage("q0")]}
    await app.ainvoke(given, config("t1"), context=make_context(session_id="s1", user_id="u1"))
    app.invoke(given, config("t2", user_id="other"), context=make_context(session_id="s2", user_id="u1"))
    app.invoke(given, config("t3", user_id="u3"), context=make_context(session_id="s3"))
    await app.ainvoke(given, config("t4"), context=make_context(user_id="u4"))
    app.invoke(given, config("t5", user_id="u5"))
    app.invoke(given, config(6, user_id=7))
    for user, sessions in {"u1": ["s2", "s1"], "u3": ["s3"], "u4": ["t4"], "u5": ["t5"], "7": ["6"]}.items():
        assert motorhead.sessions(user) == sessions
    for session in ("s1", "s2", "s3", "t4", "t5", "6"):
        assert remembered(motorhead.session(session).load()) == turns(1)
    assert motorhead.session("t1").load().total == 0


@pytest.mark.parametrize("thread", [{}, {"thread_id": None}])
async def test_a_run_without_a_session(amake: MakeMotorhead, thread: dict[str, Any]) -> None:
    """A run without a session id is refused, with what to do; nothing is stored."""
    motorhead = keeping(amake)
    for node in (load_memory(motorhead), save_memory(motorhead)):
        graph: Any = StateGraph(MemoryState)
        graph.add_node("node", node)
        graph.add_edge(START, "node")
        app = graph.compile()
        given: Any = {"messages": [HumanMessage("q0")]}
        with pytest.raises(InvalidInputError, match="thread_id"):
            app.invoke(given, {"configurable": thread})
        with pytest.raises(InvalidInputError, match="thread_id"):
            await app.ainvoke(given, {"configurable": thread})
    assert motorhead.sessions() == []


async def test_a_session_of_another_user(amake: MakeMotorhead) -> None:
    """A session of another user is neither shown nor written."""
    motorhead, model = keeping(amake), Model()
    motorhead.session("t", "bob").append(HumanMessage("secret"))
    app = straight(motorhead, model)
    given = {"messages": [HumanMessage("q0")]}
    with pytest.raises(InvalidInputError, match="another user"):
        app.invoke(given, config(user_id="eve"))
    with pytest.raises(InvalidInputError, match="another user"):
        await app.ainvoke(given, config(user_id="eve"))
    assert model.shown == []
    assert motorhead.session("t").load().total == 1


def test_arguments_are_checked(make: MakeMotorhead) -> None:
    """What cannot work is refused when the node is made."""
    motorhead = make()
    for maker in (load_memory, save_memory, pre_model_hook):
        with pytest.raises(InvalidInputError, match="must be a Motorhead"):
            maker("redis://localhost")  # type: ignore[arg-type]
    for options in ({"recall": -1}, {"recall": True}, {"recall": "3"}, {"recall_scope": "everybody"}):
        with pytest.raises(InvalidInputError):
            load_memory(motorhead, **options)
    with pytest.raises(RecallNotConfiguredError):
        load_memory(motorhead, recall=1)
    graph: Any = StateGraph(MemoryState)
    graph.add_node("load", load_memory(motorhead, messages_key="talk"))
    graph.add_edge(START, "load")
    with pytest.raises(InvalidInputError, match="messages_key"):
        graph.compile().invoke({"messages": []}, config())


def test_a_node_alone(make: MakeMotorhead) -> None:
    """A node is a runnable: it works outside of a graph too, as in a test of one's own."""
    motorhead = keeping(make)
    shown: Any = load_memory(motorhead).invoke({"messages": [HumanMessage("q0", id="q0")]}, config())
    update = shown if isinstance(shown, dict) else dict(shown.update)
    assert contents(update["llm_input_messages"]) == ["q0"]
    save_memory(motorhead).invoke({"messages": [AIMessage("a0", id="a0")]}, config())
    assert remembered(motorhead.session("t").load()) == turns(1)


class Loose(TypedDict):
    """A state that takes messages as they come."""

    messages: Annotated[list[Any], operator.add]
    llm_input_messages: list[Any]


def test_objects_in_place_of_messages(make: MakeMotorhead) -> None:
    """A state whose messages are objects of the wire is understood, or refused by an error of ours."""
    motorhead = keeping(make)
    graph: Any = StateGraph(Loose)
    graph.add_sequence([("load", load_memory(motorhead)), ("save", save_memory(motorhead))])
    graph.add_edge(START, "load")
    try:
        graph.compile().invoke({"messages": [{"role": "user", "content": "q0", "id": "q0"}]}, config())
    except MotorheadError:
        assert motorhead.session("t").load().total == 0
    else:
        assert remembered(motorhead.session("t").load()) == ["q0"]


def test_messages_without_ids(make: MakeMotorhead) -> None:
    """A state whose reducer gives no ids is refused by an error of ours, or what is in it is stored once."""
    motorhead, model = keeping(make), Model(Kind(Loose))
    app = straight(motorhead, model, InMemorySaver())
    try:
        for at in range(3):
            ask(app, at)
    except MotorheadError:
        return
    assert remembered(motorhead.session("t").load()) == turns(3)


def test_a_system_message_of_the_thread(make: MakeMotorhead) -> None:
    """Instructions at the head of the thread reach the model in every prompt, also when the window has moved on."""
    motorhead, model = keeping(make), Model()
    app = straight(motorhead, model, InMemorySaver())
    app.invoke({"messages": [SystemMessage("Speak like a pirate."), HumanMessage("q0")]}, config())
    for at in range(1, 12):
        ask(app, at)
    for prompt in model.shown:
        kept = [message for message in prompt if isinstance(message, SystemMessage)]
        assert any("pirate" in str(message.content).removeprefix(SUMMARY_PREFIX) for message in kept)
        # As instructions, not as a line of what was said.
        assert any(str(message.content).startswith("Speak like") for message in kept)
