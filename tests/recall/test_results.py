"""What a search returns: thresholds, counts, neighbors, and what is in the window."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import HashingEmbeddings, InvalidInputError, Window
from support.factory import MakeMotorhead
from support.messages import numbered, with_tools
from support.recall import said
from support.summarizers import Ledger

WAYS = ("hybrid", "similarity", "mmr")


def test_thresholds_and_more_than_there_is(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A threshold cuts off what scores lower, the best come first, and a k beyond what there is gives all there is."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append([HumanMessage("the cat sat"), HumanMessage("a dog"), HumanMessage("the cat"), *numbered(20)])
    motorhead.flush()
    for way in WAYS[:2]:
        found = session.search("the cat sat", k=1000, search_type=way)
        scores = [document.metadata["score"] for document in found]
        assert len(found) == 23
        assert scores == sorted(scores, reverse=True)
        assert found[0].page_content == "the cat sat"
        middle = scores[5]
        cut = session.search("the cat sat", k=1000, search_type=way, score_threshold=middle)
        assert len(cut) == sum(score >= middle for score in scores) < 23
        assert session.search("the cat sat", search_type=way, score_threshold=1.5) == []
        assert session.search("the cat sat", k=1, search_type=way) == found[:1]
    diverse = session.search("the cat sat", k=1000, search_type="mmr", fetch_k=1000)
    assert len({document.id for document in diverse}) == 23
    assert said(session.search("the cat sat", k=1, search_type="mmr")) == ["the cat sat"]
    assert all(
        document.metadata["score"] >= 0.3
        for document in session.search("the cat", search_type="mmr", score_threshold=0.3)
    )


@pytest.mark.parametrize("fields", [{"k": 10**6}, {"k": 10**9}, {"search_type": "mmr", "fetch_k": 10**9}])
def test_a_k_beyond_all_bounds(make: MakeMotorhead, embeddings: HashingEmbeddings, fields: dict[str, Any]) -> None:
    """A k that no index takes finds all there is, or is refused in our words."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append(numbered(3))
    motorhead.flush()
    try:
        found = session.search("m0", **fields)
    except InvalidInputError:
        return
    assert len(found) == 3


def test_neighbors(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Neighbours are the messages next to a hit, past what is not indexed, and never another session's."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    for id_ in ("r", "s", "t"):
        turn = [HumanMessage(f"{id_} start"), *with_tools(id_, calls=2), HumanMessage(f"{id_} final word")]
        motorhead.session(id_).append(turn)
    motorhead.flush()

    def around(text: str, count: int, **fields: Any) -> list[str]:
        return session.search(text, k=1, neighbors=count, **fields)[0].page_content.split("\n")

    for way in WAYS:
        assert around("start", 1, search_type=way) == ["Human: s start", "Human: s question"]
        assert around("final word", 1, search_type=way) == ["AI: s answer", "Human: s final word"]
        assert around("s calls", 1, search_type=way) == ["Human: s question", "AI: s calls", "AI: s answer"]
        assert around("s answer", 20, search_type=way) == [
            "Human: s start", "Human: s question", "AI: s calls", "AI: s answer", "Human: s final word",
        ]  # fmt: skip
    found = session.search("s answer", k=1, neighbors=1)[0]
    assert found.metadata["message_ids"][0] == found.id
    assert len(set(found.metadata["message_ids"])) == 3


def test_neighbors_past_many_tool_results(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """The answer is the neighbour of its question, although calls without a text and their results stand between."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    question, calls, *results, answer = with_tools("s", calls=4)
    session.append([question, calls.model_copy(update={"content": ""}), *results, answer])
    motorhead.flush()
    found = session.search("s question", k=1, neighbors=1)[0]
    assert found.page_content == "Human: s question\nAI: s answer"


def test_what_is_in_the_window_is_left_out(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """With `exclude_window` only what left the list is found, whatever in it fits better."""
    motorhead = make(embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4), compaction="manual")
    session = motorhead.session("old", "u")
    session.append([HumanMessage("the cat sat on a chair"), *numbered(11)])
    session.compact()
    motorhead.flush()  # vectors may come after the summary
    for way in WAYS:
        found = session.search("cat", k=99, search_type=way, exclude_window=True, fetch_k=99)
        first = 12 - len(session.load().messages)
        assert sorted(document.metadata["seq"] for document in found) == list(range(first))
    motorhead.session("new", "u").append(numbered(3))
    motorhead.flush()
    assert motorhead.session("new").search("m1", exclude_window=True) == []


@pytest.mark.parametrize("way", WAYS)
def test_windows_of_other_sessions_hide_nothing(make: MakeMotorhead, embeddings: HashingEmbeddings, way: str) -> None:
    """With `exclude_window`, what left one list is found however much fits better in the lists of a user's sessions."""
    motorhead = make(embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4), compaction="manual")
    old = motorhead.session("old", "u")
    old.append([HumanMessage("a cat sat on a chair"), *numbered(11)])
    old.compact()
    for at in range(30):
        motorhead.session(f"s{at}", "u").append([HumanMessage("cat")] * 4)
    motorhead.flush()
    found = motorhead.retriever(user_id="u", k=1, exclude_window=True, search_type=way).invoke("cat")
    assert said(found) == ["a cat sat on a chair"]


@pytest.mark.parametrize("way", WAYS)
def test_a_long_message_hides_no_other(make: MakeMotorhead, way: str) -> None:
    """However many pieces of one long message fit, other messages that fit are found as well."""
    motorhead = make(embeddings=HashingEmbeddings(32))
    session = motorhead.session("s")
    session.append([HumanMessage("the cat sat on the mat. " * 8000), HumanMessage("a cat sat"), AIMessage("mat cat")])
    motorhead.flush()
    found = session.search("the cat sat on the mat", k=3, search_type=way)
    assert {document.metadata["seq"] for document in found} == {0, 1, 2}
