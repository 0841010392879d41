"""The note of which messages of a session lack a vector because it failed for them alone.

It is a field of the session's state: `seq:failures` of each message, or `seq:refused` of one whose text the model
refuses. All documents from the field `embedded` on lack vectors too, and are not in the note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from langchain_motorhead.exceptions import EmbeddingError
from langchain_motorhead.recall.indexing.embedding import is_about_content
from langchain_motorhead.storage.keys import SessionKeys, optional_member
from langchain_motorhead.storage.operation import Command, Operation

Note: TypeAlias = dict[int, int | None]
"""How often each message failed alone, by sequence number. None if its text is refused, so that it is not retried."""

_REFUSED = "refused"
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 1_000, 600_000


class MissingVectors(NamedTuple):
    """How many messages of a session lack a vector: those that will get one, and those whose text is refused."""

    waiting: int
    refused: int


def vectors_missing(keys: SessionKeys) -> Operation[MissingVectors]:
    """Return the operation that counts the messages of a session that lack a vector.

    Messages that are never indexed, such as tool results, are counted while those around them lack vectors.
    """

    def read(replies: list[Any]) -> MissingVectors:
        indexed, embedded, vectorless = map(optional_member, replies[0])
        note = parse_note(vectorless or "")
        behind = 0 if embedded is None or indexed is None else max(0, int(indexed) - int(embedded))
        return MissingVectors(behind + len(to_retry(note)), len(note) - len(to_retry(note)))

    return Operation((Command("HMGET", (keys.state,), ("indexed", "embedded", "vectorless")),), read)


def parse_note(text: str) -> Note:
    """Parse a note as it is stored."""
    pairs = (each.split(":") for each in text.split())
    return {int(seq): None if failures == _REFUSED else int(failures) for seq, failures in pairs}


def note_text(note: Mapping[int, int | None]) -> str:
    """Return a note as it is stored."""
    return " ".join(f"{seq}:{_REFUSED if failures is None else failures}" for seq, failures in sorted(note.items()))


def to_retry(note: Mapping[int, int | None]) -> list[int]:
    """Return the messages of a note that are retried, in order."""
    return sorted(seq for seq, failures in note.items() if failures is not None)


def updated(note: Mapping[int, int | None], tried: Iterable[int], failed: Mapping[int, EmbeddingError | None]) -> Note:
    """Return the note after an attempt.

    A text is refused if it failed alone, failed before, and fails with an error about its content, or if its vector
    cannot be stored.

    Args:
        note: The note before.
        tried: Messages that were embedded.
        failed: Those of them that failed alone, with the error; None if the vector cannot be stored.
    """
    new = {seq: failures for seq, failures in note.items() if seq not in set(tried)}
    for seq, error in failed.items():
        before = note.get(seq) or 0
        new[seq] = None if error is None or (before and is_about_content(error)) else before + 1
    return new


def pause_ms(note: Mapping[int, int | None]) -> int:
    """Return how many milliseconds to wait until the messages of a note are retried. It doubles with each failure."""
    failures = [each for each in note.values() if each is not None]
    return int(min(_FIRST_PAUSE_MS * 2 ** min(min(failures, default=1) - 1, 20), _LONGEST_PAUSE_MS))
