"""What a model is shown: a prompt of a session and a run, calls with their results, and the system message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from agents import faults, unpaired
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from support import contents, numbered

from langchain_motorhead import Memory
from langchain_motorhead.integrations.prompt import add_to_system, prompt
from langchain_motorhead.messages.tool_calls import paired
from langchain_motorhead.sessions.load import SUMMARY_PREFIX


def human(name: str) -> HumanMessage:
    """Make a message with its name as its text and id."""
    return HumanMessage(name, id=name)


def ai(name: str, *calls: str) -> AIMessage:
    """Make an answer, with calls."""
    return AIMessage(name, id=name or None, tool_calls=[{"name": "f", "args": {}, "id": call} for call in calls])


def result(call: str, name: str | None = None) -> ToolMessage:
    """Make a result of a call."""
    return ToolMessage(name or f"result of {call}", tool_call_id=call, id=name or f"result of {call}")


def memory(*messages: BaseMessage, summary: str | None = None) -> Memory:
    """Make a session."""
    return Memory(summary=summary, messages=list(messages), total=len(messages), epoch="0" * 16)


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


# Calls and results ----------------------------------------------------------------------------------------------------


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


# Prompts --------------------------------------------------------------------------------------------------------------


def test_window_then_run() -> None:
    """The window, then the run's own, once each, whether the state has all of the conversation or the run alone."""
    said = [human("q0"), ai("a0"), human("q1"), ai("a1"), human("q2")]
    run = [ai("", "1"), result("1")]
    for state in ([*said, *run], [said[-1], *run], [human("old"), ai("older"), *said, *run]):
        text, messages = prompt(memory(*said), state)
        assert (text, messages) == ("", [*said, *run])


def test_the_state_s_version_is_shown() -> None:
    """A message that was changed in the state is shown as it is there."""
    masked = HumanMessage("***", id="q0")
    _, messages = prompt(memory(human("q0"), ai("a0"), human("q1")), [masked, ai("a0"), human("q1")])
    assert contents(messages) == ["***", "a0", "q1"]


def test_parts_of_the_text() -> None:
    """The summary, what was said right after it and before a human's first message, and what was recalled."""
    window = [ai("a0"), human("q1"), ai("a1"), human("q2")]
    text, messages = prompt(memory(*window, summary="They met."), [human("q2")], "Human: a cat")
    assert text.split("\n\n") == [
        f"{SUMMARY_PREFIX}They met.",
        "Said right after that:\nAI: a0",
        "Said earlier, and maybe of use now:\nHuman: a cat",
    ]
    assert contents(messages) == ["q1", "a1", "q2"]
    assert prompt(memory(*window), [human("q2")])[0] == "Said before:\nAI: a0"
    assert prompt(memory(), []) == ("", [])
    assert prompt(memory(ai("a0")), []) == ("", [ai("a0")])


def test_system_messages_of_the_conversation_stay() -> None:
    """They are shown, also where they come before what is told in words."""
    rules, more = SystemMessage("rules", id="rules"), SystemMessage("more", id="more")
    text, messages = prompt(memory(rules, ai("a0"), human("q1"), more), [human("q1"), more])
    assert (text, messages) == ("Said before:\nAI: a0", [rules, human("q1"), more])


def test_other_roles_may_begin() -> None:
    """A message of a role of one's own is taken for a human's."""
    first = ChatMessage(content="hi", role="customer", id="c")
    assert prompt(memory(first, ai("a"), human("q")), [human("q")])[1] == [first, ai("a"), human("q")]


def test_a_window_that_was_compacted_since() -> None:
    """A run whose question is no longer in the window shows it all the same, with the rest of the run after it."""
    run = [human("q"), ai("", "1"), result("1")]
    _, messages = prompt(memory(*others(4), summary="s"), [human("old"), ai("old answer"), *run])
    assert messages == [*others(4), *run]


def others(count: int) -> list[BaseMessage]:
    """Make what others said meanwhile."""
    return [message.model_copy(update={"id": f"other-{at}"}) for at, message in enumerate(numbered(count))]


@given(MESSAGES, st.data())
def test_any_state_makes_a_right_prompt(conversation: list[BaseMessage], data: st.DataObject) -> None:
    """Whatever part of a conversation the window and the state have, the prompt can be sent, and has the run once."""
    question = HumanMessage("question", id="question")
    said = [*conversation, question]
    window = said[data.draw(st.integers(0, len(conversation))) :]
    state = said[data.draw(st.integers(0, len(conversation))) :]
    run: list[BaseMessage] = [ai("", "x", "y"), result("x"), result("y")][: data.draw(st.sampled_from([0, 3]))]
    text, messages = prompt(memory(*window), [*state, *run])
    plain = [message for message in messages if not isinstance(message, SystemMessage)]
    system = add_to_system(SystemMessage("S"), text, "e")
    assert faults([*([system] if system else []), *plain], "S") == []
    assert messages[len(messages) - 1 - len(run) :] == [question, *run]
    expected = Counter(message.id for message in paired(window))
    assert expected <= Counter(message.id for message in (*messages, *told(window)))


def told(window: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Give what comes before a human's first message, and is told in words."""
    pairs = paired(window)
    start = next(at for at, message in enumerate(pairs) if isinstance(message, HumanMessage))
    return [message for message in pairs[:start] if not isinstance(message, SystemMessage)]


# The system message ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "more"),
        ("rules", "rules\n\nmore"),
        ([], [{"type": "text", "text": "more"}]),
        (["rules"], ["rules", {"type": "text", "text": "more"}]),
        (
            [{"type": "text", "text": "rules", "cache_control": {"type": "ephemeral"}}],
            [
                {"type": "text", "text": "rules", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "more"},
            ],
        ),
    ],
)
def test_text_is_added_to_the_end(content: Any, expected: Any) -> None:
    """To a string or to blocks, leaving the message that was given, and all else that it has, as it is."""
    system = SystemMessage(content, id="s", name="n", additional_kwargs={"a": 1})
    added = add_to_system(system, "more", "e")
    assert added == SystemMessage(expected, id="s", name="n", additional_kwargs={"a": 1})
    assert system.content == content
    assert add_to_system(system, "", "e") is system


def test_a_system_message_is_made() -> None:
    """Where there is none: with an id that is the session's, or none at all where there is nothing to say."""
    assert add_to_system(None, "", "e") is None
    assert add_to_system(None, "more", "e") == SystemMessage("more", id="motorhead-e-summary")
