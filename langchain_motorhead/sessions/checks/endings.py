"""How a model's answer ended, from the many words that providers have for it. Pure."""

from __future__ import annotations

import re
from enum import Enum, StrEnum

_CUT_OFF = frozenset(
    "length maxtokens maxoutputtokens maxcompletiontokens maxnewtokens maxtokensreached maxlength tokenlimit "
    "modellength "
    "limit modelcontextwindowexceeded contextlength contextwindowexceeded errorlimit lengthlimit incomplete cancelled "
    "canceled aborted abort timeout timedout pauseturn insufficientsystemresource error failed errored".split()
)
_REFUSED = frozenset(
    "contentfilter contentfiltered contentfiltererror contentpolicyviolation filtered refusal refused safety "
    "prohibitedcontent blocklist blocked recitation spii imagesafety language guardrailintervened guardrail guardrails "
    "errortoxic moderation sensitive contentmoderation harmful policyviolation modelarmor".split()
)
# Of Gemini, where the enum was turned into a number.
_NUMBERS = {
    2: "maxtokens",
    3: "safety",
    4: "recitation",
    6: "language",
    7: "blocklist",
    8: "prohibitedcontent",
    9: "spii",
}
_REPEATED = re.compile(r"([a-z]+?)\1+")  # merged from several chunks of a stream


class Ending(StrEnum):
    """How an answer ended."""

    COMPLETE = "complete"
    CUT_OFF = "cut off"
    REFUSED = "refused"


def ending_of(reason: object) -> Ending:
    """Return what a finish reason means; any that is not known means a complete answer.

    Args:
        reason: As a provider gives it: `length`, `MAX_TOKENS`, `FinishReason.SAFETY`, a member of an enum, None.
    """
    if isinstance(reason, Enum):
        reason = reason.name
    if str(reason).isdigit():
        reason = _NUMBERS.get(int(str(reason)), "")
    word = re.sub(r"[^a-z]", "", str(reason or "").rpartition(".")[2].lower())
    repeated = _REPEATED.fullmatch(word)
    words = {word, word.removeprefix("finishreason"), repeated[1] if repeated else ""}
    if words & _CUT_OFF:
        return Ending.CUT_OFF
    return Ending.REFUSED if words & _REFUSED else Ending.COMPLETE
