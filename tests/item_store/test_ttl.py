"""Items with a time to live."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from langgraph.store.base import GetOp, PutOp

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.integrations.store import MotorheadStore
from langchain_motorhead.item_store.operations import store_key
from support.factory import MakeMotorhead
from support.item_stores import SHORT, keys, left_of, wait_for


@pytest.mark.parametrize("how", ["get", "search", "query", "list"])
def test_what_expired_is_gone(
    client: redis.Redis, namespace: str, searchable: MotorheadStore, embeddings: HashingEmbeddings, how: str
) -> None:
    """An item whose time is up is shown by nothing, and with the next look nothing of it is left."""
    store = searchable
    store.put(("a",), "short", {"text": "cats"}, ttl=SHORT)
    store.put(("a", "b"), "short", {"text": "cats"}, ttl=SHORT)
    store.put(("c",), "long", {"text": "cats"}, ttl=10)
    store.put(("c",), "ever", {"text": "cats"})
    looks: dict[str, Callable[[], Any]] = {
        "get": lambda: store.batch([GetOp(("a",), "short", False), GetOp(("a", "b"), "short", False)]) == [None, None],
        "search": lambda: not store.search(("a",), refresh_ttl=False),
        "query": lambda: not store.search(("a",), query="cats", refresh_ttl=False),
        "list": lambda: store.list_namespaces() == [("c",)],
    }
    wait_for(looks[how])
    assert all(look() for look in looks.values())
    assert sorted(keys(store.search((), query="cats"))) == ["ever", "long"]
    store.delete(("c",), "long")
    store.delete(("c",), "ever")
    assert left_of(client, namespace) == [""]


def remaining(client: redis.Redis, namespace: str, key: str) -> list[int]:
    """Give the milliseconds left to an item's keys."""
    names = [name for name in left_of(client, namespace) if name.startswith((f":item:a!{key}", f":vector:a!{key}:"))]
    lives: list[Any] = [client.pttl(store_key(namespace) + name) for name in names]
    assert len(lives) == 2
    return lives


@pytest.mark.parametrize("how", ["get", "search", "filter", "query", "put"])
def test_reading_begins_the_time_anew(
    client: redis.Redis, namespace: str, searchable: MotorheadStore, how: str
) -> None:
    """An item that is read, or put, lives for its time from then, with its vectors, unless that is not wanted."""
    store = searchable
    begin = store_key(namespace)

    def read(key: str, refresh: bool | None) -> None:
        if how == "get":
            assert store.get(("a",), key, refresh_ttl=refresh)
        elif how == "put":
            store.put(("a",), key, {"text": key}, ttl=10)
        else:
            given: dict[str, dict[str, Any]] = {"filter": {"filter": {"text": key}}, "query": {"query": key}}
            more = given.get(how, {})
            assert key in keys(store.search(("a",), limit=1 if how == "query" else 10, refresh_ttl=refresh, **more))

    def shorten(key: str) -> None:
        for name in left_of(client, namespace):
            if name.startswith((f":item:a!{key}", f":vector:a!{key}:")):
                client.pexpire(begin + name, 60_000)
        client.zadd(f"{begin}:expiries", {f"a!{key}": (time.time() + 60) * 1_000})

    store.put(("a",), "cats", {"text": "cats"}, ttl=10)
    shorten("cats")
    read("cats", None)
    assert min(remaining(client, namespace, "cats")) > 590_000
    score: Any = client.zscore(f"{begin}:expiries", "a!cats")
    assert score > (time.time() + 590) * 1_000
    if how != "put":
        shorten("cats")
        read("cats", False)
        assert max(remaining(client, namespace, "cats")) <= 60_000


