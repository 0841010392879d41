"""Repeats: results that say the same as a better one give way to others. Pure.

Only texts with the same words count as the same. A single other word or number may be what has changed ("my budget is
$600 now"), and whoever asks needs both.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from types import MappingProxyType

_MARKS = MappingProxyType(dict.fromkeys(map(ord, string.punctuation + "…“”„‘’«»。，！？、；：।؟"), " "))


def without_repeats(texts: Sequence[str], count: int) -> list[int]:
    """Return which texts to keep, in their order. A text that repeats an earlier one is left out if others are there.

    Args:
        texts: The texts, best first.
        count: How many to keep at most. So many are kept if there are as many.
    """
    seen = set[frozenset[str]]()
    first, again = list[int](), list[int]()
    lengths = [len(text.split()) for text in texts]
    for at, text in enumerate(texts):
        # Taking words apart takes long, and most texts are as long as no other.
        words = _words(text) if lengths.count(lengths[at]) > 1 else frozenset((text,))
        (again if words in seen else first).append(at)
        seen.add(words)
        if len(first) == count:
            break
    return sorted([*first, *again[: count - len(first)]])


def _words(text: str) -> frozenset[str]:
    """Return the words of a text, without case and marks; of one that has only marks, the text."""
    return frozenset(text.casefold().translate(_MARKS).split()) or frozenset((text,))
