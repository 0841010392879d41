"""Calls that tasks of one event loop share."""

from __future__ import annotations

import asyncio
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

    shared = SharedCalls(call, max_calls=2)

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
