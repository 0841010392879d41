"""Nodes for graphs that are built by hand: what a model is shown, what is stored, and what a checkpoint has."""

from __future__ import annotations

import asyncio
import operator
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import agents
import pytest
import redis
from conftest import MakeMotorhead
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt
from pydantic import BaseModel, Field
from redis.connection import AbstractConnection
from support import Ledger, Wire, contents, orphans, remembered, wiretapped

import langchain_motorhead
from langchain_motorhead import (
    HashingEmbeddings,
    InvalidInputError,
    Motorhead,
    MotorheadError,
    RecallNotConfiguredError,
    StoreError,
    Window,
)
from langchain_motorhead.integrations.nodes import MemoryState, load_memory, pre_model_hook, save_memory
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.sessions.load import SUMMARY_PREFIX

SMALL = Window(max_messages=4)
NOTHING = RunnableLambda[Any, str](lambda given: "Nothing much.")
REACT = pytest.mark.filterwarnings("ignore:create_react_agent has been moved")


# States of all kinds --------------------------------------------------------------------------------------------------


class Shown(MessagesState):
    """LangGraph's own, with a place for the prompt."""

    llm_input_messages: list[AnyMessage]


class OwnKey(MessagesState):
    """The same under another name."""

    context: list[AnyMessage]


class OwnMessages(TypedDict):
    """One whose messages are elsewhere."""

    talk: Annotated[list[AnyMessage], add_messages]
    llm_input_messages: list[AnyMessage]


class More(MemoryState):
    """Ours with a field more."""

    mood: str


@dataclass
class Data:
    """A dataclass."""

    messages: Annotated[list[AnyMessage], add_messages] = field(default_factory=list)
    llm_input_messages: list[AnyMessage] = field(default_factory=list)
    motorhead_stored: str | None = None


class Checked(BaseModel):
    """A model of pydantic."""

    messages: Annotated[list[AnyMessage], add_messages] = Field(default_factory=list)
    llm_input_messages: list[AnyMessage] = Field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """A state, and how its keys are called."""

    schema: Any
    messages: str = "messages"
    prompt: str = "llm_input_messages"

    def load(self, motorhead: Motorhead, **options: Any) -> Any:
        """Make the node that loads."""
        return load_memory(motorhead, messages_key=self.messages, prompt_key=self.prompt, **options)

    def save(self, motorhead: Motorhead) -> Any:
        """Make the node that saves."""
        return save_memory(motorhead, messages_key=self.messages)


OURS, PLAIN = Kind(MemoryState), Kind(Shown)
KINDS = {
    "MemoryState": OURS,
    "more": Kind(More),
    "MessagesState": PLAIN,
    "own prompt_key": Kind(OwnKey, prompt="context"),
    "own messages_key": Kind(OwnMessages, messages="talk"),
    "dataclass": Kind(Data),
    "pydantic": Kind(Checked),
}
all_kinds = pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
both_kinds = pytest.mark.parametrize("kind", [OURS, PLAIN], ids=["MemoryState", "MessagesState"])
with_and_without = pytest.mark.parametrize("saves", [False, True], ids=["no checkpointer", "checkpointer"])


class Model:
    """A node that answers each question by its name, having called a tool as often as told, and keeps its prompts.

    Args:
        kind: The state that it is in.
        calls: How often it calls the tool for each question.
    """

    def __init__(self, kind: Kind = OURS, calls: int = 0) -> None:
        self.kind, self.calls = kind, calls
        self.shown: list[list[BaseMessage]] = []
        self.fails = 0

    def __call__(self, state: Any) -> dict[str, Any]:
        """Answer."""
        prompt = get(state, self.kind.prompt)
        self.shown.append(list(prompt))
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the model is away")
        at = max(at for at, message in enumerate(prompt) if isinstance(message, HumanMessage))
        question, done = prompt[at], sum(isinstance(message, ToolMessage) for message in prompt[at:])
        name = str(question.content).partition(" ")[0].removeprefix("q")
        if done < self.calls:
            call = {"name": "look", "args": {}, "id": f"call-{name}-{done}"}
            return {self.kind.messages: [AIMessage(f"c{name}.{done}", tool_calls=[call])]}
        return {self.kind.messages: [AIMessage(f"a{name}")]}


