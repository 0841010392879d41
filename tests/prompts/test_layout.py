"""What a model is shown: a prompt of a session and a run, and the system message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage, SystemMessage

from langchain_motorhead import Memory, Window
from langchain_motorhead.messages.provider_rules import acceptable
from langchain_motorhead.prompts.layout import PromptBuilder, add_to_system
from langchain_motorhead.prompts.records import CONTINUED, RECALLED_PREFIX
from langchain_motorhead.sessions.gap import MemoryGap
from langchain_motorhead.sessions.load import SUMMARY_PREFIX
from support.agents import faults
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.prompts import MESSAGES, ai, human, result
from support.summarizers import Ledger


def prompt(
    memory: Memory, given: Sequence[BaseMessage], recalled: dict[str | None, list[str]] | None = None
) -> tuple[str, list[BaseMessage]]:
    """Build a prompt, and give the instructions and the messages in it."""
    built = PromptBuilder(memory, recalled or {}).build(given)
    return built.instructions, built.messages


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


def test_parts_of_a_prompt() -> None:
    """The summary, then the window, then the question, with the recalled lines of each question before it."""
    window = [ai("a0"), human("q1"), ai("a1"), human("q2")]
    lines: dict[str | None, list[str]] = {"q1": ["Human: a dog"], "q2": ["Human: a cat", "AI: miaow"], "gone": ["x"]}
    text, messages = prompt(memory(*window, summary="They met."), [human("q2")], lines)
    assert text == ""
    assert contents(messages) == [
        f"{SUMMARY_PREFIX}<summary>\nThey met.\n</summary>",
        "a0",
        f"{RECALLED_PREFIX}<recalled>\nHuman: a dog\n</recalled>",
        "q1",
        "a1",
        f"{RECALLED_PREFIX}<recalled>\nHuman: a cat\nAI: miaow\n</recalled>",
        "q2",
    ]
    assert {message.type for message in messages} == {"human", "ai"}
    assert prompt(memory(), []) == ("", [])
    # Some models take no conversation that begins with an answer.
    assert contents(prompt(memory(ai("a0")), [])[1]) == [CONTINUED, "a0"]


def test_instructions_are_the_only_addition_to_the_system_message() -> None:
    """System messages of the conversation are instructions, each once; one that the agent has is not repeated."""
    rules, more = SystemMessage("rules", id="rules"), SystemMessage("more", id="more")
    session = memory(rules, ai("a0"), human("q1"), more, summary="s")
    text, messages = prompt(session, [human("q1"), more])
    assert text == "rules\n\nmore"
    assert contents(messages)[1:] == ["a0", "q1"]
    assert PromptBuilder(session).build([human("q1"), more], system=SystemMessage("rules")).instructions == "more"


def test_a_gap_is_filled_from_the_state() -> None:
    """What waits for the summarizer is shown as the agent has it; the rest is counted, and quoted in short lines."""
    said: list[BaseMessage] = [human(f"q{at // 2}") if at % 2 == 0 else ai(f"a{at // 2}") for at in range(20)]
    behind = Memory(messages=said[12:], total=20, start=12, epoch="0" * 16, gap=MemoryGap(0, 12))
    assert PromptBuilder(behind).build(said).messages == said
    shown = PromptBuilder(behind, read=said[:8]).build(said[8:]).messages
    assert contents(shown)[1:] == contents(said)[8:]
    assert str(shown[0].content).startswith("8 messages are not shown here, and not in the summary yet (from 0 to 7).")
    assert "Human: q0\nAI: a0" in str(shown[0].content)
    # Of a state that has more than there is room for, the newest are shown.
    long = [message.model_copy(update={"content": f"{message.content} " + "word " * 500}) for message in said[:12]]
    shown = PromptBuilder(behind).build([*long, *said[12:]]).messages
    assert "8 messages are not shown" in str(shown[0].content)
    assert shown[1:] == [*long[8:], *said[12:]]
    # A run that left the window is shown once.
    run = PromptBuilder(behind).build([said[0], *said[3:20:2]]).messages
    assert len({message.id for message in run}) == len(run)


def test_other_roles_may_begin() -> None:
    """A message of a role of one's own is taken for a human's."""
    first = ChatMessage(content="hi", role="customer", id="c")
    shown = HumanMessage("hi", name="customer", id="c")
    assert prompt(memory(first, ai("a"), human("q")), [human("q")])[1] == [shown, ai("a"), human("q")]


def test_a_window_that_was_compacted_since() -> None:
    """A run whose question is no longer in the window shows it all the same, with the rest of the run after it."""
    run = [human("q"), ai("", "1"), result("1")]
    _, messages = prompt(memory(*others(4), summary="s"), [human("old"), ai("old answer"), *run])
    assert messages[1:] == [*others(4), *run]


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
    assert Counter(message.id for message in shown_of(window)) <= Counter(message.id for message in messages)


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
    assert add_to_system(None, "more", "e") == SystemMessage("more", id="motorhead-e-instructions")


# Explanations ---------------------------------------------------------------------------------------------------------


async def test_a_session_explains_its_part(amake: MakeMotorhead) -> None:
    """It gives the messages of the next prompt, and the tokens of each part, also of messages that wait."""
    motorhead = amake(llm=Ledger(), window=Window(max_messages=4), compaction="manual")
    session = motorhead.session("s")
    assert session.explain().total == 0
    session.append(numbered(6))
    session.compact()
    session.append(numbered(12, 6))
    found = session.explain()
    assert found == await session.aexplain()
    assert contents(found.messages)[1:] == [f"m{at}" for at in range(10, 18)]
    assert "m0" in str(found.messages[0].content)
    assert "6 messages are not shown" in str(found.messages[0].content)
    assert min(found.tokens.values()) > 0
    assert found.total == sum(found.tokens.values())
