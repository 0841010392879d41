"""Write search results as text for a model."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.documents import Document

from langchain_motorhead.recall.query import Hit


def as_lines(documents: Sequence[Document]) -> str:
    """Write what a retriever found as text for a model: when it was said, and by whom."""
    return "\n".join(_dated(each) for each in documents)


def _dated(document: Document) -> str:
    created = document.metadata["created"]
    return f"[{created[:16].replace('T', ' ')}] {_shown(document)}" if created else _shown(document)


def _shown(document: Document) -> str:
    if "message_ids" in document.metadata:  # with its neighbors, it names the speakers itself
        return document.page_content
    return f"{document.metadata['name'] or _role(document.metadata['role'])}: {document.page_content}"


def _speaker(hit: Hit) -> str:
    return hit.name or _role(hit.role)


def _role(role: str) -> str:
    return {"human": "Human", "ai": "AI"}.get(role, role)
