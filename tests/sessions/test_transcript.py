"""Transcripts: every message that was ever stored, word for word, once, in order, wherever it is now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import (
    Gap,
    GapReason,
    HashingEmbeddings,
    InvalidInputError,
    Session,
    SessionReplacedError,
    Window,
)
from support.factory import MakeMotorhead
from support.messages import numbered, with_tools

SMALL = Window(max_messages=4)


def compacted(session: Session, messages: list[BaseMessage], batch: int = 5) -> None:
    """Append messages in batches, and compact after each."""
    for at in range(0, len(messages), batch):
        session.append(messages[at : at + batch])
        session.compact()


def texts(session: Session, start: int = 0, stop: int | None = None) -> list[str]:
    """Return the texts of a transcript."""
    return [each.message.text for each in session.transcript(start, stop)]


def test_all_messages_are_read_whole_once_and_in_order(make: MakeMotorhead) -> None:
    """After compactions, every message is equal to what was appended, with its number, from archive and list."""
    session = make(window=SMALL, compaction="manual").session("s")
    messages = [message for at in range(20) for message in with_tools(f"turn {at}")]
    compacted(session, messages)
    transcript = session.transcript()
    assert [each.message.model_copy(update={"id": None}) for each in transcript] == [
        message.model_copy(update={"id": None}) for message in messages
    ]
    assert [each.seq for each in transcript] == list(range(len(messages)))
    assert (transcript.gaps, transcript.total, transcript.next) == ([], len(messages), None)
    assert len(session.load().messages) < len(messages)


@pytest.mark.parametrize("recall", [False, True])
def test_each_message_has_the_time_of_its_append(make: MakeMotorhead, recall: bool) -> None:
    """Times are those of the appends, with and without recall, in the list and in the archive."""
    options: dict[str, Any] = {"embeddings": HashingEmbeddings()} if recall else {}
    session = make(window=SMALL, compaction="manual", **options).session("s")
    bounds = []
    for at in range(6):
        before = datetime.now(UTC)
        session.append(numbered(3, start=3 * at))
        bounds.append((before - timedelta(microseconds=1), datetime.now(UTC)))
        session.compact()
    for each in session.transcript():
        early, late = bounds[each.seq // 3]
        assert each.time is not None
        assert early <= each.time <= late


def test_any_range_can_be_read(make: MakeMotorhead) -> None:
    """Every start and stop gives exactly the messages in between, across archive and list."""
    session = make(window=SMALL, compaction="manual").session("s")
    compacted(session, list(numbered(17)))
    whole = [f"m{at}" for at in range(17)]
    for start in range(19):
        for stop in (None, *range(19)):
            assert texts(session, start, stop) == whole[start:stop]


def test_an_iterator_reads_pages(make: MakeMotorhead) -> None:
    """An iteration gives the same messages as a transcript, and ends at what was there when it began."""
    session = make(window=SMALL, compaction="manual").session("s")
    compacted(session, list(numbered(1_203)), batch=400)
    found = list[Any]()
    for each in session.iter_transcript():
        if not found:
            session.append(HumanMessage("later"))
        found.append(each)
    assert [each.message.text for each in found] == [f"m{at}" for at in range(1_203)]
    assert [each.seq for each in session.iter_transcript(700, 710)] == list(range(700, 710))


async def test_the_async_versions_read_the_same(make: MakeMotorhead) -> None:
    """`atranscript` and `aiter_transcript` return what `transcript` does."""
    async with make(window=SMALL, compaction="manual") as motorhead:
        session = motorhead.session("s")
        await session.aappend(numbered(20))
        await session.acompact()
        expected = await session.atranscript()
        assert [each.message.text for each in expected] == [f"m{at}" for at in range(20)]
        assert [each async for each in session.aiter_transcript()] == expected.messages


def test_a_compaction_between_two_pages_hides_and_repeats_nothing(make: MakeMotorhead) -> None:
    """Messages that move into the archive while an iteration is under way are read once."""
    session = make(window=SMALL, compaction="manual").session("s")
    session.append(numbered(1_100))
    found = list[Any]()
    for each in session.iter_transcript():
        found.append(each.seq)
        if each.seq in (10, 505):
            session.compact()
    assert found == list(range(1_100))


def test_a_session_that_is_deleted_meanwhile_is_not_mixed_with_the_next(make: MakeMotorhead) -> None:
    """An iteration over a session that is deleted and created again raises, instead of giving messages of both."""
    session = make(window=SMALL, compaction="manual").session("s")
    session.append(numbered(600))
    iterator = session.iter_transcript()
    next(iterator)
    session.delete()
    session.append(numbered(700))
    with pytest.raises(SessionReplacedError):
        list(iterator)


def test_nothing_is_read_where_there_is_nothing(make: MakeMotorhead) -> None:
    """A session that does not exist has an empty transcript, and so has a range beyond the end."""
    session = make().session("s")
    assert (len(session.transcript()), session.transcript().epoch) == (0, None)
    session.append(numbered(2))
    assert len(session.transcript(2)) == 0
    assert session.transcript(5).gaps == []


@pytest.mark.parametrize("wrong", [(-1, None), (0, -3), (True, None), ("0", None), (1.5, None), (0, 2**60)])
def test_a_range_is_of_sequence_numbers(make: MakeMotorhead, wrong: Any) -> None:
    """A number that no message can have is refused before anything is read."""
    session = make().session("s")
    with pytest.raises(InvalidInputError):
        session.transcript(*wrong)
    with pytest.raises(InvalidInputError):
        list(session.iter_transcript(*wrong))


def test_anothers_session_is_refused(make: MakeMotorhead) -> None:
    """The transcript of a session is read for its own user only."""
    motorhead = make()
    motorhead.session("s", user_id="ann").append(numbered(2))
    with pytest.raises(InvalidInputError, match="another user"):
        motorhead.session("s", user_id="bob").transcript()


def test_without_an_archive_the_transcript_says_where_it_starts(make: MakeMotorhead) -> None:
    """With `archive=False` nothing but the list is kept, and the summarized messages are a gap."""
    session = make(window=SMALL, compaction="manual", archive=False).session("s")
    compacted(session, list(numbered(10)))
    transcript = session.transcript()
    first = transcript[0].seq
    assert transcript.gaps == [Gap(0, first - 1, GapReason.NOT_KEPT)]
    assert [each.seq for each in transcript] == list(range(first, 10))


def test_an_archive_can_be_switched_on_and_off(make: MakeMotorhead) -> None:
    """Messages that were compacted while there was no archive are a gap, and those before and after are read."""
    off = make(window=SMALL, compaction="manual", archive=False)
    on = make(window=SMALL, compaction="manual", namespace=off.namespace)
    archived = []
    for at, motorhead in enumerate((off, on, off, on)):
        session = motorhead.session("s")
        before = session.load().summarized
        session.append(numbered(10, start=10 * at))
        session.compact()
        archived += list(range(before, session.load().summarized)) if motorhead is on else []
    transcript = on.session("s").transcript()
    listed = range(on.session("s").load().summarized, 40)
    assert [each.seq for each in transcript] == [*archived, *listed]
    missing = [seq for gap in transcript.gaps for seq in range(gap.first, gap.last + 1)]
    assert sorted([*missing, *archived, *listed]) == list(range(40))
    assert {gap.reason for gap in transcript.gaps} == {GapReason.NOT_KEPT}


def test_an_archive_that_is_gone_is_reported(make: MakeMotorhead, client: redis.Redis) -> None:
    """If Redis evicted the archive alone, its messages are a gap that should not be there, also after it grew again."""
    session = make(window=SMALL, compaction="manual").session("s")
    compacted(session, list(numbered(10)))
    gone = session.load().summarized
    client.delete(session._keys.archive)
    assert session.transcript().gaps == [Gap(0, gone - 1, GapReason.MISSING)]
    compacted(session, list(numbered(10, start=10)))
    assert session.transcript().gaps == [Gap(0, gone - 1, GapReason.MISSING)]
    assert texts(session) == [f"m{at}" for at in range(gone, 20)]


@pytest.mark.parametrize("damage", ["cut", "flip", "header"])
def test_a_damaged_chunk_hides_its_own_messages_only(make: MakeMotorhead, client: redis.Redis, damage: str) -> None:
    """The messages of a chunk whose bytes changed are reported by number, and all others are read."""
    session = make(window=SMALL, compaction="manual").session("s")
    compacted(session, list(numbered(400)), batch=200)
    key = session._keys.archive
    chunk: bytes = client.lindex(key, 1)  # type: ignore[assignment]
    changed = {"cut": chunk[:-3], "flip": chunk[:-1] + bytes([chunk[-1] ^ 1]), "header": b"?" + chunk}[damage]
    client.lset(key, 1, changed)  # type: ignore[arg-type]
    transcript = session.transcript()
    assert transcript.gaps == [Gap(128, 255, GapReason.DAMAGED)]
    assert [each.seq for each in transcript] == [*range(128), *range(256, 400)]
    compacted(session, list(numbered(200, start=400)), batch=200)
    assert session.transcript().gaps == [Gap(128, 255, GapReason.DAMAGED)]


def test_a_summary_that_fails_leaves_the_archive_alone(make: MakeMotorhead, client: redis.Redis) -> None:
    """Messages that were not summarized stay in the list, and are not in the archive too."""

    def fail(_: object) -> str:
        raise RuntimeError("no")

    session = make(llm=RunnableLambda(fail), window=SMALL, compaction="inline").session("s")
    session.append(numbered(10))
    assert client.exists(session._keys.archive) == 0
    assert texts(session) == [f"m{at}" for at in range(10)]
