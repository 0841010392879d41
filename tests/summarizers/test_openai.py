"""Summaries by the real openai client, over HTTP, from a local server that speaks OpenAI's wire."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI

from langchain_motorhead import ExtractiveSummarizer, SummarizationError, Window
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.openai_stub import KEY, Stub

SMALL = Window(max_messages=4)


async def test_a_model_by_its_name(amake: MakeMotorhead, stub: Stub) -> None:
    """A model that is only named summarizes, sync and async; what it was given and what it cost is known."""
    motorhead = amake(llm="openai:gpt-4o-mini", window=SMALL, compaction="inline")
    for session_id, work in (("a", None), ("b", "async")):
        session = motorhead.session(session_id)
        if work:
            await session.aappend(numbered(6))
        else:
            session.append(numbered(6))
        memory = session.load()
        assert (memory.summary, memory.tokens, memory.summarized) == (stub.text, 100, 4)
        assert contents(memory.messages) == ["m4", "m5"]
    assert [request["model"] for request in stub.requests] == ["gpt-4o-mini", "gpt-4o-mini"]
    assert "Human: m0\nAI: m1\nHuman: m2\nAI: m3" in str(stub.requests[0]["messages"][-1]["content"])


@pytest.mark.parametrize("status", [429, 500, 401])
def test_a_model_that_refuses(make: MakeMotorhead, stub: Stub, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal over HTTP is an error of ours with its cause; every message stays, and the key is not shown."""
    stub.status = status
    session = make(llm=ChatOpenAI(model="gpt-4o-mini", max_retries=0), window=SMALL, compaction="manual").session("s")
    session.append(numbered(6))
    with pytest.raises(SummarizationError, match=f"{status}") as caught:
        session.compact()
    assert isinstance(caught.value.__cause__, openai.APIError)
    assert KEY not in caplog.text + str(caught.value)
    assert contents(session.load().messages) == [f"m{at}" for at in range(6)]


async def test_a_model_that_hangs(amake: MakeMotorhead, stub: Stub) -> None:
    """A connection that stays silent ends with the time that a summary may take, sync and async."""
    stub.delay = 3
    motorhead = amake(llm=ChatOpenAI(model="gpt-4o-mini"), window=SMALL, compaction="manual", summary_timeout=0.3)
    session = motorhead.session("s")
    session.append(numbered(6))
    with pytest.raises(SummarizationError, match="longer"):
        session.compact()
    with pytest.raises(SummarizationError, match="longer"):
        await session.acompact()
    assert session.load().total == 6


@pytest.mark.parametrize("text", ["", "  ", None])
def test_a_model_that_says_nothing(make: MakeMotorhead, stub: Stub, text: Any) -> None:
    """An empty answer is a failure, and a fallback takes it over."""
    stub.text = text
    model = ChatOpenAI(model="gpt-4o-mini", max_retries=0)
    session = make(llm=model, fallback=ExtractiveSummarizer(), window=SMALL, compaction="inline").session("s")
    session.append(numbered(6))
    memory = session.load()
    assert memory.summarized == 4
    assert "m0" in (memory.summary or "")


def test_what_was_said_is_no_template(make: MakeMotorhead, stub: Stub) -> None:
    """Braces in messages and summaries reach the model as they are."""
    stub.text = "{so} far {}"
    session = make(llm="openai:gpt-4o-mini", window=SMALL, compaction="inline").session("s")
    for _ in range(2):
        session.append([{"role": "user", "content": "{name} {0} {{x}} %s"}, *numbered(5)])
    assert "{name} {0} {{x}} %s" in str(stub.requests[0]["messages"])
    assert "{so} far {}" in str(stub.requests[1]["messages"])
