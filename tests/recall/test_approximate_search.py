"""An approximate index, compared with all vectors."""

from __future__ import annotations

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage
from typing_extensions import override

from langchain_motorhead import Recall
from support.factory import MakeMotorhead

_MESSAGES, _QUERIES, _NEAREST = 1_000, 20, 10


class _Scattered(Embeddings):
    """Random vectors, which are much harder to search than those of texts: "12" has the 12th."""

    def __init__(self) -> None:
        self.vectors = np.random.default_rng(7).normal(size=(_MESSAGES + _QUERIES, 64))
        self.vectors /= np.linalg.norm(self.vectors, axis=1, keepdims=True)

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text.partition("\n")[0].removeprefix("Human: ")) for text in texts]

    @override
    def embed_query(self, text: str) -> list[float]:
        return [float(each) for each in self.vectors[int(text)]]


def test_an_approximate_search_finds_nearly_all_of_the_nearest(make: MakeMotorhead) -> None:
    """Of the ten nearest of a thousand random vectors, an HNSW index finds at least 98 %; the module by itself 82 %."""
    model = _Scattered()
    motorhead = make(embeddings=model, compaction="manual", recall=Recall(algorithm="hnsw"))
    motorhead.session("s").append([HumanMessage(str(at)) for at in range(_MESSAGES)])
    motorhead.flush()
    retriever = motorhead.retriever(k=_NEAREST, search_type="similarity")
    found = 0
    for query in range(_MESSAGES, _MESSAGES + _QUERIES):
        nearest = np.argsort(-model.vectors[:_MESSAGES] @ model.vectors[query])[:_NEAREST]
        found += len({int(each.page_content) for each in retriever.invoke(str(query))} & set(nearest.tolist()))
    assert found / (_QUERIES * _NEAREST) >= 0.98
