"""One event loop for each request, with `asyncio.run`: nothing is left undone, and no model or client breaks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import HashingEmbeddings, Motorhead, MotorheadError, Window
from support.factory import MakeMotorhead
from support.summarizers import Ledger, remembered, trusted

SMALL = Window(max_messages=4)


def open_files() -> int:
    """Count the open files and sockets of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class BoundToLoop:
    """What a client of a model is like: its connections fail on another event loop, once, and are made again there."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.refused = 0

    def use(self) -> None:
        """Use the connections on this event loop.

        Raises:
            RuntimeError: They belong to another event loop.
        """
        loop, self.loop = self.loop, asyncio.get_running_loop()
        if loop not in (None, self.loop):
            self.refused += 1
            try:
                raise RuntimeError("Event loop is closed")
            except RuntimeError as error:
                raise ConnectionError("Connection error.") from error


class LoopEmbeddings(Embeddings):
    """An embedding model with an async side of its own."""

    def __init__(self) -> None:
        self.client, self.below = BoundToLoop(), HashingEmbeddings(32)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts."""
        return self.below.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Embed a query."""
        return self.below.embed_query(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts on this event loop."""
        self.client.use()
        return self.below.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a query on this event loop."""
        self.client.use()
        return self.below.embed_query(text)


class AsyncOnlyEmbeddings(LoopEmbeddings):
    """An embedding model without a sync side."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Refuse."""
        raise NotImplementedError

    def embed_query(self, text: str) -> list[float]:
        """Refuse."""
        raise NotImplementedError


def test_messages_are_summarized_with_a_loop_for_each_request(make: MakeMotorhead) -> None:
    """A hundred requests, each with an event loop that ends at once, leave no backlog and lose no message."""
    motorhead = make(window=SMALL, llm=Ledger())
    session = motorhead.session("s")

    async def request(number: int) -> None:
        await session.aappend(HumanMessage(f"m{number}"))

    for number in range(100):
        asyncio.run(request(number))
    motorhead.flush()
    memory = session.load()
    assert remembered(memory) == [f"m{number}" for number in range(100)]
    assert (len(memory.messages) <= 4, memory.failures) == (True, 0)


def test_a_job_that_was_cut_short_is_begun_once_more_and_no_further_one(make: MakeMotorhead) -> None:
    """After an event loop that ended too early, summaries are made in threads: none is paid for twice any more."""
    begun: list[str] = []

    async def slowly(given: Any) -> str:
        begun.append("task")
        await asyncio.sleep(30)
        return "never"

    def at_once(given: Any) -> str:
        begun.append("thread")
        return "a summary"

    motorhead = make(window=SMALL, llm=trusted(RunnableLambda(at_once, afunc=slowly)))

    async def request(name: str) -> None:
        await motorhead.session(name).aappend([HumanMessage(str(at)) for at in range(6)])
        for _ in range(200):
            if begun:
                break
            await asyncio.sleep(0.01)

    for name in ("a", "b", "c"):
        asyncio.run(request(name))
        motorhead.flush()
        assert motorhead.session(name).load().summary == "a summary"
    assert begun == ["task", "thread", "thread", "thread"]


@pytest.mark.parametrize("end", [lambda loop: None, lambda loop: loop.close()])
def test_work_of_a_loop_that_stands_still_goes_on(
    make: MakeMotorhead, end: Callable[[asyncio.AbstractEventLoop], None]
) -> None:
    """A job of an event loop that was stopped, and perhaps closed without an end, is waited for and done."""
    motorhead = make(window=SMALL, llm=Ledger())
    session = motorhead.session("s")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(session.aappend([HumanMessage(f"m{at}") for at in range(6)]))
    tasks = asyncio.all_tasks(loop)
    assert tasks
    motorhead.flush()
    assert session.load().summarized > 0
    assert remembered(session.load()) == [f"m{at}" for at in range(6)]
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    end(loop)
    loop.close()


