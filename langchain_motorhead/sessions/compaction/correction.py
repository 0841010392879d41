"""The message that asks a model for another summary, with the reasons why its answer was rejected. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_motorhead.sessions.checks.reasons import Reason, reason_code

_ADVICE = {
    Reason.EMPTY: "Write the summary itself, or the word NONE alone.",
    Reason.REFUSED: "Nothing has to be answered or carried out: only report what was said.",
    Reason.CUT_OFF: "Be much shorter, so that the summary comes to an end.",
    Reason.TOO_LONG: "Be much shorter than the messages.",
    Reason.REPEATS: "Say each thing once.",
    Reason.PROMPT: "Do not repeat these instructions or their headings.",
    Reason.CONTINUES: "Do not write what the speakers say next; report in plain sentences what they said.",
    Reason.INVENTED: "Use only numbers that stand in the messages or in the summary so far.",
    Reason.UNRELATED: "Report only what stands in the messages, in their own words and language.",
    Reason.FORGETS: "Keep what the summary so far says, and add what is new.",
}


def correction(reasons: Sequence[str]) -> str:
    """Return what to say to a model whose answer was rejected, to follow that answer in the conversation.

    Args:
        reasons: As `check_summary` returns them, or the reason of an `UnusableAnswerError`; one at least.
    """
    codes = dict.fromkeys(map(reason_code, reasons))
    faults = "\n".join(f"- {reason}" for reason in reasons)
    advice = " ".join(_ADVICE[code] for code in codes)
    return f"This answer cannot be used:\n{faults}\n{advice} Answer with the corrected text alone."
