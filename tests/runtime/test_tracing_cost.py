"""What tracing costs where it is off: calls of functions are counted, since times depend on the machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext

from langchain_motorhead import HashingEmbeddings, Window
from langchain_motorhead.runtime import spans as spans_module
from support.factory import MakeMotorhead
from support.summarizers import Ledger
from support.tracing import use_provider

WATCHING = ("runtime/telemetry.py", "runtime/spans.py")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the functions that are called in this thread, by name: those that watch."""
    calls: Counter[str] = Counter()

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.replace("\\", "/").endswith(WATCHING):
            calls[frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def calls_of(work: Callable[[], object]) -> dict[str, int]:
    """Count what an operation calls, when it is done once more."""
    for _ in range(3):
        work()
    with counted() as calls:
        work()
    return dict(calls)


def test_without_tracing(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """An append and a load look once whether there is tracing, and do nothing else, be OpenTelemetry there or not."""
    session = make(compaction="manual", window=Window(4)).session("s")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    works: dict[str, Callable[[], object]] = {
        "append": lambda: session.append(HumanMessage("hi")),
        "load": session.load,
    }
    assert [calls_of(work) for work in works.values()] == [{"watch": 1, "tracing": 1}] * 2
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert [calls_of(work) for work in works.values()] == [{"watch": 1, "tracing": 1}] * 2


def test_a_run_that_is_not_sampled(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no spans, its work in the background has no link to it, and models are called within its trace."""
    exporter = InMemorySpanExporter()
    use_provider(monkeypatch, exporter)
    seen: list[int] = []
    motorhead = make(
        llm=Ledger(lambda _: seen.append(trace.get_current_span().get_span_context().trace_id)),
        window=Window(4),
        embeddings=HashingEmbeddings(64),
        compaction="inline",
    )
    session = motorhead.session("s")
    left_out = NonRecordingSpan(SpanContext(trace_id=7, span_id=7, is_remote=False))
    with trace.use_span(left_out):
        session.append([HumanMessage("hi")] * 6)
        session.load()
        session.search("hi")
        calls = calls_of(session.load)
        assert trace.get_current_span() is left_out
    assert not exporter.get_finished_spans()
    assert seen == [7]
    assert calls == {"watch": 1, "tracing": 1, "is_left_out": 1}


def test_tracing_that_is_set_up_later(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans begin with the first operation after the application has set up its tracing, and end with it."""
    session = make(compaction="manual").session("s")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    session.load()
    exporters = [InMemorySpanExporter(), InMemorySpanExporter()]
    for exporter in exporters:
        use_provider(monkeypatch, exporter)
        session.load()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    session.load()
    assert [len(exporter.get_finished_spans()) for exporter in exporters] == [1, 1]
    monkeypatch.delattr(trace, "_TRACER_PROVIDER")  # should a later version keep it elsewhere
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    session.load()
    assert spans_module.tracing() is None
