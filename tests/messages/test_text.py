"""A transcript says all that its messages say, and a split message says it in order."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_motorhead.messages.text import message_text, speaker, split_message, text_runs, transcript

CALL = {"name": "look", "args": {"city": "Troms\u00f8", "days": 3}, "id": "c1"}


def size(messages: Sequence[BaseMessage]) -> int:
    """Count two tokens a message, and one a character."""
    return sum(2 + len(message_text(message)) for message in messages)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (HumanMessage("x"), "Human"),
        (HumanMessage("x", name="bob"), "Human (bob)"),
        (AIMessage("x"), "AI"),
        (AIMessage("x", name="planner"), "AI (planner)"),
        (SystemMessage("x"), "System"),
        (ToolMessage("x", tool_call_id="c"), "Tool"),
        (ToolMessage("x", tool_call_id="c", name="look"), "Tool look"),
        (FunctionMessage(content="x", name="look"), "Function (look)"),
        (ChatMessage(content="x", role="elf"), "elf"),
        (RemoveMessage(id="1"), "remove"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_speaker(message: BaseMessage, said: str) -> None:
    """Each message is marked with who said it, by name where it has one."""
    assert speaker(message) == said


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (HumanMessage("hi"), "hi"),
        (HumanMessage(""), ""),
        (HumanMessage(["a", {"type": "text", "text": "b"}, {"type": "image", "base64": "QQ=="}]), "a\nb\n[image]"),
        (HumanMessage([{"type": "text-plain", "text": "file"}, {"type": "text", "text": None}]), "file\n[text]"),
        (AIMessage("", tool_calls=[CALL]), '[calls look({"city": "Troms\u00f8", "days": 3})]'),
        (
            AIMessage("wait", tool_calls=[CALL, {"name": "f", "args": {}, "id": "c2"}]),
            'wait\n[calls look({"city": "Troms\u00f8", "days": 3})]\n[calls f({})]',
        ),
        (AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{x", "id": "c", "error": None}]), "[calls f({x)]"),
        (
            AIMessage([{"type": "text", "text": "wait"}, {"type": "tool_use", "id": "c1"}], tool_calls=[CALL]),
            'wait\n[calls look({"city": "Troms\u00f8", "days": 3})]',
        ),
    ],
)
def test_message_text(message: BaseMessage, text: str) -> None:
    """The text of a message has its words, its tool calls once each, and the types of its other blocks."""
    assert message_text(message) == text


@pytest.mark.parametrize("cls", [HumanMessage, AIMessage, SystemMessage])
@pytest.mark.parametrize("kind", ["tool_use", "tool_call", "tool_result", "image", None])
def test_no_block_is_left_out(cls: type[BaseMessage], kind: str | None) -> None:
    """A block that stands nowhere else in the message is in its text."""
    assert str(kind) in message_text(cls(content=[{"type": kind, "id": "c1", "name": "look", "input": {}}]))


def test_arguments_that_are_no_json() -> None:
    """Arguments of a tool call are shown whatever they hold."""
    message = AIMessage("", tool_calls=[CALL])
    loop: dict[str, object] = {"when": frozenset({"now"})}
    message.tool_calls[0]["args"] = loop
    assert "now" in message_text(message)
    loop["self"] = loop
    assert "now" in message_text(message)


def test_transcript() -> None:
    """Messages stand in order, each after its speaker."""
    messages = [HumanMessage("hi"), AIMessage("yes?", name="a"), ToolMessage("3", tool_call_id="c", name="look")]
    assert transcript(messages) == "Human: hi\nAI (a): yes?\nTool look: 3"
    assert transcript([]) == ""


TEXTS = st.text() | st.text(st.sampled_from("ab \n"), max_size=200)


@given(
    st.builds(HumanMessage, content=TEXTS, name=st.none() | st.just("bob"))
    | st.builds(lambda text: AIMessage(text, tool_calls=[CALL]), TEXTS)
    | st.builds(lambda text: ToolMessage(text, tool_call_id="c", name="look"), TEXTS)
    | st.builds(lambda parts: HumanMessage([{"type": "text", "text": part} for part in parts]), st.lists(TEXTS)),
    st.integers(3, 100),
)
@example(HumanMessage("a" * 1000), 3)
@example(HumanMessage(" " * 1000), 10)
@example(HumanMessage("a" + " b" * 500), 5)
def test_split(message: BaseMessage, budget: int) -> None:
    """The pieces of a message fit the budget, say all of it in order, and have its speaker; one that fits is whole."""
    pieces = split_message(message, budget, size)
    if size([message]) <= budget:
        assert pieces == [message]
        return
    assert "".join(str(piece.content) for piece in pieces) == message_text(message)
    assert all(size([piece]) <= budget for piece in pieces)
    assert {speaker(piece) for piece in pieces} == {speaker(message)}


def test_split_at_spaces() -> None:
    """Words are left whole where the budget has room for them."""
    words = [f"word{number}" for number in range(200)]
    pieces = split_message(HumanMessage(" ".join(words)), 50, size)
    assert [word for piece in pieces for word in str(piece.content).split()] == words
    assert len(pieces) < 60


@pytest.mark.parametrize("budget", [0, 1, 2])
def test_split_below_one_character(budget: int) -> None:
    """A budget that not even one character fits still ends, with all of the text."""
    pieces = split_message(HumanMessage("abc"), budget, size)
    assert [piece.content for piece in pieces] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "message",
    [HumanMessage(""), AIMessage([{"type": "tool_use", "id": "c", "name": "look", "input": {"a": "b" * 50}}])],
    ids=["empty", "tool_use"],
)
def test_split_never_loses_a_message(message: BaseMessage) -> None:
    """A message that a counter finds too large, for whatever it has beside text, is still there after splitting."""
    assert split_message(message, 10, lambda messages: sum(len(str(one)) for one in messages))


@given(st.text(st.characters()) | st.integers(0, 20_000).map(lambda length: "ab " * length))
def test_text_runs(text: str) -> None:
    """The runs of a text are short, and together the text."""
    runs = list(text_runs(text))
    assert "".join(runs) == text
    assert all(0 < len(run) <= 4096 for run in runs)
