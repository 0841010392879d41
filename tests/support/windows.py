"""Dialogues with calls of tools, and how they are cut."""

from collections.abc import Sequence

from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead.messages.text import message_text

Messages = list[BaseMessage | None]

IDS = ["a", "b", "c"]  # few, so that they are used again
TEXTS = st.integers(0, 60).map(lambda size: "word " * (size // 5) + "x" * (size % 5))


def size(messages: Sequence[BaseMessage]) -> int:
    """Count two tokens a message, and one a character."""
    return sum(2 + len(message_text(message)) for message in messages)


def called(*ids: str | None, text: str = "") -> AIMessage:
    """Make a message that calls tools."""
    return AIMessage(text, tool_calls=[{"name": "f", "args": {}, "id": id_} for id_ in ids])


def result(id_: str, text: str = "r") -> ToolMessage:
    """Make a tool's result."""
    return ToolMessage(text, tool_call_id=id_)


def alternating(count: int) -> Messages:
    """Make messages that alternate between human and AI."""
    return [HumanMessage(f"m{at}") if at % 2 == 0 else AIMessage(f"m{at}") for at in range(count)]


@st.composite
def turns(draw: st.DrawFn) -> Messages:
    """One turn as agents make them: calls in parallel, their results in any order, a human who cannot wait."""
    ids = draw(st.lists(st.sampled_from(IDS), max_size=3, unique=True))
    texts = [HumanMessage(draw(TEXTS)), called(*ids, text=draw(TEXTS))]
    results: Messages = [result(id_, draw(TEXTS)) for id_ in draw(st.permutations(ids))]
    if draw(st.booleans()) and results:
        results.insert(draw(st.integers(0, len(results))), HumanMessage("and?"))
    return [*texts, *results, AIMessage(draw(TEXTS))]


ANYTHING = st.one_of(
    st.builds(HumanMessage, content=TEXTS),
    st.builds(AIMessage, content=TEXTS),
    st.builds(SystemMessage, content=TEXTS),
    st.lists(st.sampled_from(IDS), min_size=1, max_size=3).map(lambda ids: called(*ids)),
    st.just(called(None)),
    st.sampled_from([*IDS, ""]).map(result),
    st.just(FunctionMessage(content="r", name="f")),
    st.none(),
)
# Well-formed turns, and then anything: orphans, calls without results, records that cannot be read.
DIALOGUES: st.SearchStrategy[Messages] = st.lists(st.one_of(turns(), ANYTHING.map(lambda one: [one])), max_size=16).map(
    lambda parts: [message for part in parts for message in part]
)


def parted(messages: Sequence[BaseMessage | None], cut: int) -> list[int]:
    """List the results behind a cut whose call is before it, and one that would be left at the head."""
    late = []
    for at in range(cut, len(messages)):
        message = messages[at]
        if isinstance(message, ToolMessage):
            caller = max((to for to in range(at) if message.tool_call_id in ids_of(messages[to])), default=None)
            if at == cut or (caller is not None and caller < cut):
                late.append(at)
        elif isinstance(message, FunctionMessage) and at == cut:
            late.append(at)
    return late


def ids_of(message: BaseMessage | None) -> list[str | None]:
    """Give the ids of the calls of a message."""
    return [call["id"] for call in message.tool_calls] if isinstance(message, AIMessage) else []
