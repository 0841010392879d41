"""Compaction on a real server: what is folded, what stays, and what happens when anything goes wrong."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
import time
from typing import Any

import pytest
import redis
from conftest import MakeMotorhead
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig, RunnableLambda
from support import AsyncLedger, Ledger, contents, numbered, orphans, remembered, with_tools

from langchain_motorhead import (
    CompactionReport,
    ExtractiveSummarizer,
    InvalidInputError,
    Motorhead,
    StoreUnavailableError,
    SummarizationError,
    SummaryInput,
    Window,
)
from langchain_motorhead.sessions import compaction as compaction_module
from langchain_motorhead.storage.scripts import SCRIPTS

SMALL = Window(max_messages=4)


def fail(given: SummaryInput) -> None:
    """Fail as a provider would."""
    raise ConnectionError("the model is away")


@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
def test_every_mode_folds_the_same(make: MakeMotorhead, mode: Any) -> None:
    """Whenever it happens, nothing is lost, half the window stays, and each message is summarized once, in order."""
    ledger = Ledger()
    motorhead = make(llm=ledger, window=SMALL, compaction=mode)
    session = motorhead.session("s")
    for at in range(0, 40, 2):
        session.append(numbered(2, start=at))
    if mode == "manual":
        assert session.load().summarized == 0
        session.compact()
    motorhead.flush()
    memory = session.load()
    assert remembered(memory) == [f"m{at}" for at in range(40)]
    assert contents([m for call in ledger.calls for m in call["messages"]]) == [
        f"m{at}" for at in range(memory.summarized)
    ]
    assert 2 <= len(memory.messages) <= 4
    assert (memory.backlog, memory.failures) == (0, 0)


@pytest.mark.parametrize("ledger", [Ledger(), AsyncLedger()])
@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
async def test_every_mode_folds_the_same_async(amake: MakeMotorhead, mode: Any, ledger: Ledger) -> None:
    """The same on an event loop, with a summarizer that is async and with one that is not."""
    motorhead = amake(llm=ledger, window=SMALL, compaction=mode)
    session = motorhead.session(f"s {type(ledger).__name__}")
    for at in range(0, 40, 2):
        await session.aappend(numbered(2, start=at))
    if mode == "manual":
        await session.acompact()
    await motorhead.aflush()
    memory = await session.aload()
    assert remembered(memory) == [f"m{at}" for at in range(40)]
    assert memory.backlog == 0


def test_explicit_compaction_does_nothing_until_due(make: MakeMotorhead) -> None:
    """A window that is just full is left alone, and one more message folds it to half."""
    ledger = Ledger()
    session = make(llm=ledger, window=SMALL, compaction="manual").session("s")
    session.append(numbered(4))
    assert session.compact() == CompactionReport()
    session.append(HumanMessage("m4"))
    report = session.compact()
    assert (report.folded, report.batches, report.error) == (3, 1, None)
    assert contents(session.load().messages) == ["m3", "m4"]


def test_tool_pairs_stay_together(make: MakeMotorhead) -> None:
    """However turns with parallel tool calls fall, neither window nor batch ever holds half of one."""
    for size in (2, 3, 4, 5, 7):
        ledger = Ledger()
        session = make(llm=ledger, window=Window(max_messages=size), compaction="inline").session(f"s{size}")
        for turn in range(12):
            question, calls, *results, answer = with_tools(f"t{turn}", calls=1 + turn % 3)
            session.append(question)
            session.append([calls, *results[:1], HumanMessage(f"t{turn} are you there?")])
            assert orphans(session.load().messages) == [call["id"] for call in calls.tool_calls[1:]]  # type: ignore[attr-defined]
            session.append([*results[1:], answer])
            assert orphans(session.load().messages) == []
            assert not isinstance(session.load().messages[0], ToolMessage)
        for call in ledger.calls:
            assert orphans(call["messages"]) == []


@pytest.mark.parametrize("calls", [10, 40])
def test_results_that_come_one_by_one_stay_with_their_call(make: MakeMotorhead, calls: int) -> None:
    """However many results a call has and however late they come, none is separated from it while they keep coming."""
    ledger = Ledger()
    session = make(llm=ledger, window=Window(max_messages=8), compaction="inline").session("s")
    for message in [*numbered(4), *with_tools("t", calls=calls), *numbered(4, start=4)]:
        session.append(message)
    for call in ledger.calls:
        assert orphans(call["messages"]) == []
    assert orphans(session.load().messages) == []


def test_messages_appended_while_a_summary_is_made_stay(make: MakeMotorhead) -> None:
    """Appends do not wait for a slow summarizer, and what they bring is neither lost nor folded unseen."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(given: SummaryInput) -> None:
        asked.set()
        assert go_on.wait(10)

    motorhead = make(llm=Ledger(slow), window=SMALL)
    session = motorhead.session("s")
    session.append(numbered(6))
    assert asked.wait(5)
    session.append(numbered(3, start=6))
    during = session.load()
    assert (during.summary, contents(during.messages)) == (None, [f"m{at}" for at in range(1, 9)])
    go_on.set()
    motorhead.flush()
    assert remembered(session.load()) == [f"m{at}" for at in range(9)]


