"""Searches find nothing of another session, user or namespace, whatever its id."""

from __future__ import annotations

import pytest
import redis
import redis.asyncio
from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import documents, indexed, said
from support.summarizers import Ledger

WAYS = ("hybrid", "similarity", "mmr")


HOSTILE = [
    "a|b", "a", "b", "*", "}", "{", "{}", "a}b{c",
    "0c5ee2b2-8bb5-4a5c-9a3b-0d5a7a1c2f11", "0c5ee2b2", "'", '"', '"a"',
    "\\", "a\\", "a,b", "a;b", " a", "a ", " ", "a\nb", "a\tb", "\x00", "é", "e\u0301", "ß", "SS", "ss",
    "İ", "i", "I", "ı",
    "Bob", "bob", "BOB", "a/b", "a%2Fb", "a%252Fb", "a:b", "a:b:0", "-a", "-", "~a", "@user:{*}", "(a)", "$1", "%%a%%",
    "\ud800", "nan", "0", "00", "x" * 900 + "1", "x" * 900 + "2",
]  # fmt: skip

# Ids ------------------------------------------------------------------------------------------------------------------


def test_no_id_finds_anothers_messages(
    make: MakeMotorhead, embeddings: HashingEmbeddings, client: redis.Redis, namespace: str
) -> None:
    """Whatever the ids of sessions and users are, each finds its own message alone, and is deleted alone."""
    motorhead = make(embeddings=embeddings)
    motorhead.setup()
    sessions = [motorhead.session(id_, id_) for id_ in HOSTILE]
    for at, session in enumerate(sessions):
        session.append(HumanMessage(f"the same words and number{at}"))
    motorhead.flush()
    assert len(documents(client, namespace)) == len(HOSTILE)
    for at, session in enumerate(sessions):
        for way in WAYS:
            for found in (
                session.search("the same words number", k=9, search_type=way),
                motorhead.retriever(session_id=HOSTILE[at], k=9, search_type=way).invoke("same words"),
                motorhead.retriever(user_id=HOSTILE[at], k=9, search_type=way).invoke("same words"),
            ):
                assert said(found) == [f"the same words and number{at}"], (HOSTILE[at], way)
                assert found[0].metadata["session_id"] == found[0].metadata["user_id"] == HOSTILE[at]
    for at, session in enumerate(sessions):
        if at % 2:
            assert session.delete()
        else:
            assert motorhead.delete_user(HOSTILE[at]) == 1
        assert len(documents(client, namespace)) == len(HOSTILE) - at - 1
        assert session.search("same words") == []
        if at + 1 < len(sessions):
            assert len(sessions[-1].search("same words")) == 1


def test_no_namespace_finds_anothers_messages(url: str, namespace: str) -> None:
    """Namespaces that begin alike, or break out of a key that does not encode them, are apart."""
    model = HashingEmbeddings(16)
    ids = [namespace, *(namespace + id_ for id_ in HOSTILE[:24]), "n" * 5000 + namespace + "1", "n" * 5000 + namespace]
    handles = [Motorhead.from_url(url, namespace=id_, embeddings=model, compaction="manual") for id_ in ids]
    for at, motorhead in enumerate(handles):
        motorhead.session("s", "u").append(HumanMessage(f"the same words and number{at}"))
        motorhead.flush()
    for at, motorhead in enumerate(handles):
        for scope in ({}, {"user_id": "u"}, {"session_id": "s"}):
            assert said(motorhead.retriever(k=9, **scope).invoke("same words")) == [f"the same words and number{at}"]
    for motorhead in handles[::2]:
        motorhead.delete_user("u")
    left = [at for at, motorhead in enumerate(handles) if motorhead.retriever().invoke("same words")]
    assert left == list(range(1, len(handles), 2))
    for motorhead in handles:
        motorhead.close()


@pytest.mark.parametrize("id_", ["x" * 5000, "é" * 1000, "字" * 2000], ids=["ascii", "latin", "chinese"])
def test_long_ids_are_told_apart_and_found(make: MakeMotorhead, id_: str) -> None:
    """Ids that differ only after thousands of characters find their own messages, and no others."""
    motorhead = make(embeddings=HashingEmbeddings(16))
    one, other = motorhead.session(id_ + "1", f"u{id_}1"), motorhead.session(id_ + "2", f"u{id_}2")
    one.append(HumanMessage("alpha cat"))
    other.append([HumanMessage(f"beta cat cat {at}") for at in range(150)])
    motorhead.flush()
    for way in WAYS:
        assert said(one.search("beta cat", search_type=way)) == ["alpha cat"]
        assert said(motorhead.retriever(user_id=f"u{id_}1", search_type=way).invoke("beta cat")) == ["alpha cat"]
        found = other.search("alpha cat", k=200, search_type=way, fetch_k=200)
        assert len(found) == 150
        assert {each.metadata["session_id"] for each in found} == {id_ + "2"}
    assert one.delete()
    assert said(other.search("cat", k=1))


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage("a cat", name="\ud83d"),
        HumanMessage("a cat", id="\ud83d"),
        HumanMessage("a cat \ud83d"),
        ChatMessage(content="a cat", role=""),
        ChatMessage(content="a cat", role="a,b|c}"),
        HumanMessage("a cat", name="\x00,|}" * 100),
        HumanMessage([{"type": "text", "text": "a cat"}, {"type": "image_url", "image_url": {"url": "x"}}]),
    ],
    ids=["name", "id", "text", "no role", "hostile role", "hostile name", "blocks"],
)
def test_no_message_stops_the_indexing_of_a_session(
    make: MakeMotorhead, client: redis.Redis, message: BaseMessage, embeddings: HashingEmbeddings
) -> None:
    """A message that can be appended can be indexed, whatever it is, so that its session goes on being compacted."""
    motorhead = make(embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append([message, *numbered(9)])
    motorhead.flush()
    assert indexed(client, session) == 10
    assert len(session.load().messages) <= 4
    assert session.search("cat")[0].page_content.startswith("a cat")


# Users ----------------------------------------------------------------------------------------------------------------


def test_a_user_who_becomes_known_later(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A search of a user finds what was indexed before it was known whose session it is, long messages included."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append([HumanMessage("the cat"), HumanMessage("word " * 1500 + "elephant")])
    motorhead.session("other").append(HumanMessage("the cat"))
    motorhead.flush()
    assert motorhead.retriever(user_id="u").invoke("cat") == []
    motorhead.session("s", "u").append(HumanMessage("the dog"))
    motorhead.flush()
    for way in WAYS:
        found = motorhead.retriever(user_id="u", k=9, search_type=way).invoke("cat dog elephant")
        assert {each.metadata["seq"] for each in found} == {0, 1, 2}
        assert {each.metadata["session_id"] for each in found} == {"s"}