def tools(state: Any) -> dict[str, Any]:
    """Answer the newest calls, as a node."""
    calls = get(state, "messages")[-1].tool_calls
    return {
        "messages": [
            ToolMessage(call["id"].replace("call-", "r").replace("-", "."), tool_call_id=call["id"]) for call in calls
        ]
    }


def get(state: Any, key: str) -> Any:
    """Read a state of any kind."""
    return state[key] if isinstance(state, dict) else getattr(state, key)


def straight(motorhead: Motorhead, model: Model, saver: Any = None, **options: Any) -> Any:
    """Build load, model, save."""
    kind = model.kind
    graph: Any = StateGraph(kind.schema)
    graph.add_sequence([("load", kind.load(motorhead, **options)), ("model", model), ("save", kind.save(motorhead))])
    graph.add_edge(START, "load")
    return graph.compile(checkpointer=saver)


def looping(motorhead: Motorhead, model: Model, saver: Any = None, look: Any = tools, **options: Any) -> Any:
    """Build a loop in which load stands before each call of the model, and save at the end."""
    kind = model.kind
    graph: Any = StateGraph(kind.schema)
    graph.add_node("load", kind.load(motorhead, **options))
    graph.add_node("model", model)
    graph.add_node("tools", look)
    graph.add_node("save", kind.save(motorhead))
    graph.add_edge(START, "load")
    graph.add_edge("load", "model")
    graph.add_conditional_edges(
        "model", lambda state: "tools" if get(state, "messages")[-1].tool_calls else "save", ["tools", "save"]
    )
    graph.add_edge("tools", "load")
    graph.add_edge("save", END)
    return graph.compile(checkpointer=saver)


def config(thread: Any = "t", **configurable: Any) -> Any:
    """Name a thread."""
    return {"configurable": {"thread_id": thread, **configurable}, "recursion_limit": 1_000}


def ask(app: Any, at: int, kind: Kind = OURS, thread: Any = "t") -> Any:
    """Ask one question."""
    return app.invoke({kind.messages: [HumanMessage(f"q{at}")]}, config(thread))


def turns(count: int, calls: int = 0, start: int = 0) -> list[str]:
    """Name what is said in so many turns."""
    return [
        name
        for at in range(start, start + count)
        for name in (f"q{at}", *(f"{kind}{at}.{call}" for call in range(calls) for kind in "cr"), f"a{at}")
    ]


def keeping(make: MakeMotorhead, **options: Any) -> Motorhead:
    """Make a handle whose summaries keep everything."""
    return make(**{"llm": Ledger(), "window": SMALL, "compaction": "inline", **options})


def check(shown: Sequence[Sequence[BaseMessage]]) -> None:
    """Hold what every model demands of every prompt: it begins with a human, and calls and results are pairs."""
    for prompt in shown:
        said = prompt[1:] if isinstance(prompt[0], SystemMessage) else prompt
        assert isinstance(said[0], HumanMessage)
        assert not any(isinstance(message, SystemMessage) for message in said)
        assert orphans(prompt) == []
        ids = [message.id for message in prompt]
        assert None not in ids
        assert len(set(ids)) == len(ids)


# Conversations --------------------------------------------------------------------------------------------------------


