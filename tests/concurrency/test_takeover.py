"""A job whose event loop stops is taken over by a thread, with its lease; should the loop run again, the task ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda

from langchain_motorhead import Facts, HashingEmbeddings, LearnerInput, Motorhead, Session, Window
from langchain_motorhead.concurrency.background import Background
from langchain_motorhead.concurrency.jobs import Work, lease_token
from langchain_motorhead.storage.keys import user_fact_keys
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner, correct
from support.summarizers import trusted

SMALL = Window(max_messages=4)


class Gate:
    """Where models that are called on an event loop wait. Called in a thread, they answer at once."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.calls: list[str] = []

    async def on_loop(self) -> None:
        """Wait."""
        self.calls.append("task")
        self.reached.set()
        await self.opened.wait()

    def in_thread(self) -> None:
        """Go on."""
        self.calls.append("thread")

    def summarizer(self) -> Any:
        """Make a summarizer that waits here."""

        def answer(given: Any) -> str:
            self.in_thread()
            return "by a thread"

        async def wait(given: Any) -> str:
            await self.on_loop()
            return "by a task"

        return trusted(RunnableLambda(answer, afunc=wait))


class Embeddings(HashingEmbeddings):
    """An embedding model that waits at a gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(8)
        self.gate = gate

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts."""
        self.gate.in_thread()
        return super().embed_documents(texts)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts, after a wait."""
        await self.gate.on_loop()
        return super().embed_documents(texts)


class Learner(ScriptedLearner):
    """A learner that waits at a gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(correct)
        self.gate = gate

    def invoke(self, input: LearnerInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer."""
        self.gate.in_thread()
        return super().invoke(input)

    async def ainvoke(self, input: LearnerInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer, after a wait."""
        await self.gate.on_loop()
        return super().invoke(input)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Return an event loop that stands still until a test runs it."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def messages() -> list[HumanMessage]:
    """Make six messages."""
    return [HumanMessage(f"likes {at}") for at in range(6)]


Begun = tuple[Motorhead, str, Callable[[], Awaitable[object]], Callable[[], object]]
"""A `Motorhead`, the lease of a job, what makes it begin, and what it has done."""


def compacting(make: MakeMotorhead, gate: Gate, name: str) -> Begun:
    """Compact a session."""
    motorhead = make(window=SMALL, llm=gate.summarizer())
    session = motorhead.session(name, "bob")
    return motorhead, session._keys.lease, lambda: session.aappend(messages()), lambda: session.load().summary


def indexing(make: MakeMotorhead, gate: Gate, name: str) -> Begun:
    """Index a session."""
    motorhead = make(embeddings=Embeddings(gate), compaction="manual")
    session = motorhead.session(name, "bob")
    return motorhead, session._keys.indexing, lambda: session.aappend(messages()), lambda: has_vectors(session)


def has_vectors(session: Session) -> object:
    """Say whether all messages have vectors."""
    client: Any = session._backend.require_redis().connection.sync_client
    state = client.hgetall(session._keys.state)
    return "by a thread" if state.get(b"indexed") == b"6" and b"embedded" not in state else state


def learning(make: MakeMotorhead, gate: Gate, name: str) -> Begun:
    """Learn from a session, with another one of the same user that waits."""
    motorhead = make(facts=Facts(learner=Learner(gate), every=3_600, enough_tokens=1))
    first, second = motorhead.session(name, "bob"), motorhead.session("second", "bob")

    async def begin() -> None:
        await first.aappend(messages()[:3])
        await second.aappend(messages()[3:])

    def learned() -> object:
        texts = [fact.text for fact in motorhead.user("bob").facts()]
        return "by a thread" if sorted(texts) == [str(each.content) for each in messages()] else texts

    return motorhead, user_fact_keys(motorhead.namespace, "bob").lease, begin, learned


def rebuilding(make: MakeMotorhead, gate: Gate, name: str) -> Begun:
    """Make a summary again."""
    before = make(window=SMALL, llm=trusted(RunnableLambda(lambda _: "as it was")), compaction="manual").session(name)
    before.append(messages())
    before.compact()
    motorhead = make(window=SMALL, llm=gate.summarizer(), compaction="manual")
    session = motorhead.session(name)
    begin: Callable[[], Awaitable[object]] = lambda: session.arebuild_summary(wait=False)
    return motorhead, session._keys.rebuilding, begin, lambda: session.load().summary


@pytest.mark.parametrize("what", [compacting, indexing, learning, rebuilding])
def test_a_thread_takes_over_a_job_with_its_lease(
    make: MakeMotorhead, client: redis.Redis, loop: asyncio.AbstractEventLoop, what: Callable[..., Begun]
) -> None:
    """`flush` waits for the work of a loop that stopped. The task does nothing more, also when its loop runs again."""
    gate = Gate()
    motorhead, lease, begin, done = what(make, gate, "first")

    async def until_it_waits() -> None:
        await begin()
        await gate.reached.wait()

    loop.run_until_complete(until_it_waits())
    held: Any = client.get(lease)
    assert re.fullmatch(rb"\w+\.1\.\w+", held.removesuffix(b"!"))
    motorhead.flush()
    assert done() == "by a thread"
    calls = list(gate.calls)
    assert calls.count("task") == 1
    assert not client.exists(lease)
    client.set(lease, "another worker", px=60_000)
    tasks = asyncio.all_tasks(loop)
    gate.opened.set()
    loop.run_until_complete(asyncio.wait(tasks, timeout=60))
    assert all(task.done() for task in tasks)
    assert any(task.cancelled() for task in tasks)
    assert (client.get(lease), gate.calls, done()) == (b"another worker", calls, "by a thread")
    client.delete(lease)


def test_a_task_takes_no_step_after_its_job_was_taken_over(loop: asyncio.AbstractEventLoop) -> None:
    """Neither one that had begun nor one that had not does anything more, except to clean up, which it may await."""
    background, steps = Background(1), list[str]()

    def work(key: str) -> Work:
        async def arun() -> None:
            try:
                steps.append(f"{key} {lease_token().split('.')[1]}")
                for _ in range(9):
                    await asyncio.sleep(0)
                steps.append(f"{key} goes on")
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                steps.append(f"{key} cleans up")
                raise

        return Work(key, lambda: steps.append(f"{key} {lease_token().split('.')[1]}"), arun)

    async def begin() -> None:
        background.spawn(work("begun"))
        await asyncio.sleep(0)

    def begin_and_stop() -> None:
        background.spawn(work("new"))
        loop.stop()

    loop.run_until_complete(begin())
    loop.call_soon(begin_and_stop)
    loop.run_forever()
    tasks = asyncio.all_tasks(loop)
    background.flush()
    assert sorted(steps) == ["begun 1", "begun 2", "new 2"]
    loop.run_until_complete(asyncio.wait(tasks))
    assert (steps[3:], background.pending) == (["begun cleans up"], 0)
    assert all(task.cancelled() for task in tasks)
    assert "." not in lease_token()
    background.close()
