"""Compaction beside deletions, appends, other handles, closing, and other processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time

import pytest
import redis
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import SummaryInput
from langchain_motorhead.sessions.compaction import flow as compaction_module
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.redis_servers import wait_until
from support.summarizers import AsyncLedger, Ledger, remembered
from support.writers import SMALL, run_briefly, write


@pytest.mark.parametrize("again", [True, False])
def test_deletion_during_a_summary_is_final(make: MakeMotorhead, client: redis.Redis, again: bool) -> None:
    """A compaction in flight brings nothing of a deleted session back, and takes nothing of its successor."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(given: SummaryInput) -> None:
        asked.set()
        assert go_on.wait(60)

    motorhead = make(llm=Ledger(slow), window=SMALL)
    session = motorhead.session("s", user_id="u")
    session.append(numbered(6))
    assert asked.wait(60)
    assert motorhead.delete_user("u") == 1
    if again:
        session.append(HumanMessage("new"))
    go_on.set()
    motorhead.flush()
    memory = session.load()
    assert (memory.summary, memory.summarized, contents(memory.messages)) == (None, 0, ["new"] if again else [])
    assert client.exists(session._keys.messages, session._keys.state, session._keys.lease) == (2 if again else 0)


def test_an_append_during_a_close_does_not_fail_once_stored(make: MakeMotorhead) -> None:
    """A handle that closes between an append and its compaction leaves the session due, and raises nothing."""
    motorhead = make(llm=Ledger(), window=SMALL)
    motorhead.backend.require_redis().maintenance.background.close()
    motorhead.session("s").append(numbered(6))
    assert motorhead.session("s").load().total == 6


def test_two_handles_pay_once(make: MakeMotorhead) -> None:
    """Of two replicas that find the same session due, one summarizes; an explicit call waits for it."""
    asked, ledger = threading.Event(), Ledger()

    def slow(given: SummaryInput) -> None:
        asked.set()
        time.sleep(0.5)

    ledger.before = slow
    one, other = (make(llm=ledger, window=SMALL) for _ in range(2))
    one.session("s").append(numbered(6))
    assert asked.wait(60)
    assert other.session("s").compact().summarized == 0
    one.flush()
    assert len(ledger.calls) == 1
    assert one.session("s").load().summarized == 4


def test_work_asked_for_during_a_summary_is_not_forgotten(make: MakeMotorhead) -> None:
    """Messages that another handle appends during a summary are summarized by the same worker, without a new append."""
    asked, ledger = threading.Event(), Ledger()

    def slow(given: SummaryInput) -> None:
        asked.set()
        time.sleep(0.3)

    ledger.before = slow
    one, other = (make(llm=ledger, window=SMALL) for _ in range(2))
    one.session("s").append(numbered(6))
    assert asked.wait(60)
    other.session("s").append(numbered(10, start=6))
    other.flush()
    one.flush()
    memory = one.session("s").load()
    assert memory.backlog == 0
    assert remembered(memory) == [f"m{at}" for at in range(16)]