def test_ttl_configuration(client: redis.Redis, namespace: str, make: MakeMotorhead) -> None:
    """A default counts for what is put without a time; None ends it; reads begin it anew only if that is said."""
    begin = store_key(namespace)
    store = MotorheadStore(make(), ttl={"default_ttl": 10, "refresh_on_read": False})
    assert (store.supports_ttl, store.ttl_config) == (True, {"default_ttl": 10, "refresh_on_read": False})
    store.put(("a",), "default", {"x": 1})
    store.put(("a",), "none", {"x": 1}, ttl=None)
    store.put(("a",), "own", {"x": 1}, ttl=20)
    lives: dict[str, Any] = {key: client.pttl(f"{begin}:item:a!{key}") for key in ("default", "none", "own")}
    assert 590_000 < lives["default"] <= 600_000
    assert lives["none"] == -1
    assert 1_190_000 < lives["own"] <= 1_200_000
    client.pexpire(f"{begin}:item:a!default", 1_000)
    store.get(("a",), "default")
    store.search(("a",))
    assert client.pttl(f"{begin}:item:a!default") <= 1_000
    store.put(("a",), "default", {"x": 2}, ttl=None)
    assert client.pttl(f"{begin}:item:a!default") == -1
    assert client.zrange(f"{begin}:expiries", 0, -1) == [b"a!own"]


def test_vectors_outlive_a_time_that_was_taken_back(
    client: redis.Redis, namespace: str, searchable: MotorheadStore
) -> None:
    """An item put again without a time does not lose its vectors to the one that it had."""
    searchable.put(("a",), "k", {"text": "cats"}, ttl=10)
    searchable.put(("a",), "k", {"text": "cats"})
    assert remaining(client, namespace, "k") == [-1, -1]


@pytest.mark.parametrize("listed", [False, True])
def test_thousands_that_expire_at_once(
    client: redis.Redis, namespace: str, store: MotorheadStore, listed: bool
) -> None:
    """However many expired since the last look, none is counted, listed or passed over."""
    store.batch([PutOp((f"n{at}",), "k", {"at": at}, ttl=600) for at in range(3_500)])
    store.put(("z",), "k", {"at": -1})
    store.put(("z",), "l", {"at": -2})
    # As if their time was up: it must not be before the last one is put, however long that takes.
    expiries: Any = client.zrange(f"{store_key(namespace)}:expiries", 0, -1)
    assert len(expiries) == 3_500
    client.zadd(f"{store_key(namespace)}:expiries", dict.fromkeys(expiries, 1))
    client.delete(*client.scan_iter(f"{store_key(namespace)}:item:n*", count=1_000))
    if listed:
        assert store.list_namespaces() == [("z",)]
    else:
        assert [item.value["at"] for item in store.search((), offset=1)] == [-2]
    assert left_of(client, namespace) == [":item:z!k", ":item:z!l", ":keys:z!", ":namespaces"]


def test_puts_take_off_the_lists_what_expired(client: redis.Redis, namespace: str, store: MotorheadStore) -> None:
    """Where items that expire are only ever put, the lists do not grow with those that did."""
    for at in range(3):
        store.put((f"n{at}",), "k", {"at": at}, ttl=SHORT)
        wait_for(lambda: not [name for name in left_of(client, namespace) if name.startswith(":item:")])
    time.sleep(0.05)
    store.put(("last",), "k", {"at": 9}, ttl=10)
    assert left_of(client, namespace) == [":expiries", ":item:last!k", ":keys:last!", ":namespaces"]
    assert client.zrange(f"{store_key(namespace)}:namespaces", 0, -1) == [b"last!"]


def test_what_expired_and_is_put_again_is_new(store: MotorheadStore) -> None:
    """It comes last in its namespace, and its time begins then."""
    store.put(("a",), "one", {"x": 1})
    store.put(("a",), "two", {"x": 1})
    first = store.get(("a",), "one")
    assert first is not None
    store.put(("a",), "one", {"x": 1}, ttl=SHORT)
    wait_for(lambda: store.get(("a",), "one", refresh_ttl=False) is None)
    store.put(("a",), "one", {"x": 2})
    found = store.search(("a",))
    assert keys(found) == ["two", "one"]
    assert found[1].created_at > first.created_at
