"""What a flow is: a generator that asks for one thing at a time, and is told what came of it.

A flow decides; it does no I/O, and never knows whether a sync or an async driver (`drivers.py`) runs it. It yields an
`Operation` (answered with its result), a `Summarize` (answered with the text, or a `SummarizationError` thrown in), an
`Embed` (answered with vectors, or an `EmbeddingError` thrown in) or a `Pause` (answered with None).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from langchain_core.messages import BaseMessage
from typing_extensions import TypedDict  # pydantic makes a schema of no other before Python 3.12

from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")


class SummaryInput(TypedDict):
    """What a summarizer is given.

    Attributes:
        summary: Summary so far, if any.
        messages: Messages to fold into it, oldest first.
    """

    summary: str | None
    messages: Sequence[BaseMessage]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a summarizer gave: its text as it came, and the tokens it spent."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Summarize:
    """A request for a summary.

    Attributes:
        given: What to summarize.
        fallback: Whether to ask the fallback summarizer.
        heartbeat: To be executed every few seconds while it takes.
        metadata: For the trace.
    """

    given: SummaryInput
    fallback: bool
    heartbeat: Operation[None]
    metadata: dict[str, Any] = field(default_factory=dict)


Vectors: TypeAlias = Any
"""An array of numpy, a row for each text."""


@dataclass(frozen=True, slots=True)
class Embed:
    """A request for the vectors of texts.

    Attributes:
        texts: One at least.
        query: Whether they are searched for, and not searched in.
        heartbeat: To be executed every few seconds while it takes.
    """

    texts: tuple[str, ...]
    query: bool = False
    heartbeat: Operation[None] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A request to wait, in seconds."""

    seconds: float


Request: TypeAlias = Operation[Any] | Summarize | Embed | Pause
Flow: TypeAlias = Generator[Request, Any, T]


def merge_summary(previous: str | None, answer: str) -> str | None:
    """Give the summary that an answer stands for: a model that finds nothing to add says `NONE`."""
    text = answer.strip()
    return previous if text.strip("\"'`*. ").upper() == "NONE" else text
