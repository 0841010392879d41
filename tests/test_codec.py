"""A message survives storage whole, what is stored is small and plain, and nothing else passes for a message."""

import copy
import json
import math
import pickle
import sys
from collections.abc import Callable
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    ToolMessageChunk,
)

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import ROLES, decode, decode_all, encode, other_role

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
    made(ChatMessage, **COMMON, role=TEXT | st.sampled_from([*ROLES, "function", "remove", "chat", "Human"])),
    made(RemoveMessage, id=TEXT),
)
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

TOOL_CALL = {"name": "look", "args": {"city": "Oslo", "days": 3}, "id": "c1", "type": "tool_call"}
USAGE_METADATA = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_token_details": {"cache_read": 1}}


def whole(message: BaseMessage) -> tuple[type[BaseMessage], str, str]:
    """Give all that a message consists of, in a form in which NaN equals itself and 1 is not True."""
    extra = message.model_extra or {}
    return type(message), repr(sorted(vars(message).items())), repr(sorted(extra.items()))


def nested(depth: int) -> list[Any]:
    """Give a list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


class Unsure:
    """Like an array or a data frame: whether it equals something is not a question of yes or no."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage("hi", id="m1", name="bob"),
        HumanMessage([{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:x"}}, "there"]),
        HumanMessage("", additional_kwargs={"a": [1, {"b": None}]}, response_metadata={"c": 1.0}),
        AIMessage("", tool_calls=[TOOL_CALL, {**TOOL_CALL, "id": "c2"}], usage_metadata=USAGE_METADATA),
        AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{", "id": "c", "error": "no JSON"}]),
        AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}),
        AIMessage([{"type": "reasoning", "reasoning": "hm"}], response_metadata={"output_version": "v1"}),
        SystemMessage("be kind"),
        ToolMessage("ok", tool_call_id="c1", name="look"),
        ToolMessage("no", tool_call_id="c1", status="error", artifact=b"\xff\x00"),
        ToolMessage(
            "2", tool_call_id="c1", artifact=[Document("text", id="d", metadata={"score": 0.5, "raw": b"\xff"})]
        ),
        FunctionMessage(content="ok", name="look"),
        *(ChatMessage(content="hi", role=role) for role in (*ROLES, "elf", "", "function", "remove", "chat", "Tool")),
        RemoveMessage(id="m1"),
        HumanMessage("hi", mood="fine", scores=[1, 2], when={"$type": "float", "value": "nan"}),
    ],
    ids=lambda message: f"{type(message).__name__}-{getattr(message, 'role', '')}",
)
def test_messages_round_trip(message: BaseMessage) -> None:
    """A message of any built-in class comes back equal, of the same class, with every field."""
    back = decode(encode(message))
    assert back == message
    assert whole(back) == whole(message)


@settings(deadline=None)
@given(MESSAGES)
def test_any_message_round_trips(message: BaseMessage) -> None:
    """Whatever text and data a message is made of, it comes back whole."""
    assert whole(decode(encode(message))) == whole(message)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (AIMessage("x", status="done"), "status"),
        (AIMessage("x", artifact={"a": 1}), "artifact"),
        (HumanMessage("x", role="admin"), "role"),
        (HumanMessage("x", example=True), "example"),
        (HumanMessage("x", tool_call_id="c1"), "tool_call_id"),
        (HumanMessage("x", tool_calls=[1]), "tool_calls"),
        (SystemMessage("x", usage_metadata={"a": 1}), "usage_metadata"),
        (HumanMessage("x", **{"$type": "float"}), "$type"),
        (HumanMessage("x", **{"$type": "float", "value": "nan"}), "value"),
        (HumanMessage("x", extra={"mood": "fine"}), "extra"),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_extra_fields_round_trip(message: BaseMessage, name: str) -> None:
    """A field that only this message has comes back, also where another class or the record has one of that name."""
    back = decode(encode(message))
    assert getattr(back, name) == getattr(message, name)
    assert whole(back) == whole(message)


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([HumanMessageChunk(content="a", id="1"), HumanMessageChunk(content="b")], HumanMessage("ab", id="1")),
        (
            [ChatMessageChunk(content="a", role="user"), ChatMessageChunk(content="b", role="user")],
            ChatMessage(content="ab", role="user"),
        ),
        ([ToolMessageChunk(content="a", tool_call_id="c")], ToolMessage("a", tool_call_id="c")),
        (
            [
                AIMessageChunk(
                    content="a", id="1", tool_call_chunks=[{"name": "f", "args": '{"x"', "id": "c", "index": 0}]
                ),
                AIMessageChunk(content="b", tool_call_chunks=[{"name": None, "args": ": 1}", "id": None, "index": 0}]),
                AIMessageChunk(content="", usage_metadata=USAGE_METADATA, chunk_position="last"),
            ],
            AIMessage(
                "ab",
                id="1",
                tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c", "type": "tool_call"}],
                usage_metadata=USAGE_METADATA,
            ),
        ),
    ],
    ids=["human", "chat", "tool", "ai"],
)
def test_chunks_are_stored_as_their_message(chunks: list[Any], message: BaseMessage) -> None:
    """The sum of streamed chunks is stored as the message that it is."""
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    assert encode(total) == encode(message)
    assert decode(encode(total)) == message


