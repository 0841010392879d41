"""Query expansion by pseudo-relevance feedback: which terms of the first results are added to the query. Pure.

A message may say the same in other words than the question. If the first results answer the question, the terms that
they share tell these words. The weight of a term is how often it occurs in the first results, times its inverse
document frequency, which is estimated from all that were read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

SAMPLE_COUNT = 100
"""How many documents to read for the document frequencies of terms."""
TRUSTED_COUNT = 5
"""The first of them, whose terms may be added."""
ADDED_COUNT = 8
"""How many terms to add at most."""
WEIGHT = 0.2
"""Weight of the score of an added term, beside 1 for a term of the query."""
_LEAST_DOCUMENTS = 2  # what only one of the first results says is more often about something else


def expansion(searched: Sequence[str], found: Sequence[Sequence[str]]) -> list[str]:
    """Return the terms to add to a query, the most telling one first.

    Args:
        searched: The terms of the query.
        found: The terms of each document that it found, best first.
    """
    known = frozenset(searched)
    documents = Counter(term for each in found for term in frozenset(each))
    shares, sharing = dict[str, float](), Counter[str]()
    for each in found[:TRUSTED_COUNT]:
        for term, times in Counter(each).items():
            shares[term] = shares.get(term, 0.0) + times / len(each)
            sharing[term] += 1
    weights = {
        term: share * math.log((1 + len(found)) / documents[term])
        for term, share in shares.items()
        if term not in known and sharing[term] >= _LEAST_DOCUMENTS
    }
    telling = sorted((-weight, term) for term, weight in weights.items())
    return [term for _, term in telling[:ADDED_COUNT]]
