"""The origin of a summary, stored with it: who wrote it, what it keeps, and which answers were rejected. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from enum import StrEnum

from langchain_motorhead.sessions.checks.keeping import Kept

REJECTED_PREFIX = "rejected:"
"""Beginning of the fields of a session's state that count rejected answers, before the reason."""


class Author(StrEnum):
    """Who wrote a summary."""

    MODEL = "model"
    """A model, or a summarizer of the user's."""
    EXTRACT = "extract"
    """Nobody: at least a part of it is sentences of the messages."""
    CLIENT = "client"
    """A client sent it."""


_AUTHORS: Mapping[str, Author] = {each.value: each for each in Author}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a summary is from.

    Attributes:
        author: Who wrote it.
        kept: What it keeps of the messages and of the summary before it. None if that was not measured.
        rejected: Answers that were rejected before it, by reason.
        model: Name of the model that wrote it, or empty.
    """

    author: Author
    kept: Kept | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    model: str = ""


def kept_to_json(kept: Kept | None) -> dict[str, list[int]] | None:
    """Return a `Kept` as JSON: for each kind of detail, how many were kept and how many were said."""
    if kept is None:
        return None
    return {
        "numbers": [kept.numbers, kept.numbers_said],
        "dates": [kept.dates, kept.dates_said],
        "names": [kept.names, kept.names_said],
    }


def kept_from_json(data: object) -> Kept | None:
    """Parse what `kept_to_json` returned; None if it is anything else."""
    pairs = [data.get(name) for name in ("numbers", "dates", "names")] if isinstance(data, Mapping) else []
    flat = [each for pair in pairs if isinstance(pair, list) for each in pair if type(each) is int]
    return Kept(*flat) if len(flat) == len(Kept.__dataclass_fields__) else None


def kept_to_text(kept: Kept | None) -> str:
    """Return the numbers of a `Kept` as one field of a session's state; empty for None."""
    return "" if kept is None else " ".join(map(str, astuple(kept)))


def to_kept(text: str | None) -> Kept | None:
    """Parse what `kept_to_text` wrote; None if it is missing, or damaged."""
    if not text:
        return None
    parts = text.split(" ")
    if len(parts) != len(Kept.__dataclass_fields__) or not all(part.isdecimal() for part in parts):
        return None
    return Kept(*map(int, parts))


def to_author(text: object) -> Author | None:
    """Parse the stored name of an author; None if it is missing or unknown."""
    return _AUTHORS.get(text) if isinstance(text, str) else None
