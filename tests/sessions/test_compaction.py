"""Compaction on a real server: what is summarized, and what stays."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig, RunnableLambda

from langchain_motorhead import CompactionReport, InvalidInputError, SummaryInput, Window
from support.factory import MakeMotorhead
from support.messages import contents, numbered, orphans, with_tools
from support.summarizers import AsyncLedger, Ledger, remembered
from support.writers import SMALL


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
    """A window that is just full is left alone, and with one more message it is compacted to half."""
    ledger = Ledger()
    session = make(llm=ledger, window=SMALL, compaction="manual").session("s")
    session.append(numbered(4))
    assert session.compact() == CompactionReport()
    session.append(HumanMessage("m4"))
    report = session.compact()
    assert (report.summarized, report.batches, report.error) == (3, 1, None)
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
    """Appends do not wait for a slow summarizer, and what they bring is neither lost nor summarized unseen."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(given: SummaryInput) -> None:
        asked.set()
        assert go_on.wait(60)

    motorhead = make(llm=Ledger(slow), window=SMALL)
    session = motorhead.session("s")
    session.append(numbered(6))
    assert asked.wait(60)
    session.append(numbered(3, start=6))
    during = session.load()
    assert (during.summary, contents(during.messages)) == (None, [f"m{at}" for at in range(1, 9)])
    go_on.set()
    motorhead.flush()
    assert remembered(session.load()) == [f"m{at}" for at in range(9)]


@pytest.mark.parametrize("answer", ["NONE", " none\n", '"NONE"', "NONE."])
def test_none_keeps_the_summary(make: MakeMotorhead, answer: str) -> None:
    """A model that has nothing to add says NONE: the messages leave the list, and the summary stays."""
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
    assert session.compact().summarized == 4
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
    """The newest message is always shown, however large, and is summarized once there is a newer one."""
    count = lambda messages: sum(len(str(m.content)) for m in messages)
    window = Window(max_messages=100, max_tokens=100)
    session = make(llm=Ledger(), window=window, compaction="inline", token_counter=count).session("s")
    session.append(HumanMessage("x" * 500))
    assert contents(session.load().messages) == ["x" * 500]
    session.append(HumanMessage("short"))
    assert contents(session.load().messages) == ["short"]


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
    """Messages summarized, tokens spent and seconds are logged, and nothing of what was said."""
    with caplog.at_level(logging.INFO, logger="langchain_motorhead"):
        session = make(llm=Chatty(configs=[]), window=SMALL, compaction="inline").session("s")
        session.append([HumanMessage("a secret"), *numbered(5)])
    assert "moved 4 messages into the summary, in 1 batches, for 42 tokens" in caplog.text
    assert "secret" not in caplog.text


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
    assert report.summarized == 4_998
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
