"""What our store does beyond `InMemoryStore`: times, pages, and what is left in Redis."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
import redis
from langgraph.store.base import GetOp, PutOp

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.integrations.store import MotorheadStore
from langchain_motorhead.redis_io.executor import Executor
from support.embeddings import Numbers
from support.factory import MakeMotorhead
from support.item_stores import HOSTILE, counted, index_of, keys, left_of


def test_created_stays_and_updated_moves(store: MotorheadStore) -> None:
    """An item that is put again keeps the time at which it was put first."""
    store.put(("a",), "k", {"x": 1})
    first = store.get(("a",), "k")
    store.put(("a",), "k", {"x": 2})
    second = store.get(("a",), "k")
    assert first is not None
    assert second is not None
    assert second.created_at == first.created_at == first.updated_at < second.updated_at
    store.delete(("a",), "k")
    store.put(("a",), "k", {"x": 3})
    third = store.get(("a",), "k")
    assert third is not None
    assert third.created_at > second.updated_at


def test_times_are_in_utc_and_of_now(store: MotorheadStore) -> None:
    """Times are those of the server's clock, with their zone."""
    before = datetime.now(UTC)
    store.put(("a",), "k", {"x": 1})
    item = store.get(("a",), "k")
    assert item is not None
    assert before <= item.created_at <= datetime.now(UTC)
    assert item.created_at.utcoffset() is not None


def test_namespaces_without_items_are_not_listed(store: MotorheadStore) -> None:
    """A namespace is listed as long as it has items, and no longer."""
    store.put(("a",), "k", {"x": 1})
    store.put(("a",), "l", {"x": 1})
    store.get(("b",), "k")
    store.delete(("a",), "k")
    assert store.list_namespaces() == [("a",)]
    store.delete(("a",), "l")
    assert store.list_namespaces() == []


@pytest.mark.parametrize("with_ttl", [False, True])
def test_nothing_is_left_of_what_was_deleted(
    client: redis.Redis, namespace: str, make: MakeMotorhead, embeddings: HashingEmbeddings, with_ttl: bool
) -> None:
    """When its items are deleted, no key of a store is left but what its vectors are described by."""
    store = MotorheadStore(make(embeddings=embeddings), index={"embed": embeddings, "fields": ["list[*]"]})
    for label in HOSTILE:
        store.put((label,), label, {"list": ["cats", "dogs"]}, ttl=10 if with_ttl else None)
    assert sum(key.startswith(":vector:") for key in left_of(client, namespace)) == 2 * len(HOSTILE)
    for label in HOSTILE:
        store.delete((label,), label)
    assert left_of(client, namespace) == [""]


def test_vectors_are_replaced(
    client: redis.Redis, namespace: str, make: MakeMotorhead, embeddings: HashingEmbeddings
) -> None:
    """An item that is put again is found by what it says now; fewer texts leave no vectors of more."""
    store = MotorheadStore(make(), index={"embed": embeddings, "fields": ["list[*]"]})
    for texts in (["cats", "dogs", "birds"], ["fish"], [], ["fish", "bees"]):
        store.put(("a",), "k", {"list": texts})
        assert sum(key.startswith(":vector:") for key in left_of(client, namespace)) == len(texts)
        (found,) = store.search(("a",), query="dogs")
        assert (found.score is None) == (not texts)
        assert ("dogs" in texts) == (found.score is not None and found.score > 0.99)
    store.put(("a",), "k", {"list": ["fish"]}, index=False)
    assert [item.score for item in store.search(("a",), query="fish")] == [None]
    plain = MotorheadStore(make(), index=False)
    store.put(("a",), "k", {"list": ["fish"]})
    plain.put(("a",), "k", {"list": ["other"]})
    assert [item.score for item in store.search(("a",), query="fish")] == [None]


