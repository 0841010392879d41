"""Calls that tasks of one event loop share."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest

from langchain_motorhead.concurrency.shared_calls import SharedCallError, SharedCalls


async def test_who_shares_a_call() -> None:
    """One turn's texts share a call; while as many run as may, others wait and share the next; no result is mixed up.

    Who is cancelled takes nobody along, and a text that nobody waits for is not sent.
    """
    calls, gates = list[list[str]](), list[asyncio.Event]()

    async def call(texts: list[str]) -> list[str]:
        calls.append(texts)
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return [text.upper() for text in texts]

    seconds = count()  # each call takes one
    shared = SharedCalls(call, max_calls=2, clock=lambda: next(seconds))

    def ask(text: str) -> asyncio.Task[Any]:
        return asyncio.create_task(shared.ask(text))

    async def until(count: int) -> None:
        while len(calls) < count:  # noqa: ASYNC110 - it is a matter of turns of the event loop
            await asyncio.sleep(0)

    first = [ask(text) for text in "abc"]
    await until(1)
    second = [ask("d")]
    await until(2)
    third = [ask(text) for text in "efg"]
    first[0].cancel()
    await asyncio.sleep(0)
    third[0].cancel()
    await asyncio.sleep(0)
    assert calls == [["a", "b", "c"], ["d"]]
    gates[0].set()
    await until(3)
    assert calls[2] == ["f", "g"]
    gates[1].set()
    gates[2].set()
    assert await asyncio.gather(*first[1:], *second, *third[1:]) == ["B", "C", "D", "F", "G"]
    assert first[0].cancelled()
    assert third[0].cancelled()
    assert len(calls) == 3


async def test_quick_calls_run_one_at_a_time() -> None:
    """After a call of a few milliseconds, texts wait for the one that runs; after a slow one, two run at once."""
    calls, gates, now = list[list[str]](), list[asyncio.Event](), 0.0

    async def call(texts: list[str]) -> list[str]:
        calls.append(texts)
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return texts

    shared = SharedCalls(call, max_calls=2, clock=lambda: now)

    async def ask(text: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(shared.ask(text))
        await turns()
        return task

    async def turns() -> None:
        for _ in range(10):  # of the event loop, in which a call starts, or ends
            await asyncio.sleep(0)

    tasks = [await ask(text) for text in "abc"]
    assert calls == [["a"], ["b"]]
    for gate in (0, 1):
        gates[gate].set()
        await turns()
    assert calls[2:] == [["c"]]
    tasks += [await ask(text) for text in "de"]
    assert calls[3:] == []
    gates[2].set()
    await turns()
    assert calls[3:] == [["d", "e"]]
    now = 1.0
    gates[3].set()
    await turns()
    tasks += [await ask(text) for text in "fg"]
    assert calls[4:] == [["f"], ["g"]]
    for gate in (4, 5):
        gates[gate].set()
    assert await asyncio.gather(*tasks) == list("abcdefg")


async def test_calls_that_end_together() -> None:
    """If all calls end in one turn of the event loop, one of them goes on with the texts that wait."""
    calls, gate = list[list[str]](), asyncio.Event()

    async def call(texts: list[str]) -> list[str]:
        calls.append(texts)
        await gate.wait()
        return texts

    shared = SharedCalls(call, max_calls=2, clock=lambda: 0.0)
    tasks = list[asyncio.Task[Any]]()
    for text in "abc":
        tasks.append(asyncio.create_task(shared.ask(text)))
        for _ in range(10):
            await asyncio.sleep(0)
    assert calls == [["a"], ["b"]]
    gate.set()
    assert await asyncio.wait_for(asyncio.gather(*tasks), 30) == list("abc")


async def test_asked_again_at_once() -> None:
    """Who has got an answer may ask again in the same turn of the event loop, in which the call has just ended."""

    async def call(texts: list[str]) -> list[str]:
        await asyncio.sleep(0)
        return texts

    shared = SharedCalls(call, max_calls=2, clock=lambda: 0.0)
    async with asyncio.timeout(30):
        for text in "abcdef":
            assert await shared.ask(text) == text


async def test_errors_of_shared_calls() -> None:
    """A text alone gets its own error; texts that share a call learn that they did; the next call is a new one."""
    calls = 0

    async def call(texts: list[str]) -> list[str]:
        nonlocal calls
        calls += 1
        if "bad" in texts:
            raise ValueError("refused")
        return texts[: 1 if "short" in texts else None]

    shared = SharedCalls(call)
    with pytest.raises(ValueError, match="refused"):
        await shared.ask("bad")
    for wrong in ("bad", "short"):
        answers = await asyncio.gather(shared.ask("good"), shared.ask(wrong), return_exceptions=True)
        assert [type(each) for each in answers] == [SharedCallError] * 2
        assert isinstance(answers[0].__cause__, ValueError)
    assert await shared.ask("good") == "good"
    assert calls == 4
