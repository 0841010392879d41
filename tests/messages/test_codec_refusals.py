"""Nothing but a message passes for a message, and odd data is kept or refused, never spoilt."""

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import ROLES, decode, encode
from support.message_strategies import nested

NAMES = ["id", "name", "additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls", "usage_metadata"]
NAMES += ["tool_call_id", "artifact", "status", "extra", "type", "example"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["$type", *ROLES, "chat"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.fixed_dictionaries(
    {"role": st.sampled_from([*ROLES, "elf"]) | JSON, "content": st.text() | JSON},
    optional=dict.fromkeys(NAMES, JSON),
)


class Unsure:
    """Like an array or a data frame: whether it equals something is not a question of yes or no."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    __hash__ = None  # type: ignore[assignment]


@given(st.binary() | st.text(st.characters()))
@example(b"")
@example(b"\xff\xfe")
@example(b"[]")
@example(b"null")
@example(b'{"role":"user","content":"x"')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"1" * 5000)
def test_arbitrary_bytes(data: bytes | str) -> None:
    """Bytes that are no message raise the one error that callers expect."""
    with pytest.raises(InvalidMessageError):
        decode(data)


@settings(deadline=None, max_examples=200)
@given(RECORDS | JSON)
@example({"role": [], "content": "x"})
@example({"role": {}, "content": "x"})
@example({"role": "user", "content": "x", "type": []})
@example({"role": "ai", "content": "x", "additional_kwargs": [1]})
@example({"role": "ai", "content": "x", "tool_calls": ["a"]})
@example({"role": "ai", "content": "x", "tool_calls": [{}]})
@example({"role": "ai", "content": "x", "invalid_tool_calls": ["a"]})
@example({"role": "ai", "content": "x", "extra": {"content_blocks": ["a"]}})
@example({"role": "ai", "content": "x", "extra": {"self": 1}})
@example({"role": "ai", "content": "x", "extra": {"__class__": 1, "__dict__": {}, "model_config": {}}})
@example({"role": "x", "content": "x", "type": "remove"})
@example({"role": "x", "content": "x", "type": "function"})
def test_arbitrary_json(record: Any) -> None:
    """JSON that somebody else wrote is a message, whose every field can be read, or raises the one error."""
    try:
        message = decode(json.dumps(record))
    except InvalidMessageError:
        return
    assert isinstance(message.content, str | list)
    message.pretty_repr()
    encode(message)


def store_message(data: dict[Any, Any]) -> bytes:
    """Store data in a message."""
    return encode(HumanMessage("x", additional_kwargs=data))


def store_wire(data: dict[Any, Any]) -> bytes:
    """Store data in an object as a REST client has it."""
    return encode({"role": "user", "content": "x", "additional_kwargs": data})


@pytest.mark.parametrize("store", [store_message, store_wire])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"a": math.nan}, id="nan"),
        pytest.param({"a": [math.inf, -math.inf]}, id="infinity"),
        pytest.param({"a": 2**64 + 1}, id="65 bits"),
        pytest.param({"a": 10**400 + 1}, id="400 digits"),
        pytest.param({"a": 10**5000}, id="5000 digits"),
        pytest.param({1: "number", "1": "text"}, id="keys"),
        pytest.param({None: 1}, id="key None"),
        pytest.param({"\ud800": ["a\udfff", "\ud83d"]}, id="surrogates"),
        pytest.param({"a": b"\xff"}, id="bytes"),
    ],
)
def test_odd_data_is_kept_or_refused(store: Callable[[dict[Any, Any]], bytes], data: dict[Any, Any]) -> None:
    """Data that JSON makes difficult comes back as it was, or is refused when it is stored, and never changed."""
    try:
        stored = store(data)
    except InvalidMessageError:
        return
    back = decode(stored).additional_kwargs
    assert back == data or (str(back) == str(data) == "{'a': nan}")


@pytest.mark.parametrize("store", [store_message, store_wire])
@pytest.mark.parametrize("depth", [20, 300, 490, 600, 2_000, 100_000])
def test_nesting_is_kept_or_refused(store: Callable[[dict[Any, Any]], bytes], depth: int) -> None:
    """Data nested to any depth comes back as deep as it was, or is refused when it is stored."""
    try:
        stored = store({"a": nested(depth)})
    except InvalidMessageError:
        assert depth > 50
        return
    value, found = decode(stored).additional_kwargs["a"], 0
    while value:
        (value,) = value
        found += 1
    assert found == depth


def test_circular_data_is_refused() -> None:
    """Data that contains itself is refused."""
    data: dict[str, Any] = {}
    data["self"] = data
    for message in (HumanMessage("x", additional_kwargs=data), {"role": "user", "content": "x", "extra": data}):
        with pytest.raises(InvalidMessageError):
            encode(message)


@pytest.mark.parametrize(
    "artifact", [object(), Unsure(), [object()], lambda: None], ids=["object", "array", "list", "def"]
)
def test_objects_are_refused(artifact: object) -> None:
    """An object in a message is refused, with its place named."""
    with pytest.raises(InvalidMessageError, match=r"ToolMessage\.artifact"):
        encode(ToolMessage("x", tool_call_id="c", artifact=artifact))


def test_stored_data_imports_nothing() -> None:
    """Data in the form of LangChain's serialized objects stays data."""
    lc = {
        "lc": 1,
        "type": "constructor",
        "id": ["antigravity", "Anything"],
        "kwargs": {"secret": {"lc": 1, "type": "secret", "id": ["HOME"]}},
    }
    record = {
        "role": "tool",
        "content": [lc],
        "tool_call_id": "c",
        "artifact": lc,
        "additional_kwargs": lc,
        "extra": {"more": lc},
    }
    message = decode(json.dumps(record))
    assert message.content == [lc]
    assert (message.artifact, message.additional_kwargs, message.more) == (lc, lc, lc)  # type: ignore[attr-defined]
    assert "antigravity" not in sys.modules
    assert decode(encode(message)) == message
    assert type(decode(json.dumps({**lc, "role": "user", "content": "x", "id": "m1"}))) is HumanMessage


@pytest.mark.parametrize(
    "thing",
    [
        *("hi", ("user", "hi"), None, 5, b"{}", [], HumanMessage, [HumanMessage("x")]),
        *({}, {"role": "user"}, {"content": "hi"}),
        *({"role": None, "content": "hi"}, {"role": 5, "content": "hi"}, {"role": [], "content": "hi"}),
        *({"role": "user", "content": content} for content in (5, {"text": "hi"}, [5])),
        {"role": "user", "content": "hi", "additional_kwargs": {"a": object()}},
    ],
    ids=lambda thing: f"{thing!r:.40}",
)
def test_other_things_are_refused(thing: Any) -> None:
    """What is no message is refused before it is stored, and the error tells what to give instead."""
    with pytest.raises(InvalidMessageError, match=r"HumanMessage|role|message"):
        encode(thing)


def test_other_classes_are_refused() -> None:
    """A message of a class that is not LangChain's own is refused with the way out, since it could not be read back."""

    class Note(BaseMessage):
        type: str = "note"

    with pytest.raises(InvalidMessageError, match=r"Note is not .* ChatMessage"):
        encode(Note(content="x"))


@pytest.mark.parametrize("field", ["content", "name", "additional_kwargs", "tool_calls", "usage_metadata"])
def test_spoilt_messages_are_refused(field: str) -> None:
    """A message into which the wrong type was assigned is refused when it is stored, not when it is read."""
    message = AIMessage("x")
    setattr(message, field, 5)
    with pytest.raises(InvalidMessageError):
        encode(message)
