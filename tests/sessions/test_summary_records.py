"""The versions of a summary in Redis: what each commit adds, what stays, and what a session falls back to."""

from __future__ import annotations

from itertools import pairwise

import pytest
import redis
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import Session, Window
from langchain_motorhead.sessions.gap import MemoryGap
from langchain_motorhead.sessions.summaries.records import (
    MOST_RECORDS,
    DamagedRecordError,
    SummaryRecord,
    read_record,
    read_records,
)
from langchain_motorhead.sessions.summaries.versions import SummaryVersion, read_versions
from support.factory import MakeMotorhead
from support.fall_back import fall_back
from support.messages import numbered
from support.summarizers import SEPARATOR, Ledger, trusted

WINDOW = Window(max_messages=2)


def records(client: redis.Redis, session: Session) -> list[SummaryRecord]:
    """Give the stored records."""
    return read_records(client.lrange(session._keys.summaries, 0, -1))  # type: ignore[arg-type]


def versions(session: Session) -> list[SummaryVersion]:
    """Give the versions of a session."""
    return session._backend.require_redis().run(read_versions(session._keys))


def grow(session: Session, count: int, size: int = 2) -> None:
    """Append messages and compact, so often."""
    for at in range(count):
        session.append(numbered(size, size * at))
        session.compact()


def test_a_summary_grows_by_segments(make: MakeMotorhead, client: redis.Redis) -> None:
    """Each commit adds what is new, and the texts of the last version, one after the other, are the summary."""
    session = make(llm=Ledger(), window=WINDOW, compaction="manual").session("s")
    grow(session, 5)
    found = records(client, session)
    assert [(each.start, each.stop) for each in found] == [(0, 3), (3, 5), (5, 7), (7, 9)]
    assert [each.text.strip(SEPARATOR) for each in found[1:3]] == [f"m3{SEPARATOR}m4", f"m5{SEPARATOR}m6"]
    memory, listed = session.load(), versions(session)
    assert "".join(each.text for each in found) == memory.summary == listed[-1].text
    assert [memory.summarized, memory.gap, listed[-1].author] == [9, None, "model"]
    assert all(later.text.startswith(earlier.text) for earlier, later in pairwise(listed))
    assert [client.hget(session._keys.state, name) for name in ("versions", "covered")] == [b"4", None]


def test_nothing_new_only_covers_more(make: MakeMotorhead, client: redis.Redis) -> None:
    """A version with the same text covers more, however often; one with another beginning is a whole summary."""
    answers = ["one", "one", "one", "one two", "three"]
    session = make(llm=trusted(RunnableLambda(lambda _: answers.pop(0))), window=WINDOW, compaction="manual").session(
        "s"
    )
    grow(session, 6)
    found = [(each.start, each.stop, each.text) for each in records(client, session)]
    assert found == [(0, 3, "one"), (3, 7, ""), (7, 9, " two"), (0, 11, "three")]
    assert [each.text for each in versions(session)] == ["one", "one", "one two", "three"]


def test_the_list_is_bounded(make: MakeMotorhead, client: redis.Redis) -> None:
    """However many versions there were, few records are kept, and the summary is always among them, whole."""
    session = make(llm=Ledger(), window=WINDOW, compaction="manual").session("s")
    grow(session, MOST_RECORDS + 12)
    found = records(client, session)
    assert len(found) <= MOST_RECORDS
    assert found[0].start == 0
    assert found[0].stop > 3, "the oldest were merged"
    assert "".join(each.text for each in found) == session.load().summary
    big = make(llm=trusted(RunnableLambda(lambda given: f"{len(given['messages'])}" * 30_000)), window=WINDOW).session(
        "big"
    )
    for at in range(6):
        big.append(numbered(at + 2, 20 * at))
        big.compact()
    assert 1 <= client.llen(big._keys.summaries) <= 3
    assert versions(big)[-1].text == big.load().summary


