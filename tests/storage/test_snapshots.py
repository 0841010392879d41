"""Scripts that read a session read the same of it."""

from __future__ import annotations

import redis

from langchain_motorhead.sessions.compaction import operations as compaction_operations
from langchain_motorhead.sessions.compaction.operations import LeaseRefused
from langchain_motorhead.sessions.snapshot import read_snapshot
from support.factory import MakeMotorhead
from support.messages import numbered


def test_a_read_and_a_compaction_see_the_same_session(make: MakeMotorhead) -> None:
    """A read and the begin of a compaction return equal snapshots of a session, whose oldest messages come first."""
    session = make(compaction="manual").session("s", user_id="u")
    session.append(numbered(5))
    on_redis = session._backend.require_redis()
    read = on_redis.execute(read_snapshot(session._keys, 0, 2))
    begun = on_redis.execute(compaction_operations.begin(session._keys, "t", lease=1_000, limit=3, force=False))
    assert begun == read
    assert (read.length, len(read.records), read.first, read.user) == (5, 3, 0, "u")


def test_a_session_that_is_not_there_gets_no_lease(make: MakeMotorhead, client: redis.Redis) -> None:
    """The begin of a compaction leaves nothing behind where there is no session, and a read says that there is none."""
    session = make(compaction="manual").session("s")
    on_redis = session._backend.require_redis()
    begun = on_redis.execute(compaction_operations.begin(session._keys, "t", lease=1_000, limit=3, force=False))
    assert begun is LeaseRefused.NO_SESSION
    assert client.exists(session._keys.lease) == 0
    assert on_redis.execute(read_snapshot(session._keys, 0)).epoch is None
