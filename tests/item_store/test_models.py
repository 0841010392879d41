"""Which embedding model a store uses, and models and indexes that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import redis
from langgraph.store.base import GetOp, PutOp, SearchOp

from langchain_motorhead import EmbeddingError, EmbeddingMismatchError, HashingEmbeddings
from langchain_motorhead.integrations.store import MotorheadStore
from langchain_motorhead.item_store.operations import store_key
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.storage.operation import Command
from langchain_motorhead.storage.scripts import SCRIPTS
from support.embeddings import Numbers, Scripted
from support.factory import MakeMotorhead
from support.item_stores import TEXTS, keys, left_of


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
