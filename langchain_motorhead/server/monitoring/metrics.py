"""Prometheus metrics of the server, in a registry of their own. No label names a session, a user or a tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from langchain_motorhead.server.monitoring.request_counts import RequestCounts
from langchain_motorhead.server.monitoring.work import WorkMetrics


class _Answers(Collector):
    """Reads the statistics of summaries when the metrics are asked for."""

    def __init__(self, answers: Callable[[], Mapping[str, int]]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[CounterMetricFamily]:
        counter = CounterMetricFamily(
            "motorhead_summary_answers",
            "Answers of the summarizing model: accepted, or rejected by reason; and extracts used in their place",
            labels=["outcome"],
        )
        for outcome, count in sorted(self._answers().items()):
            counter.add_metric([outcome.replace(" ", "_")], count)
        yield counter


class _Learning(Collector):
    """Reads what was learned, and what models have cost, when the metrics are asked for."""

    def __init__(
        self, learned: Callable[[], Mapping[str, int]], summaries: Callable[[], int], rebuilds: Callable[[], int]
    ) -> None:
        self._learned = learned
        self._summaries = summaries
        self._rebuilds = rebuilds

    def collect(self) -> Iterator[CounterMetricFamily]:
        learned = self._learned()
        tokens = CounterMetricFamily("motorhead_tokens", "Tokens that models used, by purpose", labels=["purpose"])
        tokens.add_metric(["summaries"], self._summaries())
        tokens.add_metric(["rebuilds of summaries"], self._rebuilds())
        tokens.add_metric(["facts"], learned.get("tokens", 0))
        tokens.add_metric(["embeddings of facts"], learned.get("embedded", 0))
        yield tokens
        yield CounterMetricFamily("motorhead_facts", "Facts that were learned", learned.get("facts", 0))
        yield CounterMetricFamily(
            "motorhead_messages_learned", "Messages that facts were learned from", learned.get("messages", 0)
        )
        outcomes = CounterMetricFamily(
            "motorhead_fact_operations",
            "Operations of the learner: accepted, or rejected by reason; answers that could not be used by reason; "
            "batches learned without a model; and failures",
            labels=["outcome"],
        )
        for name, count in sorted(learned.items()):
            if ":" in name or name in ("accepted", "extracts", "failures"):
                outcomes.add_metric([name.replace(":", "_").replace(" ", "_")], count)
        yield outcomes


class Metrics:
    """The metrics of one application.

    Args:
        pending: Returns the number of background jobs that run or wait.
        vectors_missing: Returns the number of messages that lack a vector.
        answers: Returns how many answers of the summarizing model there were, by what became of them.

    Attributes:
        registry: Where all metrics are registered.
        counts: Counts requests and messages.
        work: Measures the work behind the requests.
    """

    def __init__(
        self,
        pending: Callable[[], float],
        vectors_missing: Callable[[], float],
        answers: Callable[[], Mapping[str, int]],
    ) -> None:
        self.registry = CollectorRegistry()
        self.counts = RequestCounts()
        self.registry.register(self.counts)
        background = Gauge("motorhead_background_work", "Sessions being summarized or indexed", registry=self.registry)
        background.set_function(pending)
        vectors = Gauge(
            "motorhead_messages_without_vector",
            "Messages that lack a vector, of the sessions that this process has tried to embed",
            registry=self.registry,
        )
        vectors.set_function(vectors_missing)
        self.registry.register(_Answers(answers))
        self.work = WorkMetrics(self.registry)

    def count_learning(self, learned: Callable[[], Mapping[str, int]], summaries: Callable[[], int]) -> None:
        """Show what was learned, and the tokens that models used.

        Args:
            learned: Returns what was learned since the start, as `FactLearning.counts` names it.
            summaries: Returns the tokens that summaries used.
        """
        self.registry.register(_Learning(learned, summaries, lambda: self.work.rebuild_tokens))

    def exposed(self) -> tuple[bytes, str]:
        """Return the metrics in Prometheus' text format, and its media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
