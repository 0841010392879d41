"""An embedding model that is away: what waits for it is indexed later."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage

from langchain_motorhead import EmbeddingError, HashingEmbeddings, Window
from langchain_motorhead.runtime import retry_queue
from langchain_motorhead.storage.keys import session_keys
from support.embeddings import Scripted
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import indexed, lacking, names, quick, said, state
from support.redis_servers import wait_until
from support.summarizers import AsyncLedger, Ledger, remembered

WAYS = ("hybrid", "similarity", "mmr")


@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
def test_an_outage_delays_and_loses_nothing(
    make: MakeMotorhead, client: redis.Redis, namespace: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the model is away, summaries and the search by words go on; when it is back, vectors are added."""
    quick(monkeypatch)
    model = Scripted()
    motorhead = make(embeddings=model, compaction=mode, llm=Ledger(), window=Window(max_messages=8))
    session = motorhead.session("s", "u")
    session.append(HumanMessage("the cat"))
    motorhead.flush()
    model.down = True
    for at in range(0, 12, 2):
        session.append(numbered(2, start=at))
    session.compact()
    assert int(state(client, session)["first"]) > 0
    wait_until(lambda: indexed(client, session) == 13)
    assert remembered(session.load()) == ["the cat", *names(12)]
    assert said(session.search("cat")) == ["the cat"]
    assert said(session.search("m5", k=1)) == ["m5"]
    assert lacking(client, namespace, "s") == list(range(1, 13))
    assert said(motorhead.retriever(user_id="u").invoke("cat")) == ["the cat"]
    for way in WAYS[1:]:
        with pytest.raises(EmbeddingError):
            session.search("cat", search_type=way)
    model.down = False
    wait_until(lambda: lacking(client, namespace, "s") == [])
    assert len(session.search("m1", k=99, search_type="similarity")) == 13
    session.append(numbered(2, start=12))
    motorhead.flush()
    session.compact()
    assert remembered(session.load()) == ["the cat", *names(14)]
    assert int(state(client, session)["first"]) > 0


async def test_an_outage_ends_for_async_sessions(
    amake: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same on an event loop, and `aflush` need not wait for the pause."""
    quick(monkeypatch)
    model = Scripted()
    motorhead = amake(embeddings=model, llm=AsyncLedger(), window=Window(max_messages=8))
    await motorhead.asetup()
    sessions = [motorhead.session(f"s{at}") for at in range(5)]
    model.down = True
    for session in sessions:
        await session.aappend(numbered(12))
    await motorhead.aflush()
    assert {indexed(client, session) for session in sessions} == {12}
    assert [said(await session.asearch("m1", k=1)) for session in sessions] == [["m1"]] * 5
    model.down = False
    await asyncio.to_thread(wait_until, lambda: not any(lacking(client, namespace, f"s{at}") for at in range(5)))
    monkeypatch.setattr(retry_queue, "_FIRST_PAUSE_SECONDS", 60.0)
    model.down = True
    await sessions[0].aappend(numbered(1, start=12))
    await motorhead.aflush()
    model.down = False
    await motorhead.aflush()
    assert lacking(client, namespace, "s0") == []


def test_flush_does_not_wait_for_the_pause(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """When the model is back, flush() adds the missing vectors of all sessions, whatever the pause."""
    model = Scripted()
    motorhead = make(embeddings=model)
    motorhead.setup()
    sessions = [motorhead.session(f"s{at}") for at in range(3)]
    model.down = True
    for session in sessions:
        session.append(numbered(2))
    motorhead.flush()
    assert [lacking(client, namespace, f"s{at}") for at in range(3)] == [[0, 1]] * 3
    model.down = False
    motorhead.flush()
    assert [lacking(client, namespace, f"s{at}") for at in range(3)] == [[], [], []]


def test_a_retry_that_fails_at_once_is_retried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session whose retry fails before the others retry waits for another one."""
    quick(monkeypatch)
    tries: list[float] = []

    def retry(keys: Any) -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            waiting.record_failure(keys, ConnectionError("still away"))

    waiting = retry_queue.RetryQueue(retry)
    waiting.record_failure(session_keys("n", "s"), ConnectionError("away"))
    wait_until(lambda: len(tries) == 3)
    waiting.close()


def test_a_failure_is_not_retried_later_for_a_look_at_another_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is retried after its pause, although something else is to be looked at again much later."""
    quick(monkeypatch)
    tries: list[Any] = []
    waiting = retry_queue.RetryQueue(tries.append)
    waiting.retry_later(session_keys("n", "s"), 3_600)
    waiting.record_failure(session_keys("n", "t"), ConnectionError("away"))
    try:
        wait_until(lambda: tries)
    finally:
        waiting.close()


async def test_an_async_only_model_recovers(
    amake: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is async alone is retried on its loop after an outage, and not in a thread, where it cannot be."""
    quick(monkeypatch)

    class AsyncOnly(Scripted):
        """Has no way to embed but on a loop."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError

        async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
            if self.down:
                raise ConnectionError("the model is away")
            return HashingEmbeddings(64).embed_documents(texts)

    model = AsyncOnly()
    motorhead = amake(embeddings=model)
    session = motorhead.session("s")
    model.down = True
    await session.aappend(numbered(2))
    await motorhead.aflush()
    model.down = False
    while indexed(client, session) < 2:
        await asyncio.sleep(0.05)
        await motorhead.aflush()
