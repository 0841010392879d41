"""The flow protocol: a flow is a generator that yields requests, and is sent their results.

A flow contains the decisions of a task with several steps, such as a compaction. It does no I/O and does not know
whether a sync or an async driver (`runtime/driver.py`) runs it. For each request that it yields, the driver sends the
result in, or throws the error in:

| request | result | error |
|---|---|---|
| `Operation` | what its `read` returns | `StoreError` |
| `Summarize` | `Summary` | `SummarizationError`; `RefusedInputError` if the same request would be refused again |
| `Embed` | `Vectors` | `EmbeddingError` |
| `Learn` | `Learned` | `LearningError`; `RefusedLearningError` if the same request would be refused again |
| `Pause` | None | |
| `Compute` | what its `work` returns | what that raises |

A flow that is cancelled while it waits has the cancellation thrown in, too. It may then yield operations that clean up,
such as the release of a lease, and has to let the cancellation pass.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import (
    Any,
    NotRequired,  # pydantic accepts no other before Python 3.12
    TypeAlias,
    TypeVar,
)

from langchain_core.messages import BaseMessage
from typing_extensions import TypedDict

from langchain_motorhead.exceptions import LearningError, SummarizationError
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")


class SummaryInput(TypedDict):
    """The input of a summarizer.

    Attributes:
        summary: Summary of the messages before, if there is one.
        messages: Messages to add to the summary, oldest first.
        max_tokens: Tokens that the new summary may have at most. It is smaller than what it replaces. A summarizer of
            your own may ignore it: a longer summary is rejected.
        correction: Only after a rejected answer: that answer, and a message that says what is wrong with it. They
            follow the request in the conversation with the model. A summarizer of your own may ignore it.
    """

    summary: str | None
    messages: Sequence[BaseMessage]
    max_tokens: NotRequired[int]
    correction: NotRequired[Sequence[BaseMessage]]


class Writer(Enum):
    """Which summarizer a request is for."""

    MODEL = "model"
    """The one that the options name."""
    FALLBACK = "fallback"
    """The second one, if the options name one."""
    EXTRACT = "extract"
    """The extractive summarizer, which needs no model."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The output of a summarizer.

    Attributes:
        text: The summary; None if the model found nothing to add to the previous one.
        tokens: Tokens that the call used.
        is_trusted: Whether the summarizer asks not to be checked. Then `text` is its answer, unchanged.
        unusable: Why the answer is no summary, as `check_summary` says it; empty if it may be one.
        is_extract: Whether it consists of sentences of the messages.
        model: Name of the model that wrote it, or empty.
    """

    text: str | None
    tokens: int
    is_trusted: bool = False
    unusable: str = ""
    is_extract: bool = False
    model: str = ""


class RefusedInputError(SummarizationError):
    """The provider of a model refused a request because of what it contains, and would refuse it again.

    A part of it may be accepted. What passes by itself, such as a rate limit, is no such refusal.

    Attributes:
        too_long: Whether it was refused for its length.
    """

    def __init__(self, message: str, *, too_long: bool) -> None:
        super().__init__(message)
        self.too_long = too_long


@dataclass(frozen=True, slots=True)
class Summarize:
    """A request for a summary.

    Attributes:
        given: Input of the summarizer.
        writer: Which summarizer to call.
        heartbeat: Operation to execute every few seconds until the summarizer answers: it renews the lease.
        metadata: Metadata of the call, for traces.
    """

    given: SummaryInput
    writer: Writer
    heartbeat: Operation[None]
    metadata: dict[str, Any] = field(default_factory=dict)


def trace_metadata(keys: SessionKeys) -> dict[str, Any]:
    """Return the metadata of a model's call for a session, by which traces refer to the session.

    LangSmith shows the runs with one `session_id` or `thread_id` together.
    """
    return {
        "session_id": keys.session_id,
        "thread_id": keys.session_id,
        "motorhead_namespace": keys.namespace,
    }


class RefusedLearningError(LearningError):
    """The provider of a model refused a request to learn because of what it contains, and would refuse it again."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The output of a learner.

    Attributes:
        operations: What it proposes, unverified.
        tokens: Tokens that the call used.
        unusable: Why the answer is no list of operations; empty if it is one.
        is_final: Whether the learner has asked its model for a better answer already.
    """

    operations: Sequence[object]
    tokens: int
    unusable: str = ""
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Learn:
    """A request to learn facts from messages.

    Attributes:
        given: Input of the learner: a `LearnerInput`.
        writer: Which learner to call: that of the options (`MODEL`), or the one that needs no model (`EXTRACT`).
        heartbeat: Operation to execute every few seconds until the learner answers: it renews the lease.
        metadata: Metadata of the call, for traces.
    """

    given: Mapping[str, Any]
    writer: Writer
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


@dataclass(frozen=True, slots=True)
class Compute:
    """A request to call a function that may take long, such as one that parses megabytes. It does no I/O.

    On an event loop it is called in a thread, so that the loop goes on with other work.
    """

    work: Callable[[], Any]


Request: TypeAlias = Operation[Any] | Summarize | Learn | Embed | Pause | Compute
Flow: TypeAlias = Generator[Request, Any, T]


def alone(operation: Operation[T]) -> Flow[T]:
    """Return a flow that consists of one operation."""
    result: T = yield operation
    return result
