"""Making an index of the search module: created unless it is there, filled, and of vectors of one length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from langchain_motorhead.exceptions import IndexMissingError, StoreError
from langchain_motorhead.flows import Flow, Pause
from langchain_motorhead.operations import Operation
from langchain_motorhead.recall_operations import command
from langchain_motorhead.search_operations import inspect

Creation: TypeAlias = Callable[..., tuple[Any, ...]]
"""Gives what follows an index's name in FT.CREATE, told by `scan` whether there may be documents already."""

_POLL = Pause(0.1)
_TRIES = 5


def create(name: str, creation: Creation, *, scan: bool) -> Flow[None]:
    """Create an index, unless it is there."""
    yield from tolerating("already exists", command("FT.CREATE", name, *creation(scan=scan)))


def fill(name: str, creation: Creation, dimensions: int) -> Flow[None]:
    """Wait until an index that was created has all documents that there were.

    It is made anew if it was dropped meanwhile, or is of vectors of another length.

    Args:
        name: Name of the index.
        creation: How to make it.
        dimensions: Of its vectors.

    Raises:
        StoreError: It is dropped again and again.
    """
    for tried in range(_TRIES):
        if tried:
            yield from create(name, creation, scan=True)
        try:
            there, filling = yield inspect(name)
            # It is not only incomplete while it is filled, but finds the wrong things.
            while filling:
                yield _POLL
                there, filling = yield inspect(name)
            if there in (0, dimensions):  # 0 where the module does not say
                return
            yield from drop(name)  # it is left over from one whose description was deleted
        except IndexMissingError:
            continue  # dropped meanwhile
    raise StoreError(f"the index {name} is dropped as often as it is made")


def drop(name: str) -> Flow[None]:
    """Drop an index, if it is there. Its documents stay."""
    try:
        yield command("FT.DROPINDEX", name)
    except IndexMissingError:
        return


def tolerating(text: str, operation: Operation[None]) -> Flow[None]:
    """Have an operation executed, and take it for done if Redis says so."""
    try:
        yield operation
    except StoreError as error:
        if text not in str(error).lower():
            raise
