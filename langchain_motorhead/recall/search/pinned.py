"""Messages that recall found earlier, read again by their ids, so that a prompt can show the same lines again.

They are read from the index each time, so that what was deleted or changed meanwhile is not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from langchain_core.documents import Document

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.search.results import Candidate, read_hits
from langchain_motorhead.storage.keys import session_keys


class Pin(NamedTuple):
    """Which message recall found, and which piece of it if it is a long one.

    Attributes:
        session_id: Its session.
        seq: Its sequence number there.
        message_id: Its id.
        piece: Number of the piece that fitted best, from 0.
        pieces: How many pieces it has.
    """

    session_id: str
    seq: int
    message_id: str
    piece: int = 0
    pieces: int = 1


def to_pin(document: Document) -> Pin | None:
    """Return which message a document is, or None if a server did not say."""
    data = document.metadata
    if data.get("seq") is None or data.get("message_id") is None:
        return None
    return Pin(data["session_id"], data["seq"], data["message_id"], data.get("piece", 0), data.get("pieces", 1))


def to_pins(data: Any) -> list[Pin]:
    """Return pins that were kept as JSON, without those that cannot be used."""
    given = data if isinstance(data, list | tuple) else ()
    return [Pin(*each) for each in given if _is_pin(each)]


def _is_pin(each: Any) -> bool:
    return isinstance(each, list | tuple) and list(map(type, each)) == [str, int, str, int, int] and bool(each[0])


def read_pinned(pins: Sequence[Pin], query: Query, namespace: str) -> Flow[list[Hit]]:
    """Read messages that were found before, in one round trip. Those that are gone or out of scope are left out.

    Args:
        pins: Which messages.
        query: The search that found them, which has the scope.
        namespace: Namespace of the sessions.
    """
    candidates = [Candidate(session_keys(namespace, pin.session_id), pin.seq, pin.piece, 0.0) for pin in pins]
    if not candidates:
        return []
    hits = yield from read_hits(candidates, {}, len(candidates), query, None)
    return [hit for hit, _ in hits]


def matching(pins: Sequence[Pin], hits: Iterable[Hit]) -> dict[Pin, Hit]:
    """Return what was read for each pin, if it is still the same message."""
    found = {(hit.session_id, hit.seq, hit.message_id): hit for hit in hits}
    return {pin: hit for pin in pins if (hit := found.get(pin[:3])) is not None}
