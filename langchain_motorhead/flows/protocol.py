"""The flow protocol: a flow is a generator that yields requests, and is sent their results.

A flow contains the decisions of a task with several steps, such as a compaction. It does no I/O and does not know
whether a sync or an async driver (`runtime/driver.py`) runs it. For each request that it yields, the driver sends the
result in, or throws the error in:

| request | result | error |
|---|---|---|
| `Operation` | what its `read` returns | `StoreError` |
| `Summarize` | `Summary` | `SummarizationError` |
| `Embed` | `Vectors` | `EmbeddingError` |
| `Pause` | None | |

A flow that is cancelled while it waits has the cancellation thrown in, too. It may then yield operations that clean up,
such as the release of a lease, and has to let the cancellation pass.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from langchain_core.messages import BaseMessage
from typing_extensions import TypedDict  # pydantic accepts no other before Python 3.12

from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")


class SummaryInput(TypedDict):
    """The input of a summarizer.

    Attributes:
        summary: Summary of the messages before, if there is one.
        messages: Messages to add to the summary, oldest first.
    """

    summary: str | None
    messages: Sequence[BaseMessage]


@dataclass(frozen=True, slots=True)
class Summary:
    """The output of a summarizer: its text, unchanged, and the tokens that the call used."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Summarize:
    """A request for a summary.

    Attributes:
        given: Input of the summarizer.
        fallback: Whether to call the fallback summarizer instead of the first one.
        heartbeat: Operation to execute every few seconds until the summarizer answers: it renews the lease.
        metadata: Metadata of the call, for traces.
    """

    given: SummaryInput
    fallback: bool
    heartbeat: Operation[None]
    metadata: dict[str, Any] = field(default_factory=dict)


Vectors: TypeAlias = Any
"""A two-dimensional numpy array with one row for each text."""


@dataclass(frozen=True, slots=True)
class Embed:
    """A request for the embeddings of texts.

    Attributes:
        texts: Texts to embed, at least one.
        query: Whether the texts are search queries. Otherwise they are documents.
        heartbeat: Operation to execute every few seconds until the model answers: it renews the lease.
    """

    texts: tuple[str, ...]
    query: bool = False
    heartbeat: Operation[None] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A request to wait for some seconds."""

    seconds: float


Request: TypeAlias = Operation[Any] | Summarize | Embed | Pause
Flow: TypeAlias = Generator[Request, Any, T]
