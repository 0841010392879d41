"""Every kind of client: one server, Sentinel, cluster; from a URL, or a user's own; sync, and async beside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from langchain_motorhead import Motorhead, MotorheadChatMessageHistory, MotorheadMemory, StoreError, Window
from langchain_motorhead.redis_io.connection import connect
from langchain_motorhead.redis_io.counterpart import sentinels_of
from support.messages import contents, numbered
from support.redis_servers import HOST, cluster, watched_by_sentinel
from support.summarizers import AsyncLedger, remembered


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """Ports of a cluster's nodes."""
    with cluster(tmp_path_factory.mktemp("cluster")) as ports:
        yield ports


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a Sentinel."""
    with watched_by_sentinel(tmp_path_factory.mktemp("sentinel")) as (port, _):
        yield port


Make = Callable[..., Motorhead]

WAYS = ["url", "sync", "async", "decoding", "resp3", "sentinel url", "sentinel sync", "sentinel async", "cluster url",
        "cluster flag", "cluster sync", "cluster async"]  # fmt: skip


@pytest.fixture(params=WAYS)
async def way(request: pytest.FixtureRequest, url: str, namespace: str) -> Any:
    """A handle made in one of the ways there are, and whatever of the user's is to be closed after it."""
    kind = request.param.partition(" ")[0]
    options: dict[str, Any] = {"namespace": namespace, "llm": AsyncLedger(), "window": Window(max_messages=4)}
    port = request.getfixturevalue("sentinel") if kind == "sentinel" else None
    ports = request.getfixturevalue("nodes") if kind == "cluster" else [0]
    nodes = [(HOST, port) for port in ports]
    urls = {
        "url": url,
        "sentinel url": f"redis+sentinel://{HOST}:{port}/mymaster/0",
        "cluster url": f"redis+cluster://{HOST}:{ports[0]}",
        "cluster flag": f"redis://{HOST}:{ports[0]}?cluster=true",
    }
    clients: dict[str, Callable[[], Any]] = {
        "sync": lambda: redis.Redis.from_url(url),
        "async": lambda: redis.asyncio.Redis.from_url(url),
        "decoding": lambda: redis.Redis.from_url(url, decode_responses=True),
        "resp3": lambda: redis.Redis.from_url(url, protocol=3),
        "sentinel sync": lambda: redis.sentinel.Sentinel([(HOST, port)]).master_for("mymaster"),
        "sentinel async": lambda: redis.asyncio.sentinel.Sentinel([(HOST, port)]).master_for("mymaster"),
        "cluster sync": lambda: redis.RedisCluster(startup_nodes=[redis.cluster.ClusterNode(*node) for node in nodes]),
        "cluster async": lambda: redis.asyncio.RedisCluster(
            startup_nodes=[redis.asyncio.cluster.ClusterNode(*node) for node in nodes]
        ),
    }
    if request.param in urls:
        async with Motorhead.from_url(urls[request.param], **options) as motorhead:
            yield motorhead
        return
    client = clients[request.param]()
    async with Motorhead(client, **options) as motorhead:
        yield motorhead
    for each in (client, *sentinels_of(client)):
        if hasattr(each, "aclose"):
            await each.aclose()
        else:
            each.close()


async def test_a_session_lives_through_any_client(way: Motorhead) -> None:
    """Appending, compacting, reading, listing and deleting work through every kind of client, on both of its sides."""
    session = way.session("s {1}", user_id="u")
    for at in range(0, 12, 2):
        await session.aappend(numbered(1, start=at))
        session.append(numbered(1, start=at + 1))
    await way.aflush()
    assert remembered(await session.aload()) == remembered(session.load()) == [f"m{at}" for at in range(12)]
    assert session.load().backlog == 0
    way.session("t", user_id="u").append(numbered(2))
    assert way.sessions() == await way.asessions("u") == ["t", "s {1}"]
    assert await way.session("t").adelete()
    assert way.sessions("u") == ["s {1}"]
    assert way.delete_user("u") == 1
    assert await way.asessions() == []


def test_a_users_client_is_not_closed(url: str, namespace: str) -> None:
    """Closing a handle leaves the client that it was given as it was."""
    with redis.Redis.from_url(url) as client:
        with Motorhead(client, namespace=namespace) as motorhead:
            motorhead.session("s").append(numbered(1))
        assert client.ping()
        with Motorhead(client, namespace=namespace) as motorhead:
            assert contents(motorhead.session("s").load().messages) == ["m0"]


def test_handles_of_one_url_share_a_connection(url: str, namespace: str) -> None:
    """A hundred faces made alone from one URL use one pool between them, which outlives those that are closed."""
    faces = [MotorheadChatMessageHistory(f"s{at}", url=url, namespace=namespace) for at in range(100)]
    memory = MotorheadMemory(session_id="m", url=url, namespace=namespace)
    clients = {id(face.session._backend.require_redis().connection.sync_client) for face in faces}
    assert len(clients) == 1
    for face in faces:
        face.add_messages(numbered(1))
        face.motorhead.close()
    memory.save_context({"input": "a"}, {"output": "b"})
    assert len(memory.chat_memory.messages) == 2
    memory.chat_memory.motorhead.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connection = connect(url)
        assert connection.sync_client is not None
        connection.close()


def test_a_node_of_a_cluster_by_a_plain_url(nodes: list[int], namespace: str) -> None:
    """A cluster that is taken for one server says how to connect to it."""
    with (
        Motorhead.from_url(f"redis://{HOST}:{nodes[0]}", namespace=namespace) as motorhead,
        pytest.raises(StoreError, match=r"redis\+cluster"),
    ):
        motorhead.session("s").append(numbered(1))


async def test_sixty_four_sessions_at_once(url: str, namespace: str) -> None:
    """Concurrent turns of many sessions on one loop neither block each other nor mix."""
    import asyncio

    async with Motorhead.from_url(
        url, namespace=namespace, llm=AsyncLedger(), window=Window(max_messages=4)
    ) as motorhead:

        async def talk(at: int) -> list[str]:
            session = motorhead.session(f"s{at}")
            for turn in range(0, 12, 2):
                await session.aappend(numbered(2, start=100 * at + turn))
                await session.aload()
            return contents((await session.aload()).messages)

        heard = await asyncio.gather(*(talk(at) for at in range(64)))
        await motorhead.aflush()
        assert [said[-1] for said in heard] == [f"m{100 * at + 11}" for at in range(64)]
        for at in range(64):
            memory = await motorhead.session(f"s{at}").aload()
            assert remembered(memory) == [f"m{100 * at + turn}" for turn in range(12)]
