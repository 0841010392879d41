"""What was deleted, or has expired, is not found, even while it is indexed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead
from langchain_motorhead.recall.search import operations as search_operations
from langchain_motorhead.search_index.queries import DISTANCE, SearchReply
from langchain_motorhead.storage.keys import session_keys
from support.embeddings import Gate, Scripted
from support.factory import MakeMotorhead
from support.messages import elapse, numbered
from support.recall import documents, every, left_of, names, said
from support.redis_servers import wait_until

WAYS = ("hybrid", "similarity", "mmr")


def _delete_session(motorhead: Motorhead) -> None:
    assert motorhead.session("s", "u").delete()


def _delete_user(motorhead: Motorhead) -> None:
    assert motorhead.delete_user("u") == 1


def _clear(motorhead: Motorhead) -> None:
    motorhead.history("s", "u").clear()


DELETIONS = [_delete_session, _delete_user, _clear]


@pytest.mark.parametrize("delete", DELETIONS)
def test_deletion_while_indexing_is_in_flight(
    make: MakeMotorhead, client: redis.Redis, namespace: str, delete: Callable[[Motorhead], None]
) -> None:
    """A session deleted while its messages are embedded leaves no key and no document, before and after."""
    gate = Gate()
    gate.open.set()
    motorhead = make(embeddings=Scripted(gate))
    session = motorhead.session("s", "u")
    session.append([HumanMessage("word " * 3000), *numbered(3)])
    motorhead.flush()
    assert len(documents(client, namespace)) > 8
    gate.open.clear()
    gate.reached.clear()
    session.append(numbered(3, start=3))
    assert gate.reached.wait(60)
    delete(motorhead)
    assert left_of(client, namespace) == []
    gate.open.set()
    motorhead.flush()
    assert left_of(client, namespace) == []
    assert session.search("m1 word") == []


@pytest.mark.parametrize("delete", DELETIONS)
def test_a_session_made_anew_shows_nothing_old(
    make: MakeMotorhead, client: redis.Redis, namespace: str, delete: Callable[[Motorhead], None]
) -> None:
    """A session deleted and made again, while its old messages are embedded, has the new ones alone."""
    gate = Gate()
    motorhead = make(embeddings=Scripted(gate))
    session = motorhead.session("s", "u")
    session.append(numbered(5))
    assert gate.reached.wait(60)
    delete(motorhead)
    session.append(HumanMessage("brand new"))
    gate.open.set()
    motorhead.flush()
    assert documents(client, namespace, "s") == ["0"]
    for way in WAYS:
        assert said(session.search("m0 m1 new", k=9, search_type=way)) == ["brand new"]
        assert said(motorhead.retriever(k=9, search_type=way).invoke("m0 m1 new")) == ["brand new"]


async def test_async_deletion_while_indexing_is_in_flight(
    amake: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """The same for the async methods."""
    gate = Gate()
    motorhead = amake(embeddings=Scripted(gate))
    session = motorhead.session("s", "u")
    await session.aappend(numbered(5))
    assert await asyncio.to_thread(gate.reached.wait, 5)
    assert await motorhead.adelete_user("u") == 1
    gate.open.set()
    await motorhead.aflush()
    assert left_of(client, namespace) == []


def test_deletion_while_reindexing(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A session deleted while its documents are embedded anew stays deleted, and the others are done."""
    motorhead = make(embeddings=Scripted())
    for at in range(3):
        motorhead.session(f"s{at}", "u").append(numbered(4, start=10 * at))
    motorhead.flush()
    gate = Gate()
    other = make(embeddings=Scripted(lambda texts: gate(texts) if len(texts) > 1 else None, dimensions=32))
    thread = threading.Thread(target=lambda: other.reindex(progress=False))
    thread.start()
    assert gate.reached.wait(60)
    other.session("s1", "u").delete()
    gate.open.set()
    thread.join()
    assert documents(client, namespace, "s1") == []
    assert len(documents(client, namespace)) == 8
    assert len(other.retriever(k=20).invoke("m1")) == 8


def test_expiry(make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings) -> None:
    """What was said in an expired session is not found from then on, and is gone a quarter of its life later."""
    motorhead = make(embeddings=embeddings, ttl=60)
    for at in range(3):
        motorhead.session(f"s{at}", "u").append([HumanMessage("the cat"), HumanMessage("word " * 1500)])
    motorhead.flush()
    assert len(motorhead.retriever(user_id="u", k=9).invoke("cat")) == 6
    for at in range(3):
        elapse(client, session_keys(namespace, f"s{at}"), 60_000)
    left: list[Any] = [client.pttl(key) for key in documents(client, namespace)]
    assert left
    assert all(0 < milliseconds <= 15_000 for milliseconds in left)
    for way in WAYS:
        for scope in ({}, {"user_id": "u"}, {"session_id": "s0"}):
            assert motorhead.retriever(search_type=way, **scope).invoke("cat") == []
    motorhead.session("s0", "u").append(HumanMessage("the dog"))
    motorhead.flush()
    for way in WAYS:
        assert said(motorhead.session("s0").search("cat dog", k=9, search_type=way)) == ["the dog"]
    assert documents(client, namespace, "s0") == ["0"]
    motorhead.session("s1").delete()
    assert documents(client, namespace, "s1") == []


