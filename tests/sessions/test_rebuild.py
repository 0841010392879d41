"""A summary is made again from the messages, while the old one stays in use; and it is replaced by hand."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import (
    Archive,
    InvalidInputError,
    Motorhead,
    Session,
    StoreError,
    SummarizationError,
    SummaryInput,
    Window,
)
from langchain_motorhead.sessions.gap import MemoryGap
from langchain_motorhead.sessions.registry import delete_session
from langchain_motorhead.sessions.snapshot import SessionSnapshot
from langchain_motorhead.sessions.summaries.setting import set_summary
from support.factory import MakeMotorhead
from support.fall_back import fall_back
from support.messages import numbered
from support.scripted_models import Scripted
from support.summarizers import SEPARATOR, AsyncLedger, Ledger

WINDOW = Window(max_messages=4)


def compacted(motorhead: Motorhead, count: int = 40, size: int = 5) -> Session:
    """Make a session of so many messages, compacted each time that some were appended."""
    session = motorhead.session("s")
    for at in range(0, count, size):
        session.append(numbered(size, at))
        session.compact()
    return session


def everything(session: Session) -> str:
    """Give what a `Ledger` makes of all messages that were summarized."""
    return SEPARATOR.join(f"m{at}" for at in range(session.load().summarized))


def test_a_rebuild_replaces_the_summary(make: MakeMotorhead, client: redis.Redis) -> None:
    """Another summarizer gets every message once; the old summary is there until then, and stays a version."""
    session = compacted(
        make(llm=Scripted(answers=["A bad answer about numbers m1 m2."]), window=WINDOW, compaction="manual")
    )
    before = session.load().summary
    seen, progress = list[str | None](), list[tuple[int, int]]()
    ledger = Ledger(lambda given: seen.append(session.load().summary))
    report = session.rebuild_summary(ledger, on_progress=lambda done, total: progress.append((done, total)))
    assert session.load().summary == everything(session) != before
    assert set(seen) == {before}
    assert progress[-1] == (report.messages, report.messages) == (38, 38)
    assert [str(each.content) for given in ledger.calls for each in given["messages"]] == [f"m{at}" for at in range(38)]
    versions = session.summaries()
    assert [versions[-1].text, versions[-1].stop] == [session.load().summary, 38]
    assert before in [each.text for each in versions]
    assert client.exists(session._keys.rebuild, session._keys.rebuilding) == 0
    session.append(numbered(6, 40))
    session.compact()
    assert session.summaries()[-1].stop > 38


def test_a_failed_rebuild_goes_on_where_it_stopped(make: MakeMotorhead, client: redis.Redis) -> None:
    """If the model fails, the old summary stays; the next call asks for what is missing, another way begins anew."""
    motorhead = make(llm=Ledger(), window=WINDOW, compaction="manual")
    session = compacted(motorhead, 600, 100)
    before = session.load().summary

    def broken(given: SummaryInput) -> None:
        if given["summary"] is not None:
            raise ConnectionError("away")

    class Slow(Ledger):
        max_input_tokens = 1_000

    with pytest.raises(SummarizationError, match="away"):
        session.rebuild_summary(Slow(broken))
    assert session.load().summary == before
    assert client.exists(session._keys.rebuild) == 1
    assert client.exists(session._keys.rebuilding) == 0
    again = Slow()
    report = session.rebuild_summary(again)
    assert again.calls[0]["summary"] is not None
    assert report.messages == 598
    assert session.load().summary == before == everything(session)
    whole = Ledger()
    session.rebuild_summary(whole)
    assert whole.calls[0]["summary"] is None


def test_what_happens_meanwhile(make: MakeMotorhead) -> None:
    """Compactions go on during a rebuild, which covers their messages too; one that the session outran begins again."""
    motorhead = make(llm=Ledger(), window=WINDOW, compaction="manual")
    session = compacted(motorhead)
    steps = ["compact", "set", "fall back", "done"]

    def meanwhile(given: SummaryInput) -> None:
        step = steps.pop(0) if steps else "done"
        if step == "compact":
            session.append(numbered(10, 40))
            session.compact()
        elif step == "set":
            session.set_summary("By hand.", override=True)
        elif step == "fall back":
            session._backend.require_redis().execute(fall_back(session._keys, 3))

    report = session.rebuild_summary(Ledger(meanwhile))
    assert not steps
    assert report.messages == session.load().summarized == 48
    assert (session.load().summary, session.load().gap) == (everything(session), None)


def test_what_is_not_kept_stays_as_it_is(make: MakeMotorhead, client: redis.Redis) -> None:
    """A rebuild begins with the oldest version that covers what is not archived; without one it is refused."""
    session = compacted(make(llm=Ledger(), window=WINDOW, compaction="manual", archive=False), 20)
    with pytest.raises(InvalidInputError, match=r"messages 0 to 17 .* are not kept"):
        session.rebuild_summary(Ledger())
    later = make(llm=Ledger(), window=WINDOW, compaction="manual", archive=Archive()).session("s")
    for at in range(20, 40, 5):
        later.append(numbered(5, at))
        later.compact()
    ledger = Ledger()
    before = later.load().summary
    report = later.rebuild_summary(ledger)
    assert later.load().summary == before
    assert [report.messages, ledger.calls[0]["messages"][0].content] == [38, "m18"]
    client.delete(later._keys.archive)
    with pytest.raises(StoreError, match="cannot be summarized again: they are missing"):
        later.rebuild_summary(Ledger())
    assert later.load().summary == before


def test_nothing_to_rebuild(make: MakeMotorhead) -> None:
    """A session without a summary has nothing to make again; one that does not exist is an error."""
    motorhead = make(llm=Ledger(), window=WINDOW, compaction="manual")
    with pytest.raises(InvalidInputError, match="there is no session"):
        motorhead.session("none").rebuild_summary()
    motorhead.session("s").append(numbered(2))
    assert motorhead.session("s").rebuild_summary().messages == 0
    with pytest.raises(InvalidInputError, match="needs a model"):
        motorhead.session("s").rebuild_summary(prompt="Summarize.")
    with pytest.raises(InvalidInputError, match="prompt must be a string"):
        motorhead.session("s").rebuild_summary(prompt=5)  # type: ignore[call-overload]
    with pytest.raises(InvalidInputError, match="summarizer must be"):
        motorhead.session("s").rebuild_summary(7)
    with pytest.raises(InvalidInputError, match="on_progress must be a function"):
        motorhead.session("s").rebuild_summary(on_progress=7)  # type: ignore[call-overload]


async def test_in_the_background(amake: MakeMotorhead) -> None:
    """Without waiting, it is done in the background: on the event loop or in a thread; an error is logged."""
    motorhead = amake(llm=AsyncLedger(), window=WINDOW, compaction="manual")
    session = motorhead.session("s")
    await session.aappend(numbered(30))
    await session.acompact()
    await session.aset_summary("By hand.", override=True)
    await session.arebuild_summary(wait=False)
    await motorhead.aflush()
    assert len(await session.asummaries()) == 3
    memory = await session.aload()
    assert memory.summary == SEPARATOR.join(f"m{at}" for at in range(memory.summarized))
    session.rebuild_summary(wait=False)
    await motorhead.aflush()
    assert (await session.arebuild_summary()).messages == memory.summarized


def test_a_summary_by_hand(make: MakeMotorhead) -> None:
    """It is checked like a model's; it stands for all that left the window, and compactions continue it."""
    motorhead = make(window=WINDOW, compaction="manual")
    session = motorhead.session("s")
    session.append([HumanMessage(f"I am Anna, and room {at} in Lisbon costs {at * 10} EUR.") for at in range(10, 18)])
    session.compact()
    with pytest.raises(InvalidInputError, match=r"invented numbers: 999 was never said.*override"):
        session.set_summary("Anna looked at rooms in Lisbon, and one costs 999 EUR.")
    session.set_summary(
        "Anna asks for rooms in Lisbon: room 10 costs 100 EUR, 11: 110, 12: 120, 13: 130, 14: 140, 15: 150."
    )
    memory, last = session.load(), session.summaries()[-1]
    assert (memory.written_by, last.author, last.start, last.stop) == ("client", "client", 0, memory.summarized)
    session._backend.require_redis().execute(fall_back(session._keys, 0))
    assert session.load().gap == MemoryGap(0, memory.summarized)
    session.set_summary("Rooms.", override=True)
    assert (session.load().summary, session.load().gap) == ("Rooms.", None)
    session.append([HumanMessage("Let us meet Carla in Porto on 7 May.") for _ in range(3)])
    session.compact()
    assert (session.load().summary or "").startswith("Rooms.\n")
    session.set_summary("", override=True)
    assert (session.load().summary, session.summaries()[-1].text) == (None, "")
    with pytest.raises(InvalidInputError, match="there is no session"):
        motorhead.session("none").set_summary("x")
    with pytest.raises(InvalidInputError, match="must be a string"):
        session.set_summary(7)  # type: ignore[arg-type]