def empty(given: SummaryInput) -> str:
    """Answer nothing."""
    return " \n"


def hang(given: SummaryInput) -> str:
    """Not answer at all in any time that a caller would wait."""
    time.sleep(3)
    return "too late"


def number(given: SummaryInput) -> Any:
    """Answer what is no text."""
    return 42


@pytest.mark.parametrize(
    ("broken", "why"), [(fail, "ConnectionError"), (empty, "nothing"), (hang, "longer"), (number, "int")]
)
def test_a_broken_summarizer_loses_nothing(make: MakeMotorhead, broken: Any, why: str) -> None:
    """A summarizer that raises, hangs or gives nothing of use changes nothing; the error says why and has its cause."""
    session = make(llm=RunnableLambda(broken), window=SMALL, compaction="manual", summary_timeout=0.3).session("s")
    session.append(numbered(8))
    with pytest.raises(SummarizationError, match=why) as caught:
        session.compact()
    assert (broken is fail) == isinstance(caught.value.__cause__, ConnectionError)
    memory = session.load()
    assert (memory.summary, memory.summarized, memory.failures) == (None, 0, 1)
    assert contents(memory.messages) == [f"m{at}" for at in range(8)]


@pytest.mark.parametrize("broken", [fail, empty, hang, number])
async def test_a_broken_summarizer_loses_nothing_async(amake: MakeMotorhead, broken: Any) -> None:
    """The same on an event loop, which meanwhile turns."""
    motorhead = amake(llm=RunnableLambda(broken), window=SMALL, compaction="manual", summary_timeout=0.3)
    session = motorhead.session("s")
    await session.aappend(numbered(8))
    turns = 0

    async def turning() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    other = asyncio.create_task(turning())
    with pytest.raises(SummarizationError):
        await session.acompact()
    other.cancel()
    assert turns >= 20 or broken is not hang
    assert contents((await session.aload()).messages) == [f"m{at}" for at in range(8)]


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
    assert session.compact().folded == 13
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


@pytest.mark.parametrize("answer", ["NONE", " none\n", '"NONE"', "NONE."])
def test_none_keeps_the_summary(make: MakeMotorhead, answer: str) -> None:
    """A model that has nothing to add says NONE: the messages are folded, and the summary stays."""
    answers = iter(["Bob is here.", answer])
    session = make(llm=RunnableLambda(lambda given: next(answers)), window=SMALL, compaction="manual").session("s")
    for _ in range(2):
        session.append(numbered(6))
        session.compact()
    memory = session.load()
    assert (memory.summary, memory.summarized) == ("Bob is here.", 10)


def test_none_to_begin_with_is_no_summary(make: MakeMotorhead) -> None:
    """NONE before there is a summary leaves none, rather than the word."""
    session = make(llm=RunnableLambda(lambda given: "NONE"), window=SMALL, compaction="manual").session("s")
    session.append(numbered(6))
    assert session.compact().folded == 4
    assert session.load().summary is None


def test_a_message_larger_than_the_budget_is_summarized_in_pieces(make: MakeMotorhead) -> None:
    """One huge message is neither skipped nor sent whole, and leaves with a single commit."""
    ledger = Ledger()
    ledger.max_input_tokens = 200  # type: ignore[attr-defined]
    huge = " ".join(f"word{at}" for at in range(2_000))
    session = make(llm=ledger, window=SMALL, compaction="manual").session("s")
    session.append([HumanMessage(huge), *numbered(5)])
    assert session.compact().error is None
    pieces = [str(m.content) for call in ledger.calls for m in call["messages"]]
    assert len(ledger.calls) > 10
    assert "".join(pieces[:-3]) == huge
    assert pieces[-3:] == ["m0", "m1", "m2"]


