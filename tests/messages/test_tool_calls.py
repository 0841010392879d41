"""Where a list may be cut between calls and results, and which messages can be shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, HumanMessage, ToolMessage

from langchain_motorhead.messages.tool_calls import safe_cuts, visible
from langchain_motorhead.sessions.compaction.window import Window, plan
from support.windows import DIALOGUES, Messages, alternating, called, ids_of, parted, result, size


def last_heard_of(messages: Messages, at: int) -> int:
    """Give where the newest result of a message's calls is; where itself is, if there is none."""
    heard = at
    for id_ in ids_of(messages[at]):
        for place in range(at + 1, len(messages)):
            later = messages[place]
            if id_ in ids_of(later):  # the id is another call's from here on
                break
            if isinstance(later, ToolMessage) and later.tool_call_id == id_:
                heard = max(heard, place)
    return heard


@settings(deadline=None)
@given(DIALOGUES, st.integers(0, 12))
def test_safe_cuts(messages: Messages, patience: int) -> None:
    """A cut is allowed exactly where no pair is parted, no result comes first, and no recent call is waited for."""
    waiting = [
        at
        for at, message in enumerate(messages)
        for id_ in ids_of(message)
        if id_ and not any(isinstance(later, ToolMessage) and later.tool_call_id == id_ for later in messages[at + 1 :])
        if not any(id_ in ids_of(later) for later in messages[at + 1 :])
        if last_heard_of(messages, at) >= len(messages) - patience
    ]
    first = min(waiting, default=len(messages))
    expected = [at for at in range(1, len(messages)) if not parted(messages, at) and at <= first]
    assert safe_cuts(messages, patience) == expected


@pytest.mark.parametrize(
    ("messages", "cuts"),
    [
        ([], []),
        (alternating(1), []),
        (alternating(4), [1, 2, 3]),
        ([called("a"), result("a"), AIMessage("x")], [2]),
        ([called("a", "b"), result("b"), result("a"), AIMessage("x")], [3]),
        ([called("a"), HumanMessage("and?"), result("a"), AIMessage("x")], [3]),
        ([called("a"), None, result("a"), None], [3]),
        ([called("a"), result("a"), called("a"), result("a"), AIMessage("x")], [2, 4]),
        ([called("a"), called("b"), result("a"), result("b"), AIMessage("x")], [4]),
        ([result("a"), result("b"), AIMessage("x")], [2]),
        ([AIMessage("x"), result("a"), AIMessage("x")], [2]),
        ([HumanMessage("x"), called("a"), HumanMessage("x"), HumanMessage("x")], [1]),
        ([AIMessage("x"), FunctionMessage(content="r", name="f"), AIMessage("x")], [2]),
    ],
)
def test_safe_cuts_by_example(messages: Messages, cuts: list[int]) -> None:
    """A cut goes round calls and their results, whatever stands between them."""
    assert safe_cuts(messages, 3) == cuts


def test_patience() -> None:
    """A call that is never answered holds back what follows it only until so many later messages have come."""
    messages: Messages = [HumanMessage("x"), called("a"), *alternating(4)]
    assert safe_cuts(messages, 5) == [1]
    assert safe_cuts(messages, 4) == [1, 2, 3, 4, 5]


def test_unanswered_calls_do_not_stop_folding() -> None:
    """A session whose calls never get results is compacted anyway."""
    messages: Messages = [called(f"c{at}") if at % 3 == 1 else HumanMessage("x") for at in range(60)]
    folded = sum(batch.count for batch in plan(messages, 60, Window(max_messages=4), 1000, size))
    assert folded >= 60 - 12


@given(DIALOGUES)
def test_visible(messages: Messages) -> None:
    """What is shown has no result without its call before it, starts with none, and lacks nothing else."""
    given_ = [message for message in messages if message is not None]
    shown = visible(given_)
    ids: set[str | None] = set()
    for message in shown:
        ids.update(ids_of(message))
        assert not isinstance(message, ToolMessage) or message.tool_call_id in ids
    assert not shown or not isinstance(shown[0], ToolMessage | FunctionMessage)
    assert [one for one in given_ if not isinstance(one, ToolMessage | FunctionMessage)] == [
        one for one in shown if not isinstance(one, ToolMessage | FunctionMessage)
    ]
    assert visible(shown) == shown


def test_visible_keeps_answers_to_invalid_calls() -> None:
    """The answer to a call that could not be parsed is shown beside it."""
    call = {"name": "f", "args": "{", "id": "c", "error": "no JSON", "type": "invalid_tool_call"}
    messages: list[BaseMessage] = [AIMessage("", invalid_tool_calls=[call]), result("c")]
    assert visible(messages) == messages
    assert safe_cuts([*messages[:1], HumanMessage("x"), *messages[1:], HumanMessage("x")], 0) == [3]