@all_kinds
@with_and_without
def test_a_conversation(make: MakeMotorhead, kind: Kind, saves: bool) -> None:
    """Whatever the state is, each message is stored once, in order, and the model sees all of it."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver() if saves else None)
    for at in range(9):
        ask(app, at, kind)
        assert remembered(motorhead.session("t").load()) == turns(at + 1)
        assert model.shown[-1][-1].content == f"q{at}"
        told = "\n".join(contents(model.shown[-1]))
        assert all(name in told for name in turns(at))
    check(model.shown)
    assert max(map(len, model.shown)) <= SMALL.read_limit + 2


@all_kinds
@with_and_without
async def test_an_async_conversation(amake: MakeMotorhead, kind: Kind, saves: bool) -> None:
    """The same where graphs are run on an event loop."""
    motorhead, model = keeping(amake), Model(kind)
    app = straight(motorhead, model, InMemorySaver() if saves else None)
    for at in range(9):
        await app.ainvoke({kind.messages: [HumanMessage(f"q{at}")]}, config())
    assert remembered(await motorhead.session("t").aload()) == turns(9)
    check(model.shown)


@all_kinds
@pytest.mark.parametrize("mode", ["values", "updates", "messages", "debug"])
async def test_streams(amake: MakeMotorhead, kind: Kind, mode: str) -> None:
    """Streaming a run stores what invoking it does, in every mode, sync and async."""
    motorhead, model = keeping(amake), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    for at in range(0, 6, 2):
        assert list(app.stream({kind.messages: [HumanMessage(f"q{at}")]}, config(), stream_mode=mode))
        given = {kind.messages: [HumanMessage(f"q{at + 1}")]}
        assert [part async for part in app.astream(given, config(), stream_mode=mode)]
    assert remembered(await motorhead.session("t").aload()) == turns(6)


@both_kinds
@with_and_without
def test_a_stream_of_messages_has_what_is_new(make: MakeMotorhead, kind: Kind, saves: bool) -> None:
    """Whoever streams messages to a user streams the answers: no summary, and nothing that was said before."""
    app = straight(keeping(make), Model(kind), InMemorySaver() if saves else None)
    for at in range(6):
        given = {"messages": [HumanMessage(f"q{at}")]}
        streamed = [part[0] for part in app.stream(given, config(), stream_mode="messages")]
        assert contents(streamed) == [f"a{at}"]


def test_nodes_go_by_any_name(make: MakeMotorhead) -> None:
    """A node can be added with a name, or without: then it has the name of what made it."""
    motorhead, model = keeping(make), Model()
    graph: Any = StateGraph(MemoryState)
    graph.add_node(load_memory(motorhead))
    graph.add_node("model", model)
    graph.add_node(save_memory(motorhead))
    graph.add_edge(START, "load_memory")
    graph.add_edge("load_memory", "model")
    graph.add_edge("model", "save_memory")
    app = graph.compile()
    assert {"load_memory", "save_memory"} <= set(app.nodes)
    for at in range(4):
        ask(app, at)
    assert remembered(motorhead.session("t").load()) == turns(4)
    hook: Any = StateGraph(MemoryState)
    hook.add_node(pre_model_hook(motorhead))
    hook.add_edge(START, "load_memory")
    assert hook.compile().invoke({"messages": []}, config("other"))["llm_input_messages"] == []


def test_they_are_exported() -> None:
    """The names are to be had from the package itself."""
    for name in ("MemoryState", "load_memory", "pre_model_hook", "save_memory"):
        assert name in langchain_motorhead.__all__
        assert getattr(langchain_motorhead, name) is globals()[name]


def test_a_prompt_is_bounded(make: MakeMotorhead) -> None:
    """Over 200 turns of a thread that is checkpointed, the model sees a bounded prompt, and nothing is lost."""
    motorhead, model = keeping(make, window=Window(max_messages=6)), Model()
    app = straight(motorhead, model, InMemorySaver())
    state = None
    for at in range(200):
        state = ask(app, at)
    assert state is not None
    assert contents(state["messages"]) == turns(200) == remembered(motorhead.session("t").load())
    assert max(map(len, model.shown)) <= 8
    check(model.shown)


def test_a_compaction_that_is_behind(make: MakeMotorhead) -> None:
    """Where nothing is ever summarized, the prompt keeps to the hard limit all the same."""
    motorhead, model = make(compaction="manual", window=Window(max_messages=4, hard_limit=6)), Model()
    app = straight(motorhead, model, InMemorySaver())
    for at in range(40):
        ask(app, at)
    assert motorhead.session("t").load().total == 80
    assert max(map(len, model.shown)) <= 7
    check(model.shown)


# Tools ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["inline", "manual"])
@both_kinds
@with_and_without
def test_a_long_loop_of_tools(make: MakeMotorhead, kind: Kind, saves: bool, mode: str) -> None:
    """However far a run goes beyond the window, its question stays in the prompt, and so do its pairs, whole."""
    motorhead, model = keeping(make, compaction=mode), Model(kind, calls=20)
    app = looping(motorhead, model, InMemorySaver() if saves else None)
    for at in range(3):
        ask(app, at, kind)
        for calls, prompt in enumerate(model.shown[-21:]):
            run = turns(1, 20, at)[: 2 * calls + 1]
            assert contents(prompt)[-len(run) :] == run
    check(model.shown)
    motorhead.session("t").compact()
    assert remembered(motorhead.session("t").load()) == turns(3, 20)


@both_kinds
async def test_a_run_of_more_messages_than_are_remembered(amake: MakeMotorhead, kind: Kind) -> None:
    """A run of hundreds of messages that is saved at its end, and saved again, is stored once."""
    motorhead, model = keeping(amake), Model(kind, calls=150)
    graph: Any = StateGraph(kind.schema)
    for name, node in (("load", kind.load(motorhead)), ("model", model), ("tools", tools)):
        graph.add_node(name, node)
    graph.add_node("save", kind.save(motorhead))
    graph.add_node("again", kind.save(motorhead))
    graph.add_edge(START, "load")
    graph.add_edge("load", "model")
    # The prompt is made once: the node is shown what its state has.
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else "save")
    graph.add_node("show", lambda state: {kind.prompt: state["messages"]})
    graph.add_edge("tools", "show")
    graph.add_edge("show", "model")
    graph.add_edge("save", "again")
    app = graph.compile(checkpointer=InMemorySaver())
    await app.ainvoke({"messages": [HumanMessage("q0")]}, config())
    await app.ainvoke({"messages": []}, config())
    assert remembered(await motorhead.session("t").aload())[: len(turns(1, 150))] == turns(1, 150)


def chat(calls: int) -> agents.Model:
    """Make a chat model that answers as the node does."""
    node = Model(calls=calls)
    return agents.Model(answer=lambda prompt: node({"llm_input_messages": prompt})["messages"][0])


def look() -> str:
    """Look."""
    return "seen"


@REACT
@pytest.mark.parametrize("saver", [None, InMemorySaver], ids=["no checkpointer", "checkpointer"])
@pytest.mark.parametrize(
    ("version", "post"), [("v1", False), ("v2", False), ("v2", True)], ids=["v1", "v2", "v2 with post"]
)
def test_a_react_agent(make: MakeMotorhead, saver: Any, version: Any, post: bool) -> None:
    """The hooks of LangGraph's own agent show it the session, and store each message once."""
    from langgraph.prebuilt import create_react_agent

    motorhead, model = keeping(make), chat(3)
    app: Any = create_react_agent(
        model,
        [look],
        pre_model_hook=pre_model_hook(motorhead),
        post_model_hook=save_memory(motorhead) if post else None,
        checkpointer=saver and saver(),
        version=version,
    )
    for at in range(5):
        ask(app, at)
    check(model.prompts)
    expected = [name if name[0] != "r" else "seen" for name in turns(5, 3)]
    stored = remembered(motorhead.session("t").load())
    if post:
        assert stored == expected
    elif saver:
        assert stored == expected[:-1]  # the last answer is stored when the thread goes on
    for at in range(4, 20, 4):
        assert model.prompts[at][-1].content == f"q{at // 4}"


