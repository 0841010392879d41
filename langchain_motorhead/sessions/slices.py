"""Long work in slices, each short enough to block an event loop for a few milliseconds only. Pure: it does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from langchain_motorhead.flows.protocol import Compute, Flow, Pause

T = TypeVar("T")
R = TypeVar("R")

# Items that are decoded or encoded in about five milliseconds.
_MAX_ITEMS = 100
MAX_SLICE_SIZE = 250_000
"""Bytes that are decoded or encoded in about five milliseconds."""
# What a value costs beside its text.
_VALUE_COST = 50


def in_slices(items: Sequence[T], size: Callable[[T], int], work: Callable[[Sequence[T]], list[R]]) -> Flow[list[R]]:
    """Call a function with consecutive parts of a list, with pauses in which an event loop does something else.

    Args:
        items: The list.
        size: Returns the size of an item in bytes. A large item is a part of its own, for which the function is called
            in a thread where an event loop runs.
        work: The function. It returns a result for each item.

    Returns:
        All results.
    """
    results = list[R]()
    for part in slices(items, size):
        if results:
            yield Pause(0)
        results += yield from computed(partial(work, part), size(part[0]) if len(part) == 1 else 0)
    return results


def computed(work: Callable[[], R], size: int) -> Flow[R]:
    """Call a function: in a thread where an event loop runs, if there is much to do.

    Args:
        work: The function. It does no I/O.
        size: Size of what it works on, in bytes of JSON.
    """
    if size <= MAX_SLICE_SIZE:
        return work()
    result: R = yield Compute(work)
    return result


def slices(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Return an iterator over consecutive parts of a list.

    Args:
        items: The list.
        size: Returns the size of an item in bytes. An item larger than a slice is a slice of its own.
    """
    if len(items) <= _MAX_ITEMS and sum(map(size, items)) <= MAX_SLICE_SIZE:
        if items:
            yield items
        return
    start, room = 0, MAX_SLICE_SIZE
    for at, item in enumerate(items):
        length = size(item)
        if at > start and (length > room or at - start == _MAX_ITEMS):
            yield items[start:at]
            start, room = at, MAX_SLICE_SIZE
        room -= length
    yield items[start:]


def rough_size(value: Any) -> int:
    """Return about how many bytes of JSON a value has. It stops counting where the value is too large for a slice."""
    size, left = 0, [value]
    while left and size <= MAX_SLICE_SIZE:
        each = left.pop()
        size += _VALUE_COST
        if isinstance(each, str | bytes):
            size += len(each)
        elif isinstance(each, Mapping):
            left += each.values()
        elif isinstance(each, list | tuple):
            left += each
    return size