def test_a_long_summary_keeps_its_lease(
    make: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A summary that takes longer than the lease is not paid for twice, since the lease is renewed meanwhile."""
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT_SECONDS", 0.05)
    ledger = Ledger()
    one, other = (make(llm=ledger, window=SMALL, compaction="manual") for _ in range(2))
    lease, full = one.session("s")._keys.lease, compaction_module.LEASE_MS
    waiting = threading.Thread(target=other.session("s").compact)

    def slow(given: SummaryInput) -> None:
        if waiting.ident is None:
            waiting.start()
        for _ in range(3):
            client.pexpire(lease, full // 2)  # as time passes
            wait_until(lambda: client.pttl(lease) > full // 2)

    ledger.before = slow
    one.session("s").append(numbered(6))
    assert one.session("s").compact().summarized == 4
    waiting.join()
    assert len(ledger.calls) == 1


def test_a_dead_workers_lease_runs_out(
    make: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease whose holder died holds an explicit compaction up for its rest, and no longer."""
    monkeypatch.setattr(compaction_module, "LEASE_MS", 300)
    session = make(llm=Ledger(), window=SMALL, compaction="manual").session("s")
    session.append(numbered(6))
    started = time.monotonic()
    client.set(session._keys.lease, "somebody else", px=400)
    assert session.compact().summarized == 4
    assert time.monotonic() - started >= 0.4


async def test_a_worker_that_is_cancelled_leaves_no_lease(amake: MakeMotorhead, client: redis.Redis) -> None:
    """It releases its lease also if another worker has asked it to look at the session again."""
    asked = asyncio.Event()

    async def hang(_: object) -> str:
        asked.set()
        await asyncio.sleep(600)
        return ""

    def never(_: object) -> str:
        raise NotImplementedError

    cut_off, other = amake(llm=RunnableLambda(never, hang), window=SMALL, compaction="manual"), amake(window=SMALL)
    await cut_off.session("s").aappend(numbered(6))
    task = asyncio.create_task(cut_off.session("s").acompact())
    await asyncio.wait_for(asked.wait(), 60)
    await other.session("s").aappend(numbered(2, start=6))
    await other.aflush()
    lease = other.session("s")._keys.lease
    assert str(client.get(lease)).endswith("!'")
    task.cancel()
    await asyncio.wait([task])
    assert not client.exists(lease)
    assert (await other.session("s").acompact()).summarized


def test_a_stale_commit_changes_nothing(make: MakeMotorhead) -> None:
    """Without any lease, the fence alone keeps two summaries of the same messages from both being committed."""
    ledger = Ledger()
    session = make(llm=ledger, window=SMALL, compaction="manual").session("s")
    session.append(numbered(8))

    def meanwhile(given: SummaryInput) -> None:
        ledger.before = lambda given: None
        session._backend.require_redis().connection.sync_client.delete(session._keys.lease)
        assert session.compact().summarized == 6

    ledger.before = meanwhile
    assert session.compact().summarized == 0
    assert remembered(session.load()) == [f"m{at}" for at in range(8)]


def test_closing_waits_for_summaries(make: MakeMotorhead) -> None:
    """What was due when a handle is closed is done when `close` returns."""
    with make(llm=Ledger(lambda given: time.sleep(0.3)), window=SMALL) as motorhead:
        motorhead.session("s").append(numbered(6))
    assert make(llm=Ledger()).session("s").load().summarized == 4


async def test_aclosing_waits_for_summaries(amake: MakeMotorhead) -> None:
    """The same for `aclose`, for work on the loop and in threads."""
    motorhead = amake(llm=Ledger(lambda given: time.sleep(0.3)), window=SMALL)
    await motorhead.session("s").aappend(numbered(6))
    await asyncio.to_thread(motorhead.session("t").append, numbered(6))
    await motorhead.aclose()
    other = amake(llm=Ledger())
    assert [(await other.session(id_).aload()).summarized for id_ in "st"] == [4, 4]


async def test_flush_on_a_busy_loop_says_what_to_do(amake: MakeMotorhead) -> None:
    """A sync flush that would wait for its own event loop is refused rather than hanging."""
    motorhead = amake(llm=AsyncLedger(), window=SMALL)
    await motorhead.session("s").aappend(numbered(6))
    with pytest.raises(Exception, match="aflush"):
        motorhead.flush()
    await motorhead.aflush()
    motorhead.flush()


def test_a_loop_that_ended_in_the_middle_leaves_the_session_due(
    url: str, client: redis.Redis, namespace: str, make: MakeMotorhead
) -> None:
    """An event loop that ends during a summary loses nothing, and holds up nobody who comes next."""
    process = multiprocessing.get_context("spawn").Process(target=run_briefly, args=(url, namespace))
    process.start()
    process.join(100)
    assert process.exitcode == 0
    session = make(llm=Ledger(), window=SMALL).session("s")
    assert session.load().total == 6
    assert not client.exists(session._keys.lease)
    assert session.compact().summarized == 4
    assert remembered(session.load()) == [f"m{at}" for at in range(6)]


def test_writers_in_several_processes_lose_nothing(url: str, namespace: str, make: MakeMotorhead) -> None:
    """Processes that write to one session at once, each compacting, lose and double nothing, and keep their order."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(url, namespace, writer, 60)) for writer in range(4)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(100)
        assert process.exitcode == 0
    memory = make(llm=Ledger(), window=SMALL).session("s").load()
    said = remembered(memory)
    assert sorted(said) == sorted(f"{writer}-{at}" for writer in range(4) for at in range(60))
    for writer in range(4):
        mine = [text for text in said if text.startswith(f"{writer}-")]
        assert mine == [f"{writer}-{at}" for at in range(60)]
    assert memory.backlog == 0
