"""Rendering: search results as text for a model."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.documents import Document

from langchain_motorhead.recall.query import Hit


def as_lines(documents: Sequence[Document]) -> str:
    """Return documents of a retriever as lines of text, each with its time and speaker."""
    return "\n".join(_dated(each) for each in documents)


def _dated(document: Document) -> str:
    created = document.metadata["created"]
    return f"[{created[:16].replace('T', ' ')}] {_shown(document)}" if created else _shown(document)


def _shown(document: Document) -> str:
    if "message_ids" in document.metadata:  # a text with neighbors already names its speakers
        return document.page_content
    return f"{document.metadata['name'] or _role(document.metadata['role'])}: {document.page_content}"


def _speaker(hit: Hit) -> str:
    return hit.name or _role(hit.role)


def _role(role: str) -> str:
    return {"human": "Human", "ai": "AI"}.get(role, role)
