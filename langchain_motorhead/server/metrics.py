"""What is counted of the server, in a registry of its own. No label names a session, a user or a tenant."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one application.

    Args:
        pending: Tells how much work is under way in the background.
    """

    def __init__(self, pending: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "motorhead_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "motorhead_request_seconds", "Time to answer", ("method", "route"), buckets=_BUCKETS, registry=self.registry
        )
        self.under_way = Gauge("motorhead_requests_under_way", "Requests being answered", registry=self.registry)
        self.messages = Counter("motorhead_messages", "Messages accepted", registry=self.registry)
        background = Gauge("motorhead_background_work", "Sessions being summarized or indexed", registry=self.registry)
        background.set_function(pending)
        # Looking one up takes longer than counting.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        known = self._known.get((method, route, status))
        if known is None:
            known = (self.requests.labels(method, route, str(status)), self.seconds.labels(method, route))
            self._known[method, route, status] = known
        count, histogram = known
        count.inc()
        histogram.observe(seconds)

    def exposed(self) -> tuple[bytes, str]:
        """Give the metrics as text, and the type of that."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
