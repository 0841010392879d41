"""Reranking of search results by a model that the caller brings: a document compressor or a cross-encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import Document

from langchain_motorhead.exceptions import InvalidInputError


def check_reranker(reranker: object) -> None:
    """Refuse what is neither a document compressor nor a cross-encoder.

    Raises:
        InvalidInputError: It has neither `compress_documents` nor `score`.
    """
    if not any(callable(getattr(reranker, name, None)) for name in ("compress_documents", "score")):
        raise InvalidInputError(
            "reranker must be a LangChain document compressor, such as CohereRerank, or a cross-encoder, such as "
            f"HuggingFaceCrossEncoder, not {type(reranker).__name__}"
        )


def rerank(reranker: Any, documents: Sequence[Document], query: str, callbacks: Callbacks) -> list[Document]:
    """Return documents in the order that a reranker gives them. It may leave some out."""
    if not documents:
        return []
    if hasattr(reranker, "compress_documents"):
        return list(reranker.compress_documents(documents, query, callbacks=callbacks))
    return _by_score(documents, _scores(reranker, documents, query))


async def arerank(reranker: Any, documents: Sequence[Document], query: str, callbacks: Callbacks) -> list[Document]:
    """Return documents in the order that a reranker gives them, without blocking the event loop."""
    if not documents:
        return []
    if hasattr(reranker, "compress_documents"):
        return list(await reranker.acompress_documents(documents, query, callbacks=callbacks))
    return _by_score(documents, await asyncio.to_thread(_scores, reranker, documents, query))


def _scores(encoder: BaseCrossEncoder, documents: Sequence[Document], query: str) -> list[float]:
    scores = [float(score) for score in encoder.score([(query, document.page_content) for document in documents])]
    if len(scores) != len(documents):
        raise InvalidInputError(f"the cross-encoder returned {len(scores)} scores for {len(documents)} texts")
    return scores


def _by_score(documents: Sequence[Document], scores: Sequence[float]) -> list[Document]:
    order = sorted(range(len(documents)), key=lambda at: -scores[at])
    return [
        documents[at].model_copy(update={"metadata": {**documents[at].metadata, "relevance_score": scores[at]}})
        for at in order
    ]
