"""Coverage: spreads results over sessions if the answer to a question was said in several of them. Pure.

In general, a session that has one good match is worth a look, so its other messages rise, too. If a question asks what
came up over the course of conversations, these other messages take the places of what other sessions say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

AGAIN = 0.05
"""Each better message of its session lowers a message by about this share. More than that finds less in histories
of many sessions."""

T = TypeVar("T", bound=Hashable)


def spread(ranked: Iterable[T], scores: Mapping[T, float], session: Callable[[T], Hashable]) -> dict[T, float]:
    """Return the scores of messages, lowered by how many messages of the same session score better.

    The best message of each session keeps its score. So a message is overtaken by one of another session with fewer
    results if that one matches nearly as well.

    Args:
        ranked: The messages, best first.
        scores: Their scores.
        session: Returns the session of a message.
    """
    better = Counter[Hashable]()
    lowered: dict[T, float] = {}
    for message in ranked:
        lowered[message] = scores[message] / (1 + AGAIN * better[session(message)])
        better[session(message)] += 1
    return lowered
