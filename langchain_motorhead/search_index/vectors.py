"""Vectors as the bytes that the search module stores, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def to_bytes(vectors: Sequence[Any], datatype: str) -> list[bytes | None]:
    """Give vectors, arrays of numpy, as the index stores them; None for one with a number too large for that."""
    import numpy as np

    if not len(vectors):
        return []
    with np.errstate(over="ignore", invalid="ignore"):
        stored = np.asarray(vectors).astype(_dtype(datatype))
        finite = np.isfinite(stored.sum(axis=1, dtype=np.float64))
    return [row.tobytes() if fits else None for row, fits in zip(stored, finite, strict=True)]


def from_bytes(data: bytes, datatype: str) -> list[float]:
    """Undo `to_bytes`."""
    import numpy as np

    return [float(number) for number in np.frombuffer(data, _dtype(datatype))]


def item_size(datatype: str) -> int:
    """Give the bytes of a number of a stored vector."""
    import numpy as np

    return int(np.dtype(_dtype(datatype)).itemsize)


def _dtype(datatype: str) -> Any:
    if datatype != "bfloat16":
        return datatype
    import ml_dtypes  # numpy has none; redisvl brings this

    return ml_dtypes.bfloat16
