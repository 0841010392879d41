"""Telemetry: spans of OpenTelemetry around operations, and what a server measures of them.

A flow is watched by a flow around it, so that sync and async calls are watched by the same lines. As long as the
application has not set up tracing, and no server measures, nothing is imported, made or measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from langchain_motorhead.flows.protocol import Embed, Flow, Learn, Summarize
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.spans import Span, Tracing, failure_of, tracing
from langchain_motorhead.runtime.watched import Watched

if TYPE_CHECKING:
    from langchain_motorhead.models.embedding_client import EmbeddingClient

T = TypeVar("T")

Work: TypeAlias = Literal["summaries", "indexing", "learning"]
"""Work in the background that the messages of a session wait for."""


class Meter(Protocol):
    """Measures operations, as a server does for its metrics."""

    def ended(self, what: Watched, seconds: float, result: object, error: BaseException | None) -> None:
        """Note that an operation ended after some seconds, with a result or an error."""

    def waits(self, work: Work, key: str, messages: int) -> None:
        """Note that messages of a session wait for work in the background."""

    def settled(self, work: Work, key: str, began: float) -> None:
        """Note that the work is done for what waited when it began, at a time of the monotonic clock."""


Noted: TypeAlias = Callable[[T], T]
"""Notes a result, and returns it."""


@dataclass(slots=True)
class Telemetry:
    """Watches the operations of one `Motorhead`.

    Attributes:
        meter: Measures operations, or None.
    """

    meter: Meter | None = None

    def watch(
        self,
        what: Watched,
        namespace: str,
        session_id: str | None,
        flow: Flow[T],
        *,
        given: Sequence[Any] = (),
        query: str | None = None,
        cause: Any = None,
    ) -> Flow[T]:
        """Return a flow that does the same and is watched, or the flow itself if nobody watches.

        It must not run interleaved with other watched flows in one context, as `gather` would do it.

        Args:
            what: What the flow does.
            namespace: Namespace of what it works on.
            session_id: Session that it works on, or None.
            flow: The flow.
            given: Messages that it stores. A span holds them only if content was asked for.
            query: Text that it searches for, likewise.
            cause: The span that caused it, for a link. See `AppendResult.cause`.
        """
        found = tracing()
        if found is not None and found.is_left_out():
            found = None
        if found is None and (self.meter is None or not what.is_metered):
            return flow
        attributes = {
            "gen_ai.operation.name": what.convention,
            "gen_ai.memory.store.id": watched.to_text(namespace),
            "db.system.name": "redis",
            "motorhead.operation": what.name,
        }
        if session_id is not None:
            attributes["gen_ai.conversation.id"] = watched.to_text(session_id)
        if query is not None and found is not None and found.with_content:
            attributes[watched.QUERY] = watched.to_text(query)
        return self._watched(found, what, attributes, flow, given, cause)

    def _watched(
        self,
        found: Tracing | None,
        what: Watched,
        attributes: Mapping[str, Any],
        flow: Flow[T],
        given: Sequence[Any],
        cause: Any,
    ) -> Flow[T]:
        span = None if found is None else Span(found, what, attributes, cause)
        started = time.perf_counter()
        try:
            result = yield from flow
        except BaseException as error:
            if span is not None:
                span.failed(error)
            self._measure(what, started, None, error)
            raise
        if span is not None:
            span.ended(result, given)
            result = _with_cause(result, span.cause)
        self._measure(what, started, result, failure_of(result))
        return result

    @contextmanager
    def asking(self, request: Summarize | Learn | Embed, embedder: EmbeddingClient | None) -> Iterator[Noted[Any]]:
        """Watch a call of a model for the body of a `with` statement, which passes the answer on.

        Args:
            request: What the model is asked.
            embedder: Has the embedding model, whose name a span says. A summary names its model itself.
        """
        found, what = tracing(), _kind_of(request)
        if found is not None and found.is_left_out():
            found = None
        if found is None and self.meter is None:
            yield _unchanged
            return
        attributes: dict[str, Any] = {"gen_ai.operation.name": what.convention, "motorhead.operation": what.name}
        if not isinstance(request, Embed):
            attributes["motorhead.writer"] = request.writer.value
            attributes["gen_ai.conversation.id"] = watched.to_text(request.metadata.get("session_id", ""))
        elif embedder is not None and (name := _model_of(embedder)):
            attributes["gen_ai.request.model"] = name
        span = None if found is None else Span(found, what, attributes, None)
        started, answers = time.perf_counter(), list[Any]()

        def noted(answer: T) -> T:
            answers.append(answer)
            return answer

        try:
            yield noted
        except BaseException as error:
            if span is not None:
                span.failed(error)
            self._measure(what, started, None, error)
            raise
        if span is not None:
            span.ended(answers[0], ())
        self._measure(what, started, answers[0], None)

    def waits(self, work: Work, key: str, messages: int) -> None:
        """Note that messages of a session wait for work in the background. `key` is the session's key of its state."""
        if self.meter is not None and messages:
            self.meter.waits(work, key, messages)

    def settled(self, work: Work, key: str, began: float) -> None:
        """Note that the work is done for what waited when it began, at a time of the monotonic clock."""
        if self.meter is not None:
            self.meter.settled(work, key, began)

    def _measure(self, what: Watched, started: float, result: object, error: BaseException | None) -> None:
        was_stopped = error is not None and not isinstance(error, Exception)
        if self.meter is not None and what.is_metered and not was_stopped:
            self.meter.ended(what, time.perf_counter() - started, result, error)


def _with_cause(result: Any, cause: Any) -> Any:
    """Return a result whose append knows its span, so that the work that it makes due can link to it."""
    if hasattr(result, "cause"):
        return result._replace(cause=cause)
    if getattr(result, "appended", None) is not None:
        return result._replace(appended=result.appended._replace(cause=cause))
    return result


def _kind_of(request: Summarize | Learn | Embed) -> Watched:
    if isinstance(request, Embed):
        return watched.EMBED_QUERY if request.query else watched.EMBED
    return watched.SUMMARIZE if isinstance(request, Summarize) else watched.EXTRACT_FACTS


def _model_of(embedder: EmbeddingClient) -> str:
    from langchain_motorhead.models.embedding_client import model_name  # it imports what calls models

    return model_name(embedder.embeddings).partition(":")[2]


def _unchanged(answer: T) -> T:
    return answer