@pytest.mark.parametrize(
    ("message", "record"),
    [
        (HumanMessage("hi"), {"role": "Human", "content": "hi"}),
        (AIMessage("hi"), {"role": "AI", "content": "hi"}),
        (SystemMessage("hi"), {"role": "system", "content": "hi"}),
        (ToolMessage("hi", tool_call_id="c"), {"role": "tool", "content": "hi", "tool_call_id": "c"}),
        (ChatMessage(content="hi", role="elf"), {"role": "elf", "content": "hi"}),
        (HumanMessage("hi", id="m1"), {"role": "Human", "content": "hi", "id": "m1"}),
        (AIMessage("", tool_calls=[TOOL_CALL]), {"role": "AI", "content": "", "tool_calls": [TOOL_CALL]}),
    ],
    ids=lambda part: type(part).__name__,
)
def test_stored_form(message: BaseMessage, record: dict[str, Any]) -> None:
    """What is stored has a role and a content, in this order, and no field that is at its default."""
    data = encode(message)
    assert json.loads(data) == record
    assert data.startswith(
        json.dumps({"role": record["role"], "content": record["content"]}, separators=(",", ":"))[:-1].encode()
    )


@settings(deadline=None)
@given(MESSAGES)
def test_stored_form_is_the_wires(message: BaseMessage) -> None:
    """What is stored is strict JSON: an object with a role that is a string, and a content of text or blocks."""
    record = json.loads(encode(message), parse_constant=pytest.fail)
    assert isinstance(record["role"], str)
    assert isinstance(record["content"], str | list)


@pytest.mark.parametrize(
    ("role", "cls"),
    [
        *((role, HumanMessage) for role in ("human", "Human", "user")),
        *((role, AIMessage) for role in ("ai", "AI", "assistant")),
        ("system", SystemMessage),
        ("tool", ToolMessage),
        *((role, ChatMessage) for role in ("elf", "", "USER", "Tool", "function", "developer", "remove", "chat")),
    ],
)
def test_roles(role: str, cls: type[BaseMessage]) -> None:
    """A role that a client wrote picks the class, any unknown one a ChatMessage, and the client's bytes stay."""
    wire = {"role": role, "content": "hi"}
    data = encode(wire)
    message = decode(data)
    assert json.loads(data) == wire
    assert type(message) is cls
    assert message.content == "hi"
    assert getattr(message, "role", role) == role


def test_wire_objects_are_stored_as_written() -> None:
    """A client's object keeps its keys and their order, also those that mean nothing here."""
    wire = {
        "content": "h\u00e9",
        "token_count": 5,
        "role": "user",
        "ids": ["a", 2**63, None, {"b": 0.5}],
        "name": "bob",
    }
    assert encode(MappingProxyType(wire)) == json.dumps(wire, ensure_ascii=False, separators=(",", ":")).encode()
    assert decode(encode(wire)) == HumanMessage("h\u00e9", name="bob")


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ({"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}, AIMessage("", tool_calls=[TOOL_CALL])),
        ({"role": "tool", "content": "ok"}, ToolMessage("ok", tool_call_id="")),
        ({"role": "tool", "content": "ok", "tool_call_id": "c1"}, ToolMessage("ok", tool_call_id="c1")),
        ({"role": "user", "content": [{"type": "text", "text": "hi"}]}, HumanMessage([{"type": "text", "text": "hi"}])),
        ({"role": "user", "content": "hi", "id": 7}, HumanMessage("hi", id="7")),
        ({"role": "user", "content": "hi", "type": "langchain_core.prompts.PromptTemplate"}, HumanMessage("hi")),
    ],
    ids=["no content", "no call id", "tool", "blocks", "number as id", "foreign type"],
)
def test_wire_objects_are_understood(wire: dict[str, Any], message: BaseMessage) -> None:
    """What other programs write is read as the message that it stands for."""
    assert decode(encode(wire)) == message


@pytest.mark.parametrize(
    ("record", "role"),
    [
        *(({"role": role}, role) for role in ("user", "human", "assistant", "ai")),
        *(({"role": role}, None) for role in ("Human", "AI", "system", "tool", "elf", "function", "")),
        ({"role": "user", "type": "chat"}, None),
        ({"role": "function", "type": "function", "name": "f"}, None),
        ({"role": "user", "type": "function", "name": "f"}, "user"),
    ],
)
def test_other_role(record: dict[str, str], role: str | None) -> None:
    """A role is told where the message, as it is read, would be written with another."""
    data = json.dumps({**record, "content": "hi"}).encode()
    message = decode(data)
    assert other_role(data, message) == role
    assert (json.loads(encode(message))["role"] == record["role"]) == (role is None)


