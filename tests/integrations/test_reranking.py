"""Results in the order of a model that the caller brings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import Callbacks
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, InvalidInputError
from langchain_motorhead.integrations.reranking import arerank, rerank
from support.factory import MakeMotorhead


class Longest(BaseCrossEncoder):
    """Prefers long texts."""

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        """Give the length of each text."""
        return [float(len(text)) for _, text in text_pairs]


class Shortest(BaseDocumentCompressor):
    """Prefers short texts, and leaves out those without a cat."""

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Sort by length."""
        return sorted(
            (each for each in documents if "cat" in each.page_content), key=lambda each: len(each.page_content)
        )


async def test_a_reranker_chooses_among_more_results(amake: MakeMotorhead) -> None:
    """Of `fetch_k` results, the `k` that a cross-encoder or a compressor puts first are returned, sync and async."""
    motorhead = amake(embeddings=HashingEmbeddings(64))
    said = ["cat " * (at + 1) for at in range(8)] + ["dog"]
    await motorhead.session("s", "u").aappend([HumanMessage(text) for text in said])
    await motorhead.aflush()
    for reranker, expected in ((Longest(), ["cat " * 8, "cat " * 7]), (Shortest(), ["cat ", "cat " * 2])):
        retriever = motorhead.retriever(user_id="u", k=2, fetch_k=9, reranker=reranker)
        found = await retriever.ainvoke("cat")
        assert [document.page_content.strip() for document in found] == [text.strip() for text in expected]
        assert (
            found
            == retriever.invoke("cat")
            == motorhead.retriever(user_id="u", k=2, fetch_k=9).invoke("cat", reranker=reranker)
        )
    assert retriever.invoke("") == []
    assert motorhead.retriever(user_id="u", reranker=Longest()).invoke("cat")[0].metadata["relevance_score"] == 31.0


def test_what_is_no_reranker_is_refused(make: MakeMotorhead) -> None:
    """Anything else than a compressor or a cross-encoder is refused at once, in words that name both."""
    motorhead = make(embeddings=HashingEmbeddings(64))
    for given in ("bge-reranker", Longest):
        with pytest.raises(InvalidInputError, match="document compressor"):
            motorhead.retriever(reranker=given)


class Scores(BaseCrossEncoder):
    """Gives what it was told to."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        """Give it."""
        scores: list[float] = self.given
        return scores


class Answers:
    """Has a compressor's sync method only, and answers what it was told to."""

    def __init__(self, answer: Callable[[Sequence[Document]], Any]) -> None:
        self.answer = answer

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None) -> Any:
        """Answer it."""
        return self.answer(documents)


THREE = [Document("a"), Document("b"), Document("c")]


async def test_odd_scores_give_an_order() -> None:
    """A column of scores is one for each text, and a text whose score is not a number is last."""
    for scores, expected in (
        ([[1.0], [3.0], [2.0]], [("b", 3.0), ("c", 2.0), ("a", 1.0)]),
        ([math.nan, 1.0, 2.0], [("c", 2.0), ("b", 1.0), ("a", None)]),
        ([2.0, math.nan, 1.0], [("a", 2.0), ("c", 1.0), ("b", None)]),
    ):
        found = rerank(Scores(scores), THREE, "?", None)
        assert [(each.page_content, each.metadata["relevance_score"]) for each in found] == expected
        assert found == await arerank(Scores(scores), THREE, "?", None)


async def test_a_reranker_needs_no_async_method() -> None:
    """One that has only the sync method is called in a thread."""
    reverse = Answers(lambda documents: documents[::-1])
    assert rerank(reverse, THREE, "?", None) == await arerank(reverse, THREE, "?", None) == THREE[::-1]


@pytest.mark.parametrize(
    "reranker",
    [
        Answers(lambda documents: None),
        Answers(lambda documents: [*documents, None]),
        Answers(lambda documents: [each.page_content for each in documents]),
        Scores(None),
        Scores([1.0]),
        Scores(["a", "b", "c"]),
        Scores([[1.0, 2.0]] * 3),
    ],
)
async def test_what_a_reranker_must_return_is_said(reranker: Any) -> None:
    """A reranker that returns neither documents nor a number for each text raises an error of ours."""
    with pytest.raises(InvalidInputError, match=r"reranker must return|cross-encoder"):
        rerank(reranker, THREE, "?", None)
    with pytest.raises(InvalidInputError, match=r"reranker must return|cross-encoder"):
        await arerank(reranker, THREE, "?", None)
