"""Who wrote a summary, what it keeps and which answers were rejected can be seen: by clients, operators and doctor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import Author, Window
from langchain_motorhead.diagnostics.doctor import examine
from langchain_motorhead.server.app import create_app
from langchain_motorhead.server.settings import Settings
from support.factory import MakeMotorhead
from support.http_servers import served

SAID = [{"role": "Human", "content": f"My {what} is number {4100 + at}."} for at, what in enumerate("ABCDEF")]
GOOD = "The user named the numbers 4100, 4101, 4102 and 4103."


@pytest.fixture
def answers() -> list[str]:
    """What the model answers, in turn; the last again and again."""
    return [GOOD]


@pytest.fixture
def http(make: MakeMotorhead, answers: list[str]) -> Iterator[httpx.Client]:
    """A client of a server whose model answers so."""
    model = RunnableLambda[Any, str](lambda given: answers.pop(0) if len(answers) > 1 else answers[0])
    motorhead = make(llm=model, window=Window(max_messages=4), compaction="manual")
    with (
        served(create_app(Settings(), motorhead=lambda _: motorhead)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


def test_a_good_summary(http: httpx.Client) -> None:
    """It is the model's, and nothing was rejected."""
    http.post("/sessions/s/memory", json={"messages": SAID})
    http.post("/sessions/s/compact")
    info = http.get("/sessions/s").json()
    assert (info["written_by"], info["rejected"]) == ("model", {})
    assert info["kept"]["numbers"] == [4, 4]


def test_a_rejected_summary(http: httpx.Client, answers: list[str], make: MakeMotorhead) -> None:
    """An extract is named as one, and its cause is counted in the session, in the metrics and by doctor."""
    answers[:] = ["I'm sorry, but I can't help with that."]
    http.post("/sessions/s/memory", json={"messages": SAID})
    http.post("/sessions/s/compact")
    info = http.get("/sessions/s").json()
    assert (info["written_by"], info["rejected"]) == ("extract", {"refused": 2})
    metrics = http.get("/metrics").text
    assert 'motorhead_summary_answers_total{outcome="refused"} 2.0' in metrics
    assert 'motorhead_summary_answers_total{outcome="extracts"} 1.0' in metrics
    with make(compaction="manual") as other:
        found = {finding.name: finding for finding in examine(other)}
    assert "1 by extraction; 2 answers rejected (refused 2)" in found["summaries"].value
    assert "not suited" in found["summaries"].advice


def test_what_a_version_says(make: MakeMotorhead) -> None:
    """Each version has the answers that were rejected before it, and what it keeps; the memory says the latter."""
    answers = ["I'm sorry, but I can't help with that.", GOOD]
    session = make(llm=RunnableLambda(lambda given: answers.pop(0)), window=Window(max_messages=4)).session("v")
    session.append(SAID)
    session.compact()
    (version,), memory = session.summaries(), session.load()
    assert (version.failed, version.author) == ({"refused": 1}, Author.MODEL)
    assert memory.kept is not None
    assert memory.kept == version.kept
    assert (memory.kept.numbers, memory.kept.numbers_said, memory.kept.share) == (4, 4, 1)


def test_after_five_rejected_answers(http: httpx.Client, answers: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """The log names each reason, and says once that the model is not suited. It is then asked once."""
    answers[:] = ["I'm sorry, but I can't help with that."]
    for _ in range(4):
        http.post("/sessions/s/memory", json={"messages": SAID})
        http.post("/sessions/s/compact")
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("langchain_motorhead")]
    assert sum("rejected: refused" in each for each in warnings) == 7
    (unsuited,) = [each for each in warnings if "not suited to summarizing" in each]
    assert unsuited.startswith("the last 6 answers")
    assert http.get("/sessions/s").json()["rejected"] == {"refused": 7}
    answers[:] = ["The user named the numbers 4100 to 4105 of A, B, C, D, E and F."]
    http.post("/sessions/t/memory", json={"messages": SAID})
    http.post("/sessions/t/compact")
    assert http.get("/sessions/t").json()["written_by"] == "model"
    assert 'motorhead_summary_answers_total{outcome="accepted"} 1.0' in http.get("/metrics").text


def test_a_clients_summary(http: httpx.Client) -> None:
    """A context that a client sends is the client's; without one there is none."""
    http.post("/sessions/s/memory", json={"messages": SAID[:1], "context": "Bob is a nurse."})
    assert http.get("/sessions/s").json()["written_by"] == "client"
    http.post("/sessions/s/memory", json={"messages": [], "context": ""})
    assert http.get("/sessions/s").json()["written_by"] is None