def test_a_token_bound_folds_too(make: MakeMotorhead) -> None:
    """A window bounded in tokens is compacted by their number, from the count that the session keeps."""
    count = lambda messages: sum(len(str(m.content)) for m in messages)
    window = Window(max_messages=100, max_tokens=100)
    ledger = Ledger()
    motorhead = make(llm=ledger, window=window, compaction="inline", token_counter=count)
    session = motorhead.session("s")
    said = []
    for at in range(30):
        said.append(f"{at:02}" * 8)
        session.append(HumanMessage(said[-1]))
        assert count(session.load().messages) <= 100
    assert remembered(session.load()) == said
    assert len(ledger.calls) >= 5


def test_a_token_bound_is_kept_over_messages_that_were_not_counted(make: MakeMotorhead) -> None:
    """A session begun without a bound in tokens gets its count right with the first append under one."""
    count = lambda messages: sum(len(str(m.content)) for m in messages)
    make(compaction="manual").session("s").append([HumanMessage("x" * 60) for _ in range(5)])
    bounded = make(
        llm=Ledger(), window=Window(max_messages=100, max_tokens=100), compaction="inline", token_counter=count
    )
    bounded.session("s").append(HumanMessage("y" * 40))
    assert count(bounded.session("s").load().messages) <= 50
    for _ in range(3):
        bounded.session("s").append(HumanMessage("z" * 30))
    assert count(bounded.session("s").load().messages) <= 100


def test_a_single_message_over_the_token_bound_stays_until_the_next(make: MakeMotorhead) -> None:
    """The newest message is always shown, however large, and is folded once there is a newer one."""
    count = lambda messages: sum(len(str(m.content)) for m in messages)
    window = Window(max_messages=100, max_tokens=100)
    session = make(llm=Ledger(), window=window, compaction="inline", token_counter=count).session("s")
    session.append(HumanMessage("x" * 500))
    assert contents(session.load().messages) == ["x" * 500]
    session.append(HumanMessage("short"))
    assert contents(session.load().messages) == ["short"]


@pytest.mark.parametrize("again", [True, False])
def test_deletion_during_a_summary_is_final(make: MakeMotorhead, client: redis.Redis, again: bool) -> None:
    """A compaction in flight brings nothing of a deleted session back, and takes nothing of its successor."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(given: SummaryInput) -> None:
        asked.set()
        assert go_on.wait(10)

    motorhead = make(llm=Ledger(slow), window=SMALL)
    session = motorhead.session("s", user_id="u")
    session.append(numbered(6))
    assert asked.wait(5)
    assert motorhead.delete_user("u") == 1
    if again:
        session.append(HumanMessage("new"))
    go_on.set()
    motorhead.flush()
    memory = session.load()
    assert (memory.summary, memory.summarized, contents(memory.messages)) == (None, 0, ["new"] if again else [])
    assert client.exists(session._keys.messages, session._keys.state, session._keys.lease) == (2 if again else 0)


def test_a_summarizer_that_wants_to_exit(make: MakeMotorhead) -> None:
    """A summarizer that raises SystemExit ends neither the background nor the caller."""

    def leave(given: SummaryInput) -> None:
        raise SystemExit

    motorhead = make(llm=Ledger(leave), window=SMALL)
    motorhead.session("s").append(numbered(6))
    motorhead.flush()
    assert motorhead.session("s").load().failures == 1


def test_a_loop_that_stands_still_holds_up_nobody(url: str, namespace: str) -> None:
    """Closing does not wait for work of an event loop that has stopped without being closed."""
    loop = asyncio.new_event_loop()
    motorhead = Motorhead.from_url(url, namespace=namespace, llm=AsyncLedger(), window=SMALL)
    loop.run_until_complete(motorhead.session("s").aappend(numbered(6)))
    with pytest.raises(Exception, match="aflush"):
        motorhead.flush()
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


def test_an_append_during_a_close_does_not_fail_once_stored(make: MakeMotorhead) -> None:
    """A handle that closes between an append and its compaction leaves the session due, and raises nothing."""
    motorhead = make(llm=Ledger(), window=SMALL)
    motorhead.backend.require_redis().maintenance.background.close()
    motorhead.session("s").append(numbered(6))
    assert motorhead.session("s").load().total == 6


def test_a_lost_heartbeat_costs_no_summary(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A summary that was paid for is committed though its lease could not be renewed."""
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT", 0.05)
    session = make(llm=Ledger(lambda given: time.sleep(0.3)), window=SMALL, compaction="manual").session("s")
    session.append(numbered(6))
    store = session._motorhead.backend.require_redis().driver.executor
    run = store.run

    def lossy(operation: Any) -> Any:
        if operation.commands[0].name is SCRIPTS["lease_renew"]:
            raise StoreUnavailableError("lost")
        return run(operation)

    monkeypatch.setattr(store, "run", lossy)
    assert session.compact().folded == 4


