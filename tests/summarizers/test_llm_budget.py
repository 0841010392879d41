"""A model is called within its budget: in batches, and with summaries that are condensed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.summarizers.creating import budget_of, create_summarizer
from langchain_motorhead.summarizers.prompting import DEFAULT_BUDGET
from support.quotes import quoted
from support.scripted_models import BOTH, HUGE, MESSAGES, Fold, Scripted, numbered, words


@pytest.mark.parametrize(
    "messages", [MESSAGES, [HUGE], [*MESSAGES[:3], HUGE, *MESSAGES[3:]]], ids=["many", "huge", "both"]
)
@pytest.mark.parametrize(
    "summary", [None, "so far", numbered(60, "s"), numbered(500, "s")], ids=["0", "2", "60", "500"]
)
async def test_batches(fold: Fold, messages: list[BaseMessage], summary: str | None) -> None:
    """Every word reaches the model once, in order and within the budget, with the summary that came of those before."""
    model = Scripted(answers=[f"answer {at}" for at in range(1000)])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    assert await fold(summarizer, messages, summary) == model.answers[len(model.asked) - 1]
    parts = [[*quoted(prompt, "summary"), *quoted(prompt, "messages")] for prompt in model.prompts]
    shown = [word for _, said in parts for word in re.findall(r"\S+\d+\.", said)]
    wanted = " ".join(message.text for message in messages).split()
    condensed = (summary or "").split() if len((summary or "").split()) > 50 else []
    assert shown == condensed + wanted
    first = "(none yet)" if condensed or summary is None else summary
    assert [so_far for so_far, _ in parts] == [first, *model.answers[: len(parts) - 1]]
    assert all(words([HumanMessage(" ".join(part))]) <= 100 for part in parts)
    assert len(parts) <= len(shown) / 20 + 2  # and it is not asked for every few words


async def test_answer_beyond_the_budget(fold: Fold) -> None:
    """A summary that the model itself made too long is condensed too, so that no call exceeds the budget."""
    model = Scripted(answers=[numbered(150, "long"), "short"])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    assert await fold(summarizer, MESSAGES) == "short"
    assert all(words([HumanMessage(prompt)]) <= 110 for prompt in model.prompts)


async def test_condensing_keeps_to_the_budget(fold: Fold) -> None:
    """A long summary is condensed in pieces that leave room for what became of those before."""
    model = Scripted(answers=[numbered(40, "short")])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    await fold(summarizer, MESSAGES[:1], numbered(400, "s"))
    assert all(words([HumanMessage(prompt)]) <= 110 for prompt in model.prompts)


async def test_verbose_models_come_to_an_end(fold: Fold) -> None:
    """A model whose answers are always too long is asked a bounded number of times, and still sees every message."""
    model = Scripted(answers=[numbered(150, "long")])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    await fold(summarizer, MESSAGES, numbered(80, "s"))
    assert len(model.asked) < 200
    shown = " ".join(model.prompts)
    assert all(word in shown for message in MESSAGES for word in message.text.split())


async def test_nothing_to_add_in_batches(fold: Fold) -> None:
    """A batch that adds nothing keeps the summary that the others made."""
    summarizer = create_summarizer(
        Scripted(answers=["NONE", "first", "NONE"]), max_input_tokens=64, token_counter=words
    )
    assert await fold(summarizer, MESSAGES[:5], "old") == "old\n\nfirst"


async def test_condensing_to_nothing(fold: Fold) -> None:
    """A model that finds nothing to condense in a long summary does not thereby erase it."""
    summary = numbered(40, "s")
    model = Scripted(answers=["NONE", "more"])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=64, token_counter=words)
    answer = await fold(summarizer, [HumanMessage(numbered(50))], summary)
    assert "s39." in answer + " ".join(model.prompts[1:])


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab \n")).map(HumanMessage), max_size=30), st.integers(64, 200))
def test_nothing_is_lost_in_batches(messages: list[BaseMessage], budget: int) -> None:
    """However messages fall into batches, the model is shown all of their text."""
    model = Scripted()
    summarizer = create_summarizer(
        model,
        prompt=BOTH,
        max_input_tokens=budget,
        token_counter=lambda messages: sum(1 + len(message.text) for message in messages),
    )
    summarizer.invoke({"summary": None, "messages": messages})
    shown = "".join(text for prompt in model.prompts for text in quoted(prompt, "messages"))
    plain = re.compile(r"Human: |\\n|\s")
    assert plain.sub("", shown) == plain.sub("", "".join(message.text for message in messages))


@pytest.mark.parametrize(
    ("profile", "budget"),
    [
        (None, DEFAULT_BUDGET),
        ({}, DEFAULT_BUDGET),
        ({"max_input_tokens": 4_000}, 3_000),
        ({"max_input_tokens": 1_000_000}, DEFAULT_BUDGET),
        ({"max_input_tokens": 10}, 64),
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: model.bind(stop=["x"]),
        lambda model: model.with_config(tags=["x"]),
        lambda model: model.with_retry(),
        lambda model: model.with_fallbacks([Scripted()]),
    ],
    ids=["model", "bind", "config", "retry", "fallbacks"],
)
def test_budget_of_the_model(wrap: Callable[[Any], Runnable[Any, Any]], profile: Any, budget: int) -> None:
    """The budget is what the model's profile leaves room for, or the default if that is less, however it is wrapped."""
    summarizer = create_summarizer(wrap(Scripted(profile=profile)))
    assert summarizer.max_input_tokens == budget
    assert budget_of(summarizer) == budget


def test_budget_of_any_runnable() -> None:
    """The budget of a summarizer of one's own is what it says, if it says something of use."""

    def made(budget: object) -> Runnable[Any, Any]:
        summarizer = create_summarizer(Scripted())
        summarizer.max_input_tokens = budget  # type: ignore[assignment]
        return summarizer

    assert budget_of(made(500)) == 500
    assert [budget_of(made(budget)) for budget in (None, "500", 5)] == [DEFAULT_BUDGET] * 3
    assert budget_of(RunnableLambda(lambda given: "x")) == DEFAULT_BUDGET


@pytest.mark.parametrize(
    ("options", "name"),
    [
        *(({"llm": bad}, "llm") for bad in ("gpt-4o", None, lambda x: x)),
        *(({"prompt": bad}, "prompt") for bad in ("", " ", None, 5)),
        *(({"max_input_tokens": bad}, "max_input_tokens") for bad in (63, 0, 100.0, "100", True)),
    ],
)
def test_bad_options(options: dict[str, Any], name: str) -> None:
    """An option that cannot be used is refused by name."""
    with pytest.raises(InvalidInputError, match=f"^{name} must be"):
        create_summarizer(**{"llm": Scripted(), **options})
