"""Any query: it does not fail, and its filters never widen the scope."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage
from redisvl.query.filter import FilterExpression, Num, Tag

from langchain_motorhead import HashingEmbeddings, InvalidInputError, Recall
from support.embeddings import Scripted
from support.factory import MakeMotorhead
from support.messages import numbered, with_tools
from support.recall import names, said

WAYS = ("hybrid", "similarity", "mmr")


QUERIES = [
    "@user:{*} | -(a) => [KNN 5 @vector $v]", "*", "**", "a*", "%a%", "-a", "~a", "|", "(", ")", '"',
    '"a b"', "'", "\\",
    "$vector", "@", "@terms:cat", "=>", "{", "}", "[", "]", "[0 1]", "a:b", ";", ",", "<", ">", "?", "!", "&", "#",
    "\x00",
    "\ud800", "nan", "inf", "-inf", "+1e5", "0x10", "1.5", "007", "and or not as", "the", "it is the", "wills ands ins",
    "İ ß ﬁ ² ① ª", "日本語", "ไทย", "عربي", "e\u0301", "🐈", "x" * 100_000, "cat " * 25_000, "cat\u200bdog",
    "a" * 64 + "b",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_query_fails_or_finds_anothers(make: MakeMotorhead, embeddings: HashingEmbeddings, way: str) -> None:
    """Whatever is asked, a search answers, and with messages of its scope alone."""
    motorhead = make(embeddings=embeddings)
    session, other = motorhead.session("s", "u"), motorhead.session("t", "v")
    session.append([HumanMessage(query[:2000] + " cat") for query in QUERIES])
    other.append([HumanMessage(query[:2000] + " cat") for query in QUERIES])
    motorhead.flush()
    for query in QUERIES:
        found = session.search(query, k=5, search_type=way)
        assert len(found) == 5, query
        assert {document.metadata["session_id"] for document in found} == {"s"}
        found = motorhead.retriever(user_id="v", k=5, search_type=way).invoke(query)
        assert {document.metadata["session_id"] for document in found} == {"t"}
    assert session.search("", search_type=way) == session.search(" \n ", search_type=way) == []


@pytest.mark.parametrize("query", ["_", "the _ cat", "_ _"])
def test_a_lone_underscore(make: MakeMotorhead, embeddings: HashingEmbeddings, query: str) -> None:
    """A query with an underscore that stands alone is a query like others."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append([HumanMessage("the _ cat"), HumanMessage("a dog")])
    motorhead.flush()
    assert len(session.search(query)) == 2


@pytest.mark.parametrize(
    ("language", "query"), [("none", "will"), ("german", "not"), ("french", "or"), ("english", "ands"), ("none", "the")]
)
def test_words_that_the_module_ignores_by_default(make: MakeMotorhead, language: str, query: str) -> None:
    """A word that is no stop word in the messages' language is searched for, and matches nothing that lacks it."""
    model = Scripted()
    motorhead = make(embeddings=model, recall=Recall(language=language))
    session = motorhead.session("s")
    session.append([HumanMessage(f"unrelated text{at}") for at in range(5)])
    session.append(HumanMessage(f"something {query} something"))
    motorhead.flush()
    model.down = True  # by words alone
    assert said(session.search(query)) == [f"something {query} something"]
    assert said(motorhead.retriever().invoke(query)) == [f"something {query} something"]


