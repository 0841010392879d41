"""Metrics of the work behind the requests: operations, calls of models, and messages that wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from langchain_motorhead.concurrency.bounded_call import TooManyAbandonedError, TooSlowError
from langchain_motorhead.flows.protocol import RefusedInputError, RefusedLearningError
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.telemetry import Work
from langchain_motorhead.runtime.watched import Watched
from langchain_motorhead.server.monitoring.backlog import Backlog
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.summaries.rebuilding import RebuildReport

_BUCKET_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_NAMED: Final[dict[type[BaseException], str]] = {
    TooSlowError: "timeout",
    TooManyAbandonedError: "not called",
}
_REFUSED = (RefusedInputError, RefusedLearningError)
# Largest number of error classes with a label of their own, since a user's model may raise any class.
_MAX_REASONS = 50
_OTHER = "other"


class WorkMetrics(Collector):
    """Measures operations for Prometheus. A `Meter` of all tenants.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "motorhead_operation_seconds",
            "Time that operations took, whether they failed or not, by operation",
            ("operation",),
            buckets=_BUCKET_SECONDS,
            registry=registry,
        )
        self._failures = Counter(
            "motorhead_operation_failures",
            "Operations that failed, by operation and by reason: the class of the error that caused it",
            ("operation", "reason"),
            registry=registry,
        )
        self._summaries = Counter("motorhead_summaries", "Compactions that stored a new summary", registry=registry)
        self._batches = Counter(
            "motorhead_summary_batches", "Batches of messages that were summarized and committed", registry=registry
        )
        self._summarized = Counter(
            "motorhead_messages_summarized", "Messages that were moved into summaries", registry=registry
        )
        self._archived = Counter(
            "motorhead_archived_bytes", "Bytes by which the archives of sessions grew, compressed", registry=registry
        )
        self._searches = Counter(
            "motorhead_searches", "Searches: those that found something, those that found nothing, and failures",
            ("outcome",), registry=registry,
        )  # fmt: skip
        self._embedded = Counter(
            "motorhead_embedded_texts", "Texts that were embedded: of documents, and of queries",
            ("kind",), registry=registry,
        )  # fmt: skip
        self._rebuild_tokens = 0
        self._reasons: set[str] = set()
        self._backlogs: dict[Work, Backlog] = {
            "summaries": Backlog(replaces=True),
            "indexing": Backlog(replaces=False),
            "learning": Backlog(replaces=False),
        }
        registry.register(self)

    @property
    def rebuild_tokens(self) -> int:
        """Tokens that rebuilds of summaries used."""
        return self._rebuild_tokens

    def ended(self, what: Watched, seconds: float, result: Any, error: BaseException | None) -> None:
        """Count and time an operation. See `runtime.telemetry.Meter`."""
        self._seconds.labels(what.name).observe(seconds)
        if error is not None:
            self._failures.labels(what.name, self._reason(error)).inc()
        if what is watched.SEARCH:
            self._searches.labels("failed" if error is not None else "found" if result else "nothing").inc()
        elif what is watched.EMBED or what is watched.EMBED_QUERY:
            kind = "documents" if what is watched.EMBED else "queries"
            self._embedded.labels(kind).inc(0 if result is None else len(result))
        elif isinstance(result, CompactionReport):
            self._summaries.inc(1 if result.batches else 0)
            self._batches.inc(result.batches)
            self._summarized.inc(result.summarized)
            self._archived.inc(max(0, result.archived))
        elif isinstance(result, RebuildReport):
            self._rebuild_tokens += result.tokens

    def waits(self, work: Work, key: str, messages: int) -> None:
        """Note that messages of a session wait for work. See `runtime.telemetry.Meter`."""
        self._backlogs[work].add(key, messages)

    def settled(self, work: Work, key: str, began: float) -> None:
        """Note that work is done. See `runtime.telemetry.Meter`."""
        self._backlogs[work].settle(key, began)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return what waits now."""
        sessions = _gauge("sessions", "Sessions with messages that wait")
        messages = _gauge("messages", "Messages that wait")
        seconds = _gauge("seconds", "Seconds since the first of the messages came that wait")
        for work, backlog in self._backlogs.items():
            extent = backlog.extent()
            sessions.add_metric([work], extent.sessions)
            messages.add_metric([work], extent.messages)
            seconds.add_metric([work], extent.seconds)
        yield from (sessions, messages, seconds)

    def _reason(self, error: BaseException) -> str:
        """Return the label of an error: the class of its cause, which may be a provider's, or of the error itself."""
        if isinstance(error, _REFUSED):
            return "refused input"
        cause = error.__cause__ or error
        reason = _NAMED.get(type(cause), type(cause).__name__)
        if reason not in self._reasons and len(self._reasons) >= _MAX_REASONS:
            return _OTHER
        self._reasons.add(reason)
        return reason


def _gauge(name: str, told: str) -> GaugeMetricFamily:
    of = "for work in the background, of the sessions that this process appended to in the last hour"
    return GaugeMetricFamily(f"motorhead_waiting_{name}", f"{told} {of}", labels=["work"])
