"""Counts and times requests in plain numbers, which become Prometheus' metrics when those are asked for.

A counter of `prometheus_client` takes a lock and several calls for each increment. Requests are counted on the event
loop only, so they need no lock.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

_BUCKET_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BUCKET_NAMES = (*(str(float(each)) for each in _BUCKET_SECONDS), "+Inf")


class RequestCounts(Collector):
    """Requests and messages of one application. Not for several threads.

    Attributes:
        under_way: Number of requests that are being answered.
        messages: Number of messages accepted.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self.messages = 0
        self._created = time.time()
        self._answered: dict[tuple[str, str, int], _Count] = {}
        self._times: dict[tuple[str, str], _Times] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request.

        Args:
            method: HTTP method.
            route: Path of the route, without ids.
            status: HTTP status of the answer.
            seconds: Time from request to answer.
        """
        count = self._answered.get((method, route, status))
        if count is None:
            times = self._times.setdefault((method, route), _Times())
            count = self._answered[method, route, status] = _Count(times)
        count.requests += 1
        times = count.times
        times.seconds += seconds
        times.buckets[bisect_left(_BUCKET_SECONDS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        requests = CounterMetricFamily("motorhead_requests", "Requests answered", labels=["method", "route", "status"])
        for (method, route, status), count in self._answered.items():
            requests.add_metric([method, route, str(status)], count.requests, created=count.created)
        yield requests
        seconds = HistogramMetricFamily("motorhead_request_seconds", "Time to answer", labels=["method", "route"])
        for labels, times in self._times.items():
            buckets = [*zip(_BUCKET_NAMES, accumulate(times.buckets), strict=True)]
            seconds.add_metric(labels, buckets, times.seconds)
            named = dict(zip(("method", "route"), labels, strict=True))
            seconds.add_sample("motorhead_request_seconds_created", named, times.created)
        yield seconds
        yield GaugeMetricFamily("motorhead_requests_under_way", "Requests being answered", self.under_way)
        yield CounterMetricFamily("motorhead_messages", "Messages accepted", self.messages, created=self._created)


class _Times:
    """How long requests of one method and route took."""

    __slots__ = ("buckets", "created", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * len(_BUCKET_NAMES)
        self.seconds = 0.0
        self.created = time.time()


class _Count:
    """How many requests of one method and route had one status."""

    __slots__ = ("created", "requests", "times")

    def __init__(self, times: _Times) -> None:
        self.times = times
        self.requests = 0
        self.created = time.time()
