"""Recall on a real Redis: what is indexed, when, by which calls, and what becomes of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import redis
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from redisvl.index import SearchIndex
from redisvl.query import VectorQuery
from redisvl.query.filter import Num, Tag, Text

from langchain_motorhead import EmbeddingMismatchError, HashingEmbeddings, InvalidInputError, Recall, Window
from langchain_motorhead.search_index.queries import RETURNED
from langchain_motorhead.storage.keys import recall_key, session_keys
from support.factory import MakeMotorhead
from support.messages import numbered, with_tools
from support.summarizers import Ledger, remembered
from support.wiretap import wiretapped


class Counting(HashingEmbeddings):
    """Counts what it is asked."""

    def __init__(self, dimensions: int = 64) -> None:
        super().__init__(dimensions)
        self.batches: list[list[str]] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give vectors, and remember for what."""
        self.batches.append(texts)
        return super().embed_documents(texts)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give vectors, and remember for what."""
        return self.embed_documents(texts)

    @property
    def lines(self) -> list[str]:
        """First line of each text that was embedded."""
        return [text.partition("\n")[0] for batch in self.batches for text in batch]


def documents(client: redis.Redis, namespace: str, session_id: str = "*") -> list[str]:
    """List the keys of documents, by their ends."""
    prefix = f"{recall_key(namespace)}:"
    wanted = "*" if session_id == "*" else f"{{*/{session_id}}}:*"
    return sorted(key.decode().removeprefix(prefix) for key in client.scan_iter(f"{prefix.replace('[', '')}{wanted}"))


def test_each_message_is_embedded_once_in_batches(make: MakeMotorhead) -> None:
    """Many messages cost few calls, and none is embedded twice, whatever is appended later."""
    model = Counting()
    motorhead = make(embeddings=model, compaction="inline")
    session = motorhead.session("s")
    session.append(numbered(300))
    assert [len(batch) for batch in model.batches] == [256, 44]
    session.append(numbered(2, start=300))
    motorhead.flush()
    assert sorted(model.lines) == sorted(f"{'AI' if at % 2 else 'Human'}: m{at}" for at in range(302))


def test_a_message_is_embedded_after_those_before_it(make: MakeMotorhead) -> None:
    """What is embedded is the message, then the two before it, also where those were appended earlier or summarized."""
    model = Counting()
    session = make(embeddings=model, compaction="inline", window=Window(max_messages=2)).session("s")
    for message in numbered(6):
        session.append(message)
    assert model.batches[-1] == ["AI: m5\nHuman: m4\nAI: m3"]
    assert model.batches[0] == ["Human: m0"]


def test_which_messages_are_indexed(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """What people and models say is; tool results, system messages and what has no text are not, unless asked for."""
    said: list[BaseMessage] = [
        SystemMessage("rules"), *with_tools("t"), AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}]),
        ToolMessage("result", tool_call_id="1"), HumanMessage([{"type": "text", "text": "look"}, {"type": "image"}]),
    ]  # fmt: skip
    make(embeddings=Counting(), compaction="inline").session("plain").append(said)
    assert [key.rpartition(":")[2] for key in documents(client, namespace, "plain")] == ["1", "2", "4", "7"]
    everything = Recall(roles=("human", "ai", "tool", "system"))
    make(embeddings=Counting(), recall=everything, compaction="inline").session("all").append(said)
    assert [key.rpartition(":")[2] for key in documents(client, namespace, "all")] == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "6",
        "7",
    ]


def test_a_long_message_is_found_as_one(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A message of many passages is one document of a result: the passage that matched, with its position."""
    text = "\n".join(f"Line {at} of the report tells of item number{at}." for at in range(1, 400))
    session = make(embeddings=HashingEmbeddings(), compaction="inline").session("s")
    session.append([HumanMessage("Here it comes."), HumanMessage(text, id="long"), AIMessage("Thanks.")])
    assert len(documents(client, namespace)) > 10
    for at in (1, 200, 399):
        found = session.search(f"number{at}", k=3)
        assert [document.id for document in found].count("long") == 1
        assert found[0].id == "long"
        assert f"number{at}." in found[0].page_content
        assert len(found[0].page_content) < 2_000
        passage, passages = found[0].metadata["piece"], found[0].metadata["pieces"]
        assert passages == len(documents(client, namespace)) - 2
        assert abs(passage / passages - at / 400) < 0.1
        assert all("piece" not in each.metadata for each in found if each.id != "long")
    session.delete()
    assert documents(client, namespace) == []


