"""LangGraph's store: the same behaviour as its `InMemoryStore`, sync and async."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from langgraph.store.base import GetOp, InvalidNamespaceError, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from support.item_stores import Build, keys


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
