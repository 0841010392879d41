"""Tracing as an application sets it up: a provider of its own for each test, and a collector of what is exported."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

OPERATION = "motorhead.operation"


def use_provider(monkeypatch: pytest.MonkeyPatch, exporter: SpanExporter) -> TracerProvider:
    """Set up tracing for this test alone: OpenTelemetry lets an application do that only once."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return provider


class Spans:
    """The spans that have ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = use_provider(monkeypatch, self._exporter).get_tracer("application")

    @property
    def all(self) -> list[ReadableSpan]:
        """All of them, in the order in which they ended."""
        return list(self._exporter.get_finished_spans())

    def of(self, operation: str) -> list[ReadableSpan]:
        """Those of one kind of operation."""
        return [span for span in self.all if attributes(span).get(OPERATION) == operation]

    def one(self, operation: str) -> ReadableSpan:
        """The only one of its kind."""
        (span,) = self.of(operation)
        return span

    def children(self, name: str) -> list[str]:
        """The operations below the only span of a name, in the order in which they ended."""
        (parent,) = [span for span in self.all if span.name == name]
        below = [span for span in self.all if span.parent and span.parent.span_id == parent.context.span_id]
        return [str(attributes(span).get(OPERATION, span.name)) for span in below]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of a span."""
    return dict(span.attributes or {})


def linked(span: ReadableSpan) -> list[int]:
    """The ids of the spans that a span links to."""
    return [link.context.span_id for link in span.links]


class Collector:
    """What a collector got: the bodies of its requests, and the spans in them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[SentSpan]:
        """All spans."""
        sent = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        resources = [resource for request in sent for resource in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]

    def named(self, operation: str) -> list[SentSpan]:
        """Those of a kind of operation, or of a name."""
        return [span for span in self.spans if operation in (value_of(span.attributes, OPERATION), span.name)]


def value_of(sent: Any, key: str) -> Any:
    """The value of an attribute as it was sent, or None."""
    each: KeyValue
    for each in sent:
        if each.key == key:
            return getattr(each.value, each.value.WhichOneof("value") or "string_value")
    return None


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector that takes spans by HTTP, as OTLP says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    got = Collector(f"http://127.0.0.1:{server.server_address[1]}/v1/traces")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
