"""Lines of a summary that a provider refuses to read: they stay in the summary, and are kept from its model. Pure.

If a content filter refuses a message, the message is extracted. Its words would be refused again with every later
request, as a part of the summary so far. So these lines are marked, taken out of what the model is given, and put back
after what it answers.
"""

from __future__ import annotations

MARK = "[not summarized] "
"""What a line begins with that is kept from the model."""


def split_withheld(summary: str | None) -> tuple[str | None, str]:
    """Return what the model may be given of a summary, None if that is nothing; and the other lines, without marks."""
    if not summary or MARK not in summary:
        return summary or None, ""
    lines = summary.splitlines()
    shown = "\n".join(line for line in lines if not line.startswith(MARK))
    withheld = "\n".join(line.removeprefix(MARK) for line in lines if line.startswith(MARK))
    return shown.strip() or None, withheld


def join_withheld(shown: str | None, withheld: str) -> str | None:
    """Return the summary of what the model may be given, and of other lines, which are marked."""
    marked = "\n".join(MARK + line for line in withheld.splitlines() if line.strip())
    return "\n".join(part for part in (shown, marked) if part) or None
