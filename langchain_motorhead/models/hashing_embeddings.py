"""Hashing embeddings: vectors without a model, made by hashing words and their character n-grams."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

from langchain_core.embeddings import Embeddings

from langchain_motorhead.exceptions import InvalidInputError

_WORD = re.compile(r"\w+")
# Lengths of n-grams, taken from a word in angle brackets: "cat" shares some with "cats", none with "concatenate".
_NGRAM_CHARS = (3, 4, 5)


class HashingEmbeddings(Embeddings):
    """Embeds a text by hashing its words and their character n-grams into a vector of length 1.

    It needs no model, network or training, and it compares letters, not meaning: texts are close if they share words or
    parts of words. It knows no synonyms and no translations. Use it for demos and tests, not in production.

    Args:
        dimensions: Number of dimensions of a vector, at least 8.

    Raises:
        InvalidInputError: `dimensions` is less than 8.

    Example:
        ```python
        Motorhead.from_url("redis://localhost:6379", embeddings=HashingEmbeddings())
        ```
    """

    def __init__(self, dimensions: int = 512) -> None:
        if not isinstance(dimensions, int) or dimensions < 8:
            raise InvalidInputError(f"dimensions must be a whole number of at least 8, not {dimensions!r}")
        self.dimensions = dimensions
        self.model = f"words and {_NGRAM_CHARS[0]} to {_NGRAM_CHARS[-1]} characters of them"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(dimensions={self.dimensions})"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text."""
        vector = [0.0] * self.dimensions
        for feature, count in Counter(_features(text)).items():
            digest = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
            # A random sign for each feature keeps features of the same position from adding up.
            weight = (1 + math.log(count)) * (1 if digest & 1 else -1)
            vector[(digest >> 1) % self.dimensions] += weight * (1.0 if feature[0] == " " else 0.5)
        norm = math.sqrt(sum(number * number for number in vector))
        return [number / norm for number in vector] if norm else [1.0, *vector[1:]]


def _features(text: str) -> Iterator[str]:
    """Return an iterator over the words of a text, each after a space, and the n-grams of each word."""
    for word in _WORD.findall(text.lower()):
        yield f" {word}"
        marked = f"<{word}>"
        for size in _NGRAM_CHARS:
            if len(word) >= size:
                yield from (marked[at : at + size] for at in range(len(marked) - size + 1))
