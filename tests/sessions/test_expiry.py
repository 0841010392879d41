"""Sessions with a time to live."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import InvalidInputError, Window
from support.factory import MakeMotorhead
from support.messages import elapse, numbered
from support.summarizers import Ledger


def test_a_ttl_covers_every_key_and_is_renewed(make: MakeMotorhead, client: redis.Redis) -> None:
    """All keys of a session expire together, later after each write, and the session leaves the listing."""
    motorhead = make(ttl=60, llm=Ledger(), window=Window(max_messages=2), compaction="inline")
    session = motorhead.session("s", user_id="u")
    for at in range(4):
        session.append(numbered(2, start=2 * at))
        elapse(client, session._keys, 25_000)
    assert session.load().total == 8
    for key in (session._keys.messages, session._keys.state):
        assert 0 < client.pttl(key) <= 35_000
    elapse(client, session._keys, 35_000)
    assert session.load().total == 0
    assert motorhead.sessions() == motorhead.sessions("u") == []
    assert client.exists(session._keys.messages, session._keys.state, session._keys.lease) == 0


def test_sessions_that_expired_leave_nothing_behind(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Where sessions come and expire and nobody lists them, the registries do not grow."""
    motorhead = make(ttl=60)
    for at in range(30):
        motorhead.session(f"s{at}", user_id="u").append(HumanMessage("x"))
    motorhead.flush()
    registries = motorhead.session("s", user_id="u")._keys.registries
    assert [client.zcard(registry) for registry in registries] == [30, 30]
    for at in range(30):
        elapse(client, motorhead.session(f"s{at}")._keys, 60_000)
    for at in range(4):
        motorhead.session(f"t{at}", user_id="u").append(HumanMessage("x"))
        motorhead.flush()
    assert [client.zcard(registry) for registry in registries] == [4, 4]


@pytest.mark.parametrize("wrong", [0, -1, "1", True, float("nan"), float("inf")])
def test_a_wrong_ttl_is_refused(make: MakeMotorhead, wrong: Any) -> None:
    """A TTL is a time above zero."""
    with pytest.raises(InvalidInputError, match="ttl"):
        make(ttl=wrong)


def test_the_documents_of_a_long_session_are_renewed_in_slices(make: MakeMotorhead, client: redis.Redis) -> None:
    """An append makes some documents live longer, and the work after it all; if that was lost, later appends do.

    The first time, it marks fewer, since the module indexes those again.
    """
    motorhead = make(ttl=600, compaction="manual")
    session = motorhead.session("s")
    keys = session._keys
    session.append(numbered(2))
    documents = [f"{keys.documents}{at}" for at in range(1_000)]
    for each in documents:
        client.hset(each, "text", "x")
    client.hset(keys.state, "indexed", 1_000)

    def lasting() -> int:
        return sum(client.pttl(each) >= client.pttl(keys.state) for each in documents)

    motorhead.backend.require_redis().maintenance.background.submit = lambda *_: None  # type: ignore[method-assign]
    session.append(numbered(1))
    assert lasting() == 10
    assert client.hmget(keys.state, "renewed", "until") == [b"10", None]
    client.hdel(keys.state, "renewing", "renewed")
    client.hset(keys.state, "until", 1)
    session.append(numbered(1))
    assert lasting() == 300
    assert client.hmget(keys.state, "renewed", "until") == [b"300", b"1"]
    for renewed in (b"600", b"900", None):
        session.append(numbered(1))
        assert client.hget(keys.state, "renewed") == renewed
    assert lasting() == 1_000
    assert client.pttl(keys.stale) > client.pttl(keys.state)

    elapse(client, keys, 400_000)
    del motorhead.backend.require_redis().maintenance.background.submit
    client.hset(keys.state, "until", 1)
    session.append(numbered(1))
    motorhead.flush()
    assert lasting() == 1_000
    assert client.hget(keys.state, "renewing") is None
