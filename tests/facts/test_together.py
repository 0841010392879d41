"""Facts ranked together with messages: nothing is there twice, each fact has its source, also over a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Facts, HashingEmbeddings, InvalidInputError, Motorhead
from langchain_motorhead.recall.query import FactSource, FoundFact, Hit
from langchain_motorhead.recall.search.together import together
from langchain_motorhead.server.app import create_app
from langchain_motorhead.server.settings import Settings
from support.factory import MakeMotorhead
from support.http_servers import served

NOW = datetime(2024, 5, 8, tzinfo=UTC)


def message(seq: int, score: float) -> Hit:
    """Make a message that was found."""
    return Hit("s", seq, f"m{seq}", f"text {seq}", "human", None, "bob", NOW, score)


def fact(id_: str, score: float, *seqs: int) -> FoundFact:
    """Make a fact that was found."""
    return FoundFact(id_, id_, score, NOW, "bob", tuple(FactSource("s", seq, f"m{seq}") for seq in seqs))


def test_a_fact_lifts_its_messages_and_stands_alone_only_without_them() -> None:
    """The order, the scores relative to the best, and that no result is cut that fits."""
    messages = [message(0, 1.0), message(1, 0.55), message(2, 0.5)]
    found = together(messages, [fact("lifting", 1.0, 2), fact("alone", 1.0, 7, 8), fact("stated", 0.2)], 4)
    assert [(hit.role, hit.message_id, [each.id for each in hit.facts]) for hit in found] == [
        ("human", "m0", []),
        ("human", "m2", ["lifting"]),
        ("human", "m1", []),
        ("fact", "m7", ["alone"]),
    ]
    assert [round(hit.score, 2) for hit in found] == [1.0, 0.6, 0.55, 0.3]
    assert [hit.score for hit in messages] == [1.0, 0.55, 0.5]
    (only,) = together([], [fact("stated", 1.0)], 1)
    assert (only.score, only.session_id, only.seq, only.text) == (1.0, "", None, "stated")
    assert together([], [], 1) == []


async def test_a_search_with_facts(make: MakeMotorhead) -> None:
    """Retriever and session, sync and async, on Redis and over a server: the same results, within their scope."""
    motorhead = make(embeddings=HashingEmbeddings(64), facts=Facts(every=3_600))
    for name, user, text in (
        ("a", "bob", "I live in Rome."),
        ("b", "bob", "I love pizza."),
        ("c", "eve", "I hate pizza."),
    ):
        session = motorhead.session(name, user)
        session.append([HumanMessage(text, id=name), AIMessage("I see.")])
        session.learn()
    stated = motorhead.user("bob").remember("Eats pizza on Fridays")
    motorhead.flush()
    retriever = motorhead.retriever(user_id="bob", facts=True, k=10)
    found = retriever.invoke("pizza")
    documents = {document.id: document for document in found}
    assert {document.metadata["user_id"] for document in found} == {"bob"}
    (loves,) = documents["b"].metadata["facts"]
    assert (loves["text"], loves["sources"]) == ("I love pizza.", [{"session_id": "b", "seq": 0, "message_id": "b"}])
    pinned = documents[stated.id]
    assert (pinned.metadata["role"], pinned.page_content, pinned.metadata["seq"]) == ("fact", stated.text, None)
    assert await retriever.ainvoke("pizza") == found
    assert retriever.invoke("") == retriever.invoke(" \n") == []
    session = motorhead.session("a", "bob")
    assert {document.metadata["session_id"] for document in session.search("pizza", facts=True)} == {"a"}
    assert stated.id not in {each.id for each in retriever.invoke("pizza", before=NOW)}
    assert "facts" not in motorhead.retriever(user_id="bob").invoke("pizza")[0].metadata
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as url:
        async with Motorhead.from_url(url) as remote:
            assert remote.retriever(user_id="bob", facts=True, k=10).invoke("pizza") == [
                each.model_copy(update={"metadata": {**each.metadata, "namespace": remote.namespace}}) for each in found
            ]


@pytest.mark.parametrize("wrong", [{}, {"user_id": "bob", "search_type": "mmr"}, {"user_id": "bob", "facts": "many"}])
def test_facts_need_a_user_and_a_hybrid_search(make: MakeMotorhead, wrong: dict[str, Any]) -> None:
    """The error says what to give."""
    with pytest.raises(InvalidInputError, match=r"user_id|hybrid|facts"):
        make(embeddings=HashingEmbeddings(64)).retriever(**{"facts": True, **wrong}).invoke("pizza")
