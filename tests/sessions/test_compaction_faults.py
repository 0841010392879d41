"""Summarizers that fail, hang or exit: nothing is lost, and a session is tried again later."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import ExtractiveSummarizer, Motorhead, StoreUnavailableError, SummarizationError, SummaryInput
from langchain_motorhead.sessions.compaction import flow as compaction_module
from langchain_motorhead.storage.scripts import SCRIPTS
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.summarizers import AsyncLedger, Ledger, fail, hang, remembered
from support.writers import SMALL


def number(given: SummaryInput) -> Any:
    """Answer what is no text."""
    return 42


@pytest.mark.parametrize(("broken", "why"), [(fail, "ConnectionError"), (hang, "longer"), (number, "int")])
def test_a_broken_summarizer_loses_nothing(make: MakeMotorhead, broken: Any, why: str) -> None:
    """A summarizer that raises, hangs or gives nothing of use changes nothing; the error says why and has its cause."""
    seconds = 0.3 if broken is hang else 60
    motorhead = make(llm=RunnableLambda(broken), window=SMALL, compaction="manual", summary_timeout=seconds)
    session = motorhead.session("s")
    session.append(numbered(8))
    with pytest.raises(SummarizationError, match=why) as caught:
        session.compact()
    assert (broken is fail) == isinstance(caught.value.__cause__, ConnectionError)
    memory = session.load()
    assert (memory.summary, memory.summarized, memory.failures) == (None, 0, 1)
    assert contents(memory.messages) == [f"m{at}" for at in range(8)]


@pytest.mark.parametrize("broken", [fail, hang, number])
async def test_a_broken_summarizer_loses_nothing_async(amake: MakeMotorhead, broken: Any) -> None:
    """The same on an event loop."""
    seconds = 0.3 if broken is hang else 60
    motorhead = amake(llm=RunnableLambda(broken), window=SMALL, compaction="manual", summary_timeout=seconds)
    session = motorhead.session("s")
    await session.aappend(numbered(8))
    with pytest.raises(SummarizationError):
        await session.acompact()
    assert contents((await session.aload()).messages) == [f"m{at}" for at in range(8)]


async def test_the_loop_turns_during_a_summary(amake: MakeMotorhead) -> None:
    """A sync summarizer does not hold up the event loop: it gets what it waits for from there."""
    loop, turned = asyncio.get_running_loop(), threading.Event()

    def ask(given: SummaryInput) -> None:
        loop.call_soon_threadsafe(turned.set)
        assert turned.wait(60)

    session = amake(llm=Ledger(ask), window=SMALL, compaction="manual").session("s")
    await session.aappend(numbered(8))
    assert (await session.acompact()).summarized > 0


def test_failures_are_retried_with_growing_pauses(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a failure the next appends do not ask at once; an explicit compaction does; a success forgets it all."""
    monkeypatch.setitem(compaction_module._PAUSES_MS, "first_pause", 60_000)
    ledger = Ledger(fail)
    motorhead = make(llm=ledger, window=SMALL)
    session = motorhead.session("s")
    for at in range(6, 16):
        session.append(numbered(6 if at == 6 else 1, start=0 if at == 6 else at - 1))
        motorhead.flush()
    assert len(ledger.calls) == 1
    assert "no message was removed" in caplog.text
    with pytest.raises(SummarizationError):
        session.compact()
    assert (len(ledger.calls), session.load().failures) == (2, 2)
    ledger.before = lambda given: None
    assert session.compact().summarized == 13
    memory = session.load()
    assert (memory.failures, remembered(memory)) == (0, [f"m{at}" for at in range(15)])


def test_pauses_double_up_to_a_cap(make: MakeMotorhead, client: redis.Redis) -> None:
    """The pause after each failure is twice the one before, and five minutes at most."""
    session = make(llm=Ledger(fail), window=SMALL, compaction="manual").session("s")
    session.append(numbered(6))
    pauses: list[Any] = []
    for _ in range(12):
        with pytest.raises(SummarizationError):
            session.compact()
        pauses.append(client.pttl(session._keys.lease))
    assert [round(pause / 1000) for pause in pauses] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_the_fallback_takes_over(make: MakeMotorhead) -> None:
    """With a fallback, a failing model costs the quality of a summary, and no more."""
    session = make(llm=Ledger(fail), fallback=ExtractiveSummarizer(), window=SMALL, compaction="manual").session("s")
    session.append([HumanMessage("Book a table for Bob in Oslo on the 3rd of May."), *numbered(5)])
    assert session.compact().error is None
    memory = session.load()
    assert "Oslo" in (memory.summary or "")
    assert (memory.summarized, memory.failures) == (4, 0)


def test_a_summarizer_that_wants_to_exit(make: MakeMotorhead) -> None:
    """A summarizer that raises SystemExit ends neither the background nor the caller."""

    def leave(given: SummaryInput) -> None:
        raise SystemExit

    motorhead = make(llm=Ledger(leave), window=SMALL)
    motorhead.session("s").append(numbered(6))
    motorhead.flush()
    assert motorhead.session("s").load().failures == 1


def test_a_loop_that_stands_still_holds_up_nobody(url: str, namespace: str) -> None:
    """Work of an event loop that has stopped without being closed is done in a thread, and not waited for in vain."""
    loop = asyncio.new_event_loop()
    motorhead = Motorhead.from_url(url, namespace=namespace, llm=AsyncLedger(), window=SMALL)
    loop.run_until_complete(motorhead.session("s").aappend(numbered(6)))
    motorhead.flush()
    assert motorhead.session("s").load().summarized > 0
    loop.run_until_complete(motorhead.aflush())
    loop.run_until_complete(motorhead.session("t").aappend(numbered(6)))
    motorhead.backend.require_redis().maintenance.background.close()
    loop.run_until_complete(motorhead.aclose())
    loop.close()


async def test_a_summarizer_that_stops_iterating(amake: MakeMotorhead) -> None:
    """A StopIteration, which no future of asyncio takes, is a failure like any other."""

    def run_out(given: SummaryInput) -> None:
        next(iter(()))

    session = amake(llm=Ledger(run_out), window=SMALL, compaction="manual", summary_timeout=5).session("s")
    await session.aappend(numbered(6))
    with pytest.raises(SummarizationError, match="StopIteration"):
        await session.acompact()


def test_a_lost_heartbeat_costs_no_summary(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A summary that was paid for is committed though its lease could not be renewed."""
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT_SECONDS", 0.05)
    session = make(llm=Ledger(lambda given: time.sleep(0.3)), window=SMALL, compaction="manual").session("s")
    session.append(numbered(6))
    store = session._backend.require_redis().driver.executor
    run = store.run

    def lossy(operation: Any) -> Any:
        if operation.commands[0].name is SCRIPTS["lease_renew"]:
            raise StoreUnavailableError("lost")
        return run(operation)

    monkeypatch.setattr(store, "run", lossy)
    assert session.compact().summarized == 4
