"""What summarizes for a server: one thread for all, beside the event loop, that ends with the server."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import ExtractiveSummarizer, InvalidInputError, SummaryInput
from langchain_motorhead.models.summarizer_client import is_async
from langchain_motorhead.server.summarizer import ThreadedSummarizer, threaded_summarizer
from support.summarizers import Ledger

GIVEN: SummaryInput = {"summary": None, "messages": [HumanMessage("I am Bob from Oslo."), AIMessage("Hello Bob.")]}
NAME = "motorhead-summaries"


def threads() -> int:
    """Count the threads of this kind."""
    return sum(thread.name == NAME for thread in threading.enumerate())


async def test_all_in_one_thread() -> None:
    """Any number of summaries at once are in one thread; it ends when it is closed, and comes back if it is needed."""
    seen, now, most = set[str](), 0, 0

    async def summarize(given: SummaryInput) -> str:
        nonlocal now, most
        seen.add(threading.current_thread().name)
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        return "done"

    summarizer = threaded_summarizer(RunnableLambda(lambda _: "sync", summarize))
    assert isinstance(summarizer, ThreadedSummarizer)
    assert is_async(summarizer)
    for _ in range(2):
        assert await asyncio.gather(*(summarizer.ainvoke(GIVEN) for _ in range(20))) == ["done"] * 20
        assert (seen, most, threads()) == ({NAME}, 20, 1)
        await summarizer.close()
        assert threads() == 0
    await summarizer.close()
    assert summarizer.invoke(GIVEN) == "sync"


async def test_whoever_is_cancelled_stops_the_work() -> None:
    """A cancellation reaches the work; so does the end."""
    started, cancelled = asyncio.Event(), list[str]()
    loop = asyncio.get_running_loop()

    async def summarize(_: SummaryInput) -> str:
        loop.call_soon_threadsafe(started.set)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append("work")
            raise
        return "late"

    summarizer = threaded_summarizer(RunnableLambda(lambda _: "sync", summarize))
    assert isinstance(summarizer, ThreadedSummarizer)
    for how in ("cancelled", "closed"):
        started.clear()
        waiting = asyncio.ensure_future(summarizer.ainvoke(GIVEN))
        await started.wait()
        if how == "cancelled":
            waiting.cancel()
        else:
            await summarizer.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await summarizer.close()
    assert cancelled == ["work", "work"]
    assert threads() == 0


async def test_an_error_is_as_it_was() -> None:
    """What the summarizer raises is raised."""

    async def summarize(_: SummaryInput) -> str:
        raise ValueError("no")

    summarizer: Any = threaded_summarizer(RunnableLambda(lambda _: "sync", summarize))
    with pytest.raises(ValueError, match="no"):
        await summarizer.ainvoke(GIVEN)
    await summarizer.close()


async def test_what_it_stands_for() -> None:
    """None is the extractive one, in the same thread; what may block is left to a thread for each call."""
    extractive = threaded_summarizer(None)
    assert isinstance(extractive, ThreadedSummarizer)
    assert await extractive.ainvoke(GIVEN) == ExtractiveSummarizer().invoke(GIVEN)
    assert extractive.says_nothing is not None
    assert not extractive.says_nothing(GIVEN)
    await extractive.close()
    ledger = Ledger()
    assert threaded_summarizer(ledger) is ledger
    with pytest.raises(InvalidInputError, match="llm"):
        threaded_summarizer(3)
