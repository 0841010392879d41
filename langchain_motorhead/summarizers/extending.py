"""What a model is asked for: an addition to a summary or a new one; and what its answer makes of the summary. Pure.

A summary grows at its end, so that its beginning stays the same from prompt to prompt, which providers cache. Only when
there is no room left it is written anew, shorter, so that the next additions have room again.
"""

from __future__ import annotations

from typing import NamedTuple

from langchain_motorhead.sessions.checks.details import Text
from langchain_motorhead.sessions.checks.keeping import missing_details
from langchain_motorhead.summarizers.prompting import ADDITION, PROMPT, with_words

# Of the largest summary: the room from which on it is extended, and the size of one that is written anew for more room.
_LEAST_ROOM, _CONDENSED = 1 / 8, 0.6
# Of what the previous summary says, the share that an answer says that replaces it, though an addition was asked for.
_SAID_AGAIN = 0.8


class Task(NamedTuple):
    """What a model is asked for.

    Attributes:
        instruction: What to do.
        limit: Tokens that the answer may have.
        extends: Whether the answer is to follow the summary.
    """

    instruction: str
    limit: int
    extends: bool = False


def task_of(limit: int, room: int, largest: int) -> Task:
    """Return what to ask a model for that has a previous summary.

    Args:
        limit: Tokens that the new summary may have.
        room: How many of them the previous summary leaves.
        largest: Tokens that any summary may have.
    """
    if room >= _LEAST_ROOM * largest:
        return Task(with_words(ADDITION, room), room, extends=True)
    limit = int(_CONDENSED * limit)
    return Task(with_words(PROMPT, limit), limit)


def extended(summary: str, answer: str) -> str:
    """Return a summary with what a model said that has to be added, or what it wrote in place of the summary."""
    if answer.startswith(summary.rstrip()):
        return answer
    said, now = Text(summary), Text(answer)
    again = len(said.terms & now.terms) >= _SAID_AGAIN * len(said.terms) > 0
    return answer if again and not missing_details(answer, summary).count else f"{summary.rstrip()}\n\n{answer}"
