"""What traces of LangChain, such as LangSmith's, say of the calls of models that a session causes."""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tracers import BaseTracer, context
from langchain_core.tracers.schemas import Run

from langchain_motorhead import Facts, Window
from support.agents import Model
from support.factory import MakeMotorhead

SWITCH = "XYZZY_TRACING"


class Tracer(BaseTracer):
    """Keeps the runs that have no parent. The environment switches it on, as it does with LangSmith's."""

    roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)


@pytest.fixture
def roots(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs without a parent, as a tracer sees them."""
    nowhere: ContextVar[Any] = ContextVar("nowhere", default=None)
    monkeypatch.setattr(context, "_configure_hooks", [*context._configure_hooks, (nowhere, True, Tracer, SWITCH)])
    monkeypatch.setenv(SWITCH, "true")
    monkeypatch.setattr(Tracer, "roots", [])
    return Tracer.roots


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_run_refers_to_its_session(make: MakeMotorhead, roots: list[Run], is_async: bool) -> None:
    """Summaries and learning have a name and tags, and the session's id as LangSmith groups runs by it."""
    writes = Model(answer=lambda _: AIMessage("They talked about xyzzy."), checks=False)
    learns = Model(answer=lambda _: AIMessage(json.dumps({"operations": []})), checks=False)
    motorhead = make(llm=writes, facts=Facts(llm=learns), window=Window(4), compaction="manual")
    session = motorhead.session("s 1", user_id="bob")
    session.append([HumanMessage("xyzzy")] * 6)
    if is_async:
        asyncio.run(session.acompact())
        asyncio.run(session.alearn())
    else:
        session.compact()
        session.learn()
    # An extract, which no model writes, is a run as well.
    assert [run.name for run in roots if run.child_runs] == ["motorhead_summarize", "motorhead_learn"]
    assert {run.name for run in roots} == {"motorhead_summarize", "motorhead_learn"}
    for run in roots:
        for each in (run, *run.child_runs):
            assert {"motorhead", "nostream"} <= set(each.tags or ())
            told = each.extra["metadata"] if each.extra else {}
            assert told["session_id"] == told["thread_id"] == "s 1"
            assert told["motorhead_namespace"] == motorhead.namespace
