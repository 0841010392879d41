"""Models that fail, by the real openai client over HTTP: what it costs, what stays, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
import redis
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from langchain_motorhead import ExtractiveSummarizer, Session, SummarizationError, Window
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.openai_stub import KEY, Stub

SMALL = Window(max_messages=4)
HUGE = "word " * 400_000
HOUR = 3_600.0


def once(**options: Any) -> ChatOpenAI:
    """Make a client that does not try again by itself."""
    return ChatOpenAI(model="gpt-4o-mini", **{"max_retries": 0, **options})


# What a server may do to a client, and what is said of it.
MISDEEDS: dict[str, tuple[dict[str, Any], str]] = {
    "too many requests": ({"status": 429}, "RateLimitError"),
    "too many requests, come back later": ({"status": 429, "headers": {"Retry-After": "3600"}}, "RateLimitError"),
    "a fault": ({"status": 500}, "code: 500"),
    "overloaded": ({"status": 503, "headers": {"Retry-After": "1"}}, "code: 503"),
    "a client's time-out": ({"delay": 1.5}, "TimeoutError"),
    "a connection that breaks": ({"raw": b"hang up"}, "ConnectionError"),
    "no JSON": ({"raw": b'{"id": "c1", "choi'}, "raised|no text|empty"),
    "a page of a proxy": ({"raw": b"<html>Bad gateway</html>"}, "raised|no text|empty"),
    "an empty body": ({"raw": b""}, "raised|no text|empty"),
    "null": ({"raw": b"null"}, "raised|no text|empty"),
    "a list": ({"raw": b"[1, 2]"}, "raised|no text|empty"),
    "no choices": ({"raw": b'{"id": "c1", "object": "chat.completion", "choices": []}'}, "raised|no text|empty"),
    "a choice without a message": ({"raw": b'{"choices": [{"index": 0, "message": null}]}'}, "raised|no text|empty"),
    "an error with status 200": ({"raw": b'{"error": {"message": "no such model"}}'}, "raised|no text|empty"),
}

# Answers that are no summaries, and what they are counted as.
REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "no text": ({"text": None}, "empty"),
    "spaces": ({"text": " \n\t "}, "empty"),
    "a refusal": ({"text": None, "say": {"refusal": "I cannot help with that."}}, "refused"),
    "a refusal beside a text": ({"say": {"refusal": "I cannot help with that."}}, "refused"),
    "a filter that cut it off": ({"text": "Bob is", "finish": "content_filter"}, "refused"),
    "far more than was asked for": ({"text": HUGE}, "repeats itself"),
    "cut off": ({"text": "Bob is", "finish": "length"}, "cut off"),
}


def misbehave(stub: Stub, name: str) -> str:
    """Have a stub do a misdeed. Returns what is said of it."""
    doings, said = {**MISDEEDS, **REJECTED}[name]
    for attribute, value in doings.items():
        setattr(stub, attribute, value)
    return said


def behave(stub: Stub) -> None:
    """Have a stub answer as it should."""
    stub.status, stub.text, stub.delay, stub.raw, stub.finish = 200, "Bob is going to Oslo.", 0.0, None, "stop"
    stub.say, stub.headers = {}, {}
    stub.gate.set()


@pytest.mark.parametrize("name", MISDEEDS)
async def test_a_misdeed(amake: MakeMotorhead, stub: Stub, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a server does is one failure, reported by its kind. No message goes, and it ends by itself."""
    said = misbehave(stub, name)
    seconds = 1 if "time-out" in name else 60
    session = amake(llm=once(timeout=seconds), window=SMALL, compaction="inline").session("s")
    session.append(numbered(6))  # not the user's failure
    memory = session.load()
    # What is no stream is asked for once more without one, and streamed no more.
    first = 2 if stub.raw is not None and stub.raw != b"hang up" else 1
    assert (memory.total, memory.summary, memory.failures, len(stub.requests)) == (6, None, 1, first)
    with pytest.raises(SummarizationError, match=said):
        session.compact()
    with pytest.raises(SummarizationError, match=said):
        await session.acompact()
    assert len(stub.requests) == first + 2
    assert contents(session.load().messages) == [f"m{at}" for at in range(6)]
    assert KEY not in caplog.text
    behave(stub)
    assert session.compact().summarized == 4
    assert (session.load().summary, session.load().failures) == (stub.text, 0)


