"""Embeddings without a model: words and parts of words, hashed into a vector."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

from langchain_core.embeddings import Embeddings

from langchain_motorhead.exceptions import InvalidInputError

_WORD = re.compile(r"\w+")
# Of a word between marks of its start and end, so that "cat" shares parts with "cats" and none with "concatenate".
_GRAMS = (3, 4, 5)


class HashingEmbeddings(Embeddings):
    """Words and their character n-grams, hashed into a vector of unit length. No model, no network, no training.

    Lexical only: texts are near each other if they share words, or parts of words. It knows no synonyms and no other
    language. For demos, tests and trials without a model; not for production.

    Args:
        dimensions: Length of the vectors.

    Raises:
        InvalidInputError: Fewer than 8 dimensions.

    Example:
        ```python
        Motorhead.from_url("redis://localhost:6379", embeddings=HashingEmbeddings())
        ```
    """

    def __init__(self, dimensions: int = 512) -> None:
        if not isinstance(dimensions, int) or dimensions < 8:
            raise InvalidInputError(f"dimensions must be a whole number of at least 8, not {dimensions!r}")
        self.dimensions = dimensions
        self.model = f"words and {_GRAMS[0]} to {_GRAMS[-1]} characters of them"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text."""
        vector = [0.0] * self.dimensions
        for feature, count in Counter(_features(text)).items():
            digest = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
            # A sign of its own for each keeps features that fall together from adding up.
            weight = (1 + math.log(count)) * (1 if digest & 1 else -1)
            vector[(digest >> 1) % self.dimensions] += weight * (1.0 if feature[0] == " " else 0.5)
        norm = math.sqrt(sum(number * number for number in vector))
        return [number / norm for number in vector] if norm else [1.0, *vector[1:]]


def _features(text: str) -> Iterator[str]:
    """Give each word, after a space, and the n-grams of the longer ones."""
    for word in _WORD.findall(text.lower()):
        yield f" {word}"
        marked = f"<{word}>"
        for size in _GRAMS:
            if len(word) >= size:
                yield from (marked[at : at + size] for at in range(len(marked) - size + 1))
