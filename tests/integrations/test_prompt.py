"""What a model is shown: a prompt of a session and a run, and the system message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage, SystemMessage

from langchain_motorhead import Memory
from langchain_motorhead.integrations.prompt import RECALLED_PREFIX, add_to_system, prompt
from langchain_motorhead.messages.provider_rules import acceptable
from langchain_motorhead.sessions.load import SUMMARY_PREFIX
from support.agents import faults
from support.messages import contents, numbered
from support.prompts import MESSAGES, ai, human, result


def memory(*messages: BaseMessage, summary: str | None = None) -> Memory:
    """Make a session."""
    return Memory(summary=summary, messages=list(messages), total=len(messages), epoch="0" * 16)


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
        f"{SUMMARY_PREFIX}<summary>\nThey met.\n</summary>",
        "Said right after that:\n<messages>\nAI: a0\n</messages>",
        f"{RECALLED_PREFIX}<recalled>\nHuman: a cat\n</recalled>",
    ]
    assert contents(messages) == ["q1", "a1", "q2"]
    assert prompt(memory(*window), [human("q2")])[0] == "Said before:\n<messages>\nAI: a0\n</messages>"
    assert prompt(memory(), []) == ("", [])
    assert prompt(memory(ai("a0")), []) == ("", [ai("a0")])


def test_system_messages_of_the_conversation_come_first() -> None:
    """They are part of the system message, each once, before what is quoted."""
    rules, more = SystemMessage("rules", id="rules"), SystemMessage("more", id="more")
    text, messages = prompt(memory(rules, ai("a0"), human("q1"), more), [human("q1"), more])
    quoted = "Said before:\n<messages>\nAI: a0\n</messages>"
    assert (text, messages) == (f"rules\n\nmore\n\n{quoted}", [human("q1")])


def test_other_roles_may_begin() -> None:
    """A message of a role of one's own is taken for a human's."""
    first = ChatMessage(content="hi", role="customer", id="c")
    shown = HumanMessage("hi", name="customer", id="c")
    assert prompt(memory(first, ai("a"), human("q")), [human("q")])[1] == [shown, ai("a"), human("q")]


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
    expected = Counter(message.id for message in shown_of(window))
    assert expected <= Counter(message.id for message in (*messages, *told(window)))


def told(window: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Give what comes before a human's first message, and is told in words."""
    pairs = shown_of(window)
    start = next(at for at, message in enumerate(pairs) if isinstance(message, HumanMessage))
    return pairs[:start]


def shown_of(window: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Give what a provider takes of a window."""
    return acceptable([message for message in window if not isinstance(message, SystemMessage)])


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
