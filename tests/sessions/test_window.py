"""What leaves the window is a prefix of it in whole groups, what stays fits it, and all that leaves is summarized."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.messages.tool_calls import safe_cuts
from langchain_motorhead.sessions.compaction.window import Batch, Window, chunk, plan
from support.windows import DIALOGUES, TEXTS, Messages, alternating, called, parted, result, size

WINDOWS = st.builds(
    Window, max_messages=st.integers(2, 12), max_tokens=st.none() | st.integers(2, 300), hard_limit=st.none()
)
BUDGETS = st.integers(3, 400)


def tokens(messages: Sequence[BaseMessage | None]) -> int:
    """Count the tokens of what can be read."""
    return sum(size([message]) for message in messages if message is not None)


def cuts_of(batches: Sequence[Batch]) -> list[int]:
    """Give the positions at which batches end."""
    ends: list[int] = []
    for batch in batches:
        ends.append(batch.count + (ends[-1] if ends else 0))
    return ends


def said(messages: Sequence[BaseMessage | None]) -> str:
    """Give the text of messages, one after the other."""
    return "".join(message_text(message) for message in messages if message is not None)


@settings(deadline=None, max_examples=300)
@given(DIALOGUES, WINDOWS, BUDGETS)
def test_plan(messages: Messages, window: Window, budget: int) -> None:
    """A plan takes a prefix, in order, whole groups at a time, all of its text within the budget; the newest stays."""
    batches = plan(messages, len(messages), window, budget, size)
    if not window.is_due(len(messages), tokens(messages)):
        assert batches == []
    start = 0
    for end in cuts_of(batches):
        assert start < end < len(messages)
        assert parted(messages, end) == []
        start = end
    start = 0
    for batch, end in zip(batches, cuts_of(batches), strict=True):
        assert said([piece for group in batch.chunks for piece in group]) == said(messages[start:end])
        assert all(group and size(group) <= budget for group in batch.chunks)
        start = end
    event(f"{len(batches)} batches")


@settings(deadline=None, max_examples=300)
@given(DIALOGUES, WINDOWS)
def test_what_stays_fits(messages: Messages, window: Window) -> None:
    """After folding the window is not exceeded, unless no safe cut would change that; no more leaves than need be."""
    cut = sum(batch.count for batch in plan(messages, len(messages), window, 1000, size))
    allowed = safe_cuts(messages, max(window.max_messages, 8))
    assert cut in [0, *allowed]
    due = {at: window.is_due(len(messages) - at, tokens(messages[at:])) for at in [0, *allowed]}
    if due[cut]:
        assert all(due.values())
    half = [at for at in allowed if len(messages) - at >= window.max_messages // 2]
    if window.max_tokens is None and any(not due[at] for at in half):
        assert len(messages) - cut >= window.max_messages // 2
    event(f"due after: {due[cut]}")


@pytest.mark.parametrize("most", range(2, 14))
def test_half_stays(most: int) -> None:
    """Where every cut is safe, exactly half the window stays, rounded down."""
    window = Window(max_messages=most)
    assert plan(alternating(most), most, window, 1000, size) == []
    for total in (most + 1, 3 * most):
        (batch,) = plan(alternating(total), total, window, 10_000, size)
        assert total - batch.count == most // 2


@pytest.mark.parametrize(("most", "stay"), [(39, 4), (40, None), (19, 2), (5, 1), (3, 1), (2, 1)])
def test_half_the_tokens_stay(most: int, stay: int | None) -> None:
    """With a bound in tokens, half of them stay, and the newest message whatever its size."""
    messages = alternating(10)  # of four tokens each
    batches = plan(messages, 10, Window(max_tokens=most), 1000, size)
    assert sum(batch.count for batch in batches) == (0 if stay is None else 10 - stay)


def test_newest_message_beyond_the_bound() -> None:
    """A newest message that alone exceeds the bound stays, alone; then there is nothing more to summarize."""
    window = Window(max_tokens=10)
    messages = [*alternating(3), HumanMessage("x" * 50)]
    assert sum(batch.count for batch in plan(messages, 4, window, 1000, size)) == 3
    assert plan(messages[3:], 1, window, 1000, size) == []


@settings(deadline=None, max_examples=200)
@given(DIALOGUES, st.integers(1, 30), WINDOWS, BUDGETS)
def test_partial_snapshots(messages: Messages, unseen: int, window: Window, budget: int) -> None:
    """Of a longer list, only what was seen is summarized, up to safe places, and as much as the window asks for."""
    total = len(messages) + unseen
    batches = plan(messages, total, window, budget, size)
    if total <= window.max_messages:
        assert batches == []
    for end in cuts_of(batches):
        assert end < max(1, len(messages))
        assert parted(messages, end) == []
    folded = sum(batch.count for batch in batches)
    if total - folded > window.max_messages:
        assert folded == max([0, *safe_cuts(messages, max(window.max_messages, 8))])


def test_group_beyond_the_snapshot() -> None:
    """A result that may stand just behind what was seen is never parted from its call."""
    window = Window(max_messages=2)
    messages: Messages = [*alternating(4), called("a", "b"), result("a")]
    assert sum(batch.count for batch in plan(messages, 100, window, 1000, size)) == 4


def test_batches_are_full() -> None:
    """Batches are as large as the budget allows, so that no more calls are made than need be."""
    messages = alternating(9)  # of four tokens each
    batches = plan(messages, 9, Window(max_messages=2), 12, size)
    assert [batch.count for batch in batches] == [3, 3, 2]
    assert [len(batch.chunks) for batch in batches] == [1, 1, 1]


def test_group_beyond_the_budget() -> None:
    """Calls and results that together exceed the budget leave in one batch, of several chunks."""
    messages: Messages = [HumanMessage("x"), called("a"), result("a", "r" * 100), AIMessage("x"), *alternating(3)]
    batches = plan(messages, 7, Window(max_messages=4), 40, size)
    assert [batch.count for batch in batches] == [1, 2, 2]
    assert [message_text(batches[1].chunks[0][0]), len(batches[1].chunks) > 3] == ["[calls f({})]", True]


def test_unreadable_records_leave() -> None:
    """Records that cannot be read leave in their turn, with nothing to summarize."""
    messages: Messages = [None] * 9
    assert plan(messages, 9, Window(max_messages=2), 1000, size) == [Batch(count=8, chunks=())]


@given(st.lists(st.builds(HumanMessage, content=TEXTS)), BUDGETS)
def test_chunk(messages: list[BaseMessage], budget: int) -> None:
    """Chunks fit the budget, say everything in order, and two neighbours would not fit together."""
    chunks = chunk(messages, budget, size)
    assert said([piece for group in chunks for piece in group]) == said(messages)
    assert all(group and size(group) <= budget for group in chunks)
    for group, following in pairwise(chunks):
        assert size(group) + size(following[:1]) > budget


@pytest.mark.parametrize(
    "bounds",
    [
        *({"max_messages": bad} for bad in (1, 0, -5, 2.0, "12", None, True)),
        *({"max_tokens": bad} for bad in (1, 0, -1, 2.5, "100", True)),
        *({"hard_limit": bad} for bad in (11, 0, 12.0, "24", True)),
        {"max_messages": 30, "hard_limit": 29},
    ],
    ids=str,
)
def test_bad_bounds(bounds: dict[str, Any]) -> None:
    """A bound that is no whole number, or too small to be of use, is refused by name."""
    with pytest.raises(InvalidInputError, match=rf"Window\.{list(bounds)[-1]} must be .*{list(bounds.values())[-1]}"):
        Window(**bounds)


def test_bounds() -> None:
    """The smallest bounds are allowed, and a read is limited to twice the window by default."""
    assert Window(max_messages=2, max_tokens=2, hard_limit=2).read_limit == 2
    assert Window().read_limit == 24
    assert Window(max_messages=5).read_limit == 10


@pytest.mark.parametrize(
    ("messages", "counted", "due"),
    [(12, 100, False), (13, 0, True), (13, None, True), (1, 101, True), (1, None, False), (0, 0, False)],
)
def test_due(messages: int, counted: int | None, *, due: bool) -> None:
    """A list is due when it has more messages, or is known to have more tokens, than the window."""
    assert Window(max_messages=12, max_tokens=100).is_due(messages, counted) is due
    assert Window(max_messages=12).is_due(messages, counted) is (messages > 12)
