"""Short ways to write messages, and lists of any of them."""

from __future__ import annotations

from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage


def human(name: str) -> HumanMessage:
    """Make a message with its name as its text and id."""
    return HumanMessage(name, id=name)


def ai(name: str, *calls: str) -> AIMessage:
    """Make an answer, with calls."""
    return AIMessage(name, id=name or None, tool_calls=[{"name": "f", "args": {}, "id": call} for call in calls])


def result(call: str, name: str | None = None) -> ToolMessage:
    """Make a result of a call."""
    return ToolMessage(name or f"result of {call}", tool_call_id=call, id=name or f"result of {call}")


CALLS = st.sampled_from(["a", "b", "c", "d"])
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda: HumanMessage("said")),
        st.builds(lambda: SystemMessage("rules")),
        st.builds(
            lambda text, calls: AIMessage(text, tool_calls=[{"name": "f", "args": {}, "id": id_} for id_ in calls]),
            st.sampled_from(["", " ", "text"]),
            st.lists(CALLS, max_size=3, unique=True),
        ),
        st.builds(lambda call: ToolMessage("found", tool_call_id=call), CALLS),
    ),
    max_size=12,
).map(lambda messages: [message.model_copy(update={"id": str(at)}) for at, message in enumerate(messages)])
