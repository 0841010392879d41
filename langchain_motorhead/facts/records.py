"""The JSON form of facts: as they are stored, exported, and sent over REST. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.facts.model import Fact, Source

_TIMES = ("said_at", "learned_at", "valid_from", "valid_until", "closed_at")


def to_data(fact: Fact) -> dict[str, Any]:
    """Return a fact as an object of JSON. Values that are empty are left out."""
    data: dict[str, Any] = {"id": fact.id, "text": fact.text, "subject": fact.subject, "attribute": fact.attribute}
    for name in _TIMES:
        if (time := getattr(fact, name)) is not None:
            data[name] = time.astimezone(UTC).isoformat()
    if fact.superseded_by is not None:
        data["superseded_by"] = fact.superseded_by
    if fact.retracted_by:
        data["retracted_by"] = [_source_data(each) for each in fact.retracted_by]
    if fact.pinned:
        data["pinned"] = True
    data["sources"] = [_source_data(each) for each in fact.sources]
    return data


def to_json(fact: Fact) -> bytes:
    """Return a fact as it is stored."""
    return json.dumps(to_data(fact), separators=(",", ":")).encode()


def from_data(data: Any) -> Fact:
    """Return the fact that `to_data` gave.

    Raises:
        StoreError: It is not a fact.
    """
    try:
        times = {name: _time(data.get(name)) for name in _TIMES}
        said_at, learned_at = times.pop("said_at"), times.pop("learned_at")
        if said_at is None or learned_at is None:
            raise ValueError("a time is missing")
        return Fact(
            id=_text(data["id"]),
            text=_text(data["text"]),
            subject=_text(data["subject"]),
            attribute=_text(data["attribute"]),
            said_at=said_at,
            learned_at=learned_at,
            **times,
            superseded_by=None if data.get("superseded_by") is None else _text(data["superseded_by"]),
            retracted_by=tuple(map(_source, data.get("retracted_by") or ())),
            pinned=data.get("pinned") is True,
            sources=tuple(map(_source, data.get("sources") or ())),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError("a stored fact cannot be read: it was changed by another program") from error


def from_json(data: bytes | str) -> Fact:
    """Return the fact that `to_json` gave.

    Raises:
        StoreError: It is not a fact.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoreError("a stored fact cannot be read: it was changed by another program") from error
    return from_data(found)


def _source_data(source: Source) -> dict[str, Any]:
    return {
        "session_id": source.session_id,
        "seq": source.seq,
        "message_id": source.message_id,
        "quote": source.quote,
        "epoch": source.epoch,
    }


def _source(data: Mapping[str, Any]) -> Source:
    seq = data["seq"]
    if isinstance(seq, bool) or not isinstance(seq, int):
        raise TypeError("seq is not a number")
    names = ("session_id", "message_id", "quote", "epoch")
    return Source(seq=seq, **{name: _text(data[name]) for name in names})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is missing")
    return value


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    time = datetime.fromisoformat(_text(value))
    return time if time.tzinfo else time.replace(tzinfo=UTC)
