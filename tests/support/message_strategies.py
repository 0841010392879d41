"""Hypothesis strategies of messages, and of their data."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_motorhead.messages.acceptance import is_name
from langchain_motorhead.messages.codec import ROLES

# Lone surrogates, but no pairs of them: JSON cannot tell such a pair from the character that it makes up.
TEXT = st.text() | st.text(st.characters()).filter(
    lambda text: not any("\ud800" <= a < "\udc00" <= b < "\ue000" for a, b in pairwise(text))
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=4)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("$type") | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
DATA = st.dictionaries(TEXT | st.just("$type") | st.integers(), VALUES, max_size=3)
CONTENT = TEXT | st.lists(
    TEXT | st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}) | st.dictionaries(TEXT, VALUES, max_size=3),
    max_size=3,
)
CALLS = st.fixed_dictionaries(
    {
        "name": TEXT,
        "args": st.dictionaries(TEXT, VALUES, max_size=2),
        "id": st.none() | TEXT,
        "type": st.just("tool_call"),
    }
)
INVALID = st.fixed_dictionaries(
    {"name": st.none() | TEXT, "args": st.none() | TEXT, "id": st.none() | TEXT, "error": st.none() | TEXT}
)
TOKENS = st.integers(0, 2**31)
USAGE = st.fixed_dictionaries(
    {"input_tokens": TOKENS, "output_tokens": TOKENS, "total_tokens": TOKENS},
    optional={"input_token_details": st.fixed_dictionaries({"cache_read": TOKENS})},
)
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "content": CONTENT,
    "id": st.none() | TEXT,
    "name": st.none() | TEXT,
    "additional_kwargs": DATA,
    "response_metadata": DATA,
}
EXTRA = {"mood": VALUES, "extra": VALUES}
AI = {"tool_calls": st.lists(CALLS, max_size=2), "invalid_tool_calls": st.lists(INVALID, max_size=2)}
TOOL = {"tool_call_id": TEXT, "artifact": VALUES, "status": st.sampled_from(["success", "error"])}


def made(cls: Callable[..., BaseMessage], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[BaseMessage]:
    """Give messages of a class with such fields."""
    return st.fixed_dictionaries(fields).map(lambda values: cls(**values))


MESSAGES = st.one_of(
    made(HumanMessage, **COMMON),
    made(HumanMessage, **COMMON, **EXTRA),
    made(AIMessage, **COMMON, **AI, usage_metadata=st.none() | USAGE),
    made(SystemMessage, **COMMON),
    made(ToolMessage, **COMMON, **TOOL),
    made(FunctionMessage, **{**COMMON, "name": TEXT}),
    made(
        ChatMessage,
        **COMMON,
        role=TEXT.filter(is_name) | st.sampled_from([*ROLES, "function", "remove", "chat", "Human"]),
    ),
    made(RemoveMessage, id=TEXT),
)

TOOL_CALL = {"name": "look", "args": {"city": "Oslo", "days": 3}, "id": "c1", "type": "tool_call"}


def nested(depth: int) -> list[Any]:
    """Give a list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value