def test_pages_of_a_query_do_not_repeat(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Page by page a search gives every item once: those with vectors by similarity, then those without."""
    store = MotorheadStore(make(), index=index_of(embeddings, "text"))
    for at in range(30):
        store.put(("a",), f"k{at}", {"text": f"cats number {at}", "odd": at % 2}, index=False if at % 3 == 0 else None)
    for filter_ in (None, {"odd": 1}):
        every = store.search(("a",), query="cats number 7", filter=filter_, limit=100)
        pages = [
            item
            for offset in range(0, 35, 4)
            for item in store.search(("a",), query="cats number 7", filter=filter_, limit=4, offset=offset)
        ]
        assert len(every) == (30 if filter_ is None else 15)
        assert keys(pages) == keys(every)
        scores = [item.score for item in every if item.score is not None]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == (20 if filter_ is None else 10)


def test_filters_and_queries_miss_nothing(make: MakeMotorhead) -> None:
    """However few of the nearest pass the filter, all that pass are found; several texts of an item are one."""
    model = Numbers(lambda text: [1.0, float(text)])
    store = MotorheadStore(make(), index={"embed": model, "fields": ["texts[*]"]})
    puts = [
        PutOp(("a",), f"k{at}", {"texts": [str(at + part / 10) for part in range(3)], "rare": at >= 990})
        for at in range(1_000)
    ]
    store.batch(puts)
    found = store.search(("a",), query="0", filter={"rare": True}, limit=7)
    assert keys(found) == [f"k{at}" for at in range(990, 997)]
    assert len(store.search(("a",), query="0", limit=1_000)) == 1_000
    assert keys(store.search(("a",), query="0", limit=20)) == [f"k{at}" for at in range(20)]
    assert keys(store.search(("a",), query="0", limit=5, offset=600)) == [f"k{at}" for at in range(600, 605)]


def test_thousands_of_items(store: MotorheadStore) -> None:
    """Searches and lists of 5,000 items in 500 namespaces are exact, in any pages and with any filter."""
    places = [((f"n{at % 500:03}", "x"), f"k{at}") for at in range(5_000)]
    store.batch([PutOp(place, key, {"at": at, "rare": at % 1_000 == 7}) for at, (place, key) in enumerate(places)])
    every = [(item.namespace, item.key) for item in store.search((), limit=10_000)]
    assert every == sorted(places, key=lambda each: (each[0], int(each[1][1:])))
    assert [(item.namespace, item.key) for item in store.search((), limit=777, offset=3_333)] == every[3_333:4_110]
    assert sorted(item.value["at"] for item in store.search((), filter={"rare": True})) == [
        7,
        1_007,
        2_007,
        3_007,
        4_007,
    ]
    assert len(store.search((), filter={"at": {"$gte": 100}}, limit=4_000, offset=950)) == 3_950
    assert len(store.search(("n007",), limit=100)) == 10
    names = store.list_namespaces(limit=10_000)
    assert names == sorted({place for place, _ in places})
    assert store.list_namespaces(limit=50, offset=450) == names[450:]
    assert store.list_namespaces(max_depth=1, limit=499) == [name[:1] for name in names[:499]]
    assert store.list_namespaces(prefix=("*", "x"), offset=498) == names[498:]
    store.batch([PutOp(place, key, None) for place, key in places])
    assert store.search((), limit=10_000) == []


def test_one_namespace_of_many_items(store: MotorheadStore) -> None:
    """A namespace of any size is read in the order of its items, each once, in any pages."""
    store.batch([PutOp(("a",), f"k{at}", {"at": at}) for at in Random(2).sample(range(1_050), 1_050)])
    every = keys(store.search(("a",), limit=2_000))
    assert every == [f"k{at}" for at in Random(2).sample(range(1_050), 1_050)]
    assert [key for at in range(0, 1_050, 175) for key in keys(store.search(("a",), limit=175, offset=at))] == every
    assert keys(store.search(("a",), filter={"at": {"$gte": 0}}, limit=2_000)) == every


def test_large_values_are_read_in_pages(store: MotorheadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one reply should hold comes all the same, in several."""
    big = "x" * 1_000_000
    store.batch([PutOp(("a",), f"k{at}", {"big": big, "at": at}) for at in range(12)])
    sent: list[int] = []
    monkeypatch.setattr(Executor, "_send", counted(Executor._send, sent))
    assert [item.value["at"] for item in store.search(("a",), limit=12)] == list(range(12))
    assert len(sent) == 3
    assert [item.value["at"] for item in store.search(("a",), filter={"at": {"$gt": 9}})] == [10, 11]


def test_two_namespaces_know_nothing_of_each_other(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Stores of two namespaces of Motorhead, one a beginning of the other, share nothing."""
    begin = f"n {time.time_ns()}"
    stores = [MotorheadStore(make(namespace=begin + end, embeddings=embeddings)) for end in ("", "/b", "}", ":vector")]
    for at, store in enumerate(stores):
        store.put(("a",), "k", {"text": f"cats {at}"})
        store.put((f"own {at}",), "k", {"text": f"cats {at}"})
    for at, store in enumerate(stores):
        item = store.get(("a",), "k")
        assert item is not None
        assert item.value == {"text": f"cats {at}"}
        assert [found.value for found in store.search(("a",), query="cats")] == [item.value]
        assert len(store.search((), query="cats")) == 2
        assert store.list_namespaces() == [("a",), (f"own {at}",)]
    stores[0].delete(("a",), "k")
    assert stores[1].get(("a",), "k") is not None


def test_operations_of_a_batch_are_not_confused(store: MotorheadStore) -> None:
    """Labels that LangGraph's methods refuse, and its batch does not check, are places of their own."""
    places = [(), ("",), ("", ""), ("a.b",), ("a", "b"), ("a\x00b",), ("langgraph",)]
    store.batch([PutOp(place, "k", {"at": at}) for at, place in enumerate(places)])
    results: list[Any] = store.batch([GetOp(place, "k") for place in places])
    assert [item.value["at"] for item in results] == list(range(len(places)))
    assert [item.namespace for item in results] == places
    assert store.list_namespaces() == sorted(places)
