"""Traces across the wire: the context of W3C that comes with a request, the server's spans, and its log lines."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry import trace

from langchain_motorhead import Motorhead, StoreUnavailableError
from langchain_motorhead.runtime.spans import CAPTURE
from langchain_motorhead.server.json_logs import JSONLines
from langchain_motorhead.server.monitoring.tracing import RequestTrace
from support.messages import numbered
from support.redis_servers import wait_until
from support.tracing import Spans, attributes

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
MEMORY = "/sessions/s/memory"
BODY = {"messages": [{"role": "Human", "content": "xyzzy"}]}


class Lines(logging.Handler):
    """Log lines, as the server writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JSONLines())
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    """The log lines of the package."""
    handler, logger = Lines(), logging.getLogger("langchain_motorhead")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.setLevel(before)
    logger.removeHandler(handler)


def test_a_request_is_part_of_its_clients_trace(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, object]]
) -> None:
    """The client's context is the parent of the server's span, that of the memory's; log lines have the trace's id."""
    monkeypatch.delenv(CAPTURE, raising=False)
    spans = Spans(monkeypatch)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    http.post(MEMORY, json={"messages": BODY["messages"] * 40}, headers=headers)
    http.get(MEMORY, headers=headers)
    http.post("/sessions/s/retrieval", json={"text": "xyzzy"}, headers=headers)
    http.get("/health", headers=headers)
    http.get("/metrics", headers=headers)
    served = [span for span in spans.all if span.kind is trace.SpanKind.SERVER]
    assert [span.name for span in served] == [
        "POST /sessions/{session_id}/memory",
        "GET /sessions/{session_id}/memory",
        "POST /sessions/{session_id}/retrieval",
    ]
    for span, status in zip(served, (200, 200, 400), strict=True):
        assert span.parent is not None
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
        assert span.context.trace_state.get("vendor") == "1"
        assert attributes(span)["http.response.status_code"] == status
        assert span.status.status_code is trace.StatusCode.UNSET
    assert spans.children(served[0].name) == ["append"]
    assert spans.children(served[1].name) == ["read"]
    assert [line["trace_id"] for line in lines if line["message"] == "request"] == [TRACE] * 3
    assert "xyzzy" not in repr([span.to_json() for span in spans.all])


def test_work_that_a_request_makes_due(
    http: httpx.Client, motorhead: Motorhead, monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, object]]
) -> None:
    """A compaction has a trace of its own, which links to the append's, and its log lines have that trace's id."""
    spans = Spans(monkeypatch)
    http.post(MEMORY, json={"messages": BODY["messages"] * 40})
    http.get("/health")  # on the same connection: the request before is done
    motorhead.flush()
    (compaction,) = spans.of("compact")
    (append,) = spans.of("append")
    assert [link.context for link in compaction.links] == [append.context]
    assert compaction.context.trace_id != append.context.trace_id
    moved = [line for line in lines if "moved" in str(line["message"])]
    assert [line["trace_id"] for line in moved] == [f"{compaction.context.trace_id:032x}"]


def test_a_client_of_this_package(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Motorhead.from_url` with a server's URL sends the context of the run, sync and async."""
    spans = Spans(monkeypatch)
    with Motorhead.from_url(str(http.base_url)) as client, spans.tracer.start_as_current_span("run") as run:
        client.session("c").append(numbered(1))
        asyncio.run(client.session("c").aload())

    def below() -> list[str]:
        mine = run.get_span_context().span_id
        return sorted(span.name for span in spans.all if span.parent and span.parent.span_id == mine)

    wait_until(lambda: len(below()) == 2)  # a span of the server may end after its answer has come
    assert below() == ["GET /sessions/{session_id}/memory", "POST /sessions/{session_id}/memory"]
    assert {span.context.trace_id for span in spans.all} == {run.get_span_context().trace_id}


def test_spans_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed request is an error, named by its class. Below the span of another instrumentation, there is none."""
    spans = Spans(monkeypatch)
    scope = {"type": "http", "method": "GET", "path": "/sessions", "headers": []}
    RequestTrace(scope).end("GET", "/sessions", 503, StoreUnavailableError("xyzzy"))
    RequestTrace(scope).end("GET", "/sessions", 500, None)
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert [attributes(span)["error.type"] for span in spans.all] == ["StoreUnavailableError", "500"]
    assert {span.status.status_code for span in spans.all} == {trace.StatusCode.ERROR}
    with spans.tracer.start_as_current_span("outer") as outer:
        traced = RequestTrace(scope)
        traced.end("GET", "/sessions", 200, None)
    assert traced.trace_id == f"{outer.get_span_context().trace_id:032x}"
    assert [span.name for span in spans.all] == ["GET /sessions", "GET /sessions", "outer"]


# What a client may send, and the id of a trace in it.
SENT = {
    f"00-{TRACE}-{PARENT}-01": TRACE,
    f"01-{TRACE}-{PARENT}-00-later": TRACE,
    f"ff-{TRACE}-{PARENT}-01": None,
    f"00-{'0' * 32}-{PARENT}-01": None,
    f"00-{TRACE}-{'0' * 16}-01": None,
    f"00-{TRACE.upper()}-{PARENT}-01": None,
    "xyzzy": None,
    "": None,
}


def test_without_tracing(http: httpx.Client, monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, object]]) -> None:
    """Log lines have the trace id that came with the request, if it is one."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    for sent in SENT:
        assert http.get(MEMORY, headers={"traceparent": sent}).status_code == 200
    assert http.get(MEMORY).status_code == 200
    http.get("/health")  # on the same connection: the requests before are done
    known = [line.get("trace_id") for line in lines if line["message"] == "request"]
    assert known == [*SENT.values(), None]