@REACT
async def test_an_async_react_agent(amake: MakeMotorhead) -> None:
    """The same on an event loop, with parallel calls of the agent."""
    from langgraph.prebuilt import create_react_agent

    motorhead, model = keeping(amake), chat(2)
    app: Any = create_react_agent(
        model,
        [look],
        pre_model_hook=pre_model_hook(motorhead),
        post_model_hook=save_memory(motorhead),
        checkpointer=InMemorySaver(),
    )

    async def talk(thread: str) -> None:
        for at in range(4):
            await app.ainvoke({"messages": [HumanMessage(f"q{at}")]}, config(thread))

    await asyncio.gather(*(talk(f"t{at}") for at in range(8)))
    check(model.prompts)
    expected = [name if name[0] != "r" else "seen" for name in turns(4, 2)]
    for at in range(8):
        assert remembered(await motorhead.session(f"t{at}").aload()) == expected


# Checkpoints ----------------------------------------------------------------------------------------------------------


def test_a_prompt_is_in_no_lasting_checkpoint(make: MakeMotorhead) -> None:
    """With our state, only the checkpoints between loading and the model have the prompt."""
    motorhead, saver = keeping(make, embeddings=HashingEmbeddings()), InMemorySaver()
    app = looping(motorhead, Model(calls=2), saver, recall=2)
    for at in range(6):
        ask(app, at)
    assert set(app.get_state(config()).values) == {"messages", "motorhead_stored"}
    for past in app.get_state_history(config()):
        assert ("llm_input_messages" in past.values) == (past.next == ("model",))