@pytest.mark.parametrize("name", REJECTED)
@pytest.mark.parametrize("side", ["sync", "async"])
async def test_a_rejected_answer(amake: MakeMotorhead, stub: Stub, name: str, side: str) -> None:
    """An answer that is no summary is asked for once more, with the reason, and an extract takes its place."""
    reason = misbehave(stub, name)
    # langchain-openai leaves the field `refusal` of a streamed answer out.
    model = once(disable_streaming="refusal" in name)
    session = amake(llm=model, window=SMALL, compaction="manual").session("s")
    await session.aappend(numbered(6))
    report = session.compact() if side == "sync" else await session.acompact()
    assert (report.summarized, report.extracts, report.rejected) == (4, 1, {reason: 2})
    assert len(stub.requests) == 2
    assert reason in str(stub.requests[1]["messages"][-1]["content"])
    memory = await session.aload()
    assert (memory.summarized, memory.failures, memory.written_by) == (4, 0, "extract")
    assert "m0" in (memory.summary or "")
    assert "Bob" not in (memory.summary or "")


@pytest.mark.parametrize("name", ["a fault", "cut off", "far more than was asked for", "no JSON"])
def test_a_fallback_takes_each_over(make: MakeMotorhead, stub: Stub, name: str) -> None:
    """A fallback summarizes what the model was asked for, and nothing of the model's answer is in the summary."""
    misbehave(stub, name)
    session = make(llm=once(), fallback=ExtractiveSummarizer(), window=SMALL, compaction="inline").session("s")
    session.append(numbered(6))
    memory = session.load()
    assert (memory.summarized, memory.failures) == (4, 0)
    assert memory.summary is not None
    assert "m0" in memory.summary
    assert "Oslo" not in memory.summary


def test_retry_after_is_the_clients(make: MakeMotorhead, stub: Stub) -> None:
    """The client waits as Retry-After says, within one call. When it gives up, that is one failure."""
    stub.status, stub.headers = 429, {"Retry-After": "0.05"}
    session = make(llm=once(max_retries=3), window=SMALL, compaction="inline").session("s")
    session.append(numbered(6))
    assert (len(stub.requests), session.load().failures) == (4, 1)


