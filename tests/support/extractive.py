"""Calls the summarizer without a model, and counts words and characters as tokens."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer


def size(text: str) -> int:
    """Count tokens as the summarizer does without a counter."""
    return -(-len(text.encode(errors="surrogatepass")) // 4)


def summarize(given: Sequence[BaseMessage], summary: str | None = None, max_tokens: int = 256) -> str:
    """Summarize once."""
    return ExtractiveSummarizer(max_tokens=max_tokens).invoke({"summary": summary, "messages": given})


def fold(folded: Sequence[BaseMessage], max_tokens: int, summary: str | None = None) -> str:
    """Summarize seven messages at a time."""
    for start in range(0, len(folded), 7):
        summary = summarize(folded[start : start + 7], summary, max_tokens)
        assert size(summary) <= max_tokens
    return summary or ""
