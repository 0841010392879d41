"""What a session accepts: whatever could not be counted, summarized, shown and searched later is refused at once."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, RemoveMessage

from langchain_motorhead import InvalidMessageError, Window
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.messages.tokens import CheckedCounter, whole_count
from support.factory import MakeMotorhead
from support.messages import numbered

REFUSED: list[Any] = [
    RemoveMessage(id="m3"),
    {"role": "remove", "type": "remove", "content": "", "id": "x"},
    {"role": "user", "content": [{"type": "text", "text": None}]},
    {"role": "user", "content": [{"type": "text", "text": 5}]},
    {"role": "user", "content": [{"type": "text"}]},
    {"role": "user", "content": [{"type": ["text"], "text": "x"}]},
    {"role": "user", "content": [{"type": {}, "text": "x"}]},
    {"role": "user", "content": [None]},
    {"role": "user", "content": [{"type": "image_url"}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": None}}]},
    {"role": "ai", "content": [{"type": "tool_use", "name": "f"}]},
    {"role": "ai", "content": [{"type": "thinking", "thinking": 3}]},
    AIMessage("", tool_calls=[{"name": "f", "args": {"n": 10**5_000}, "id": "c"}]),
    AIMessage("", additional_kwargs={"n": [10**5_000]}),
    AIMessage("x", additional_kwargs={"tool_calls": 5}),
    AIMessage("x", additional_kwargs={"tool_calls": [{"id": "1", "function": None}]}),
    AIMessage("x", additional_kwargs={"function_call": "f"}),
    ChatMessage(role="a\tb", content="x"),
    {"role": "a\x00", "content": "x"},
    {"role": "\ud800", "content": "x"},
]


@pytest.mark.parametrize("message", REFUSED, ids=range(len(REFUSED)))
@pytest.mark.parametrize("max_tokens", [None, 100])
def test_what_is_refused(make: MakeMotorhead, message: Any, max_tokens: int | None) -> None:
    """Nothing of an append with such a message is stored, and the session goes on."""
    session = make(compaction="manual", window=Window(max_messages=4, max_tokens=max_tokens)).session("s")
    with pytest.raises(InvalidMessageError):
        session.append([HumanMessage("before"), message])
    session.append(numbered(8))
    assert session.compact().summarized == 6
    assert session.load().total == 8


@pytest.mark.parametrize(
    ("value", "count"),
    [(3, 3), (2.5, 2), (10.0, 10), (-5, 0), (None, None), (True, None), ("12", None), (2**70, None),
     (float("nan"), None), (float("inf"), None)],
)  # fmt: skip
def test_a_count_is_whole_or_none(value: object, count: int | None) -> None:
    """Numbers are rounded, and what is no number of tokens is no count."""
    assert whole_count(value) == count


def test_a_counter_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a counter of a user does, tokens are counted, and it is said once."""

    def broken(messages: Any) -> int:
        raise ValueError(messages)

    counters: list[Any] = [broken, lambda _: None, lambda _: float("nan")]
    for count in counters:
        caplog.clear()
        checked = CheckedCounter(count)
        assert checked([HumanMessage("x" * 40)]) == checked([HumanMessage("x" * 40)]) == 13
        assert len(caplog.records) == 1
    by_length: Any = lambda messages: len(messages) / 4
    assert CheckedCounter(by_length)(numbered(10)) == 2


def test_the_text_of_what_was_stored_before() -> None:
    """Records that are refused now, and may be in a list, have a text all the same."""
    odd = HumanMessage("")
    odd.content = [{"type": ["text"]}, {"type": "text", "text": None}, 5, {"n": 10**5_000}]  # type: ignore[list-item]
    assert "[text]" in message_text(odd)
    call = AIMessage("", tool_calls=[{"name": "f", "args": {"n": 10**5_000}, "id": "c"}])
    assert "very large number" in message_text(call)
