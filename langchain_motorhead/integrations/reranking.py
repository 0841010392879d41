"""Reranking of search results by a model that the caller brings: a document compressor or a cross-encoder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import Document

from langchain_motorhead.exceptions import InvalidInputError


def check_reranker(reranker: object) -> None:
    """Refuse what is neither a document compressor nor a cross-encoder.

    Raises:
        InvalidInputError: It has neither `compress_documents` nor `score`, or is a class.
    """
    methods = [getattr(reranker, name, None) for name in ("compress_documents", "score")]
    if isinstance(reranker, type) or not any(map(callable, methods)):
        given = f"the class {reranker.__name__}" if isinstance(reranker, type) else type(reranker).__name__
        raise InvalidInputError(
            "reranker must be a LangChain document compressor, such as CohereRerank, or a cross-encoder, such as "
            f"HuggingFaceCrossEncoder, not {given}"
        )


def rerank(reranker: Any, documents: Sequence[Document], query: str, callbacks: Callbacks) -> list[Document]:
    """Return documents in the order that a reranker gives them. It may leave some out.

    Raises:
        InvalidInputError: The reranker returned something else than documents, or than a number for each.
    """
    if not documents:
        return []
    if hasattr(reranker, "compress_documents"):
        return _checked(reranker.compress_documents(documents, query, callbacks=callbacks))
    return _by_score(documents, _scores(reranker, documents, query))


async def arerank(reranker: Any, documents: Sequence[Document], query: str, callbacks: Callbacks) -> list[Document]:
    """Return documents in the order that a reranker gives them, without blocking the event loop. See `rerank`."""
    if not documents:
        return []
    if hasattr(reranker, "acompress_documents"):
        return _checked(await reranker.acompress_documents(documents, query, callbacks=callbacks))
    return await asyncio.to_thread(rerank, reranker, documents, query, callbacks)


def _checked(found: Any) -> list[Document]:
    documents = list(found) if isinstance(found, Iterable) else [found]
    if not all(isinstance(each, Document) for each in documents):
        raise InvalidInputError(f"the reranker must return a list of documents, not {type(found).__name__}")
    return documents


def _scores(encoder: BaseCrossEncoder, documents: Sequence[Document], query: str) -> list[float | None]:
    """Return a score for each document, None if it is not a number, as half-precision models return for some texts."""
    import numpy as np

    given: Any = encoder.score([(query, document.page_content) for document in documents])
    try:
        scores = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError("the cross-encoder must return a list with a number for each text") from error
    if not scores.ndim or scores.size != len(documents):  # some models return a column
        raise InvalidInputError(f"the cross-encoder returned {scores.size} scores for {len(documents)} texts")
    return [None if math.isnan(score) else score for score in scores.ravel().tolist()]


def _by_score(documents: Sequence[Document], scores: Sequence[float | None]) -> list[Document]:
    """Return documents by their scores, best first. Those without a score are last, in the order they had."""

    def rank(at: int) -> float:
        score = scores[at]
        return math.inf if score is None else -score

    return [
        documents[at].model_copy(update={"metadata": {**documents[at].metadata, "relevance_score": scores[at]}})
        for at in sorted(range(len(documents)), key=rank)
    ]