def test_a_key_that_the_server_repeats(make: MakeMotorhead, stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    """What a server says of a wrong key is shown without the key, in errors and in the log."""
    stub.status = 401
    said = f'{{"error": {{"message": "Incorrect API key provided: {KEY}, Bearer {KEY}"}}}}'
    stub.raw = said.encode()
    session = make(llm=once().with_retry(stop_after_attempt=1), window=SMALL, compaction="inline").session("s")
    session.append(numbered(6))
    with pytest.raises(SummarizationError, match="Incorrect API key provided") as caught:
        session.compact()
    assert isinstance(caught.value.__cause__, openai.AuthenticationError)
    assert "Incorrect API key provided" in caplog.text
    assert KEY not in caplog.text + str(caught.value)


def abandoned(session: Session) -> int:
    """Count the calls of a session's model that exceeded their time limit and still run."""
    calls = session._backend.require_redis().driver.summarizer.get()._calls
    return sum(each.abandoned for each in calls.values())


def an_hour(lapse: Callable[[], float], act: Callable[[], object]) -> int:
    """Act whenever a pause is over, until an hour has passed by the pauses. Returns how often."""
    clock, tries = 0.0, 0
    while clock < HOUR:
        act()
        clock, tries = clock + lapse(), tries + 1
    return tries


@pytest.mark.parametrize("status", [429, 500])
def test_an_hour_of_failures(make: MakeMotorhead, stub: Stub, client: redis.Redis, status: int) -> None:
    """In an hour a model is asked some twenty times, whatever is said meanwhile; nothing is lost, and it heals.

    A pause is a key that expires: its time is added up, and the key taken away.
    """
    stub.status = status
    motorhead = make(llm=once(), window=SMALL)
    session = motorhead.session("s")
    session.append(numbered(4))
    threads, said = threading.active_count(), [4]

    def act() -> None:
        for _ in range(5):  # the first when the pause is over, the others while the next one lasts
            session.append(numbered(1, start=said[0]))
            said[0] += 1
            motorhead.flush()

    def lapse() -> float:
        left = client.pttl(session._keys.lease)
        assert isinstance(left, int)
        assert left > 0
        client.delete(session._keys.lease)
        return left / 1000

    tries = an_hour(lapse, act)
    assert (tries, len(stub.requests)) == (20, 20)
    memory = session.load()
    assert (memory.failures, memory.total, memory.summarized, memory.backlog) == (20, 104, 0, 100)
    assert threading.active_count() <= threads + 4
    assert not abandoned(session)
    assert motorhead.backend.require_redis().maintenance.background.pending == 0
    behave(stub)
    act()
    assert (session.load().failures, session.load().backlog) == (0, 0)
    asked = " ".join(str(request["messages"]) for request in stub.requests[20:])
    assert [at for at in range(105) if f": m{at}\\n" not in asked] == []
    assert contents(session.load().messages)[-1] == "m108"


def test_an_hour_of_hanging(make: MakeMotorhead, stub: Stub) -> None:
    """A model that never answers takes sixteen threads at most, then is not called; when they end, it is again."""
    stub.gate.clear()
    model = once(timeout=60)
    session = make(llm=model, window=SMALL, compaction="manual", summary_timeout=0.05).session("s")
    session.append(numbered(6))
    threads = threading.active_count()
    for _ in range(20):
        with pytest.raises(SummarizationError):
            session.compact()
    with pytest.raises(SummarizationError, match="16 earlier calls"):
        session.compact()
    own = [thread for thread in threading.enumerate() if thread.name == "motorhead-model"]
    assert len(own) == 16
    assert len(stub.requests) <= 16
    assert threading.active_count() <= threads + 2 * 16  # the stub's are as many
    assert session.load().total == 6
    behave(stub)
    for thread in own:
        thread.join(30)
    deadline = time.monotonic() + 30
    while abandoned(session) and time.monotonic() < deadline:
        time.sleep(0.01)
    motorhead = make(llm=model, window=SMALL, compaction="manual", summary_timeout=30)
    assert motorhead.session("s").compact().summarized == 4


async def test_an_hour_of_hanging_on_a_loop(amake: MakeMotorhead, stub: Stub) -> None:
    """On an event loop a call that hangs is cancelled, and leaves no task behind."""
    import asyncio

    stub.gate.clear()
    session = amake(llm=once(timeout=60), window=SMALL, compaction="manual", summary_timeout=0.05).session("s")
    await session.aappend(numbered(6))
    for _ in range(20):
        with pytest.raises(SummarizationError, match="longer"):
            await session.acompact()
    for _ in range(10):  # what LangChain tells callbacks about the last failure ends
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= 3
    assert not abandoned(session)
    assert (await session.aload()).total == 6
    behave(stub)


def test_what_says_nothing_is_folded(make: MakeMotorhead) -> None:
    """Messages without a letter to keep leave the list as others do, by the summarizer that needs no model."""
    session = make(window=SMALL, compaction="manual").session("s")
    for _ in range(3):
        session.append([HumanMessage(text) for text in ("", " ", "\n\t", "\x00\x01", "\u2028", "", "")])
        assert session.compact().error is None
    memory = session.load()
    assert (memory.summarized, memory.summary, memory.failures) == (19, None, 0)
    session.append([HumanMessage("Bob lives in Oslo."), *([HumanMessage("")] * 6)])
    session.compact()
    session.append([HumanMessage("")] * 6)
    session.compact()
    memory = session.load()
    assert memory.summary == "Human: Bob lives in Oslo."
    assert (memory.total, memory.backlog) == (34, 0)
