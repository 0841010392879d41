"""Search by meaning, and hostile labels: the same as in `InMemoryStore`."""

from __future__ import annotations

import pytest
from langgraph.store.base import PutOp, SearchOp

from langchain_motorhead import HashingEmbeddings
from support.item_stores import HOSTILE, TEXTS, Build, index_of, keys


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
