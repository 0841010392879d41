"""Spans: which operations have them, what they are children of, what they link to, and what they do not say."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from langchain_motorhead import (
    Facts,
    HashingEmbeddings,
    InvalidInputError,
    MotorheadMiddleware,
    UnknownMessageError,
    Window,
)
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.spans import CAPTURE
from langchain_motorhead.runtime.telemetry import Telemetry
from support.agents import Model, agent_of, say, thread
from support.factory import MakeMotorhead
from support.summarizers import Ledger, fail
from support.tracing import Spans, attributes, collector, linked, use_provider, value_of

SECRET = "xyzzy"
SMALL = Window(max_messages=4)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """The spans of a test, without content."""
    monkeypatch.delenv(CAPTURE, raising=False)
    return Spans(monkeypatch)


def run_agent(make: MakeMotorhead) -> Any:
    """Let an agent with recall have a conversation in which the second run makes a compaction due."""
    motorhead = make(llm=Ledger(), window=SMALL, embeddings=HashingEmbeddings(64))
    middleware = MotorheadMiddleware(motorhead, recall=2)
    agent, _ = agent_of(motorhead, Model(checks=False), middleware=[middleware])
    for turn in range(2):
        motorhead.flush()
        with trace.get_tracer("application").start_as_current_span(f"invoke_agent {turn}"):
            agent.invoke(say(f"{SECRET} {turn}"), thread())
    motorhead.session("t").append([HumanMessage(f"{SECRET} more")] * 2)
    motorhead.flush()
    return motorhead


def test_the_trace_of_an_agent_run(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector gets load, recall and append as children of the run, and a compaction that links to its append."""
    monkeypatch.delenv(CAPTURE, raising=False)
    with collector() as got:
        provider = use_provider(monkeypatch, OTLPSpanExporter(got.url))
        run_agent(make)
        provider.shutdown()
    (run,) = got.named("invoke_agent 1")
    below = [span for span in got.spans if span.parent_span_id == run.span_id]
    assert [(value_of(span.attributes, "motorhead.operation"), span.name) for span in below] == [
        ("catch_up", "load_memory"),
        ("search", "search_memory"),
        ("append", "create_memory"),
    ]
    assert all(span.trace_id == run.trace_id for span in below)
    for span in below:
        assert value_of(span.attributes, "gen_ai.operation.name") == span.name
        assert value_of(span.attributes, "gen_ai.conversation.id") == "t"
        assert value_of(span.attributes, "db.system.name") == "redis"
    assert [value_of(span.attributes, "gen_ai.memory.record.count") for span in below[::2]] == [3, 1]
    (asked,) = [span for span in got.named("embed_query") if span.parent_span_id == below[1].span_id]
    assert asked.name == "embeddings"

    (last,) = [span for span in got.named("append") if not span.parent_span_id]
    (compaction,) = got.named("compact")
    assert (compaction.name, compaction.parent_span_id) == ("upsert_memory", b"")
    assert [link.span_id for link in compaction.links] == [last.span_id]
    assert compaction.trace_id != run.trace_id
    (summary,) = got.named("summarize")
    assert summary.parent_span_id == compaction.span_id
    appends = {span.span_id for span in got.spans if span.name in ("load_memory", "create_memory")}
    indexed = got.named("index")
    assert indexed
    assert all(link.span_id in appends for span in indexed for link in span.links)
    assert SECRET.encode() not in b"".join(got.bodies)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_tools_of_an_agent(make: MakeMotorhead, spans: Spans, is_async: bool) -> None:
    """What an agent's tools do, in the threads or tasks in which LangGraph runs them, is below the run as well."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        calls = [{"name": "search_memory", "args": {"query": SECRET}, "id": str(at)} for at in range(2)]
        return AIMessage("", tool_calls=calls) if isinstance(messages[-1], HumanMessage) else AIMessage("done")

    motorhead = make(embeddings=HashingEmbeddings(64))
    middleware = MotorheadMiddleware(motorhead, recall=2, tools=["search_memory"])
    agent, _ = agent_of(motorhead, Model(answer=answer, checks=False), middleware=[middleware])
    config = thread("t", user_id="bob")
    with spans.tracer.start_as_current_span("run"):
        asyncio.run(agent.ainvoke(say("hi"), config)) if is_async else agent.invoke(say("hi"), config)
    below = spans.children("run")
    assert below.count("search") == len(spans.of("search")) >= 3  # recall, and each call of the tool
    for kind in ("catch_up", "load", "append"):
        assert below.count(kind) == len(spans.of(kind)), kind
    assert below[0] == "catch_up"


def test_content_where_it_is_asked_for(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable of the conventions, spans hold messages, queries and summaries, in the conventions' form."""
    monkeypatch.setenv(CAPTURE, "SPAN_ONLY")
    spans = Spans(monkeypatch)
    session = run_agent(make).session("t")
    session.load()
    session.search(SECRET, k=2)
    session.edit(5, HumanMessage("edited"))
    appended = json.loads(attributes(spans.of("append")[-1])["gen_ai.memory.records"])
    assert appended == [{"content": f"{SECRET} more", "metadata": {"role": "human"}}] * 2
    found = attributes(spans.of("search")[-1])
    assert found["gen_ai.memory.query.text"] == SECRET
    assert {"id", "content", "score", "metadata"} == set(json.loads(found["gen_ai.memory.records"])[0])
    assert SECRET in json.loads(attributes(spans.one("summarize"))["gen_ai.memory.records"])[0]["content"]
    loaded = json.loads(attributes(spans.one("load"))["gen_ai.memory.records"])
    assert loaded[0]["metadata"] == {"kind": "summary"}
    assert len(json.loads(attributes(spans.of("catch_up")[-1])["gen_ai.memory.records"])) == 3
    assert "edited" in attributes(spans.one("edit"))["gen_ai.memory.records"]


