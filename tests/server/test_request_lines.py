"""Lines and metrics of requests: as those of `logging` and `prometheus_client`, which take more CPU."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from langchain_motorhead.server import json_logs
from langchain_motorhead.server.monitoring.request_counts import RequestCounts

NAME = "langchain_motorhead.server.http.middleware"
FIELDS = {"method": "GET", "route": "/sessions/{session_id}/memory", "status": 200, "ms": 1.5, "request_id": "é1"}


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Leaves the loggers as they were."""
    changed = [logging.getLogger(name) for name in ("langchain_motorhead", "uvicorn")]
    before = [(each.handlers, each.propagate, each.level) for each in changed]
    yield
    for each, (handlers, propagate, level) in zip(changed, before, strict=True):
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)


async def test_lines_of_requests(capsys: pytest.CaptureFixture[str]) -> None:
    """They are written together, in the order of all lines, and are those that a record would make."""
    json_logs.set_up("info")
    logger, package = logging.getLogger(NAME), logging.getLogger("langchain_motorhead")

    def written() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    for at in range(3):
        json_logs.log_request(logger, logging.INFO, {**FIELDS, "at": at})
    assert written() == []
    await asyncio.sleep(0)
    first, *others = written()
    assert [line["at"] for line in (first, *others)] == [0, 1, 2]
    json_logs.log_request(logger, logging.ERROR, {**FIELDS, "at": 3})
    logger.warning("in between")
    json_logs.log_request(logger, logging.INFO, {**FIELDS, "at": 4})
    package.handlers[0].flush()  # as at the end of the process
    lines = written()
    assert [line.get("at", line["message"]) for line in lines] == [3, "in between", 4]
    assert [line["level"] for line in lines] == ["error", "warning", "info"]

    seen = list[logging.LogRecord]()
    watching = logging.Handler()
    watching.emit = seen.append  # type: ignore[assignment]
    logger.addHandler(watching)  # of whoever wants records
    try:
        json_logs.log_request(logger, logging.INFO, {**FIELDS, "at": 0})
    finally:
        logger.removeHandler(watching)
    assert [record.getMessage() for record in seen] == ["request"]
    (of_record,) = written()
    assert list(of_record) == list(first)
    assert {**of_record, "time": ""} == {**first, "time": ""}
    assert len(of_record["time"]) == len(first["time"]) == len("2025-06-01T12:00:00.000+00:00")


def test_metrics_of_requests() -> None:
    """The text for Prometheus is that of its own counters and histograms."""
    labels = ("method", "route", "status")
    theirs = CollectorRegistry()
    requests = Counter("motorhead_requests", "Requests answered", labels, registry=theirs)
    bounds = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
    seconds = Histogram("motorhead_request_seconds", "Time to answer", labels[:2], buckets=bounds, registry=theirs)
    Gauge("motorhead_requests_under_way", "Requests being answered", registry=theirs).set(2)
    Counter("motorhead_messages", "Messages accepted", registry=theirs).inc(7)

    counts = RequestCounts()
    counts.under_way, counts.messages = 2, 7
    for method, status, taken in (
        ("GET", 200, 0.0001), ("GET", 200, 0.001), ("GET", 404, 0.0011), ("POST", 200, 60.0), ("POST", 503, 99.5),
    ):  # fmt: skip
        requests.labels(method, "/sessions", str(status)).inc()
        seconds.labels(method, "/sessions").observe(taken)
        counts.answered(method, "/sessions", status, taken)
    ours = CollectorRegistry()
    ours.register(counts)
    assert _shown(ours) == _shown(theirs)


def _shown(registry: CollectorRegistry) -> list[str]:
    """Return the lines of metrics, without the times at which they were made."""
    lines = generate_latest(registry).decode().splitlines()
    return [line.rpartition(" ")[0] if "_created" in line else line for line in lines]
