"""Rankings by session and sequence number, which tests can read, in the place of the numbers that `ranking` uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

from langchain_motorhead.recall.search.ranking import SEQ_BITS, Findings, rank
from langchain_motorhead.recall.words.question import Question

MessageRef: TypeAlias = tuple[str, int]
"""A message: its session and its sequence number."""

T = TypeVar("T")


def ranked(
    near: Mapping[MessageRef, float],
    worded: Mapping[MessageRef, float],
    names: Mapping[MessageRef, str] | None = None,
    query: Iterable[str] = (),
    *,
    marked: Mapping[MessageRef, float] | None = None,
    assistant: Iterable[MessageRef] = (),
    times: Mapping[MessageRef, float] | None = None,
    question: Question | None = None,
) -> dict[MessageRef, float]:
    """Rank what was found. Sessions are numbered in the order in which they were found, as a search does it."""
    numbers: dict[str, int] = {}

    def placed(refs: Mapping[MessageRef, T]) -> dict[int, T]:
        return {place(ref): value for ref, value in refs.items()}

    def place(ref: MessageRef) -> int:
        return (numbers.setdefault(ref[0], len(numbers)) << SEQ_BITS) + ref[1]

    sessions: list[str] = []
    found = Findings(
        sessions,
        placed(near),
        placed(worded),
        placed(marked or {}),
        placed(names or {}),
        frozenset(map(place, assistant)),
        placed(times or {}),
    )
    sessions.extend(numbers)
    return {found.ref(at): score for at, score in rank(found, question or Question(frozenset(query)))}
