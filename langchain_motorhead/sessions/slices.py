"""Cutting long work into slices, each short enough to block an event loop for a few milliseconds only. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

# What is decoded or encoded in about five milliseconds.
_MAX_ITEMS, _MAX_SIZE = 100, 250_000


def slices(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Return an iterator over consecutive parts of a list.

    Args:
        items: The list.
        size: Returns the size of an item in bytes. An item larger than a slice is a slice of its own.
    """
    if len(items) <= _MAX_ITEMS and sum(map(size, items)) <= _MAX_SIZE:
        if items:
            yield items
        return
    start, room = 0, _MAX_SIZE
    for at, item in enumerate(items):
        length = size(item)
        if at > start and (length > room or at - start == _MAX_ITEMS):
            yield items[start:at]
            start, room = at, _MAX_SIZE
        room -= length
    yield items[start:]
