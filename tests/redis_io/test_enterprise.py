"""One endpoint in front of a cluster, as Redis Enterprise and Azure Managed Redis offer it, imitated by a proxy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, StoreError, StoreUnavailableError, Window
from langchain_motorhead.server.groups import grouped_keys, list_group, post
from langchain_motorhead.sessions.append import to_record
from support.messages import numbered
from support.proxy_enterprise import EnterpriseProxy, enterprise
from support.summarizers import Ledger, remembered


@pytest.fixture
def endpoint(client: redis.Redis) -> Iterator[EnterpriseProxy]:
    """The endpoint."""
    path = client.connection_pool.connection_kwargs["path"]

    def connect() -> socket.socket:
        far = socket.socket(socket.AF_UNIX)
        far.connect(path)
        return far

    with enterprise(connect) as proxy:
        yield proxy


@pytest.fixture
def motorhead(endpoint: EnterpriseProxy, namespace: str) -> Iterator[Motorhead]:
    """A handle on it, without recall."""
    url = f"redis://127.0.0.1:{endpoint.port}"
    with Motorhead.from_url(url, namespace=namespace, window=Window(4), ttl=100, llm=Ledger()) as motorhead:
        yield motorhead


def test_sessions_are_stored_listed_and_deleted(motorhead: Motorhead, endpoint: EnterpriseProxy) -> None:
    """Everything works, and one refusal is enough to know how."""
    for name in ("a", "b"):
        motorhead.session(name, user_id="bob").append(numbered(9))
    motorhead.flush()
    assert endpoint.cross_slot == 1
    assert remembered(motorhead.session("a").load()) == [f"m{at}" for at in range(9)]
    assert motorhead.session("a").load().summarized > 0
    assert sorted(motorhead.sessions()) == sorted(motorhead.sessions("bob")) == ["a", "b"]
    assert motorhead.session("a", user_id="bob").delete()
    assert motorhead.sessions() == motorhead.sessions("bob") == ["b"]
    assert motorhead.delete_user("bob") == 1
    assert motorhead.sessions() == motorhead.sessions("bob") == []
    assert endpoint.cross_slot == 1


@pytest.mark.parametrize("first", ["delete", "sessions", "delete_user"])
def test_any_operation_may_be_the_first_that_is_refused(
    motorhead: Motorhead, endpoint: EnterpriseProxy, url: str, namespace: str, first: str
) -> None:
    """A process that begins with another operation than an append learns it as well."""
    with Motorhead.from_url(url, namespace=namespace) as direct:
        for name in ("a", "b"):
            direct.session(name, user_id="bob").append(HumanMessage("hi"))
    if first == "delete":
        assert motorhead.session("a", user_id="bob").delete()
        assert motorhead.sessions() == ["b"]
    elif first == "sessions":
        assert sorted(motorhead.sessions()) == ["a", "b"]
    else:
        assert motorhead.delete_user("bob") == 2
        assert motorhead.sessions() == []
    assert endpoint.cross_slot == 1


async def test_async_calls_work(endpoint: EnterpriseProxy, namespace: str) -> None:
    """The async side learns it too, also when several operations share a round trip."""
    url = f"redis://127.0.0.1:{endpoint.port}"
    async with Motorhead.from_url(url, namespace=namespace) as motorhead:
        sessions = [motorhead.session(f"s{at}", user_id="bob") for at in range(20)]
        await asyncio.gather(*(each.aappend(HumanMessage("hi")) for each in sessions))
        refused = endpoint.cross_slot
        assert sorted(await motorhead.asessions("bob")) == sorted(each.session_id for each in sessions)
        assert await motorhead.adelete_user("bob") == 20
        assert 1 <= refused == endpoint.cross_slot


def test_recall_works(endpoint: EnterpriseProxy, namespace: str) -> None:
    """Messages are indexed, found, and embedded again with another model."""
    url = f"redis://127.0.0.1:{endpoint.port}"
    with Motorhead.from_url(url, namespace=namespace, embeddings=HashingEmbeddings(32)) as motorhead:
        session = motorhead.session("s", user_id="bob")
        session.append(HumanMessage("I moved to Oslo"))
        motorhead.flush()
        assert [each.page_content for each in session.search("Oslo")] == ["I moved to Oslo"]
    with Motorhead.from_url(url, namespace=namespace, embeddings=HashingEmbeddings(48)) as motorhead:
        assert motorhead.reindex(progress=False) == 1
        assert len(motorhead.session("s").search("Oslo")) == 1


def test_posts_to_groups_work(motorhead: Motorhead) -> None:
    """The REST server's POST lists a session in its group, and in the namespace as in a cluster."""
    backend = motorhead.backend.require_redis()
    keys = grouped_keys(motorhead.session("s")._keys, "g")
    record = to_record(HumanMessage("hi"), backend.append_config)
    backend.execute(post(keys, [record], backend.append_config, context="so far", group="g"))
    assert backend.run(list_group(motorhead.namespace, "g", page=1, size=10)) == ["s"]
    assert motorhead.session("s").load().summary == "so far"
    assert motorhead.session("s").delete()
    assert backend.run(list_group(motorhead.namespace, "g", page=1, size=10)) == []


def test_a_node_of_a_cluster_is_still_named(cluster_url: str, namespace: str) -> None:
    """A plain client of a cluster's node stores nothing by halves: the error says how to connect."""
    with Motorhead.from_url(cluster_url.replace("redis+cluster", "redis"), namespace=namespace) as motorhead:
        with pytest.raises(StoreError, match=r"node of a cluster. Connect with redis\+cluster://"):
            motorhead.session("s", user_id="bob").append(HumanMessage("hi"))
        assert motorhead.backend.require_redis().one_slot


def test_a_cluster_url_is_answered_with_the_right_one(endpoint: EnterpriseProxy) -> None:
    """The endpoint is no cluster for its clients, and the error says so."""
    with (
        Motorhead.from_url(f"redis+cluster://127.0.0.1:{endpoint.port}") as motorhead,
        pytest.raises(StoreUnavailableError, match="Connect with redis://"),
    ):
        motorhead.session("s").append(HumanMessage("hi"))
