"""What an archive keeps: limits of age and size, the life of its session, and what its session's hash counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis

from langchain_motorhead import Archive, Gap, GapReason, InvalidInputError, Motorhead, Session, Window
from langchain_motorhead.diagnostics.doctor import Level, examine
from langchain_motorhead.sessions.archive.chunks import read_chunk
from langchain_motorhead.sessions.archive.operations import read_archive_counts
from support.factory import MakeMotorhead
from support.messages import numbered

SMALL = Window(max_messages=4)


def filled(session: Session, count: int, start: int = 0) -> None:
    """Append messages in large batches, and compact after each."""
    for at in range(start, start + count, 400):
        session.append(numbered(min(400, start + count - at), start=at))
        session.compact()


def chunks_of(client: redis.Redis, session: Session) -> list[bytes]:
    """Return the chunks of an archive."""
    return client.lrange(session._keys.archive, 0, -1)  # type: ignore[return-value]


def test_ranges_are_found_in_an_archive_of_many_chunks(make: MakeMotorhead, client: redis.Redis) -> None:
    """Whatever range is read, and whichever chunks are damaged, exactly the messages of the others are returned."""
    session = make(window=SMALL, compaction="manual").session("s")
    filled(session, 2_000)
    assert len(chunks_of(client, session)) == 16
    damaged = set[int]()
    for broken in ((), (0,), (7, 8), (3, 12, 14)):
        for at in broken:
            client.lset(session._keys.archive, at, "broken")
            damaged |= set(range(128 * at, 128 * at + 128))
        for start, stop in (
            (0, None),
            (127, 129),
            (128, 256),
            (900, 1_700),
            (1_023, 1_024),
            (1_500, 1_501),
            (1_999, None),
        ):
            transcript = session.transcript(start, stop)
            whole = set(range(start, 2_000 if stop is None else stop))
            assert [each.seq for each in transcript] == sorted(whole - damaged)
            missing = {seq for gap in transcript.gaps for seq in range(gap.first, gap.last + 1)}
            assert missing == whole & damaged
            assert {gap.reason for gap in transcript.gaps} <= {GapReason.DAMAGED}


def test_the_oldest_chunks_make_room_for_new_ones(make: MakeMotorhead, client: redis.Redis) -> None:
    """Above `max_bytes`, whole chunks are removed, the oldest first, and the transcript reports that gap."""
    session = make(window=SMALL, compaction="manual", archive=Archive(max_bytes=4_000)).session("s")
    filled(session, 2_000)
    chunks = chunks_of(client, session)
    assert 1 < len(chunks) < 15
    assert sum(map(len, chunks)) <= 4_000
    transcript = session.transcript()
    first = transcript[0].seq
    assert transcript.gaps == [Gap(0, first - 1, GapReason.NOT_KEPT)]
    assert [each.seq for each in transcript] == list(range(first, 2_000))
    counts = session._backend.require_redis().execute(read_archive_counts(session._keys))
    assert counts == (sum(len(read_chunk(chunk)) for chunk in chunks), sum(map(len, chunks)), len(chunks), len(chunks))


def test_one_chunk_is_kept_at_any_size(make: MakeMotorhead) -> None:
    """A limit below the size of one chunk leaves the newest one."""
    session = make(window=SMALL, compaction="manual", archive=Archive(max_bytes=1)).session("s")
    filled(session, 300)
    assert [each.seq for each in session.transcript()] == list(range(256, 300))


def test_old_messages_are_removed(make: MakeMotorhead) -> None:
    """Chunks whose newest message is older than `max_age` go with the next compaction; others stay."""
    young = make(window=SMALL, compaction="manual", archive=Archive(max_age=timedelta(days=1)))
    session = young.session("s")
    filled(session, 600)
    assert session.transcript().gaps == []
    old = make(window=SMALL, compaction="manual", namespace=young.namespace, archive=Archive(max_age=0.000_001))
    filled(old.session("s"), 40, start=600)
    assert session.transcript().gaps == [Gap(0, session.load().summarized - 1, GapReason.NOT_KEPT)]


def test_an_archive_expires_with_its_session(make: MakeMotorhead, client: redis.Redis) -> None:
    """Its time to live is that of the session after a compaction, and each append extends both."""
    motorhead = make(window=SMALL, compaction="manual", ttl=1_000)
    session = motorhead.session("s")
    filled(session, 20)
    assert 0 < client.pttl(session._keys.archive) <= 1_000_000
    longer = make(window=SMALL, compaction="manual", ttl=5_000, namespace=motorhead.namespace)
    longer.session("s").append(numbered(1))
    assert client.pttl(session._keys.archive) > 4_000_000


def test_what_an_expired_session_left_is_deleted(make: MakeMotorhead, client: redis.Redis) -> None:
    """If a session's state expires or is evicted alone, its archive is deleted when the session is found to be gone."""
    motorhead = make(window=SMALL, compaction="manual")
    session = motorhead.session("s")
    filled(session, 20)
    client.delete(session._keys.state, session._keys.messages)
    assert motorhead.sessions() == []
    assert client.exists(session._keys.archive) == 0


def test_a_new_session_has_nothing_of_one_whose_state_was_lost(make: MakeMotorhead, client: redis.Redis) -> None:
    """A session that begins where only an archive is left neither reads it nor adds to it."""
    session = make(window=SMALL, compaction="manual").session("s")
    filled(session, 20)
    client.delete(session._keys.state, session._keys.messages)
    session.append(numbered(3, start=100))
    assert [each.message.text for each in session.transcript()] == ["m100", "m101", "m102"]
    filled(session, 20, start=103)
    assert [each.message.text for each in session.transcript()] == [f"m{at}" for at in range(100, 123)]


def test_deleting_a_session_deletes_its_archive(make: MakeMotorhead, client: redis.Redis) -> None:
    """Nothing of a session is left after its deletion, and a session of the same id begins anew."""
    motorhead = make(window=SMALL, compaction="manual")
    session = motorhead.session("s", user_id="u")
    filled(session, 20)
    assert motorhead.delete_user("u") == 1
    assert list(client.scan_iter(f"motorhead:*{motorhead.namespace.replace(' ', '%20')}*")) == []


@pytest.mark.parametrize("wrong", ["yes", 1, None, Window()])
def test_the_option_is_a_truth_value_or_an_archive(make: MakeMotorhead, wrong: object) -> None:
    """Anything else is refused when the handle is made."""
    with pytest.raises(InvalidInputError, match="archive must be"):
        make(archive=wrong)


def test_the_doctor_finds_archives_that_lost_messages(make: MakeMotorhead, client: redis.Redis) -> None:
    """An archive that was evicted, wholly or in part, is broken, and one that is whole is fine."""
    motorhead: Motorhead = make(window=SMALL, compaction="manual")
    filled(motorhead.session("s"), 300)

    def found() -> Level:
        return next(finding.level for finding in examine(motorhead) if finding.name == "archives")

    assert found() is Level.FINE
    client.delete(motorhead.session("s")._keys.archive)
    assert found() is Level.BROKEN
    filled(motorhead.session("s"), 20, start=300)
    assert found() is Level.BROKEN
