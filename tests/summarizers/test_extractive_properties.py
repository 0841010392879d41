"""The summarizer without a model, on anything: summaries fit, keep their order, and can be read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, ToolMessage

from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer
from langchain_motorhead.summarizers.sentences import read_messages, read_summary, write
from support.extractive import fold, size, summarize

words = (
    st.text(st.characters(exclude_categories=()), max_size=200)
    | st.text("aB1 .?:=()->,\n…{}", max_size=100)
    | st.sampled_from(["I flew to Rome on 5 May. It was 30 °C! Really?", "好的。我要去北京！", "Ок."])
)
blocks: st.SearchStrategy[list[str | dict[str, Any]]] = st.lists(
    words | st.builds(dict, type=st.sampled_from(["text", "image_url", "tool_use"]), text=words | st.none()), max_size=3
)
json_like = st.recursive(
    st.none() | st.integers() | words, lambda s: st.lists(s, max_size=3) | st.dictionaries(words, s, max_size=3)
)
messages = st.lists(
    st.builds(HumanMessage, words | blocks)
    | st.builds(AIMessage, words | blocks)
    | st.builds(
        lambda name, args: AIMessage("", tool_calls=[{"id": "1", "name": name, "args": args}]),
        words,
        st.dictionaries(words, json_like, max_size=3),
    )
    | st.builds(lambda data: ToolMessage(json.dumps(data), tool_call_id="1"), json_like)
    | st.builds(ChatMessage, content=words, role=words),
    max_size=12,
)
summaries = st.none() | words | st.text(alphabet="AI: Human.\n-x", max_size=300)


def count_words(counted: Sequence[BaseMessage]) -> int:
    """Count words, and some overhead a message, as chat formats have it."""
    return sum(3 + len(message.text.split()) for message in counted)


def count_chars(counted: Sequence[BaseMessage]) -> int:
    """Count characters."""
    return sum(len(message.text) for message in counted)


@settings(deadline=None)
@given(summaries, messages, st.integers(16, 300))
def test_budget_holds(summary: str | None, new: list[BaseMessage], max_tokens: int) -> None:
    """Whatever is said, by whatever count, a summary fits its budget, and is empty only if there was nothing to say."""
    result = summarize(new, summary, max_tokens)
    assert size(result) <= max_tokens
    assert bool(result) == bool(read_messages(new) or (summary != "NONE" and list(read_summary(summary or ""))))
    for counter in (count_words, count_chars):
        summarizer = ExtractiveSummarizer(max_tokens=max_tokens, token_counter=counter)
        result = summarizer.invoke({"summary": summary, "messages": new})
        assert counter([HumanMessage(result)]) <= max_tokens


@settings(deadline=None)
@given(summaries, messages, st.integers(16, 300))
def test_idempotent(summary: str | None, new: list[BaseMessage], max_tokens: int) -> None:
    """With no new messages a summary stays as it is, and the same input gives the same again."""
    result = summarize(new, summary, max_tokens)
    assert summarize(new, summary, max_tokens) == result
    assert summarize([], result, max_tokens) == (result if result != "NONE" else "")


@settings(deadline=None)
@given(st.permutations(range(40)), st.integers(16, 300))
def test_order_is_kept(numbers: list[int], max_tokens: int) -> None:
    """What is kept stands in the order in which it was said, however often it is summarized again."""
    chat: list[BaseMessage] = [
        HumanMessage(f"Parcel {chr(65 + n // 26)}{chr(97 + n % 26)}x weighs a lot.") for n in numbers
    ]
    names = [message.text.split()[1] for message in chat]
    kept = [word for word in fold(chat, max_tokens).split() if word in names]
    assert kept == sorted(kept, key=names.index)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Human", "AI (Ann)", ""]), words), max_size=6))
def test_summary_reads_back(said: list[tuple[str, str]]) -> None:
    """A written summary is read again as the same text, speaker by speaker."""
    text = write(sentence for who, what in said for sentence in read_summary(f"{who}: {what}" if who else what))
    assert write(read_summary(text)) == text