def test_a_model_of_an_ended_loop_answers(make: MakeMotorhead) -> None:
    """A model whose connections belong to an event loop that ended fails neither a summary nor a search."""
    llm, embeddings = BoundToLoop(), LoopEmbeddings()

    async def summarize(given: Any) -> str:
        llm.use()
        return "a summary"

    motorhead = make(
        window=SMALL,
        compaction="inline",
        llm=trusted(RunnableLambda(lambda _: "a summary", afunc=summarize)),
        embeddings=embeddings,
    )

    async def request(number: int) -> None:
        session = motorhead.session("s")
        await session.aappend([HumanMessage(f"I moved to Oslo {number} {at}") for at in range(4)])
        memory = await session.aload()
        assert (memory.failures, len(memory.messages) <= 4) == (0, True)
        assert len(await session.asearch("Oslo")) == 4

    for number in range(4):
        asyncio.run(request(number))
    assert min(llm.refused, embeddings.client.refused) >= 2


def test_a_model_that_is_async_only_serves_sync_calls(make: MakeMotorhead) -> None:
    """Summaries, vectors and searches of sync calls come from the async side, on one event loop of ours."""
    client, embeddings = BoundToLoop(), AsyncOnlyEmbeddings()

    async def summarize(given: Any) -> str:
        client.use()
        return "a summary"

    motorhead = make(window=SMALL, compaction="inline", llm=trusted(RunnableLambda(summarize)), embeddings=embeddings)
    session = motorhead.session("s")
    for _ in range(3):
        session.append([HumanMessage(f"I moved to Oslo {at}") for at in range(4)])
        assert (session.load().failures, session.load().summary) in [(0, None), (0, "a summary")]
        assert len(session.search("Oslo")) == 4
    assert session.load().summary == "a summary"
    assert (client.refused, embeddings.client.refused) == (0, 0)


def test_clients_of_ended_loops_are_closed(make: MakeMotorhead) -> None:
    """Event loops that end leave no open socket behind."""
    motorhead = make(compaction="manual")

    async def request() -> None:
        await asyncio.gather(*(motorhead.session(f"s{at}").aappend(HumanMessage("hi")) for at in range(8)))

    asyncio.run(request())
    gc.collect()
    before = open_files()
    for _ in range(10):
        asyncio.run(request())
    gc.collect()
    assert open_files() <= before


def test_a_client_of_the_user_serves_one_loop_after_the_other(url: str, namespace: str) -> None:
    """An async client that was made once works in every `asyncio.run`, also where the user calls it in between."""
    client: Any = redis.asyncio.Redis.from_url(url)
    motorhead = Motorhead(client, namespace=namespace, compaction="manual")

    async def request(number: int) -> int:
        await motorhead.session("s").aappend(HumanMessage("hi"))
        assert await client.incr(f"{namespace}:count") == number + 1
        return (await motorhead.session("s").aload()).total

    assert [asyncio.run(request(number)) for number in range(5)] == [1, 2, 3, 4, 5]
    motorhead.close()


def test_a_client_of_the_user_serves_two_loops_at_once(url: str, namespace: str) -> None:
    """While one event loop uses the client, another one gets a client with the same settings."""
    client: Any = redis.asyncio.Redis.from_url(url)
    motorhead = Motorhead(client, namespace=namespace, compaction="manual")
    session = motorhead.session("s")

    async def outer() -> int:
        await session.aappend(HumanMessage("hi"))
        await asyncio.to_thread(asyncio.run, session.aappend(HumanMessage("hi")))
        return (await session.aload()).total

    assert [asyncio.run(outer()) for _ in range(2)] == [2, 4]
    motorhead.close()


async def test_close_refuses_to_block_the_loop_that_works(amake: MakeMotorhead) -> None:
    """As `flush` does, `close` says what to await, and closes nothing, so that the work can go on."""
    done = asyncio.Event()

    async def slowly(given: Any) -> str:
        await done.wait()
        return "a summary"

    motorhead = amake(window=SMALL, llm=trusted(RunnableLambda(lambda _: "", afunc=slowly)))
    await motorhead.session("s").aappend([HumanMessage(str(at)) for at in range(6)])
    for call, instead in ((motorhead.flush, "aflush"), (motorhead.close, "aclose")):
        with pytest.raises(MotorheadError, match=rf"Await {instead}\(\) instead"):
            call()
    done.set()
    await motorhead.aflush()
    assert (await motorhead.session("s").aload()).summary == "a summary"
    motorhead.close()
