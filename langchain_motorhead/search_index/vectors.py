"""Vector encoding: numpy vectors to the bytes that the search module stores, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead.exceptions import EmbeddingError


def to_bytes(vectors: Sequence[Any], datatype: str) -> list[bytes | None]:
    """Return the stored bytes of each vector, or None for one with a number too large for the datatype."""
    import numpy as np

    if not len(vectors):
        return []
    with np.errstate(over="ignore", invalid="ignore"):
        stored = np.asarray(vectors).astype(_dtype(datatype))
        finite = np.isfinite(stored.sum(axis=1, dtype=np.float64))
    return [row.tobytes() if fits else None for row, fits in zip(stored, finite, strict=True)]


def stored_vectors(found: Sequence[Any], datatype: str) -> list[bytes | EmbeddingError | None]:
    """Return the stored bytes of each vector that a model returned.

    Args:
        found: Vectors, with an error in the place of each text that could not be embedded.
        datatype: Type of the stored numbers.

    Returns:
        The bytes, the error as it was given, or None for a vector with a number too large for the datatype.
    """
    stored = iter(to_bytes([each for each in found if not isinstance(each, EmbeddingError)], datatype))
    return [each if isinstance(each, EmbeddingError) else next(stored) for each in found]


def from_bytes(data: bytes, datatype: str) -> list[float]:
    """Return the vector that is stored as these bytes."""
    import numpy as np

    return [float(number) for number in np.frombuffer(data, _dtype(datatype))]


def item_size(datatype: str) -> int:
    """Return the size in bytes of one stored number."""
    import numpy as np

    return int(np.dtype(_dtype(datatype)).itemsize)


def _dtype(datatype: str) -> Any:
    if datatype != "bfloat16":
        return datatype
    import ml_dtypes  # numpy has no bfloat16; redisvl depends on this package

    return ml_dtypes.bfloat16
