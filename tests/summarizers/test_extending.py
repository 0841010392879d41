"""A summary grows at its end, and is written anew only where it has no room left."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_motorhead.summarizers.creating import create_summarizer
from langchain_motorhead.summarizers.extending import extended
from langchain_motorhead.summarizers.prompting import ADDITION, PROMPT, with_words
from support.scripted_models import Fold, Scripted, numbered, words

HI = [HumanMessage("hi")]


async def test_additions_until_the_budget_is_passed(fold: Fold) -> None:
    """Each answer follows the summary; when there is no room, one is asked for that takes its place and is shorter."""
    model = Scripted(answers=[numbered(30, f"{name}.") for name in "abcdefgh"])
    summarizer = create_summarizer(model, max_output_tokens=128, token_counter=words)
    summary: str | None = None
    beginnings = list[bool]()
    for _ in range(5):
        longer = await fold(summarizer, HI, summary)
        beginnings.append(longer.startswith(summary or ""))
        summary = longer
    assert beginnings == [True, True, True, True, False]
    assert [asked[0] for asked in model.asked[1:]] == [
        SystemMessage(with_words(instruction, tokens))
        for instruction, tokens in ((ADDITION, 97), (ADDITION, 67), (ADDITION, 37), (PROMPT, 76))
    ]
    assert summary == numbered(30, "e.")


async def test_an_own_prompt_asks_for_the_whole(fold: Fold) -> None:
    """What a prompt of one's own is answered with takes the place of the summary."""
    summarizer = create_summarizer(Scripted(answers=["new"]), prompt="Summarize.")
    assert await fold(summarizer, HI, "old") == "new"


BEFORE = "Anna plans a trip to Lisbon from 3 May. She prefers window seats."


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        ("She booked the Casa do Bairro for 540 EUR.", False),
        ("The trip to Lisbon costs 540 EUR.", False),
        (f"{BEFORE} She booked the Casa do Bairro.", True),
        ("Anna, who prefers window seats, plans a trip to Lisbon from 3 May, and booked the Casa do Bairro.", True),
        ("Anna, who prefers window seats, plans a trip to Lisbon from 8 May.", False),
    ],
)
def test_an_answer_that_is_the_whole(answer: str, whole: bool) -> None:
    """A model that writes the whole summary though an addition was asked for does not double it."""
    assert extended(BEFORE, answer) == (answer if whole else f"{BEFORE}\n\n{answer}")
