"""Each result of a tool stands right after its call, and nothing else is lost."""

from __future__ import annotations

from hypothesis import given
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, ToolMessage

from langchain_motorhead.messages.provider_rules import paired
from support.agents import unpaired
from support.prompts import MESSAGES, ai, human, result


@given(MESSAGES)
def test_results_stand_right_after_their_calls(messages: list[BaseMessage]) -> None:
    """Whatever was given, every call has its result right after it, and every result its call before it."""
    assert unpaired(paired(messages)) == []


@given(MESSAGES)
def test_pairing_again_changes_nothing(messages: list[BaseMessage]) -> None:
    """What is paired stays as it is, and what was paired before is not changed in place."""
    before = [message.model_copy(deep=True) for message in messages]
    once = paired(messages)
    assert paired(once) == once
    assert messages == before


@given(MESSAGES)
def test_nothing_else_is_lost(messages: list[BaseMessage]) -> None:
    """All that was said is there in its order, but for answers that were nothing but calls without results."""
    shown = [message for message in paired(messages) if not isinstance(message, ToolMessage)]
    ids = [message.id for message in shown]
    answered = {message.id: message for message in shown if isinstance(message, AIMessage)}
    for message in messages:
        if isinstance(message, AIMessage) and message.id not in answered:
            assert message.tool_calls
            assert not message.text.strip()
        elif not isinstance(message, ToolMessage):
            assert message.id in ids
    assert ids == sorted(ids, key=lambda id_: int(id_ or 0))


@given(MESSAGES)
def test_as_many_pairs_as_there_are(messages: list[BaseMessage]) -> None:
    """A call keeps its result wherever the result comes before the call's id is used again."""
    expected = 0
    for at, message in enumerate(messages):
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            for later in messages[at + 1 :]:
                if isinstance(later, AIMessage) and call["id"] in [each["id"] for each in later.tool_calls]:
                    break
                if isinstance(later, ToolMessage) and later.tool_call_id == call["id"]:
                    expected += 1
                    break
    assert sum(isinstance(message, ToolMessage) for message in paired(messages)) == expected


def test_pairs_by_example() -> None:
    """Results are moved to their calls, in their order; what is alone goes."""
    question, later = human("q"), human("later")
    both = ai("", "1", "2")
    assert paired([question, both, result("2"), later, result("1"), ai("done")]) == [
        question, both, result("2"), result("1"), later, ai("done"),
    ]  # fmt: skip
    assert paired([question, both, later]) == [question, later]
    assert paired([result("1"), question]) == [question]
    [_, half, found] = paired([question, both, result("1")])
    assert isinstance(half, AIMessage)
    assert ([call["id"] for call in half.tool_calls], found) == (["1"], result("1"))
    twice = [ai("", "1"), result("1", "first"), question, ai("", "1"), result("1", "second")]
    assert paired(twice) == twice
    assert paired([ai("", "1"), result("1"), result("1", "again")]) == [ai("", "1"), result("1")]
    old = FunctionMessage(content="found", name="f")
    assert paired([question, old]) == [question, old]


def test_calls_are_left_out_wherever_they_stand() -> None:
    """In the shapes of several providers: blocks of the content, what is raw, and calls that could not be read."""
    message = AIMessage(
        [
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "1", "name": "f", "input": {}},
            {"type": "tool_use", "id": "2", "name": "f", "input": {}},
            {"type": "function_call", "id": "fc", "call_id": "3", "name": "f", "arguments": ""},
            "and so on",
        ],
        tool_calls=[{"name": "f", "args": {}, "id": id_} for id_ in ("1", "2")],
        invalid_tool_calls=[{"name": "f", "args": "{", "id": "3", "error": None}],
        additional_kwargs={"tool_calls": [{"id": "1"}, {"id": "2"}, {"id": "3"}], "refusal": None},
    )
    [half, _] = paired([message, result("2")])
    assert isinstance(half, AIMessage)
    assert [block.get("id") if isinstance(block, dict) else block for block in half.content] == [None, "2", "and so on"]
    assert [call["id"] for call in half.tool_calls] == ["2"]
    assert half.invalid_tool_calls == []
    assert half.additional_kwargs == {"tool_calls": [{"id": "2"}], "refusal": None}
    [bare] = paired([message])
    assert bare.additional_kwargs == {"refusal": None}
    assert len(message.tool_calls) == 2
