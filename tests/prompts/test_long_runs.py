"""Long runs: what is shown of their results stays within a limit, and changes seldom."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately

from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.long_runs import ShownRun
from langchain_motorhead.prompts.results import result_key
from support.agents import unpaired
from support.providers import refusals

LIMIT = 20_000


def step(at: int, *sizes: int, text: str = "") -> list[BaseMessage]:
    """Make an answer with calls, and their results of so many words."""
    calls = [{"name": "look", "args": {"at": at}, "id": f"call-{at}-{number}"} for number in range(len(sizes))]
    results = [
        ToolMessage(
            f"line {at}-{number}\n" + "word " * size, tool_call_id=str(call["id"]), name="look", id=f"{at}-{number}"
        )
        for number, (size, call) in enumerate(zip(sizes, calls, strict=True))
    ]
    return [AIMessage(text, tool_calls=calls, id=f"a{at}"), *results]


def calls_of(run: list[BaseMessage]) -> list[list[BaseMessage]]:
    """Give what the model has to be shown in each call of a run."""
    ends = [at for at in range(1, len(run) + 1) if at == len(run) or isinstance(run[at], AIMessage)]
    return [run[:end] for end in ends]


def test_two_hundred_results_of_two_thousand_tokens() -> None:
    """The limit holds by two ways to count, at most one call of ten changes the beginning, each result is named."""
    run: list[BaseMessage] = [HumanMessage("go", id="q")]
    for at in range(200):
        run += step(at, 1_600)
    counter, approximate = PromptCounter(count_tokens), PromptCounter(count_tokens_approximately)
    shown, prompts = ShownRun(LIMIT, counter), list[list[BaseMessage]]()
    for given_ in calls_of(run):
        prompts.append(shown.show(given_))
        assert max(counter(prompts[-1]), approximate(prompts[-1])) <= LIMIT
    changes = [at for at, (one, other) in enumerate(pairwise(prompts)) if other[: len(one)] != one]
    assert len(changes) == shown.changes <= len(prompts) // 10
    assert min(after - before for before, after in pairwise(changes)) >= 10
    assert refusals(prompts[-1]) == []
    # In another process, the same run is shown the same way.
    assert ShownRun(LIMIT, counter).show(run) == prompts[-1]
    for before, after in zip(run, prompts[-1], strict=True):
        if isinstance(before, ToolMessage):
            assert f'read_result("{result_key(before)}"' in str(after.content)
            assert (after.id, after.name) == (before.id, before.name)
        else:
            assert after is before
    assert str(prompts[-1][-39].content).startswith("[look, 2,0")
    assert "tokens: line 180-0 To read it" in str(prompts[-1][-39].content)


def test_one_result_that_is_too_large() -> None:
    """It is shown with its head and its tail, and how to read what is between."""
    run = [HumanMessage("go", id="q"), *step(0, 100_000)]
    shown = ShownRun(2_000, PromptCounter(count_tokens)).show(run)[-1]
    text, whole = str(shown.content), str(run[-1].content)
    assert count_tokens_approximately([shown]) <= 2_000
    head = text.partition("\n[")[0]
    assert whole.startswith(head)
    assert whole.endswith(text.rpartition("]\n")[2])
    assert f'read_result("{result_key(run[-1])}", start={len(head)}' in text  # type: ignore[arg-type]


def test_a_run_that_fits_is_shown_as_it_is() -> None:
    """Nothing is replaced, and no result is shortened, as long as there is room for it."""
    run = [HumanMessage("go", id="q"), *step(0, 900), *step(1, 900, text="Hm."), *step(2, 900)]
    shown = ShownRun(LIMIT, PromptCounter(count_tokens))
    assert shown.show(run) == run
    assert shown.changes == 0


SIZES = st.lists(st.lists(st.integers(0, 3_000), min_size=1, max_size=4), max_size=20)


@given(SIZES, st.sampled_from([4_000, LIMIT]))
def test_any_run_is_shown_within_its_limit(sizes: list[list[int]], limit: int) -> None:
    """Calls and results stay paired, other messages stay, and the limit holds as far as these leave room."""
    run: list[BaseMessage] = [HumanMessage("go", id="q")]
    for at, each in enumerate(sizes):
        run += step(at, *each)
    counter = PromptCounter(count_tokens)
    view = ShownRun(limit, counter)
    for given_ in calls_of(run):
        shown = view.show(given_)
        assert unpaired(shown) == []
        assert view.used == counter(shown)
        least = sum(counter.one(each) for each in given_ if not isinstance(each, ToolMessage))
        least += 20 * sum(isinstance(each, ToolMessage) for each in given_)
        assert view.used <= max(limit, least)


def test_a_run_that_is_another() -> None:
    """A message that was changed in the midst of a run, as by a redaction, is shown as it is now."""
    run = [HumanMessage("go", id="q"), *step(0, 10), *step(1, 10)]
    shown = ShownRun(LIMIT, PromptCounter(count_tokens))
    shown.show(run[:3])
    masked = [run[0], run[1], run[2].model_copy(update={"content": "***"}), *run[3:]]
    assert shown.show(masked) == masked


@pytest.mark.parametrize("part", [True, False])
def test_what_was_read_of_a_result(part: bool) -> None:
    """Where a part that was read is shortened, the note says where the result itself goes on."""
    args = {"id": "abc", **({"start": 100_000} if part else {})}
    call = AIMessage("", tool_calls=[{"name": "read_result", "args": args, "id": "c"}], id="a")
    read = ToolMessage("word " * 20_000, tool_call_id="c", name="read_result", id="r")
    shown = str(ShownRun(2_000, PromptCounter(count_tokens)).show([HumanMessage("go", id="q"), call, read])[-1].content)
    head, _, note = shown.partition("\n[")
    assert str(read.content).startswith(head)
    begin = (100_000 if part else 0) + len(head)
    assert f'read_result("abc", start={begin}, stop={begin + 100_000 - len(head)})' in note
