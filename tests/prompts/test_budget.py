"""The budget of a prompt: it stays within its limit, with facts about a user as with everything else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage

from langchain_motorhead import InvalidInputError, Memory
from langchain_motorhead.integrations.nodes import load_memory
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.prompts.budget import FACTS_SHARE
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.layout import PromptBuilder
from langchain_motorhead.sessions.load import PROFILE_PREFIX
from support.factory import MakeMotorhead
from support.prompts import ai, human


def facts_in(messages: list[BaseMessage]) -> list[str]:
    """List the lines of the profile that a prompt shows."""
    text = "".join(str(message.text) for message in messages if PROFILE_PREFIX in str(message.text))
    return [line for line in text.splitlines() if line.startswith("- fact ")]


@given(
    facts=st.lists(st.integers(1, 60), max_size=300),
    said=st.lists(st.integers(1, 80), max_size=20),
    recalled=st.lists(st.integers(1, 60), max_size=20),
    limit=st.integers(500, 4_000),
)
@example(facts=[3] * 2_000, said=[30] * 20, recalled=[30] * 20, limit=500)
@example(facts=[3] * 5, said=[], recalled=[], limit=4_000)
def test_any_profile_fits(facts: list[int], said: list[int], recalled: list[int], limit: int) -> None:
    """The prompt is within its limit. The first facts are shown that fit in an eighth, and all of them if all do."""
    lines = [f"- fact {at}" + " word" * size for at, size in enumerate(facts)]
    window = [(human if at % 2 == 0 else ai)(f"{at} " + "word " * size) for at, size in enumerate(said)]
    question = human("What do I like?")
    memory = Memory(
        summary="They met.", messages=[*window, question], total=len(window) + 1, epoch="0" * 16,
        profile="\n".join(lines),
    )  # fmt: skip
    count = PromptCounter(count_tokens)
    found = {question.id: ["Human: " + "word " * size for size in recalled]}
    prompt = PromptBuilder(memory, found, limit=limit, count=count).build([question])
    assert count(prompt.messages) <= limit
    assert prompt.messages[-1].text == question.text
    shown = facts_in(prompt.messages)
    assert shown == lines[: len(shown)]
    assert prompt.tokens["facts"] <= limit * FACTS_SHARE
    unlimited = PromptBuilder(memory, found, count=count, measured=True).build([question])
    assert len(facts_in(unlimited.messages)) == len(lines)
    if unlimited.tokens["facts"] <= (limit - unlimited.tokens["summary"]) * FACTS_SHARE:
        assert len(shown) == len(lines)


def test_a_node_takes_limits_as_numbers(make: MakeMotorhead) -> None:
    """It does not know the model, so a fraction of what it takes is refused at once."""
    with pytest.raises(InvalidInputError, match="Give a number of tokens"):
        load_memory(make(), max_prompt_tokens=0.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="max_run_tokens"):
        load_memory(make(), max_run_tokens=5)
