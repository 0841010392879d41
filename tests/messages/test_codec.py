"""A message survives storage whole, what is stored is small and plain, and many are read as one by one."""

import copy
import json
import pickle
import sys
from typing import Any

import pytest
from hypothesis import given, settings
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
from langchain_motorhead.messages.codec import ROLES, decode, decode_all, encode
from support.message_strategies import MESSAGES, TEXT, TOOL_CALL, nested

USAGE_METADATA = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_token_details": {"cache_read": 1}}


def whole(message: BaseMessage) -> tuple[type[BaseMessage], str, str]:
    """Give all that a message consists of, in a form in which NaN equals itself and 1 is not True."""
    extra = message.model_extra or {}
    return type(message), repr(sorted(vars(message).items())), repr(sorted(extra.items()))


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
