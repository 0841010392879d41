"""An embedding model that chokes, hangs, or gives wrong vectors: no message is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage

from langchain_motorhead import EmbeddingError, HashingEmbeddings, Recall, Window
from langchain_motorhead.storage.keys import session_keys
from support.embeddings import Gate, Numbers, Scripted
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import every, indexed, lacking, names, quick, said
from support.redis_servers import wait_until
from support.summarizers import Ledger, remembered


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [(20, 20, lambda text: text.partition("\n")[0]), (2, 4, str)],
    ids=["as what is said", "and as what was said before"],
)
def test_one_poisonous_text_is_found_by_its_words(
    make: MakeMotorhead, client: redis.Redis, namespace: str, before: int, after: int, seen: Callable[[str], str]
) -> None:
    """A text that the model never takes, not even before another, is found by its words, and spoils no other."""

    def refuse(texts: list[str]) -> None:
        if any("poison" in seen(text) for text in texts):
            raise ValueError("refused")

    motorhead = make(embeddings=Scripted(refuse))
    session = motorhead.session("s")
    session.append([*numbered(before), HumanMessage("a poison pill"), *numbered(after, start=before)])
    motorhead.flush()
    total = before + 1 + after
    assert indexed(client, session) == total
    begin = session_keys(namespace, "s").documents
    assert [at for at in range(total) if not client.hexists(f"{begin}{at}", "vector")] == [before]
    assert said(session.search("poison", k=1)) == ["a poison pill"]
    assert len(session.search("m1", k=99, search_type="similarity")) == before + after


@pytest.mark.parametrize(
    "bad",
    [lambda text: [1.0] * 9, lambda text: [float("nan")] * 8, lambda text: [], lambda text: ["x"] * 8],
    ids=["dimensions", "nan", "empty", "text"],
)
def test_wrong_vectors_are_not_stored(
    make: MakeMotorhead, client: redis.Redis, namespace: str, bad: Callable[[str], Any]
) -> None:
    """If a model suddenly gives something else, no vector of it is stored, until it is right again."""
    model = Numbers(lambda text: [1.0] * 8)
    motorhead = make(embeddings=model, llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append(numbered(1))
    motorhead.flush()
    model.vector = bad
    session.append(numbered(10, start=1))
    motorhead.flush()
    assert lacking(client, namespace, "s") == list(range(1, 11))
    model.vector = lambda text: [1.0] * 8
    motorhead.flush()
    session.append(numbered(1, start=11))
    motorhead.flush()
    assert indexed(client, session) == 12
    assert lacking(client, namespace, "s") == []
    assert every(session) == names(12)


def test_vectors_of_mixed_lengths_lose_no_message(make: MakeMotorhead, client: redis.Redis) -> None:
    """A model whose calls give vectors of different lengths never makes a message one that is indexed and not found."""

    class Moody(Numbers):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if len(texts) > 1:
                raise ValueError("one at a time")
            return [[1.0] * (9 if texts[0].startswith("Human: odd") else 8)]

    motorhead = make(embeddings=Moody(lambda text: [1.0] * 8))
    session = motorhead.session("s")
    session.append([HumanMessage("a cat"), HumanMessage("odd cat")])
    motorhead.flush()
    found = {each.metadata["seq"] for each in session.search("cat")}
    assert found >= set(range(indexed(client, session)))


@pytest.mark.parametrize("metric", ["cosine", "l2", "ip"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0.0, id="zero"),
        pytest.param(1e39, id="overflow"),
    ],
)
def test_odd_vectors_lose_no_message(make: MakeMotorhead, client: redis.Redis, metric: str, value: float) -> None:
    """A vector of zeros, or of numbers too large for its type, keeps no message from being found by its words."""
    model = Numbers(lambda text: [value] * 8 if "odd" in text.partition("\n")[0] else [1.0] * 7 + [len(text) / 9])
    motorhead = make(embeddings=model, recall=Recall(metric=metric), llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append([HumanMessage("a cat"), HumanMessage("odd cat"), *numbered(8)])
    motorhead.flush()
    assert indexed(client, session) == 10
    assert set(said(session.search("cat", k=2))) == {"a cat", "odd cat"}
    for way in ("similarity", "mmr"):
        assert "a cat" in said(session.search("cat", k=20, search_type=way))
    assert len(session.load().messages) <= 4
    # The vector of a query is as odd.
    assert said(session.search("odd cat", k=1)) == ["odd cat"]
    if value:
        with pytest.raises(EmbeddingError, match="cannot hold"):
            session.search("odd cat", search_type="mmr")
    else:
        assert len(session.search("odd cat", search_type="mmr")) == (0 if metric == "cosine" else 4)


def test_a_model_that_hangs_is_given_up(
    make: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: Any
) -> None:
    """A model that hangs holds up neither appends nor loads, nothing is lost, and it is asked again later."""
    quick(monkeypatch)
    gate = Gate()
    model = Scripted(gate)
    motorhead = make(embeddings=model, recall=Recall(timeout=0.1), llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append(numbered(8))
    assert remembered(session.load()) == names(8)
    assert gate.reached.wait(60)
    motorhead.flush()
    assert indexed(client, session) == 8
    assert remembered(session.load()) == names(8)
    gate.open.set()
    wait_until(lambda: lacking(client, namespace, "s") == [])
    assert every(session) == names(8)


def test_a_model_that_hangs_does_not_hang_a_search(make: MakeMotorhead) -> None:
    """A hybrid search goes by words alone when the model takes longer than it may."""
    released, answered = threading.Event(), threading.Event()

    class Hanging(Scripted):
        def embed_query(self, text: str) -> list[float]:
            released.wait(60)
            answered.set()
            return HashingEmbeddings(64).embed_query(text)

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return HashingEmbeddings(64).embed_documents(texts)

    motorhead = make(embeddings=Hanging(), recall=Recall(timeout=1))
    session = motorhead.session("s")
    session.append(HumanMessage("the cat"))
    motorhead.flush()
    assert said(session.search("cat")) == ["the cat"]
    assert not answered.is_set()
    released.set()