def test_an_absent_model_delays_no_summary(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """While the model is away, messages are summarized, and indexed by their words; when it is back, by vectors."""

    class Broken(Counting):
        broken = True

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if self.broken:
                raise OSError("away")
            return super().embed_documents(texts)

    model = Broken()
    motorhead = make(embeddings=model, llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    for message in numbered(10):
        session.append(message)
    with caplog.at_level(logging.WARNING):
        motorhead.flush()
    assert "the embedding model raised OSError: away" in caplog.text
    memory = session.load()
    assert memory.summarized > 0
    assert remembered(memory) == [f"m{at}" for at in range(10)]
    # The index cannot be made before the model has told the length of its vectors. So the messages themselves are read.
    for search in (session.search, motorhead.retriever(user_id=None, expand=True).invoke):
        assert [each.page_content for each in search("m3")] == ["m3"]
    assert session.search("m3", filter=Num("seq") >= 0) == session.search("m3", filter=Num("seq") > 99) == []
    model.broken = False
    motorhead.flush()
    assert session.search("m3", k=1, search_type="similarity")[0].page_content == "m3"
    session.append(HumanMessage("m10"))
    motorhead.flush()
    memory = session.load()
    assert memory.summarized > 0
    assert remembered(memory) == [f"m{at}" for at in range(11)]
    assert session.search("m3", k=1)[0].page_content == "m3"


def test_a_search_is_two_round_trips_and_an_append_one(make: MakeMotorhead, url: str, namespace: str) -> None:
    """Recall costs an append nothing, and a search is two round trips at most."""
    path = redis.Redis.from_url(url).connection_pool.connection_kwargs["path"]
    with wiretapped(path) as (tapped, wire):
        from langchain_motorhead import Motorhead

        with Motorhead.from_url(tapped, namespace=namespace, embeddings=Counting(), compaction="inline") as motorhead:
            motorhead.session("s").append(numbered(4))
            motorhead.backend.require_redis().maintenance.mode = "manual"
            retriever = motorhead.retriever("s", neighbors=1)
            retriever.invoke("m1")
            wire.reset()
            retriever.invoke("m2")
            assert wire.round_trips == 2
            motorhead.retriever(search_type="similarity", exclude_window=True).invoke("m2")
            assert wire.round_trips == 4
        with Motorhead.from_url(tapped, namespace=namespace, embeddings=Counting()) as motorhead:
            # So that nothing but the append is counted.
            motorhead.backend.require_redis().maintenance.background.close()
            session = motorhead.session("s")
            session.append(numbered(2))
            wire.reset()
            session.append(numbered(2))
            assert wire.round_trips == 1


def test_setup_is_explicit_and_idempotent(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """`setup` makes the index, as often as it is called, in as many processes; redisvl reads and queries it."""
    for _ in range(2):
        motorhead = make(embeddings=HashingEmbeddings(32), recall=Recall(algorithm="hnsw", datatype="float16"))
        motorhead.setup()
        motorhead.setup()
    motorhead.session("s", "bob").append(numbered(3))
    motorhead.flush()
    index = SearchIndex.from_existing(recall_key(namespace), redis_client=client)
    assert {"terms", "role", "session", "namespace", "user", "created", "seq", "vector"} <= set(
        index.schema.field_names
    )
    attrs: Any = index.schema.fields["vector"].attrs
    assert (attrs.dims, attrs.algorithm.value, attrs.datatype.value) == (32, "HNSW", "FLOAT16")
    query = VectorQuery(
        HashingEmbeddings(32).embed_query("m1"), "vector", ["text"], Tag("user") == "bob", dtype="float16"
    )
    assert {row["text"] for row in index.query(query)} == {"m0", "m1", "m2"}
    assert client.hgetall(recall_key(namespace))[b"dimensions"] == b"32"
    # What a search returns of each candidate is in the index, as it was said.
    made: Any = client.ft(recall_key(namespace)).info()  # type: ignore[no-untyped-call]
    assert set(RETURNED) <= {each[1] for each in made["attributes"] if each[-2:] == ["SORTABLE", "UNF"]}


def test_another_model_is_refused_and_reindex_changes_to_it(make: MakeMotorhead) -> None:
    """Vectors of two models are never mixed; the error names the way out, which finds all again."""
    old = make(embeddings=HashingEmbeddings(32), compaction="inline")
    old.session("s").append(numbered(4))
    new = make(embeddings=DeterministicFakeEmbedding(size=48), compaction="inline")
    for call in (new.setup, lambda: new.session("s").search("m1")):
        with pytest.raises(EmbeddingMismatchError, match=r"HashingEmbeddings.*32.*DeterministicFakeEmbedding.*reindex"):
            call()
    new.session("s").append(numbered(2, start=4))  # indexed by their words
    assert len(old.session("s").search("m4", k=10)) == 5
    assert new.reindex(progress=False) == 6
    assert {document.page_content for document in new.session("s").search("m4", k=10)} == {f"m{at}" for at in range(6)}
    with pytest.raises(EmbeddingMismatchError):
        old.session("s").search("m1")
    assert new.reindex(progress=False) == 0


def test_reindexing_shows_progress(make: MakeMotorhead, capsys: pytest.CaptureFixture[str]) -> None:
    """A progress bar goes to the error stream, unless it is not wanted."""
    motorhead = make(embeddings=HashingEmbeddings(32), compaction="inline")
    motorhead.session("s").append(numbered(4))
    motorhead.reindex(progress=False)
    assert capsys.readouterr().err == ""
    motorhead.reindex()
    assert "reindex: 100%" in capsys.readouterr().err


def test_filters(make: MakeMotorhead) -> None:
    """Any filter of redisvl narrows a search, alone and with roles, and never widens it beyond the session."""
    motorhead = make(embeddings=HashingEmbeddings(), compaction="inline")
    for name in ("s", "t"):
        motorhead.session(name).append(numbered(6))
    session = motorhead.session("s")
    found = session.search("m", k=20, filter=(Num("seq") >= 4) | (Tag("session") == "t"))
    assert [(d.metadata["session_id"], d.metadata["seq"]) for d in found] == [("s", 4), ("s", 5)]
    assert [d.metadata["seq"] for d in session.search("m1", k=20, roles=["AI"], filter=Num("seq") < 3)] == [1]
    assert [d.page_content for d in session.search("zzz", k=20, filter=Text("terms") == "m2")] == ["m2"]


async def test_async_is_the_same(amake: MakeMotorhead) -> None:
    """What is appended, set up, searched and reindexed on a loop is so as it is without one."""
    model = Counting()
    motorhead = amake(embeddings=model)
    await motorhead.asetup()
    session = motorhead.session("s", "bob")
    await session.aappend(numbered(5))
    await motorhead.aflush()
    assert len(model.batches) == 2  # one is what setup asked
    assert [document.page_content for document in await motorhead.retriever(user_id="bob", k=1).ainvoke("m3")] == ["m3"]
    assert await motorhead.areindex(progress=False) == 0
    assert await session.adelete()
    assert await motorhead.retriever(user_id="bob").ainvoke("m3") == []


def test_a_model_by_name(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is resolved as `init_embeddings` does, and one that cannot be is refused at once."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    motorhead = make(embeddings="openai:text-embedding-3-small")
    assert motorhead.backend.require_redis().maintenance.recall.model == "OpenAIEmbeddings:text-embedding-3-small"
    for wrong in ("nobody:nothing", "", 7, object()):
        with pytest.raises(InvalidInputError, match="embeddings"):
            make(embeddings=wrong)
    with pytest.raises(InvalidInputError, match="embeddings="):
        make(recall=Recall())


def test_deletion_leaves_no_document(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Deleting a session or a user removes their documents at once, and no others; also by a handle without recall."""
    motorhead = make(embeddings=HashingEmbeddings(), compaction="inline")
    for name, user in (("a", "bob"), ("b", "bob"), ("c", "eve")):
        motorhead.session(name, user).append(numbered(4))
    motorhead.session("a").delete()
    assert len(documents(client, namespace)) == 8
    make().delete_user("bob")
    assert [key.partition(":")[0] for key in documents(client, namespace)] == [
        session_keys(namespace, "c").documents.rpartition(":")[0].rpartition(":")[2]
    ] * 4
    assert {document.metadata["session_id"] for document in motorhead.retriever(k=10).invoke("m1")} == {"c"}


def test_an_embedding_that_is_not_langchains_class(make: MakeMotorhead) -> None:
    """A model needs the two methods alone."""

    class Duck:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return HashingEmbeddings(16).embed_documents(texts)

        def embed_query(self, text: str) -> list[float]:
            return HashingEmbeddings(16).embed_query(text)

    assert not isinstance(Duck(), Embeddings)
    session = make(embeddings=Duck(), compaction="inline").session("s")
    session.append(numbered(2))
    assert session.search("m1", k=1)[0].page_content == "m1"