@pytest.mark.parametrize("role", [*ROLES, "elf"])
@pytest.mark.parametrize("content", ["hi", [{"type": "text", "text": "hi"}]], ids=["text", "blocks"])
@pytest.mark.parametrize("extra", [{}, {"id": None}, {"name": "bob"}], ids=str)
def test_fallback_id(role: str, content: object, extra: dict[str, Any]) -> None:
    """A message without an id gets the fallback; one with an id keeps it, even if it is empty."""
    record = {"role": role, "content": content, **extra}
    assert decode(json.dumps(record)).id is None
    assert decode(json.dumps(record), "fallback").id == "fallback"
    assert decode(json.dumps({**record, "id": "own"}), "fallback").id == "own"
    assert decode(json.dumps({**record, "id": ""}), "fallback").id == ""


def read_by_itself(data: bytes) -> BaseMessage:
    """Read a record as a session's are read."""
    (message,) = decode_all([data], "e", 1, lambda _, error: pytest.fail(str(error)))
    assert message is not None
    return message


@given(role=st.sampled_from(sorted(ROLES)), text=TEXT, fallback=st.none() | TEXT)
def test_plain_messages_are_as_constructed(role: str, text: str, fallback: str | None) -> None:
    """A message of a role and a text is just what its constructor makes, in every way that pydantic can tell."""
    needed = {"tool_call_id": ""} if role == "tool" else {}
    made = ROLES[role](content=text, id=fallback, **needed)
    assert whole(decode(json.dumps({"role": role, "content": text}), fallback)) == whole(made)
    read = read_by_itself(json.dumps({"role": role, "content": text}).encode())
    made.id = read.id
    assert read == made
    assert whole(read) == whole(made)
    assert list(vars(read)) == list(vars(made))
    assert read.model_fields_set == made.model_fields_set
    assert read.model_extra == made.model_extra
    assert read.model_dump(exclude_unset=True) == made.model_dump(exclude_unset=True)
    assert repr(read) == repr(made)
    for twin in (
        pickle.loads(pickle.dumps(read)),
        copy.copy(read),
        copy.deepcopy(read),
        read.model_copy(),
        type(read).model_validate(read.model_dump()),
    ):
        assert whole(twin) == whole(made)
    assert read.model_copy(update={"content": "new"}) == made.model_copy(update={"content": "new"})


@pytest.mark.parametrize("role", ROLES)
def test_plain_messages_share_nothing(role: str) -> None:
    """What is done to one message shows in no other."""
    data = json.dumps({"role": role, "content": "hi"}).encode()
    first = read_by_itself(data)
    for value in vars(first).values():
        if isinstance(value, dict):
            value["x"] = 1
        elif isinstance(value, list):
            value.append(1)
    first.mood = "fine"  # type: ignore[attr-defined]
    first.name = "bob"
    second, third = read_by_itself(data), read_by_itself(data)
    assert second == third
    assert second.additional_kwargs == second.response_metadata == {}
    assert getattr(second, "tool_calls", []) == []
    assert second.model_extra == {}
    assert second.model_fields_set == {"content", "id"} | ({"tool_call_id"} if role == "tool" else set())


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


def test_what_was_stored_can_be_read() -> None:
    """Nesting that was accepted from a shallow stack is also read from a deeper one, as under an agent framework."""

    def below(frames: int, data: bytes) -> BaseMessage:
        return below(frames - 1, data) if frames else decode(data)

    accepted = []
    for depth in range(50, 1_000, 50):
        try:
            accepted.append(encode(HumanMessage("x", additional_kwargs={"a": nested(depth)})))
        except InvalidMessageError:
            break
    assert accepted
    for data in accepted:
        assert below(sys.getrecursionlimit() // 3, data).content == "x"


@pytest.mark.parametrize("depth", [20, 400, 490, 900, 2_000, 100_000])
def test_nested_records(depth: int) -> None:
    """Whatever the nesting of what somebody else wrote, it is read, or raises the one error."""
    data = '{"role":"user","content":"x","additional_kwargs":{"a":' + "[" * depth + "]" * depth + "}}"
    try:
        assert decode(data).content == "x"
    except InvalidMessageError:
        assert depth > 50


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


@given(
    st.lists(
        st.one_of(
            st.builds(lambda text: encode(HumanMessage(text)), st.text()),
            st.builds(lambda text, id_: encode(AIMessage(text, id=id_)), st.text(), st.text()),
            st.sampled_from([b"", b"[]", b"1", b"nan", b"\xff", b'{"role":"x"}', b'{"a":1},{"b":2}', b'{"role":']),
            st.just(json.dumps({"role": "user", "content": "\ud800"}).encode()),
        ),
        max_size=8,
    )
)
def test_many_are_read_as_one_by_one(records: list[bytes]) -> None:
    """Records parsed together are the messages, and the faults, that each is by itself."""
    skipped: dict[int, InvalidMessageError] = {}
    for at, (record, found) in enumerate(zip(records, decode_all(records, "e", 7, skipped.setdefault), strict=True)):
        assert (found is None) is (7 + at in skipped)
        if found is not None:
            assert found == decode(record, f"motorhead-e-{7 + at}")
            continue
        with pytest.raises(InvalidMessageError) as caught:
            decode(record)
        assert str(skipped[7 + at]) == str(caught.value)
