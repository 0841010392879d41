"""Graphs by hand with our nodes, for states of all kinds, and checks of what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel, Field

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.integrations.nodes import MemoryState, load_memory, save_memory
from support.factory import MakeMotorhead
from support.messages import orphans
from support.summarizers import Ledger

SMALL = Window(max_messages=4)


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
    """A node that answers each question by its name, having called a tool as often as scripted, and keeps its prompts.

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


def look() -> str:
    """Look."""
    return "seen"


@dataclass
class Context:
    """A context as an attribute each."""

    session_id: str | None = None
    user_id: str | None = None


def with_context(motorhead: Motorhead, schema: Any) -> Any:
    """Build a graph that has a context."""
    graph: Any = StateGraph(MemoryState, context_schema=schema)
    graph.add_sequence([("load", load_memory(motorhead)), ("model", Model()), ("save", save_memory(motorhead))])
    graph.add_edge(START, "load")
    return graph.compile(checkpointer=InMemorySaver())
