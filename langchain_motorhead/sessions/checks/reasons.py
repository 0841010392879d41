"""Why a text is no summary. Pure."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a text is no summary: what a reason of `check_summary` begins with, before a colon."""

    EMPTY = "empty"
    REFUSED = "refused"
    CUT_OFF = "cut off"
    TOO_LONG = "too long"
    REPEATS = "repeats itself"
    PROMPT = "repeats the prompt"
    CONTINUES = "continues the conversation"
    INVENTED = "invented numbers"
    UNRELATED = "unrelated"
    FORGETS = "forgets the previous summary"


def reason_code(reason: str) -> Reason:
    """Return which reason a sentence of `check_summary` states, for counting.

    Raises:
        ValueError: It states none.
    """
    return Reason(reason.partition(":")[0])