def test_two_handles_pay_once(make: MakeMotorhead) -> None:
    """Of two replicas that find the same session due, one summarizes; an explicit call waits for it."""
    asked, ledger = threading.Event(), Ledger()

    def slow(given: SummaryInput) -> None:
        asked.set()
        time.sleep(0.5)

    ledger.before = slow
    one, other = (make(llm=ledger, window=SMALL) for _ in range(2))
    one.session("s").append(numbered(6))
    assert asked.wait(5)
    assert other.session("s").compact().folded == 0
    one.flush()
    assert len(ledger.calls) == 1
    assert one.session("s").load().summarized == 4


def test_work_asked_for_during_a_summary_is_not_forgotten(make: MakeMotorhead) -> None:
    """Messages that another handle appends during a summary are folded by who is at it, without a further append."""
    asked, ledger = threading.Event(), Ledger()

    def slow(given: SummaryInput) -> None:
        asked.set()
        time.sleep(0.3)

    ledger.before = slow
    one, other = (make(llm=ledger, window=SMALL) for _ in range(2))
    one.session("s").append(numbered(6))
    assert asked.wait(5)
    other.session("s").append(numbered(10, start=6))
    other.flush()
    one.flush()
    memory = one.session("s").load()
    assert memory.backlog == 0
    assert remembered(memory) == [f"m{at}" for at in range(16)]


def test_a_long_summary_keeps_its_lease(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A summary that takes longer than the lease is not paid for twice, since the lease is renewed meanwhile."""
    monkeypatch.setattr(compaction_module, "LEASE_MS", 300)
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT", 0.1)
    ledger = Ledger(lambda given: time.sleep(1))
    one, other = (make(llm=ledger, window=SMALL, compaction="manual") for _ in range(2))
    one.session("s").append(numbered(6))
    threads = [threading.Thread(target=handle.session("s").compact) for handle in (one, other)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert len(ledger.calls) == 1


def test_a_dead_workers_lease_runs_out(
    make: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease whose holder died holds an explicit compaction up for its rest, and no longer."""
    monkeypatch.setattr(compaction_module, "LEASE_MS", 300)
    session = make(llm=Ledger(), window=SMALL, compaction="manual").session("s")
    session.append(numbered(6))
    client.set(session._keys.lease, "somebody else", px=400)
    started = time.monotonic()
    assert session.compact().folded == 4
    assert 0.3 < time.monotonic() - started < 5


def test_a_stale_commit_changes_nothing(make: MakeMotorhead) -> None:
    """Without any lease, the fence alone keeps two summaries of the same messages from both being committed."""
    ledger = Ledger()
    session = make(llm=ledger, window=SMALL, compaction="manual").session("s")
    session.append(numbered(8))

    def meanwhile(given: SummaryInput) -> None:
        ledger.before = lambda given: None
        session._motorhead.backend.require_redis().connection.sync_client.delete(session._keys.lease)
        assert session.compact().folded == 6

    ledger.before = meanwhile
    assert session.compact().folded == 0
    assert remembered(session.load()) == [f"m{at}" for at in range(8)]


class Chatty(BaseChatModel):
    """A chat model that reports what it cost and remembers how it was called."""

    configs: list[Any] = []

    @property
    def _llm_type(self) -> str:
        return "chatty"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.configs.append((set(run_manager.tags), run_manager.parent_run_id, run_manager.handlers))
        usage = {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("Summed up.", usage_metadata=usage))])


class Spy(BaseCallbackHandler):
    """Counts what a user's callbacks get to see."""

    def __init__(self) -> None:
        self.models = 0

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Count a call of a model."""
        self.models += 1


@pytest.mark.parametrize("mode", ["background", "inline"])
def test_nothing_of_the_users_run_leaks_in(make: MakeMotorhead, mode: Any) -> None:
    """The summarizer's call has none of the callbacks of the run that appended, has no parent, and is tagged."""
    model, spy = Chatty(configs=[]), Spy()
    motorhead = make(llm=model, window=SMALL, compaction=mode)

    def run(_: object, config: RunnableConfig) -> None:
        motorhead.session("s").append(numbered(6))

    RunnableLambda(run).invoke(None, {"callbacks": [spy]})
    motorhead.flush()
    memory = motorhead.session("s").load()
    assert (memory.summary, memory.tokens) == ("Summed up.", 42)
    [(tags, _, handlers)] = model.configs
    assert tags >= {"motorhead", "nostream"}
    assert spy.models == 0
    assert spy not in handlers