def test_filters_do_not_widen_the_scope(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Filters by redisvl, combined as they may be, narrow the scope, whatever matches outside of it."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("a", "u")
    session.append(numbered(4))
    motorhead.session("b", "v").append([HumanMessage(f"m0 m1 {at}") for at in range(150)])
    motorhead.flush()
    filters: dict[int, FilterExpression] = dict(
        enumerate(
            [
                Num("seq") >= 0,
                (Num("seq") > 1) | (Num("seq") <= 1),
                (Tag("session") == "b") | (Num("seq") >= 0),
                (Tag("session") == "b") | (Tag("role") == "human") | (Tag("role") == "ai"),
                Tag("session") != "b",
                FilterExpression("*"),
            ]
        )
    )
    for way in WAYS:
        for filter_ in filters.values():
            for retriever in (
                motorhead.retriever(session_id="a", k=9, search_type=way, filter=filter_),
                motorhead.retriever(user_id="u", k=9, search_type=way, filter=filter_),
            ):
                assert sorted(said(retriever.invoke("m0 m1"))) == names(4), (way, str(filter_))
        assert session.search("m0", search_type=way, filter=Tag("session") == "b") == []
        assert session.search("m0", search_type=way, filter=Tag("user") == "v") == []
        assert said(session.search("m1", search_type=way, filter=Num("seq") == 3, roles=["ai"])) == ["m3"]
        assert session.search("m1", search_type=way, filter=Num("seq") == 3, roles=["human"]) == []


@pytest.mark.parametrize("text", ["@seq:[0 9] | @seq:[0 400]", "@seq:[0 0] | @session:{b}"])
def test_a_filter_of_plain_text_does_not_widen_the_scope(make: MakeMotorhead, text: str) -> None:
    """A union that redisvl was given as text stands for itself beside the scope."""
    motorhead = make(embeddings=HashingEmbeddings(64))
    session = motorhead.session("a", "u")
    session.append(numbered(4))
    motorhead.session("b", "v").append([HumanMessage(f"m0 m1 {at}") for at in range(150)])
    motorhead.flush()
    expected = ["m0"] if "session" in text else names(4)
    for way in WAYS:
        assert sorted(said(session.search("m0 m1", k=9, search_type=way, filter=FilterExpression(text)))) == expected


def test_roles_and_times(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Roles and times filter as they say, with dates, naive and aware times alike."""
    motorhead = make(embeddings=embeddings, recall=Recall(roles=("human", "ai", "system", "tool", "chat")))
    session = motorhead.session("s")
    session.append([HumanMessage("m human"), AIMessage("m ai"), ChatMessage(content="m critic", role="critic")])
    motorhead.flush()
    time.sleep(0.02)
    between = datetime.now(UTC)
    session.append([*with_tools("m"), ChatMessage(content="m two", role="Critic-2")])
    motorhead.flush()

    def find(**fields: Any) -> int:
        counts = {len(session.search("m", k=99, search_type=way, **fields)) for way in WAYS}
        assert len(counts) == 1
        return counts.pop()

    assert find() == 8
    assert find(roles=["human"]) == 2
    assert find(roles=["ai"]) == 3
    assert find(roles=["tool"]) == 1
    assert find(roles=["human", "tool"]) == 3
    assert find(roles=["critic"]) == 1
    assert find(roles=["Critic-2"]) == 1
    assert find(roles=["*"]) == find(roles=["human|ai"]) == find(roles=["human}"]) == find(roles=["\ud800"]) == 0
    assert find(after=between) == 5
    assert find(before=between) == 3
    assert find(after=between.replace(tzinfo=None)) == 5
    assert find(before=between.replace(tzinfo=None)) == 3
    zone = timezone(timedelta(hours=-7, minutes=-30))
    assert find(after=between.astimezone(zone)) == 5
    assert find(before=between.astimezone(zone)) == 3
    today, day = between.date(), timedelta(days=1)
    assert find(after=today - day, before=today + 2 * day) == 8
    assert find(before=today - day) == find(after=today + 2 * day) == 0
    assert find(after=between, before=between) == 0
    assert find(after=date.min, before=date.max) == 8
    assert find(after=between, roles=["human"], filter=Num("seq") < 100) == 1


def test_bad_roles_are_refused(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A role that cannot be is refused in our words, and not in those of Redis."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append(numbered(1))
    motorhead.flush()
    try:
        found = motorhead.retriever(roles=[""]).invoke("m0")
    except InvalidInputError:
        found = []
    assert found == []
