"""Coverage: spreads results over sessions if the answer to a question was said in several of them. Pure.

In general, a session that has one good match is worth a look, so its other messages rise, too. If a question asks what
came up over the course of conversations, these other messages take the places of what other sessions say.
"""

from __future__ import annotations

from collections.abc import Mapping

AGAIN = 0.05
"""Each better message of its session lowers a message by about this share. More than that finds less in histories
of many sessions."""


def spread(scores: Mapping[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    """Return the scores of messages, lowered by how many messages of the same session score better.

    The best message of each session keeps its score. So a message is overtaken by one of another session with fewer
    results if that one matches nearly as well.

    Args:
        scores: The score of each message, by its session and its sequence number.
    """
    better: dict[str, int] = {}
    spread_: dict[tuple[str, int], float] = {}
    for place in sorted(scores, key=lambda place: (-scores[place], place)):
        before = better.get(place[0], 0)
        spread_[place] = scores[place] / (1 + AGAIN * before)
        better[place[0]] = before + 1
    return spread_