@both_kinds
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_run_from_an_older_checkpoint(make: MakeMotorhead, kind: Kind, durability: Any) -> None:
    """Running a graph again from a checkpoint stores no message a second time."""
    motorhead, model = keeping(make), Model(kind, calls=1)
    app = looping(motorhead, model, InMemorySaver())
    for at in range(4):
        app.invoke({"messages": [HumanMessage(f"q{at}")]}, config(), durability=durability)
    expected = turns(4, 1)
    assert remembered(motorhead.session("t").load()) == expected
    for past in list(app.get_state_history(config())):
        if not past.next or past.next[0] not in ("load", "save", "tools"):
            continue
        before = motorhead.session("t").load().total
        state = app.invoke(None, past.config)
        stored = remembered(motorhead.session("t").load())
        # Only answers that were given anew, and results, have ids of their own.
        assert [name for name in stored if name[0] == "q"] == [f"q{at}" for at in range(4)]
        new = stored[before:]
        assert new == contents(state["messages"])[len(state["messages"]) - len(new) :]


@both_kinds
def test_a_model_that_fails(make: MakeMotorhead, kind: Kind) -> None:
    """Where the model raises, and the run is repeated as it was begun, the question is stored once."""
    motorhead, model = keeping(make), Model(kind)
    for saver in (None, InMemorySaver()):
        thread = f"t{saver}"
        app = straight(motorhead, model, saver)
        ask(app, 0, kind, thread)
        model.fails = 2
        question = HumanMessage("q1", id="the question")
        for _ in range(2):
            with pytest.raises(ConnectionError):
                app.invoke({"messages": [question]}, config(thread))
        app.invoke({"messages": [question]}, config(thread))
        assert remembered(motorhead.session(thread).load()) == turns(2)


