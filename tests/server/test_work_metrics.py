"""Metrics of the work behind the requests: what is counted, under which names, and what waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from langchain_motorhead import Facts, Motorhead, SummarizationError, Window
from langchain_motorhead.concurrency.bounded_call import TooSlowError
from langchain_motorhead.flows.protocol import RefusedInputError
from langchain_motorhead.runtime import watched
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.monitoring import backlog as backlog_module
from langchain_motorhead.server.monitoring.backlog import Backlog, Extent
from langchain_motorhead.server.monitoring.metrics import Metrics
from langchain_motorhead.sessions.compaction import flow
from support.embeddings import Scripted
from support.factory import MakeMotorhead
from support.http_servers import served
from support.redis_servers import wait_until
from support.summarizers import Ledger

Figures = dict[tuple[str, ...], float]
WORKS = ("summaries", "indexing", "learning")


class Broken(Ledger):
    """A `Ledger` that fails until it is repaired."""

    def __init__(self) -> None:
        super().__init__(self._fail)
        self.works = False

    def _fail(self, _: Any) -> None:
        if not self.works:
            raise ConnectionError("the model is away")


@pytest.fixture
def llm() -> Broken:
    """The summarizer of what is served."""
    return Broken()


@pytest.fixture
def embeddings() -> Scripted:
    """The embedding model of what is served."""
    return Scripted()


@pytest.fixture
def motorhead(make: MakeMotorhead, llm: Broken, embeddings: Scripted) -> Motorhead:
    """What is served: with recall and facts, and with a summarizer that is out of order."""
    return make(llm=llm, embeddings=embeddings, facts=Facts(), window=Window(max_messages=4))


@pytest.fixture
def http(motorhead: Motorhead) -> Iterator[httpx.Client]:
    """A client of a server."""
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base, httpx.Client(base_url=base) as client:
        yield client


def figures(http: httpx.Client) -> Figures:
    """Give what the server has measured: each value by the name of its metric and its labels."""
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def post(http: httpx.Client, count: int) -> None:
    """Store messages."""
    messages = [{"role": "Human", "content": f"I live in town number {at}."} for at in range(count)]
    http.post("/sessions/s/memory?user_id=bob", json={"messages": messages}).raise_for_status()


def test_what_is_measured(
    http: httpx.Client, motorhead: Motorhead, llm: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures by reason, then summaries, batches, bytes, embeddings, searches and facts; and what waits meanwhile."""
    monkeypatch.setattr(flow, "_PAUSES_MS", {"first_pause": 600_000, "longest_pause": 600_000})
    post(http, 10)
    failed = ("motorhead_operation_failures_total", "compact", "ConnectionError")
    wait_until(lambda: failed in figures(http))
    failing = figures(http)
    assert failing["motorhead_operation_failures_total", "summarize", "ConnectionError"] == 1
    assert failing[failed] == 1
    assert failing["motorhead_summaries_total",] == 0
    assert failing["motorhead_waiting_sessions", "summaries"] == 1
    assert failing["motorhead_waiting_messages", "summaries"] == 6
    assert failing["motorhead_waiting_seconds", "summaries"] > 0
    motorhead.flush()  # learns at once
    for work in ("indexing", "learning"):
        wait_until(lambda work=work: figures(http)["motorhead_waiting_sessions", work] == 0)  # type: ignore[misc]
        assert figures(http)["motorhead_waiting_seconds", work] == 0

    compactions = ("motorhead_operation_seconds_count", "compact")
    post(http, 1)  # in the pause after the failure, nothing is tried
    wait_until(lambda: figures(http)[compactions] > failing[compactions])
    paused = figures(http)
    assert paused[failed] == 1
    assert paused["motorhead_waiting_messages", "summaries"] == 7
    assert paused["motorhead_waiting_seconds", "summaries"] > failing["motorhead_waiting_seconds", "summaries"]

    llm.works = True
    http.post("/sessions/s/compact").raise_for_status()
    for text in ("town", "number 3"):
        http.post("/sessions/s/retrieval?user_id=bob", json={"text": text}).raise_for_status()
    http.post("/sessions/none/retrieval", json={"text": "town"}).raise_for_status()
    http.post("/sessions/s/rebuild", json={"wait": True}).raise_for_status()
    motorhead.flush()
    wait_until(lambda: figures(http)["motorhead_messages_learned_total",] == 11)
    done = figures(http)
    assert done["motorhead_summaries_total",] == 1
    assert done["motorhead_summary_batches_total",] >= 1
    assert done["motorhead_messages_summarized_total",] == 9
    assert done["motorhead_waiting_sessions", "summaries"] == 0
    stored = motorhead.session("s").transcript()
    assert 0 < done["motorhead_archived_bytes_total",] < sum(len(each.message.text) for each in stored) + 500
    assert done["motorhead_searches_total", "found"] == 2
    assert done["motorhead_searches_total", "nothing"] == 1
    assert done["motorhead_embedded_texts_total", "documents"] >= 11
    assert done["motorhead_embedded_texts_total", "queries"] == done["motorhead_operation_seconds_count", "embed_query"]
    assert done["motorhead_facts_total",] >= 1
    for operation in ("compact", "summarize", "index", "embed", "search", "learn", "extract_facts", "rebuild"):
        assert done["motorhead_operation_seconds_count", operation] >= 1, operation
    assert done["motorhead_tokens_total", "rebuilds of summaries"] == 0
    assert not any(name[0].startswith("motorhead_operation") and name[1] in ("append", "load") for name in done)