def test_a_session_that_goes_on_keeps_its_documents(
    make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """Messages of a session that is written to before it expires are found however old they are."""
    motorhead = make(embeddings=embeddings, ttl=60, compaction="manual")
    session = motorhead.session("s", "u")
    for at in range(8):
        session.append(numbered(1, start=at))
        motorhead.flush()
        elapse(client, session._keys, 15_000)
    assert every(session) == names(8)
    assert client.pttl(f"{session_keys(namespace, 's').documents}0") > client.pttl(session._keys.state)


@pytest.mark.parametrize("writer", ["outage", "no model"])
def test_documents_live_as_long_as_their_session(make: MakeMotorhead, client: redis.Redis, writer: str) -> None:
    """Documents do not expire before a session that is kept alive by messages that cannot be indexed now."""
    model = Scripted()
    motorhead = make(embeddings=model, ttl=60)
    session = motorhead.session("s")
    session.append(HumanMessage("the cat"))
    motorhead.flush()
    model.down = True
    other = motorhead if writer == "outage" else make(ttl=60)
    for at in range(4):
        elapse(client, session._keys, 22_500)
        other.session("s").append(numbered(1, start=at))
    assert said(session.search("cat")) == ["the cat"]


@pytest.mark.parametrize(
    "reply",
    [
        [2, b"gone", None, b"there", [b"vector_distance", b"0.5", b"name", b"Bob"]],
        [2, "gone", None, "there", ["vector_distance", "0.5", "name", "Bob"]],
        {
            b"total_results": 2,
            b"results": [
                {b"id": b"gone"},
                {b"id": b"there", b"extra_attributes": {b"vector_distance": b"0.5", b"name": b"Bob"}},
            ],
        },
        {
            "total_results": 2,
            "results": [
                {"id": "gone", "extra_attributes": None},
                {"id": "there", "extra_attributes": {"vector_distance": 0.5, "name": "Bob"}},
            ],
        },
    ],
    ids=["RESP2", "RESP2 decoded", "RESP3", "RESP3 decoded"],
)
def test_documents_that_expire_while_they_are_searched(reply: Any) -> None:
    """What is in the index still, but expired, so that the module gives no fields of it, is passed over."""
    nothing = [None] * 4
    found = (search_operations.search("n", [("query",)], DISTANCE).read([nothing, reply, nothing])[0] or [])[0]
    assert found[:2] == (["there"], [0.5])
    assert (found.row(0)[b"name"], found.total) == (b"Bob", 2)
    assert found.first(1, nearest=True) is found
    two = SearchReply(["a", "b", "a"], [0.5, 0.1, 0.5], {b"x": [None, b"y", None]}, 3)
    assert two.first(2, nearest=True) == (["b", "a"], [0.1, 0.5], {b"x": [b"y", None]}, 3)
    assert two.first(1, nearest=False) == (["a"], [0.5], {b"x": [None]}, 3)


def test_a_session_that_gets_a_ttl_later_leaves_nothing(
    make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """When a handle without a model gives a session a ttl, its documents go with it, and no new session shows them."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s", "u")
    session.append([HumanMessage("a cat"), HumanMessage("a secret cat")])
    motorhead.flush()
    make(ttl=0.2).session("s").append(numbered(1))
    wait_until(lambda: not client.exists(session._keys.state))
    for way in WAYS:
        assert motorhead.retriever(search_type=way).invoke("cat") == []
    session.append(HumanMessage("new"))
    motorhead.flush()
    for way in WAYS:
        assert said(session.search("cat", search_type=way)) == ["new"]
    session.delete()
    assert documents(client, namespace) == []


@pytest.mark.parametrize("way", WAYS)
def test_expired_sessions_hide_no_other(
    make: MakeMotorhead, client: redis.Redis, embeddings: HashingEmbeddings, way: str
) -> None:
    """However many messages of expired sessions fit better, what a living one says is found.

    Whether their documents are there still, or expired and not yet taken from the index, or gone.
    """
    motorhead, lasting = make(embeddings=embeddings, ttl=0.8), make(embeddings=embeddings)
    lasting.session("living", "u").append(HumanMessage("a cat sat somewhere else altogether"))
    for at in range(60):
        motorhead.session(f"s{at}", "u").append(HumanMessage("the cat sat on the mat"))
    motorhead.flush()
    lasting.flush()
    wait_until(lambda: not motorhead.session("s59").load().messages)
    retriever, rate = motorhead.retriever(user_id="u", search_type=way), str(client.config_get("hz")["hz"])
    client.config_set("hz", 1)  # so that what expired stays in the index for a while
    try:
        for _ in range(8):
            assert said(retriever.invoke("the cat sat on the mat")) == ["a cat sat somewhere else altogether"]
            time.sleep(0.1)
    finally:
        client.config_set("hz", rate)
