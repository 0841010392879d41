"""Results in the order of a model that the caller brings."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.callbacks import Callbacks
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, InvalidInputError
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
    with pytest.raises(InvalidInputError, match="document compressor"):
        motorhead.retriever(reranker="bge-reranker")
