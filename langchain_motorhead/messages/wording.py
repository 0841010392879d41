"""Words for people and logs: numbers with their nouns, and shortened texts. Pure."""

from __future__ import annotations


def counted(count: int, one: str, more: str | None = None) -> str:
    """Return a number with its noun, such as `"1 message"` and `"2,000 messages"`.

    Args:
        count: The number.
        one: The noun in the singular.
        more: Its plural, if that is not the singular with an "s".
    """
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def shortened(text: str, most: int = 60) -> str:
    """Return a text on one line, cut at the end if it is long.

    Args:
        text: The text.
        most: Characters that it may have.
    """
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
