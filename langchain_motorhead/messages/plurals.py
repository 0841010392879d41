"""Numbers with their nouns, for people. Pure."""

from __future__ import annotations


def counted(count: int, one: str, more: str | None = None) -> str:
    """Return a number with its noun, such as `"1 message"` and `"2,000 messages"`.

    Args:
        count: The number.
        one: The noun in the singular.
        more: Its plural, if that is not the singular with an "s".
    """
    return f"{count:,} {one if count == 1 else more or one + 's'}"