@both_kinds
def test_a_run_goes_on_at_the_model_that_failed(make: MakeMotorhead, kind: Kind) -> None:
    """Where the model raises, and the thread goes on from its checkpoint, the model has its prompt."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    ask(app, 0, kind)
    model.fails = 1
    with pytest.raises(ConnectionError):
        ask(app, 1, kind)
    app.invoke(None, config())
    assert remembered(motorhead.session("t").load()) == turns(2)
    assert contents(model.shown[-1]) == contents(model.shown[-2])


@both_kinds
def test_an_interrupt_before_the_model(make: MakeMotorhead, kind: Kind) -> None:
    """Where a person is asked between load and model, the model has its prompt when the run goes on."""
    motorhead, model = keeping(make), Model(kind)
    graph: Any = StateGraph(kind.schema)
    nodes = [("load", kind.load(motorhead)), ("model", model), ("save", kind.save(motorhead))]
    graph.add_sequence(nodes)
    graph.add_edge(START, "load")
    app = graph.compile(checkpointer=InMemorySaver(), interrupt_before=["model"])
    for at in range(3):
        ask(app, at, kind)
        app.invoke(None, config())
    assert remembered(motorhead.session("t").load()) == turns(3)
    check(model.shown)


@both_kinds
async def test_an_interrupt_in_a_tool(amake: MakeMotorhead, kind: Kind) -> None:
    """Where a tool asks a person, what was said is stored once, and the question is in the prompt that comes after."""
    motorhead, model = keeping(amake), Model(kind, calls=1)

    def asking(state: Any) -> dict[str, Any]:
        interrupt("may I?")
        return tools(state)

    app = looping(motorhead, model, InMemorySaver(), asking)
    for at in range(4):
        state = await app.ainvoke({"messages": [HumanMessage(f"q{at}")]}, config())
        assert "__interrupt__" in state
        await app.ainvoke(Command(resume="yes"), config())
        assert remembered(await motorhead.session("t").aload()) == turns(at + 1, 1)
    check(model.shown)


@both_kinds
def test_an_interrupt_that_is_given_up(make: MakeMotorhead, kind: Kind) -> None:
    """A call that never gets a result, as the person says something else, is in no prompt, and spoils none."""
    motorhead, model = keeping(make), Model(kind, calls=1)

    def asking(state: Any) -> dict[str, Any]:
        interrupt("may I?")
        return tools(state)

    app = looping(motorhead, model, InMemorySaver(), asking)
    for at in range(6):
        ask(app, at, kind)
    assert remembered(motorhead.session("t").load()) == [
        *(name for at in range(5) for name in (f"q{at}", f"c{at}.0")),
        "q5",
    ]
    check(model.shown)


@both_kinds
def test_a_node_that_fails_after_storing(make: MakeMotorhead, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a node had stored, and failed before its result was kept, the run repeated stores nothing twice."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    ask(app, 0, kind)
    from langchain_motorhead.integrations.agent_run import RecallPolicy

    def fail(*arguments: Any) -> str:
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(RecallPolicy, "find", fail)
        with pytest.raises(ConnectionError):
            ask(app, 1, kind)
    assert remembered(motorhead.session("t").load()) == [*turns(1), "q1"]
    app.invoke(None, config())
    assert remembered(motorhead.session("t").load()) == turns(2)


@pytest.mark.parametrize("kind", [OURS, Kind(Data)], ids=["MemoryState", "dataclass"])
def test_a_deleted_session_does_not_come_back(make: MakeMotorhead, kind: Kind) -> None:
    """Where the state remembers what is stored, a thread that goes on stores what is new after a deletion, no more."""
    motorhead, model = keeping(make), Model(kind)
    app = straight(motorhead, model, InMemorySaver())
    for at in range(5):
        ask(app, at, kind)
    assert motorhead.session("t").delete()
    ask(app, 5, kind)
    assert remembered(motorhead.session("t").load()) == turns(1, start=5)
    assert not any("q3" in str(message.content) for message in model.shown[-1])


# Whose run it is ------------------------------------------------------------------------------------------------------


@dataclass
class Context:
    """A context as an attribute each."""

    session_id: str | None = None
    user_id: str | None = None


class Items(TypedDict, total=False):
    """A context as a dict."""

    session_id: str
    user_id: str


def with_context(motorhead: Motorhead, schema: Any) -> Any:
    """Build a graph that has a context."""
    graph: Any = StateGraph(MemoryState, context_schema=schema)
    graph.add_sequence([("load", load_memory(motorhead)), ("model", Model()), ("save", save_memory(motorhead))])
    graph.add_edge(START, "load")
    return graph.compile(checkpointer=InMemorySaver())


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
    """A run of which no session can be told is refused, with what to do; nothing is stored."""
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


# What it costs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tapped(namespace: str) -> Iterator[tuple[Motorhead, Wire]]:
    """A handle whose traffic is counted, on a server that knows the scripts."""
    server = acquire("embedded://")
    options: dict[str, Any] = {"namespace": namespace, "compaction": "manual"}
    with wiretapped(str(server.socket)) as (url, wire), Motorhead.from_url(url, **options) as motorhead:
        motorhead.session("warm").catch_up([HumanMessage("q", id="q")])
        yield motorhead, wire
    server.release()


class FairSemaphore:
    """Counts how often a client turns from sending to reading, however many packets either takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._sent = 0, False
        send: Any = AbstractConnection.send_packed_command
        read: Any = AbstractConnection.read_response

        def sending(*arguments: Any, **options: Any) -> Any:
            self._sent = True
            return send(*arguments, **options)

        def reading(*arguments: Any, **options: Any) -> Any:
            self.count += self._sent
            self._sent = False
            return read(*arguments, **options)

        monkeypatch.setattr(AbstractConnection, "send_packed_command", sending)
        monkeypatch.setattr(AbstractConnection, "read_response", reading)


