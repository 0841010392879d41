"""Duplicate results: a result with the same words as a better one is replaced by the next result. Pure.

Texts are duplicates only if all of their words are the same. A single different word or number may be what changed
("my budget is $600 now"), and then both results are needed.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType

_MARKS = MappingProxyType(dict.fromkeys(map(ord, string.punctuation + "…“”„‘’«»。，！？、；：।؟"), " "))


def without_repeats(texts: Sequence[str], count: int) -> list[int]:
    """Return the positions of the texts to keep, in order. Duplicates are left out if there are enough other texts.

    Args:
        texts: The texts, best first.
        count: How many to keep; all, if there are fewer.
    """
    seen = set[frozenset[str]]()
    first, again = list[int](), list[int]()
    lengths = [len(text.split()) for text in texts]
    shared = Counter(lengths)
    for at, text in enumerate(texts):
        # Splitting into words is slow, and most texts have a length that no other text has.
        words = _words(text) if shared[lengths[at]] > 1 else frozenset((text,))
        (again if words in seen else first).append(at)
        seen.add(words)
        if len(first) == count:
            break
    return sorted([*first, *again[: count - len(first)]])


def _words(text: str) -> frozenset[str]:
    """Return the words of a text in lower case, without punctuation. If it has only punctuation, return the text."""
    return frozenset(text.casefold().translate(_MARKS).split()) or frozenset((text,))
