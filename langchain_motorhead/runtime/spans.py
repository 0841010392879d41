"""Spans of OpenTelemetry: the tracing that the application has set up, and a span that is current while it lasts.

An error is named by its class alone: its text may repeat what was sent.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.watched import Watched

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""Environment variable of the conventions that asks for content in spans."""

logger = logging.getLogger(__name__)

_API = "opentelemetry.trace"
_WITH_CONTENT = frozenset({"true", "1", "span_only", "span_and_event"})


@dataclass(frozen=True, slots=True)
class Tracing:
    """The tracing that the application has set up.

    Attributes:
        provider: Its provider of tracers.
        tracer: The tracer of this package.
        with_content: Whether spans hold what messages say.
        api: The module `opentelemetry.trace`.
        context: The module `opentelemetry.context`.
    """

    provider: Any
    tracer: Any
    with_content: bool
    api: Any
    context: Any

    def is_left_out(self) -> bool:
        """Return whether the present run is not sampled. Then its operations make no spans, not even empty ones."""
        span = self.api.get_current_span()
        if span is self.api.INVALID_SPAN:
            return False
        context = span.get_span_context()
        return context.is_valid and not context.trace_flags.sampled and not span.is_recording()


_current: Tracing | None = None
_asked = False


def tracing() -> Tracing | None:
    """Return the tracing that the application has set up, or None."""
    global _current, _asked  # noqa: PLW0603 - one for the process, as the provider is
    api = sys.modules.get(_API)
    # Another thread may be importing it. Its last names are there when that is done.
    if api is None or getattr(api.__spec__, "_initializing", False):
        return None
    # OpenTelemetry's own function looks into the environment each time, which takes 2 % of an append. Once is enough.
    provider = getattr(api, "_TRACER_PROVIDER", api) if _asked else api
    if provider is api:
        provider, _asked = api.get_tracer_provider(), True
    if provider is None:
        return None
    if _current is not None and _current.provider is provider:
        return _current
    if isinstance(provider, (api.ProxyTracerProvider, api.NoOpTracerProvider)):
        return None
    from opentelemetry import context

    tracer = provider.get_tracer("langchain_motorhead", version("langchain-motorhead"))
    with_content = os.environ.get(CAPTURE, "").strip().lower() in _WITH_CONTENT
    _current = Tracing(provider, tracer, with_content, api, context)
    return _current


def outgoing_headers() -> dict[str, str]:
    """Return the headers by which a server learns of the present trace. None if there is no tracing."""
    headers: dict[str, str] = {}
    if tracing() is not None:
        from opentelemetry.propagate import inject

        inject(headers)
    return headers


class Span:
    """A span that is current from its beginning to its end, and counts as failed if the result says so."""

    __slots__ = ("_span", "_token", "_tracing", "_what")

    def __init__(self, tracing: Tracing, what: Watched, attributes: Mapping[str, Any], cause: Any) -> None:
        api = tracing.api
        self._tracing, self._what = tracing, what
        self._span: Any = tracing.tracer.start_span(
            what.convention,
            kind=api.SpanKind.CLIENT if what.is_remote else api.SpanKind.INTERNAL,
            attributes=attributes,
            links=None if cause is None else [api.Link(cause)],
        )
        self._token = tracing.context.attach(api.set_span_in_context(self._span))

    @property
    def cause(self) -> Any:
        """What later spans link to: the context of this span. None if it is not sampled."""
        context = self._span.get_span_context()
        return context if context.trace_flags.sampled else None

    def ended(self, result: Any, given: Sequence[Any]) -> None:
        """End the span of an operation that returned."""
        self._tracing.context.detach(self._token)
        if self._span.is_recording():
            self._span.set_attributes(self._what.found(result))
            if (error := failure_of(result)) is not None:
                self._failed(error)
            if self._tracing.with_content:
                self._add_content(result, given)
        self._span.end()

    def _add_content(self, result: Any, given: Sequence[Any]) -> None:
        try:
            records = [*watched.records_of(given), *self._what.records(result)]
            if records:
                self._span.set_attribute(watched.RECORDS, watched.to_json(records))
        except Exception as error:  # noqa: BLE001 - an operation must not fail because of its span
            logger.warning("the content of a span is left out: %s", type(error).__name__)

    def failed(self, error: BaseException) -> None:
        """End the span of an operation that raised an error."""
        if not isinstance(error, GeneratorExit):  # else the operation was left behind, and its context with it
            self._tracing.context.detach(self._token)
        self._failed(error)
        self._span.end()

    def _failed(self, error: BaseException) -> None:
        api = self._tracing.api
        self._span.set_attribute("error.type", type(error).__name__)
        self._span.set_status(api.Status(api.StatusCode.ERROR))


def failure_of(result: object) -> BaseException | None:
    """Return the error that a report holds: of a compaction, or of learning. None otherwise."""
    error = getattr(result, "error", None)
    return error if isinstance(error, BaseException) else None
