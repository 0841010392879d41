"""Registries of sessions with a time to live: they expire with their last session, and never before."""

from __future__ import annotations

import time

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import Motorhead
from langchain_motorhead.storage.keys import registry_key
from support.factory import MakeMotorhead
from support.redis_servers import wait_until

HI = HumanMessage("hi")


def lives(client: redis.Redis, key: str) -> int:
    """Give the ms until a key expires, or a negative number."""
    found: int = client.pttl(key)
    return found


def test_nothing_is_left_of_users_whose_sessions_expired(
    make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """Without a call that lists sessions, no key of theirs stays."""
    motorhead = make(ttl=0.2)
    for at in range(30):
        motorhead.session(f"s{at}", user_id=f"u{at}").append(HI)
    prefix = registry_key(namespace)
    assert len(list(client.scan_iter(f"{prefix}*", count=10_000))) == 31
    wait_until(lambda: not list(client.scan_iter(f"{prefix}*", count=10_000)), 10)


def test_a_registry_outlives_each_of_its_sessions(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A session with a short life does not shorten the life of the list, and an append to one extends it."""
    long, short = make(ttl=1_000), make(ttl=10)
    registries = registry_key(namespace), registry_key(namespace, "bob")
    short.session("short", user_id="bob").append(HI)
    assert all(10_000 < lives(client, each) <= 11_000 for each in registries)
    long.session("long", user_id="bob").append(HI)
    short.session("short", user_id="bob").append(HI)
    for registry in registries:
        assert lives(client, registry) > lives(client, long.session("long")._keys.state) > 900_000


def test_a_registry_with_a_lasting_session_lasts(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Whichever session comes first, the list of one without time to live does not expire."""
    lasting, short = make(), make(ttl=10)
    lasting.session("a", user_id="before").append(HI)
    short.session("b", user_id="before").append(HI)
    short.session("c", user_id="after").append(HI)
    lasting.session("d", user_id="after").append(HI)
    for user in (None, "before", "after"):
        assert lives(client, registry_key(namespace, user)) == -1


def test_a_session_that_returns_in_an_expiring_registry_lasts(
    make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """A registry may still list a session that has expired. If the session is made anew and lasts, so does the list."""
    short, lasting = make(ttl=1_000).session("s"), make().session("s")
    short.append(HI)
    registry = registry_key(namespace)
    lasting.append(HI)
    assert 0 < lives(client, short._keys.state) <= 1_000_000 < lives(client, registry)  # the session expires anyway
    client.unlink(short._keys.state, short._keys.messages)
    lasting.append(HI)
    assert (lives(client, short._keys.state), lives(client, registry)) == (-1, -1)


def test_new_sessions_prune_the_expired_ones(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """While others go on, entries of expired sessions leave the lists without a call that lists sessions."""
    short, motorhead = make(ttl=0.05), make(ttl=1_000)
    motorhead.session("stays", user_id="bob").append(HI)
    for at in range(15):
        short.session(f"gone{at}", user_id="bob").append(HI)
    time.sleep(0.1)
    for at in range(3):
        motorhead.session(f"new{at}", user_id="bob").append(HI)
        motorhead.flush()
    for registry in (registry_key(namespace), registry_key(namespace, "bob")):
        assert client.zcard(registry) == 4


@pytest.mark.parametrize("ttl", [None, 100])
def test_registries_of_a_cluster_expire_too(cluster_url: str, namespace: str, ttl: float | None) -> None:
    """In a cluster, where a list is written in a second step, the same holds."""
    with Motorhead.from_url(cluster_url, namespace=namespace, ttl=ttl) as motorhead:
        motorhead.session("s", user_id="bob").append(HI)
        client = motorhead.backend.require_redis().connection.sync_client
        for user in (None, "bob"):
            left = client.pttl(registry_key(namespace, user))
            assert left == -1 if ttl is None else 100_000 < left <= 101_000
