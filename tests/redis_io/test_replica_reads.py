"""Clients that read from replicas, while these lag: whatever decides about a removal is read from the primary."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from redis.cluster import LoadBalancingStrategy

from langchain_motorhead import Motorhead
from langchain_motorhead.server.groups import grouped_keys, list_group, post
from langchain_motorhead.sessions.append import to_record
from langchain_motorhead.sessions.registry import all_sessions
from support.redis_servers import HOST, replicated_cluster, wait_until


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """A cluster of three primaries, each with a replica."""
    with replicated_cluster(tmp_path_factory.mktemp("replicated")) as ports:
        yield ports


@contextmanager
def lagging(ports: list[int]) -> Iterator[None]:
    """Keep the replicas from hearing of what is written."""
    with ExitStack() as stack:
        replicas = [stack.enter_context(redis.Redis(port=port)) for port in ports[3:]]
        for replica in replicas:
            replica.config_set("masteruser", "nobody")
            replica.config_set("masterauth", "x")
            replica.execute_command("CLIENT", "KILL", "TYPE", "master")
        wait_until(lambda: all(each.info("replication")["master_link_status"] == "down" for each in replicas))
        yield
        for replica in replicas:
            replica.config_set("masteruser", "")
            replica.config_set("masterauth", "")
        wait_until(lambda: all(each.info("replication")["master_link_status"] == "up" for each in replicas))


def scripts_run(ports: list[int]) -> int:
    """Count the scripts that the primaries ran. One that a node does not know yet fails first, and is sent again."""
    count = 0
    for port in ports[:3]:
        with redis.Redis(port=port) as client:
            stats: Any = client.info("commandstats")
        for each in (stats.get(f"cmdstat_{name}") for name in ("eval", "evalsha")):
            count += each["calls"] - each["failed_calls"] if each else 0
    return count


@pytest.fixture
def motorhead(ports: list[int], namespace: str) -> Iterator[Motorhead]:
    """A handle through a client that sends its reads to replicas only."""
    client = redis.RedisCluster(host=HOST, port=ports[0], load_balancing_strategy=LoadBalancingStrategy.RANDOM_REPLICA)
    with Motorhead(client, namespace=namespace) as motorhead:
        yield motorhead
    client.close()


def test_a_listing_shows_and_keeps_what_replicas_do_not_know(motorhead: Motorhead, ports: list[int]) -> None:
    """A session that no replica has yet is listed, by namespace, by user and by group, and stays listed."""
    motorhead.session("old", user_id="bob").append(HumanMessage("hi"))
    backend = motorhead.backend.require_redis()
    with lagging(ports):
        motorhead.session("new", user_id="bob").append(HumanMessage("hi"))
        record = to_record(HumanMessage("hi"), backend.append_config)
        keys = grouped_keys(motorhead.session("grouped")._keys, "g")
        backend.execute(post(keys, [record], backend.append_config, context=None, group="g"))
        for _ in range(3):
            assert sorted(motorhead.sessions()) == ["grouped", "new", "old"]
            assert sorted(motorhead.sessions("bob")) == ["new", "old"]
            assert backend.run(list_group(motorhead.namespace, "g", page=1, size=9)) == ["grouped"]
            assert sorted(backend.run(all_sessions(motorhead.namespace))) == ["grouped", "new", "old"]
    assert sorted(motorhead.sessions()) == ["grouped", "new", "old"]
    assert sorted(motorhead.sessions("bob")) == ["new", "old"]


def test_a_deletion_is_complete_and_ends(motorhead: Motorhead, ports: list[int]) -> None:
    """A session and a user that no replica knows are deleted with a bounded number of commands."""
    with lagging(ports):
        for name in ("a", "b", "c"):
            motorhead.session(name, user_id="bob").append(HumanMessage("hi"))
        before, done = scripts_run(ports), list[Any]()
        deletion = threading.Thread(target=lambda: done.append(motorhead.session("a", user_id="bob").delete()))
        deletion.start()
        deletion.join(60)
        assert done == [True]
        assert motorhead.delete_user("bob") == 2
        assert motorhead.sessions() == motorhead.sessions("bob") == []
        assert scripts_run(ports) - before <= 17
    assert [motorhead.session(name).load().total for name in ("a", "b", "c")] == [0, 0, 0]


def test_a_listing_ends_although_replicas_still_list_what_expired(motorhead: Motorhead, ports: list[int]) -> None:
    """Expired sessions are taken off the lists once, however long a replica still has them."""
    motorhead.session("stays").append(HumanMessage("hi"))
    expiring = motorhead.session("gone", user_id="bob")
    expiring.append(HumanMessage("hi"))
    with lagging(ports):
        client: Any = motorhead.backend.require_redis().connection.sync_client
        client.delete(expiring._keys.state)
        before = scripts_run(ports)
        assert motorhead.sessions() == ["stays"]
        assert motorhead.sessions("bob") == []
        assert scripts_run(ports) - before <= 16