def test_a_model_that_cannot_embed(http: httpx.Client, motorhead: Motorhead, embeddings: Scripted) -> None:
    """What waits for vectors is counted with its age, until the model answers again."""
    embeddings.down = True
    post(http, 3)
    wait_until(lambda: ("motorhead_operation_failures_total", "index", "ConnectionError") in figures(http))
    failing = figures(http)
    assert failing["motorhead_waiting_messages", "indexing"] == 3
    assert failing["motorhead_waiting_seconds", "indexing"] > 0
    assert failing["motorhead_operation_failures_total", "index", "ConnectionError"] >= 1
    assert failing["motorhead_operation_failures_total", "embed", "ConnectionError"] >= 1
    embeddings.down = False
    motorhead.flush()  # tries again at once
    wait_until(lambda: figures(http)["motorhead_waiting_sessions", "indexing"] == 0)


def test_the_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the age of the oldest, keeps what came during the work, is bounded, and drops what nobody touches."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    backlog = Backlog(replaces=False)
    assert backlog.extent() == Extent(0, 0, 0)
    backlog.add("a", 2)
    now[0] = 110.0
    backlog.add("b", 1)
    backlog.add("a", 3)
    assert backlog.extent() == Extent(2, 6, 10)
    backlog.settle("a", 105.0)  # its work began before the second append
    now[0] = 120.0
    assert backlog.extent() == Extent(2, 6, 15)
    backlog.settle("a", 115.0)
    backlog.settle("unknown", 115.0)
    assert backlog.extent() == Extent(1, 1, 10)
    now[0] = 120.0 + 3_600
    assert backlog.extent() == Extent(0, 0, 0)
    monkeypatch.setattr(backlog_module, "_MAX_SESSIONS", 2)
    replacing = Backlog(replaces=True)
    for key, messages in (("a", 5), ("b", 1), ("c", 1), ("a", 7)):
        replacing.add(key, messages)
    assert replacing.extent() == Extent(2, 8, 0)


def test_reasons_are_bounded() -> None:
    """A failure is counted by the class of its cause: 50 of them, and `other`. A time limit has a name of its own."""
    metrics = Metrics(lambda: 0, lambda: 0, dict)
    for at in range(60):
        error = RuntimeError()
        error.__cause__ = type(f"Error{at}", (Exception,), {})()
        metrics.work.ended(watched.SUMMARIZE, 0.1, None, error)
    text = metrics.exposed()[0].decode()
    assert 'reason="other"} 10.0' in text
    assert text.count("motorhead_operation_failures_total{") == 51
    fresh = Metrics(lambda: 0, lambda: 0, dict)
    slow = SummarizationError("took longer than 1 s")
    slow.__cause__ = TooSlowError()
    fresh.work.ended(watched.SUMMARIZE, 1.0, None, slow)
    fresh.work.ended(watched.SUMMARIZE, 1.0, None, RefusedInputError("no", too_long=True))
    shown = fresh.exposed()[0].decode()
    assert 'reason="timeout"} 1.0' in shown
    assert 'reason="refused input"} 1.0' in shown
