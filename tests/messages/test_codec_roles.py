"""Roles, and messages as Motorhead's clients write them, become messages of LangChain."""

import json
from types import MappingProxyType
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead.messages.codec import ROLES, decode, encode, other_role
from support.message_strategies import TOOL_CALL


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
    """The role is noted if the message, as it is read, would be written with another."""
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
