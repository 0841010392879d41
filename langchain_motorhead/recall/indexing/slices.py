"""Slices: which documents one script stores, so that Redis does nothing else for about 10 ms at most. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, TypeVar

AT_ONCE: Mapping[str, int] = MappingProxyType({"flat": 100, "hnsw": 10})
"""How many documents one script stores, by the algorithm of the index. One takes about 0.1 ms in a flat index, and 1 ms
in an HNSW graph of 50,000."""
REVISED_AT_ONCE = 10
"""How many documents one script changes while an index is rebuilt: two indexes take each of them up then."""

Row = TypeVar("Row", bound=Sequence[Any])


def slices(rows: Sequence[Row], upto: int, size: int) -> list[tuple[int, list[Row]]]:
    """Cut documents into slices. There is at least one, even without documents.

    All documents of a message are in the same slice, as a message is indexed as a whole. So a slice is larger if one
    message has more documents.

    Args:
        rows: The documents, by message. The second value of each is the sequence number of its message.
        upto: Sequence number after the last message, which may have no document.
        size: How many documents a slice has at most.

    Returns:
        Each slice, with the sequence number up to which all is indexed once it is stored.
    """
    found, some = list[tuple[int, list[Row]]](), list[Row]()
    for seq, documents in groupby(rows, lambda row: row[1]):
        message = list(documents)
        if some and len(some) + len(message) > size:
            found.append((int(seq), some))
            some = []
        some = [*some, *message]
    return [*found, (upto, some)]
