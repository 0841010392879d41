"""No more sessions are summarized at once than may be: in threads, on a loop, over all tenants of a server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import redis
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import InvalidInputError, Motorhead, SummaryInput, Window
from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.tenants import Tenants
from support.factory import MakeMotorhead
from support.messages import numbered
from support.redis_servers import wait_until
from support.rest import said
from support.summarizers import AsyncLedger, Ledger

SMALL = Window(max_messages=4)
SESSIONS = [f"s{at}" for at in range(12)]


class Busy:
    """Summarizes when it is let, and keeps count of how many calls are under way."""

    def __init__(self) -> None:
        self.now = self.most = self.calls = 0
        self.go = threading.Event()
        self._lock = threading.Lock()

    def count(self, by: int) -> None:
        """Note that a call begins or ends."""
        with self._lock:
            self.now += by
            self.most = max(self.most, self.now)
            self.calls += by > 0

    def before(self, given: SummaryInput) -> None:
        """Wait, in a thread."""
        self.count(1)
        assert self.go.wait(60)
        self.count(-1)

    async def answer(self, given: Any) -> str:
        """Wait, on a loop."""
        self.count(1)
        while not self.go.is_set():  # noqa: ASYNC110 - it is set in threads, too
            await asyncio.sleep(0.01)
        self.count(-1)
        return "A summary."


def never(given: Any) -> str:
    """Stand for the sync side of a summarizer that is called async."""
    raise NotImplementedError


async def awaited(condition: Callable[[], object]) -> None:
    """Wait for a condition on the loop."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - of things that tell nobody
            await asyncio.sleep(0.01)


def leases(client: redis.Redis, namespace: str) -> int:
    """Count the sessions that somebody holds."""
    name = namespace.split()[1].encode()
    return sum(name in key for key in client.scan_iter("*:lease", count=1_000))


def test_in_threads(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Of many sessions that are due, so many are at the model as may be; the others hold no lease, and come next."""
    busy = Busy()
    motorhead = make(llm=Ledger(busy.before), window=SMALL, max_concurrency=3)
    for name in SESSIONS:
        motorhead.session(name).append(numbered(6))
    wait_until(lambda: busy.now == 3)
    assert leases(client, namespace) == 3
    assert len(motorhead.session(SESSIONS[-1]).load().messages) == 6
    busy.go.set()
    motorhead.flush()
    assert (busy.most, busy.calls) == (3, 12)
    assert all(motorhead.session(name).load().summarized == 4 for name in SESSIONS)


async def test_on_a_loop(amake: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """The same on an event loop, where appends and reads go on; what is asked for by hand waits for its turn, too."""
    busy = Busy()
    motorhead = amake(llm=RunnableLambda(never, busy.answer), window=SMALL, max_concurrency=3)
    for name in SESSIONS:
        await motorhead.session(name).aappend(numbered(6))
    by_hand = [asyncio.ensure_future(motorhead.session(name).acompact()) for name in SESSIONS]
    await awaited(lambda: busy.now == 3)
    await motorhead.session("another").aappend(numbered(1))
    assert (busy.calls, leases(client, namespace)) == (3, 3)
    busy.go.set()
    await asyncio.gather(*by_hand)
    await motorhead.aflush()
    assert (busy.most, busy.calls) == (3, 12)


async def test_who_gives_up_waiting_keeps_nobody(amake: MakeMotorhead) -> None:
    """Cancelled while it waits, a compaction leaves the queue; cancelled while it works, it leaves its turn."""
    busy = Busy()
    llm = RunnableLambda(never, busy.answer)
    motorhead = amake(llm=llm, window=SMALL, max_concurrency=1, compaction="manual")
    for name in "abc":
        await motorhead.session(name).aappend(numbered(6))
    first, second, third = [asyncio.ensure_future(motorhead.session(name).acompact()) for name in "abc"]
    await awaited(lambda: busy.calls == 1)
    second.cancel()
    await asyncio.wait([second])
    first.cancel()
    await awaited(lambda: busy.calls == 2)
    busy.go.set()
    assert (await third).summarized == 4
    assert (first.cancelled(), second.cancelled(), busy.calls) == (True, True, 2)
    assert (await motorhead.session("b").acompact()).summarized == 4


async def test_tenants_take_turns(url: str, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's bound is one for all its tenants, and a crowd of one tenant's holds up another by one turn alone."""
    busy, order = Busy(), list[str]()
    keys = {f"key-{name}": f"{namespace} {name}" for name in "ab"}

    threads = set[str]()

    def before(given: SummaryInput) -> None:
        order.append(str(given["messages"][0].content)[0])
        threads.add(threading.current_thread().name)
        busy.before(given)

    monkeypatch.setattr(
        "langchain_motorhead.server.model_factory.summarizer", lambda _: Deferred.of(AsyncLedger(before))
    )
    app = create_app(Settings(api_keys=keys, redis_url=url, max_window_size=4, max_concurrency=1))
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            for session, tenant in [*((name, "a") for name in SESSIONS), ("s", "b")]:
                body, headers = said(*(f"{tenant}{at}" for at in range(6))), {"x-metal-api-key": f"key-{tenant}"}
                answered = await http.post(f"/sessions/{session}/memory", json=body, headers=headers)
                assert answered.status_code == 200
        tenants: Tenants = app.state.tenants
        queue = tenants.any.backend.require_redis().maintenance.semaphore._loops[asyncio.get_running_loop()]
        await awaited(lambda: busy.calls == 1 and sum(map(len, queue._waiting.values())) == 12)
        busy.go.set()
        await awaited(lambda: tenants.pending == 0)
    assert (order.count("a"), busy.most) == (12, 1)
    assert order.index("b") <= 2
    assert threads == {"motorhead-summaries"}, "the event loop is for requests"


async def test_a_turn_is_given_to_one() -> None:
    """Whatever is cancelled when, no turn is lost and none is given twice."""
    turns, now, most = FairSemaphore(2), 0, 0

    async def work(at: int) -> None:
        nonlocal now, most
        async with turns.aacquire(str(at % 3)):
            now, most = now + 1, max(most, now + 1)
            try:
                await asyncio.sleep(0)
            finally:
                now -= 1

    for cancelled in range(1, 8):
        tasks = [asyncio.ensure_future(work(at)) for at in range(30)]
        for at, task in enumerate(tasks):
            if at % cancelled == 0:
                await asyncio.sleep(0)
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(work(at) for at in range(10)))
    assert (now, most) == (0, 2)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "8"])
def test_what_cannot_be_a_bound(wrong: Any) -> None:
    """It is a whole number, and not none at all."""
    with pytest.raises(InvalidInputError, match="max_concurrency"):
        Motorhead.from_url("redis://localhost", max_concurrency=wrong)
