"""The retriever as LangChain expects one to be, by LangChain's own tests, and as a tool."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests

from langchain_motorhead import (
    HashingEmbeddings,
    InvalidInputError,
    Motorhead,
    MotorheadRetriever,
    RecallNotConfiguredError,
)
from support.factory import MakeMotorhead

SAID = [
    HumanMessage("I moved to Oslo in May.", id="oslo"),
    AIMessage("How do you like Norway?", id="norway"),
    HumanMessage("The fjords are great, and so is my dog Rex.", id="rex"),
    AIMessage("What a good dog.", id="good"),
]


class TestMotorheadRetriever(RetrieversIntegrationTests):
    """LangChain's tests for retrievers."""

    @pytest.fixture(autouse=True)
    async def stored(self, amake: MakeMotorhead) -> None:
        """Something to be found."""
        self.motorhead = amake(embeddings=HashingEmbeddings(), compaction="inline")
        await self.motorhead.session("s", "bob").aappend(SAID)

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        """What is tested."""
        return MotorheadRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        """How it is made."""
        return {"motorhead": self.motorhead, "user_id": "bob"}

    @property
    def retriever_query_example(self) -> str:
        """What is searched."""
        return "Where did the dog move to?"


@pytest.fixture
async def motorhead(amake: MakeMotorhead) -> Motorhead:
    """A handle with recall, and a conversation."""
    motorhead = amake(embeddings=HashingEmbeddings())
    await motorhead.session("s", "bob").aappend(SAID)
    await motorhead.session("other", "bob").aappend(HumanMessage("My cat is called Tom.", id="tom"))
    await motorhead.aflush()
    return motorhead


def test_documents_carry_what_was_said_and_where(motorhead: Motorhead) -> None:
    """A document has the text, the message's id, and metadata that say who, where and when."""
    document = motorhead.retriever(user_id="bob", k=1).invoke("What is the cat called?")[0]
    created = document.metadata.pop("created")
    score = document.metadata.pop("score")
    assert (document.page_content, document.id) == ("My cat is called Tom.", "tom")
    assert document.metadata == {
        "message_id": "tom",
        "session_id": "other",
        "user_id": "bob",
        "namespace": motorhead.namespace,
        "role": "human",
        "name": None,
        "seq": 0,
    }
    assert created.endswith("+00:00")
    assert 0 < score <= 1


async def test_a_session_is_searched_alone(motorhead: Motorhead) -> None:
    """`session.search` finds nothing of the user's other sessions, sync and async alike."""
    session = motorhead.session("s", "bob")
    found = session.search("What is the cat called?", k=10)
    assert sorted(document.id or "" for document in found) == ["good", "norway", "oslo", "rex"]
    assert await session.asearch("What is the cat called?", k=10) == found


def test_a_message_without_an_id_is_named_as_when_it_is_loaded(motorhead: Motorhead) -> None:
    """The id of a message that was stored without one is the same in a document and in the list."""
    session = motorhead.session("s", "bob")
    session.append([ToolMessage("unheard", tool_call_id="1"), HumanMessage("Rex likes sausages.")])
    motorhead.flush()
    assert session.search("sausages", k=1)[0].id == session.load().messages[-1].id


def test_neighbors_come_in_one_document(motorhead: Motorhead) -> None:
    """With neighbors, a document has the messages around the one found, whose id comes first."""
    document = motorhead.session("s").search("dog Rex fjords", k=1, neighbors=1)[0]
    assert document.metadata["message_ids"] == ["rex", "norway", "good"]
    assert document.page_content.splitlines() == [
        f"{'AI' if at % 2 else 'Human'}: {SAID[at].content}" for at in (1, 2, 3)
    ]


def test_what_an_invocation_is_given_holds_for_it_alone(motorhead: Motorhead) -> None:
    """Any field can be given to `invoke`."""
    retriever = motorhead.retriever(user_id="bob", k=1)
    assert len(retriever.invoke("dog", k=3)) == 3
    assert {document.metadata["role"] for document in retriever.invoke("dog", k=3, roles=["ai"])} == {"ai"}
    assert len(retriever.invoke("dog")) == 1
    with pytest.raises(InvalidInputError, match="kk"):
        retriever.invoke("dog", kk=3)


def test_a_retriever_alone(url: str, motorhead: Motorhead) -> None:
    """A retriever is made of a URL and a model as well."""
    retriever = MotorheadRetriever(
        url=url, namespace=motorhead.namespace, embeddings=HashingEmbeddings(), user_id="bob", k=1
    )
    assert retriever.invoke("cat")[0].id == "tom"
    retriever._motorhead.close()


async def test_a_tool_for_agents(motorhead: Motorhead) -> None:
    """The tool answers a model with lines, and the program with documents."""
    tool = motorhead.recall_tool(user_id="bob", k=1)
    message = tool.invoke(
        {"type": "tool_call", "id": "1", "name": tool.name, "args": {"query": "What is the cat called?"}}
    )
    assert message.content.endswith("] Human: My cat is called Tom.\n</recalled>")
    assert message.artifact[0].id == "tom"
    assert (await tool.ainvoke({"query": "the cat"})) == message.content
    empty = motorhead.recall_tool(user_id="nobody")
    assert empty.invoke({"query": "the cat"}) == "Nothing was found."


def test_bad_fields_are_refused(motorhead: Motorhead) -> None:
    """What cannot be used is said when the retriever is made."""
    wrong: list[dict[str, Any]] = [
        {"k": 0},
        {"neighbors": -1},
        {"search_type": "bm25"},
        {"roles": "human"},
        {"filter": "@user:{*}"},
        {"lambda_mult": 2},
        {"score_threshold": float("nan")},
        {"now": datetime.min.replace(tzinfo=UTC)},
        {"now": datetime(9999, 12, 31, tzinfo=UTC)},
        {"session_id": ""},
        {"nonsense": 1},
    ]
    for fields in wrong:
        with pytest.raises(InvalidInputError):
            motorhead.retriever(**{"user_id": "bob", **fields})


def test_without_a_model_recall_says_so(make: MakeMotorhead) -> None:
    """Everything of recall raises one error where no model was given, and names the option."""
    motorhead = make()
    calls: list[Any] = [
        motorhead.retriever, motorhead.recall_tool, motorhead.setup, motorhead.reindex,
        lambda: motorhead.session("s").search("x"), lambda: MotorheadRetriever(motorhead=motorhead).invoke("x"),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(RecallNotConfiguredError, match="embeddings="):
            call()