@all_kinds
def test_a_node_is_one_round_trip(tapped: tuple[Motorhead, Wire], kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading costs one round trip and saving one, however long the thread is."""
    motorhead, wire = tapped
    app = straight(motorhead, Model(kind), InMemorySaver())
    long = [HumanMessage(f"q{at}") if at % 2 == 0 else AIMessage(f"a{at}") for at in range(1_000)]
    app.invoke({kind.messages: [*long, HumanMessage("q1000")]}, config())
    turned = FairSemaphore(monkeypatch)
    for at in range(1001, 1004):
        wire.reset()
        turned.count = 0
        ask(app, at, kind)
        assert turned.count == 2
        assert wire.up < 40_000
        if kind is OURS:  # two messages and less than a packet
            assert wire.round_trips == 2
            assert wire.up < 2_000
    assert len(app.get_state(config()).values[kind.messages]) == 1_008
    assert motorhead.session("t").load().total == 1_008


@both_kinds
def test_a_loop_is_one_round_trip_a_call(
    tapped: tuple[Motorhead, Wire], kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where load stands before each call of the model, it costs one round trip each time."""
    motorhead, wire = tapped
    app = looping(motorhead, Model(kind, calls=30), InMemorySaver())
    turned = FairSemaphore(monkeypatch)
    for at in range(3):
        wire.reset()
        turned.count = 0
        ask(app, at, kind)
        assert turned.count == 32
        assert kind is not OURS or wire.round_trips == 32


async def test_an_async_node_is_one_round_trip(namespace: str) -> None:
    """The same on an event loop."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (url, wire):
        async with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
            await motorhead.session("warm").acatch_up([HumanMessage("q", id="q")])
            app = straight(motorhead, Model(), InMemorySaver())
            for at in range(3):
                wire.reset()
                await app.ainvoke({"messages": [HumanMessage(f"q{at}")]}, config())
                assert wire.round_trips == 2
    server.release()


LIFE = """
import asyncio, sys
from blockbuster import BlockBuster
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langchain_motorhead import HashingEmbeddings, MemoryState, Motorhead, Window, load_memory, save_memory


async def main(recall):
    buster = BlockBuster()
    buster.activate()
    options = {"embeddings": HashingEmbeddings()} if recall else {}
    options |= {"namespace": sys.argv[3], "window": Window(max_messages=4)}
    async with Motorhead.from_url(sys.argv[1], **options) as motorhead:
        graph = StateGraph(MemoryState)
        model = lambda state: {"messages": [AIMessage("a " + state["llm_input_messages"][-1].content)]}
        nodes = [("load", load_memory(motorhead, recall=recall)), ("model", model), ("save", save_memory(motorhead))]
        graph.add_sequence(nodes).add_edge(START, "load")
        app = graph.compile(checkpointer=InMemorySaver())

        async def talk(thread):
            for turn in range(5):
                given = {"messages": [HumanMessage(f"q {turn} of {thread}")]}
                state = await app.ainvoke(given, {"configurable": {"thread_id": thread, "user_id": thread}})
            return [message.content for message in state["messages"]]

        said = await asyncio.gather(*(talk(f"t{at}") for at in range(64)))
        await motorhead.aflush()
        for at, each in enumerate(said):
            expected = [text for turn in range(5) for text in (f"q {turn} of t{at}", f"a q {turn} of t{at}")]
            assert each == expected, each
            memory = await motorhead.session(f"t{at}").aload()
            assert memory.total == 10, memory
            assert [message.content for message in memory.messages] == expected[memory.summarized:]
    buster.deactivate()


asyncio.run(main(int(sys.argv[2])))
"""


@pytest.mark.parametrize("recall", ["0", "2"])
def test_sixty_four_runs_at_once(url: str, namespace: str, recall: str) -> None:
    """In a fresh process, 64 threads at once on one loop neither block it nor mix, with recall and without."""
    command = [sys.executable, "-W", "error", "-c", LIFE, url, recall, namespace]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr[-2_000:]) == (0, "")


# Recall ---------------------------------------------------------------------------------------------------------------


async def test_recall(amake: MakeMotorhead) -> None:
    """What fits the question and is not in the window is in the prompt: of this user's sessions, not of another's."""
    motorhead = amake(embeddings=HashingEmbeddings(), window=SMALL, compaction="inline", llm=NOTHING)
    motorhead.session("old", "bob").append(HumanMessage("I moved to Oslo in May."))
    motorhead.session("hers", "eve").append(HumanMessage("Eve moved to Oslo in March."))
    motorhead.flush()
    model = Model()
    app = straight(motorhead, model, InMemorySaver(), recall=2)
    given = {"messages": [HumanMessage("When was it that I moved to Oslo?")]}
    app.invoke(given, config(user_id="bob"))
    await app.ainvoke(given, config("t2", user_id="bob"))
    for prompt in model.shown:
        told = str(prompt[0].content)
        assert isinstance(prompt[0], SystemMessage)
        assert "I moved to Oslo in May." in told
        assert "Eve" not in told
    assert "When was it" not in str(model.shown[0][0].content)
    check(model.shown)


@pytest.mark.parametrize(
    ("scope", "user", "found"),
    [
        (None, "bob", {"his"}),
        (None, None, set()),
        ("session", "bob", set()),
        ("user", "bob", {"his"}),
        ("namespace", "bob", {"his", "hers"}),
    ],
)
def test_recall_scopes(make: MakeMotorhead, scope: Any, user: str | None, found: set[str]) -> None:
    """What is searched is the session, the user's sessions, or all, as told."""
    motorhead = make(embeddings=HashingEmbeddings())
    motorhead.session("s1", "bob").append(HumanMessage("The umbrella is his."))
    motorhead.session("s2", "eve").append(HumanMessage("The umbrella is hers."))
    motorhead.flush()
    model = Model()
    app = straight(motorhead, model, recall=5, recall_scope=scope)
    app.invoke({"messages": [HumanMessage("Whose umbrella is it?")]}, config(**({"user_id": user} if user else {})))
    told = "\n".join(contents(model.shown[0]))
    assert {name for name in ("his", "hers") if f"is {name}." in told} == found


def test_recall_of_a_user_needs_one(make: MakeMotorhead) -> None:
    """Where a user's sessions are to be searched, and the run has no user, it is refused."""
    app = straight(make(embeddings=HashingEmbeddings()), Model(), recall=5, recall_scope="user")
    with pytest.raises(InvalidInputError, match="user_id"):
        ask(app, 0)


def test_a_question_does_not_recall_itself(make: MakeMotorhead) -> None:
    """What is in the prompt anyway is not recalled beside it, also when the run has outgrown the window."""
    motorhead = make(embeddings=HashingEmbeddings(), window=SMALL, compaction="inline", llm=NOTHING)
    model = Model(calls=12)
    app = looping(motorhead, model, InMemorySaver(), recall=2)
    app.invoke({"messages": [HumanMessage("q0 where is my red umbrella?")]}, config())
    for prompt in model.shown:
        assert sum("red umbrella" in str(message.content) for message in prompt) == 1


def test_recall_that_fails(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """Where the embedding model is away, the run goes on, and nothing is lost."""

    class Away(HashingEmbeddings):
        def embed_query(self, text: str) -> list[float]:
            raise ConnectionError("away")

    motorhead, model = keeping(make, embeddings=Away()), Model()
    app = straight(motorhead, model, recall=2)
    for at in range(4):
        ask(app, at)
    assert remembered(motorhead.session("t").load()) == turns(4)


# Graphs in graphs, and what goes wrong --------------------------------------------------------------------------------


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
    """A thread has two keys in Redis and a place in the list of sessions, however many runs it has."""
    motorhead = keeping(make)
    app = straight(motorhead, Model(), InMemorySaver())
    for at in range(10):
        ask(app, at)
    keys = motorhead.session("t")._keys
    prefix = keys.state.removesuffix(":state")
    found = {key.decode() for key in client.scan_iter(count=10_000) if key.decode().startswith(prefix)}
    assert found == {keys.messages, keys.state}