def test_falling_back_reopens_a_gap_that_a_compaction_closes(make: MakeMotorhead, client: redis.Redis) -> None:
    """The newest version from before a message is the summary then; what is after it is summarized again."""
    ledger = Ledger()
    motorhead = make(llm=ledger, window=WINDOW, compaction="manual")
    session = motorhead.session("s")
    grow(session, 5)
    run = session._backend.require_redis().execute
    before = session.load().summary
    run(fall_back(session._keys, 9))  # in the window: the summary does not cover it
    assert session.load().summary == before
    run(fall_back(session._keys, 5))
    memory = session.load()
    assert (memory.summary, memory.summarized) == (SEPARATOR.join(f"m{at}" for at in range(5)), 5)
    assert memory.gap == MemoryGap(5, 9)
    assert b"m5" not in b"".join(client.lrange(session._keys.summaries, 0, -1))  # type: ignore[arg-type]
    report = session.compact()
    assert (report.covered, report.summarized, session.load().gap, session.load().summary) == (4, 0, None, before)
    assert [str(each.content) for each in ledger.calls[-1]["messages"]] == ["m5", "m6", "m7", "m8"]
    assert [(each.start, each.stop) for each in records(client, session)] == [(0, 3), (3, 5), (5, 9)]
    run(fall_back(session._keys, 0))
    assert (session.load().summary, session.load().gap) == (None, MemoryGap(0, 9))
    session.append(HumanMessage("next"))
    assert session.compact().covered == 9
    assert session.load().summary == before


def test_an_append_finds_the_gap(make: MakeMotorhead) -> None:
    """A gap that nobody closed, as after a crash, is closed by the maintenance of the next append."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=4), compaction="inline")
    session = motorhead.session("s")
    session.append(numbered(6))
    before = session.load().summary
    session._backend.require_redis().execute(fall_back(session._keys, 0))
    session.append(HumanMessage("next"))
    assert (session.load().summary, session.load().gap) == (before, None)


def test_a_session_of_an_earlier_version(make: MakeMotorhead, client: redis.Redis) -> None:
    """A summary without records is the first version, of unknown time; so is one whose records were evicted."""
    session = make(llm=Ledger(), window=WINDOW, compaction="manual").session("s")
    grow(session, 2)
    client.delete(session._keys.summaries)
    client.hdel(session._keys.state, "versions")
    (only,) = versions(session)
    assert (only.start, only.stop, only.text, only.time) == (0, 3, session.load().summary, None)
    grow(session, 2)
    assert [(each.start, each.stop) for each in records(client, session)] == [(0, 3), (3, 5), (5, 7)]
    client.lset(session._keys.summaries, 1, "broken")
    assert versions(session)[-1].text == session.load().summary
    session.append(numbered(2, 20))
    session.compact()
    last = versions(session)[-1]
    assert (last.start, last.text) == (7, session.load().summary)


def test_versions_of_an_evicted_session_are_not_those_of_the_next(make: MakeMotorhead, client: redis.Redis) -> None:
    """A session of the same id begins without versions."""
    session = make(llm=Ledger(), window=WINDOW, compaction="manual").session("s")
    grow(session, 2)
    client.delete(session._keys.state, session._keys.messages)
    session.append([HumanMessage("n1"), HumanMessage("n2"), HumanMessage("n3")])
    assert versions(session) == []
    session.compact()
    assert [each.text for each in versions(session)] == [f"n1{SEPARATOR}n2"]


@pytest.mark.parametrize(
    "record",
    [b"", b"0 1 2 {}", b"0 1 2\nx", b"x 1 2 {}\nx", b"0 1 2 {\nx", b"0 1 2 []\nx", b"2 1 2 {}\nx", b"0 1 2 {}\n\xff"],
)
def test_what_is_no_record(record: bytes) -> None:
    """A record that another program changed is named as such."""
    with pytest.raises(DamagedRecordError):
        read_record(record)
