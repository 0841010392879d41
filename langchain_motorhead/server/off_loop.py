"""A summarizer whose work is done beside the event loop, so that no request waits for it."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.flows import SummaryInput
from langchain_motorhead.summarization import budget_of, resolve_summarizer
from langchain_motorhead.tokens import count_tokens


class OffLoop(Runnable[SummaryInput, Any]):
    """Summarizes as another does. It has no async side, and so is called in a thread.

    What a client of a model computes for one answer, in its HTTP library, its models of data and its tracing, takes
    some ten milliseconds in one go: on the event loop, all requests of the server would wait for that.

    Args:
        llm: A chat model, its name, or a summarizer.

    Raises:
        InvalidInputError: It is none of these.
    """

    def __init__(self, llm: object) -> None:
        self._summarizer = resolve_summarizer(llm, "llm", count_tokens)
        self.max_input_tokens = budget_of(self._summarizer)

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Summarize."""
        return self._summarizer.invoke(input, config, **kwargs)
