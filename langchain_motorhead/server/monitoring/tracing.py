"""Traces of requests: the server's span of a request, as a child of the client's, and the trace id of log lines.

The headers of W3C Trace Context name the client's trace. Its id is logged even if tracing is not set up.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from starlette.datastructures import Headers
from starlette.types import Scope

from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.flows.protocol import alone
from langchain_motorhead.runtime.spans import Tracing, tracing
from langchain_motorhead.runtime.watched import Watched
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")

# Requests that monitoring sends every few seconds make no spans.
_UNTRACED = frozenset({"/health", "/ready", "/metrics"})
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_FAILED = 500


class RequestTrace:
    """The trace of one request.

    If another instrumentation has made a span of the request already, such as one around the application, that one is
    used. A request of monitoring makes none.

    Attributes:
        trace_id: Id of the trace, 32 hexadecimal digits, or None if the request belongs to none.
    """

    __slots__ = ("_span", "_token", "_tracing", "trace_id")

    def __init__(self, scope: Scope) -> None:
        self.trace_id: str | None = None
        self._span: Any = None
        self._tracing = tracing()
        if self._tracing is None:
            self.trace_id = _sent_trace_id(scope["headers"])
        elif scope["path"] not in _UNTRACED:
            self._begin(scope, self._tracing)
        else:
            self.trace_id = current_trace_id()

    @property
    def fields(self) -> dict[str, str]:
        """Fields of a log line that name the trace."""
        return {} if self.trace_id is None else {"trace_id": self.trace_id}

    def _begin(self, scope: Scope, found: Tracing) -> None:
        api, context = found.api, found.context
        present = api.get_current_span().get_span_context()
        if present.is_valid:
            self.trace_id = api.format_trace_id(present.trace_id)
            return
        from opentelemetry.propagate import extract

        parent = extract(Headers(scope=scope))
        self._span = found.tracer.start_span(
            scope["method"],
            context=parent,
            kind=api.SpanKind.SERVER,
            attributes={
                "http.request.method": scope["method"],
                "url.scheme": scope.get("scheme", "http"),
                "url.path": scope["path"],
            },
        )
        self.trace_id = api.format_trace_id(self._span.get_span_context().trace_id)
        self._token = context.attach(api.set_span_in_context(self._span, parent))

    def end(self, method: str, route: str, status: int, failure: object) -> None:
        """End the span of the request.

        Args:
            method: Method of the request, as the metrics name it.
            route: Path of the route, without ids.
            status: HTTP status of the answer.
            failure: The error that the answer reports, or None.
        """
        if self._span is None or self._tracing is None:
            return
        api = self._tracing.api
        self._tracing.context.detach(self._token)
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= _FAILED:
            self._span.set_attribute("error.type", type(failure).__name__ if failure is not None else str(status))
            self._span.set_status(api.Status(api.StatusCode.ERROR))
        self._span.end()


def execute(
    backend: RedisBackend, what: Watched, keys: SessionKeys, operation: Operation[T], given: Sequence[Any] = ()
) -> Coroutine[Any, Any, T]:
    """Execute the only operation of a request on a session, in a span of its own.

    Args:
        backend: Executes it.
        what: What it does.
        keys: Keys of the session.
        operation: The operation.
        given: Messages that it stores. A span holds them only if content was asked for.
    """
    if tracing() is None:
        return backend.aexecute(operation)
    watch = backend.driver.telemetry.watch
    return backend.arun(watch(what, keys.namespace, keys.session_id, alone(operation), given=given))


def current_trace_id() -> str | None:
    """Return the id of the current trace, or None."""
    found = tracing()
    if found is None:
        return None
    context = found.api.get_current_span().get_span_context()
    return found.api.format_trace_id(context.trace_id) if context.is_valid else None


def _sent_trace_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the trace id that a client sent, or None if it sent none, or one that is malformed."""
    for name, value in headers:
        if name == b"traceparent":
            sent = _TRACEPARENT.fullmatch(value)
            return None if sent is None else sent[1].decode()
    return None