def test_a_later_layout_is_left_alone(make: MakeMotorhead, client: redis.Redis) -> None:
    """A session that a later version of the package wrote is neither rebuilt, given another summary nor deleted."""
    motorhead = make(llm=Ledger(), window=WINDOW, compaction="manual")
    session = compacted(motorhead, 10)
    before = client.hgetall(session._keys.state), client.lrange(session._keys.summaries, 0, -1)
    client.hset(session._keys.state, "format", "9")
    with pytest.raises(StoreError, match="later version"):
        session.rebuild_summary()
    with pytest.raises(StoreError, match="later version"):
        session.set_summary("By hand.", override=True)
    with pytest.raises(StoreError, match=r"later version.*Nothing was deleted"):
        session.delete()
    for one_slot in (True, False):
        with pytest.raises(StoreError, match="later version"):
            motorhead.backend.require_redis().run(delete_session(session._keys, one_slot=one_slot))
    assert motorhead.sessions() == ["s"]
    assert session.compact().summarized == 0
    client.hset(session._keys.state, "format", "1")
    assert (client.hgetall(session._keys.state), client.lrange(session._keys.summaries, 0, -1)) == before


def test_a_summary_is_not_set_over_messages_that_its_author_did_not_see(make: MakeMotorhead) -> None:
    """If a compaction covers more messages between the check of a text and its storing, the text is checked again."""
    motorhead = make(llm=Ledger(), window=WINDOW, compaction="manual")
    session = compacted(motorhead)
    redis_backend = session._backend.require_redis()
    flow, reads = set_summary(session._keys, "By hand.", override=True), 0
    request: Any = next(flow)
    while True:
        answer = redis_backend.execute(request)
        if isinstance(answer, SessionSnapshot):
            reads += 1
            if reads == 1:
                session.append(numbered(10, 40))
                session.compact()
        try:
            request = flow.send(answer)
        except StopIteration:
            break
    assert reads == 2
    assert session.load().summary == "By hand."
