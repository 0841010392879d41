"""With a real language model, however badly it answers, nothing is lost and no summary is worse than an extract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_openai import ChatOpenAI

from langchain_motorhead import Facts, HashingEmbeddings, Memory, MotorheadMiddleware, Window, check_summary
from langchain_motorhead.demo.dialogues import load_dialogues
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.server.app import create_app
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.sessions.checks.details import Text, unsaid_numbers
from langchain_motorhead.sessions.checks.keeping import Kept, kept
from support.factory import MakeMotorhead
from support.http_servers import served

PATIENT: dict[str, Any] = {"summary_timeout": 300}  # of a busy machine
CODES = [
    HumanMessage(f"Locker {at} of the station has the code {4100 + at}; {name} keeps a suitcase in it until Friday.")
    for at, name in enumerate(("Anna", "Bob", "Carla", "Deniz", "Emma", "Farid", "Greta", "Hugo"))
]


def check(memory: Memory, said: Sequence[BaseMessage]) -> None:
    """Check that nothing is lost, and that the summary is one of what left the window."""
    assert (memory.total, memory.failures, memory.backlog) == (len(said), 0, 0)
    assert [message.text for message in memory.messages] == [message.text for message in said[memory.summarized :]]
    covered, summary = said[: memory.summarized], memory.summary
    assert summary
    assert memory.written_by in ("model", "extract")
    assert unsaid_numbers(Text(summary), Text(transcript(covered))) == []
    assert len(summary) < 0.7 * len(transcript(covered))
    if memory.written_by == "model":
        assert not [each for each in check_summary(summary, covered) if not each.startswith("too long")]


def test_chat(make: MakeMotorhead, model: ChatOpenAI) -> None:
    """A session with the model as its summarizer keeps at least half of what one without a model does."""
    said = [message.model_copy(update={"id": None}) for message in load_dialogues()[0].messages[:16]]
    found: list[Kept] = []
    for llm in (model, None):
        session = make(llm=llm, window=Window(8), compaction="manual", **PATIENT).session(f"s{len(found)}")
        reports = []
        for message in said:
            session.append(message)
            reports.append(session.compact())
        memory = session.load()
        check(memory, said)
        assert sum(report.summarized for report in reports) == memory.summarized
        found.append(kept(memory.summary or "", said[: memory.summarized]))
        assert (memory.tokens > 0) is (llm is not None)
    assert found[0].share >= found[1].share / 2


@pytest.mark.parametrize("recall", [False, True])
def test_middleware(make: MakeMotorhead, model: ChatOpenAI, recall: bool) -> None:
    """An agent that the model answers for, with and without recall: every turn is stored, summarized and found."""
    options: dict[str, Any] = {"embeddings": HashingEmbeddings(64)} if recall else {}
    motorhead = make(llm=model, window=Window(4), compaction="inline", **PATIENT, **options)
    answers = model.model_copy(update={"max_tokens": 32})
    agent = create_agent(answers, middleware=[MotorheadMiddleware(motorhead, recall=2 if recall else 0)])
    said: list[BaseMessage] = []
    for text in ("I am Bob and I live in Oslo.", "My order has the number 48213.", "Where do I live?"):
        state = agent.invoke({"messages": [HumanMessage(text)]}, {"configurable": {"thread_id": "s"}})
        said += [HumanMessage(text), state["messages"][-1]]
    motorhead.flush()
    session = motorhead.session("s")
    check(session.load(), said)
    if recall:
        assert said[0].text in [found.page_content for found in session.search("Bob Oslo", k=3)]


def test_server(make: MakeMotorhead, model: ChatOpenAI) -> None:
    """The server with the model: POST, compaction, GET, and the answers say who wrote the summary."""
    motorhead = make(llm=model, window=Window(4), compaction="manual", **PATIENT)
    with (
        served(create_app(Settings(), motorhead=lambda _: motorhead)) as url,
        httpx.Client(base_url=url, timeout=300) as http,
    ):
        said = [{"role": "Human", "content": message.text} for message in CODES]
        assert http.post("/sessions/s/memory", json={"messages": said}).is_success
        assert http.post("/sessions/s/compact").is_success
        info = http.get("/sessions/s").json()
        assert (info["total"], info["backlog"], info["failures"]) == (8, 0, 0)
        assert info["written_by"] in ("model", "extract")
        assert info["kept"]["numbers"][0] * 2 >= info["kept"]["numbers"][1] > 0
        answers = [
            line for line in http.get("/metrics").text.splitlines() if "motorhead_summary_answers_total{" in line
        ]
        assert sum(float(line.split()[-1]) for line in answers) > 0
        check(motorhead.session("s").load(), CODES)


def test_facts(make: MakeMotorhead, model: ChatOpenAI) -> None:
    """The model makes much up. Messages are learned, operations carried out or rejected, and facts have quotes."""
    llm = model.model_copy(update={"max_tokens": 120})
    motorhead = make(facts=Facts(llm=llm, timeout=300, every=3_600))
    session, said = motorhead.session("s", "bob"), [HumanMessage("I live in Oslo and work as a nurse."), *CODES[:1]]
    session.append(said)
    report = session.learn()
    assert (report.messages, report.error) == (len(said), None)
    assert report.tokens > 0
    bob = motorhead.user("bob")
    assert bob.counts().get("operations", 0) == report.accepted + report.rejected.total()
    for fact in bob.facts():
        assert fact.sources
        for source in fact.sources:
            assert source.quote.casefold() in said[source.seq].text.casefold()