def test_what_cannot_be_exported(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a character in an id or a text reaches the collector escaped. Content that is no message is left out."""
    monkeypatch.setenv(CAPTURE, "true")
    with collector() as got:
        provider = use_provider(monkeypatch, OTLPSpanExporter(got.url))
        session = make(embeddings=HashingEmbeddings(64)).session("half \udcff")
        session.append(HumanMessage("half \ud83d"))
        session.load()
        session.search("half \ud83d")
        flow = Telemetry().watch(watched.APPEND, "n", "s", _nothing(), given=[object()])
        assert list(flow) == []
        provider.shutdown()
    first, last = got.named("append")
    assert value_of(first.attributes, "gen_ai.conversation.id") == "half ?"
    assert json.loads(value_of(first.attributes, "gen_ai.memory.records"))[0]["content"] == "half \ud83d"
    assert value_of(got.named("search")[0].attributes, "gen_ai.memory.query.text") == "half ?"
    assert value_of(last.attributes, "gen_ai.memory.records") is None
    assert "the content of a span is left out" in caplog.text


def _nothing() -> Any:
    yield from ()


async def test_async_operations(amake: MakeMotorhead, spans: Spans) -> None:
    """Concurrent runs have their own spans each, below their own run, and nothing of them is current afterwards."""
    motorhead = amake(llm=Ledger(), window=SMALL, embeddings=HashingEmbeddings(64))

    async def run(name: str) -> None:
        session = motorhead.session(name)
        with spans.tracer.start_as_current_span(name) as current:
            for at in range(3):
                await session.aappend([HumanMessage(f"{name} {at}"), AIMessage("yes")])
                await session.aload()
            await session.asearch(name)
            await session.aforget([0])
            assert trace.get_current_span() is current

    await asyncio.gather(*(run(f"run {at}") for at in range(3)))
    await motorhead.aflush()
    assert trace.get_current_span() is trace.INVALID_SPAN
    for at in range(3):
        assert spans.children(f"run {at}") == ["append", "load"] * 3 + ["search", "forget"]
    appends = {span.context.span_id: attributes(span)["gen_ai.conversation.id"] for span in spans.of("append")}
    links = [(span, each) for span in spans.of("compact") for each in linked(span)]
    assert links
    assert all(appends[each] == attributes(span)["gen_ai.conversation.id"] for span, each in links)


def test_errors_are_named_by_their_class(make: MakeMotorhead, spans: Spans) -> None:
    """A span of what failed has the class of the error, and nothing of its text, which may repeat what was sent."""
    motorhead = make(llm=Ledger(fail), compaction="manual", window=SMALL)
    session = motorhead.session("s", user_id="a")
    session.append([HumanMessage(SECRET)] * 9)
    with pytest.raises(UnknownMessageError, match=SECRET):
        session.forget([SECRET])
    with pytest.raises(InvalidInputError):
        motorhead.session("s", user_id="b").load()
    with spans.tracer.start_as_current_span("run"):
        report = motorhead.backend.compact(session._keys)
    assert report.error is not None
    assert attributes(spans.one("forget"))["error.type"] == "UnknownMessageError"
    assert attributes(spans.one("load"))["error.type"] == "InvalidInputError"
    for kind in ("summarize", "compact"):
        failed = spans.one(kind)
        assert (failed.status.status_code, failed.status.description) == (trace.StatusCode.ERROR, None)
        assert attributes(failed)["error.type"] == "SummarizationError"
        assert not failed.events
    assert spans.children("run") == ["compact"]  # the caller waits for it
    assert SECRET not in repr([span.to_json() for span in spans.all])


def test_models_are_called_below_the_spans(make: MakeMotorhead, spans: Spans) -> None:
    """What a model does is below the span of the operation that calls it, in whatever thread or event loop it runs."""
    seen: list[tuple[str, int]] = []

    def note(what: str) -> None:
        seen.append((what, trace.get_current_span().get_span_context().span_id))

    def summarize(given: Any) -> str:
        note("summarize")
        return f"{threading.current_thread().name} said {SECRET}"

    async def asummarize(given: Any) -> str:
        return summarize(given)

    class Noting(HashingEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return HashingEmbeddings(64).embed_documents(texts)

        def embed_query(self, text: str) -> list[float]:
            note("embed_query")
            return super().embed_query(text)

    for name, llm in (("sync", RunnableLambda(summarize)), ("async", RunnableLambda(asummarize))):
        session = make(llm=llm, window=SMALL, compaction="manual").session(name)
        session.append([HumanMessage(SECRET)] * 6)
        session.compact()
        session.append([HumanMessage(SECRET)] * 6)
        asyncio.run(session.acompact())
    session = make(embeddings=Noting(64)).session("s")
    session.append(HumanMessage("one"))
    session.search("one")
    asyncio.run(session.asearch("two"))
    known = {span.context.span_id: attributes(span).get("motorhead.operation") for span in spans.all}
    assert [what for what, _ in seen] == ["summarize"] * 4 + ["embed_query"] * 2
    assert [known[below] for _, below in seen] == [what for what, _ in seen]


def test_facts_have_spans(make: MakeMotorhead, spans: Spans) -> None:
    """Learning links to the append that made it due, and what is done to facts has the names of the conventions."""
    motorhead = make(facts=Facts(), embeddings=HashingEmbeddings(64))
    session, user = motorhead.session("s", user_id="bob"), motorhead.user("bob")
    session.append(HumanMessage("My name is Bob."))
    motorhead.flush()
    assert linked(spans.one("learn")) == [spans.one("append").context.span_id]
    fact = user.remember("Bob lives in Oslo.", subject="user", attribute="home town")
    user.facts("Oslo")
    fact = user.correct(fact.id, "Bob lives in Bergen.")
    user.forget(fact.id)
    names = {kind: spans.one(kind).name for kind in ("remember_fact", "find_facts", "correct_fact", "forget_fact")}
    assert list(names.values()) == ["create_memory", "search_memory", "update_memory", "delete_memory"]
    session.delete()
    assert spans.one("delete").name == "delete_memory"
    assert SECRET not in repr([span.to_json() for span in spans.all])
