"""A commit takes only chunks that hold exactly the messages that leave the list."""

from __future__ import annotations

import pytest
import redis

from langchain_motorhead import StoreError
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.redis_io.connection import adopt
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.archive.chunks import ArchivedMessage, ArchiveWrite, make_chunk, read_chunk
from langchain_motorhead.sessions.compaction import operations as compaction
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.sessions.snapshot import SessionSnapshot
from langchain_motorhead.sessions.summaries.origin import Author, Origin
from langchain_motorhead.storage.keys import SessionKeys, session_keys
from langchain_motorhead.storage.operation import to_bytes
from support.messages import numbered

DATA = [encode(each) for each in numbered(6)]


def chunk(first: int, count: int) -> bytes:
    """Make a chunk of the session's messages."""
    return make_chunk(first, [ArchivedMessage(each, 1) for each in DATA[first : first + count]])


def commit(executor: Executor, keys: SessionKeys, dropped: int, moved: ArchiveWrite) -> bool:
    """Commit a summary of the oldest messages."""
    seen = executor.run(compaction.begin(keys, "t", lease=9_000, limit=9, force=True, archived=True))
    assert isinstance(seen, SessionSnapshot)
    return executor.run(
        compaction.commit_summary(
            keys, "t", seen, lease=9_000, summary="s", dropped=dropped, spent=0, size=None, indexed=False,
            origin=Origin(Author.MODEL), moved=moved,
        )
    )  # fmt: skip


@pytest.fixture
def session(client: redis.Redis, namespace: str) -> tuple[redis.Redis, Executor, SessionKeys]:
    """A session of six messages, of which the first is in the archive."""
    executor, keys = Executor(adopt(client)), session_keys(namespace, "s", None)
    records = [Record(each, None, None) for each in DATA]
    executor.run(operations.append(keys, records, now=1, token="a" * 16, ttl=0, one_slot=True))
    assert commit(executor, keys, 1, ArchiveWrite((chunk(0, 1),)))
    return client, executor, keys


@pytest.mark.parametrize(
    "moved",
    [
        ArchiveWrite(()),
        ArchiveWrite((chunk(1, 1),)),
        ArchiveWrite((chunk(1, 3),)),
        ArchiveWrite((chunk(0, 3),)),
        ArchiveWrite((chunk(2, 1),)),
        ArchiveWrite((chunk(1, 1), chunk(1, 1))),
        ArchiveWrite((chunk(1, 2),), 0),
        ArchiveWrite((b"no header",)),
        ArchiveWrite((b"9" * 400 + b" 2 0 0 z1 x\n",)),
    ],
)
def test_other_chunks_are_refused(session: tuple[redis.Redis, Executor, SessionKeys], moved: ArchiveWrite) -> None:
    """Chunks that lack a message, or have one too many, change nothing."""
    client, executor, keys = session

    def stored() -> list[bytes | None]:
        return [client.dump(key) for key in (keys.messages, keys.state, keys.archive)]

    before = stored()
    with pytest.raises(StoreError):
        commit(executor, keys, 2, moved)
    assert stored() == before


@pytest.mark.parametrize("moved", [ArchiveWrite((chunk(1, 2),)), ArchiveWrite((chunk(0, 3),), 0)])
def test_the_chunks_of_what_leaves_are_taken(
    session: tuple[redis.Redis, Executor, SessionKeys], moved: ArchiveWrite
) -> None:
    """With or without the newest chunk in them, the chunks of what leaves the list are added to the archive."""
    client, executor, keys = session
    assert commit(executor, keys, 2, moved)
    parts = [to_bytes(each) for each in client.lrange(keys.archive, 0, -1)]
    assert [each.data for part in parts for each in read_chunk(part)] == DATA[:3]
    assert client.llen(keys.messages) == 3
