"""Rendering of search results: as LangChain documents, and as lines of text for a model's prompt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from langchain_core.documents import Document

from langchain_motorhead.messages.quoting import turn
from langchain_motorhead.recall.query import FactSource, FoundFact, Hit, Query
from langchain_motorhead.recall.search.together import FACT_ROLE


def to_documents(hits: Sequence[Hit], query: Query, namespace: str) -> list[Document]:
    """Return the results of a search as documents. `MotorheadRetriever` says what a document has.

    Args:
        hits: The messages that were found, best first.
        query: The query that found them. If it asked for neighbors, the text of a document has them too.
        namespace: The namespace that was searched.
    """
    return [_to_document(hit, namespace, with_neighbors=query.neighbors > 0) for hit in hits]


def as_lines(documents: Sequence[Document], zone: tzinfo | None = None) -> str:
    r"""Return documents as text for a model: a line for each message, with its speaker, and the time of those found.

    Line breaks in a message are written `\n`, so no message can look like several.

    Args:
        documents: The messages.
        zone: Time zone of the times, which then name it. None for UTC, unnamed.
    """
    return "\n".join(_with_time(each, zone) for each in documents)


def _to_document(hit: Hit, namespace: str, *, with_neighbors: bool) -> Document:
    metadata: dict[str, Any] = {
        "message_id": hit.message_id,
        "session_id": hit.session_id,
        "user_id": hit.user_id,
        "namespace": namespace,
        "role": hit.role,
        "name": hit.name,
        "seq": hit.seq,
        "created": hit.created and hit.created.isoformat(),
        "score": hit.score,
    }
    if hit.pieces > 1:
        metadata |= {"piece": hit.piece, "pieces": hit.pieces}
    if hit.facts:
        metadata["facts"] = [_fact(each) for each in hit.facts]
    if hit.role == FACT_ROLE:
        return Document(page_content=hit.text, metadata=metadata, id=hit.facts[0].id)
    if not with_neighbors:
        return Document(page_content=hit.text, metadata=metadata, id=hit.message_id)
    metadata["message_ids"] = [each.message_id for each in (hit, *hit.before, *hit.after)]
    lines = [turn(speaker_of(each.role, each.name), each.text) for each in (*hit.before, hit, *hit.after)]
    return Document(page_content="\n".join(lines), metadata=metadata, id=hit.message_id)


def found_fact(data: Mapping[str, Any]) -> FoundFact:
    """Return the fact of a search result as a server sends it."""
    sources = (FactSource(each["session_id"], each["seq"], each["message_id"]) for each in data["sources"])
    said_at = datetime.fromisoformat(data["said_at"])
    return FoundFact(data["id"], data["text"], data["score"], said_at, data["user_id"], tuple(sources))


def _fact(fact: FoundFact) -> dict[str, Any]:
    sources = [{"session_id": each.session_id, "seq": each.seq, "message_id": each.message_id} for each in fact.sources]
    return {"id": fact.id, "text": fact.text, "sources": sources}


def _with_time(document: Document, zone: tzinfo | None) -> str:
    created = document.metadata["created"]
    if not created:
        return _with_speaker(document)
    shown = created[:16].replace("T", " ")
    if zone is not None:
        shown = f"{datetime.fromisoformat(created).astimezone(zone):%Y-%m-%d %H:%M %Z}"
    return f"[{shown}] {_with_speaker(document)}"


def _with_speaker(document: Document) -> str:
    if "message_ids" in document.metadata:  # a document with neighbors names its speakers already
        return document.page_content
    return turn(speaker_of(document.metadata["role"], document.metadata["name"]), document.page_content)


def speaker_of(role: str, name: str | None) -> str:
    """Return the role with the name after it, since a user may choose a name that looks like another role."""
    label = {"human": "Human", "ai": "AI"}.get(role, role)
    return f"{label} ({name})" if name and name != role else label