@pytest.mark.parametrize("mode", ["background", "inline"])
async def test_nothing_of_the_users_run_leaks_in_async(amake: MakeMotorhead, mode: Any) -> None:
    """The same on an event loop: a user who streams events sees nothing of the summary."""
    model, spy = Chatty(configs=[]), Spy()
    motorhead = amake(llm=model, window=SMALL, compaction=mode)

    async def run(_: object) -> str:
        await motorhead.session("s").aappend(numbered(6))
        await motorhead.aflush()
        return "done"

    events = [event async for event in RunnableLambda(run).astream_events(None, {"callbacks": [spy]}, version="v2")]
    assert {event["name"] for event in events} == {"run"}
    assert (await motorhead.session("s").aload()).summary == "Summed up."
    assert spy.models == 0
    assert spy not in model.configs[0][2]


def test_a_log_line_says_what_was_done(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """Messages folded, tokens spent and seconds are logged, and nothing of what was said."""
    with caplog.at_level(logging.INFO, logger="langchain_motorhead"):
        session = make(llm=Chatty(configs=[]), window=SMALL, compaction="inline").session("s")
        session.append([HumanMessage("a secret"), *numbered(5)])
    assert "moved 4 messages into the summary, in 1 batches, for 42 tokens" in caplog.text
    assert "secret" not in caplog.text


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


def run_briefly(url: str, namespace: str) -> None:
    """Append on an event loop that ends while the summary is made."""

    async def main() -> None:
        motorhead = Motorhead.from_url(url, namespace=namespace, llm=Ledger(lambda given: time.sleep(5)), window=SMALL)
        await motorhead.session("s").aappend(numbered(6))
        await asyncio.sleep(0.3)

    asyncio.run(main())


def test_a_loop_that_ended_in_the_middle_leaves_the_session_due(url: str, namespace: str, make: MakeMotorhead) -> None:
    """An event loop that ends during a summary loses nothing, and holds up nobody who comes next."""
    process = multiprocessing.get_context("spawn").Process(target=run_briefly, args=(url, namespace))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    session = make(llm=Ledger(), window=SMALL).session("s")
    assert session.load().total == 6
    started = time.monotonic()
    assert session.compact().folded == 4
    assert time.monotonic() - started < 3
    assert remembered(session.load()) == [f"m{at}" for at in range(6)]


def write(url: str, namespace: str, writer: int, count: int) -> None:
    """Append numbered messages of one writer, from a process of its own."""
    with Motorhead.from_url(url, namespace=namespace, llm=Ledger(), window=SMALL) as motorhead:
        for at in range(count):
            motorhead.session("s").append(HumanMessage(f"{writer}-{at}"))


def test_writers_in_several_processes_lose_nothing(url: str, namespace: str, make: MakeMotorhead) -> None:
    """Processes that write to one session at once, each compacting, lose and double nothing, and keep their order."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(url, namespace, writer, 60)) for writer in range(4)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
        assert process.exitcode == 0
    memory = make(llm=Ledger(), window=SMALL).session("s").load()
    said = remembered(memory)
    assert sorted(said) == sorted(f"{writer}-{at}" for writer in range(4) for at in range(60))
    for writer in range(4):
        mine = [text for text in said if text.startswith(f"{writer}-")]
        assert mine == [f"{writer}-{at}" for at in range(60)]
    assert memory.backlog == 0


def test_an_append_that_is_not_due_asks_nothing(make: MakeMotorhead) -> None:
    """Below the bounds no summarizer is called, in no mode."""
    ledger = Ledger()
    session = make(llm=ledger, window=SMALL, compaction="inline").session("s")
    session.append(numbered(4))
    assert (ledger.calls, session.load().summarized) == ([], 0)


def test_five_thousand_messages_are_folded_in_bounded_steps(make: MakeMotorhead) -> None:
    """A long backlog is looked at a part at a time, and none of it is missed."""
    ledger = Ledger()
    session = make(llm=ledger, window=SMALL, compaction="manual").session("s")
    session.append(numbered(5_000))
    report = session.compact()
    assert report.folded == 4_998
    assert remembered(session.load()) == [f"m{at}" for at in range(5_000)]


@pytest.mark.parametrize(
    ("option", "value"),
    [("llm", 3), ("llm", "no-such-provider:x"), ("fallback", object()), ("window", 12), ("compaction", "sometimes"),
     ("summary_timeout", 0)],
)  # fmt: skip
def test_a_wrong_option_is_refused(make: MakeMotorhead, option: str, value: Any) -> None:
    """An option that cannot be used is refused when the handle is made, by its name."""
    with pytest.raises(InvalidInputError, match=option):
        make(**{option: value})
