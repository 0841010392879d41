"""Making an index of the search module: created unless it is there, filled, and of vectors of one length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_motorhead.exceptions import IndexMissingError, StoreError
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.search_index.queries import to_mapping
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies

if TYPE_CHECKING:
    from redisvl.schema import IndexSchema

Creation: TypeAlias = Callable[..., tuple[Any, ...]]
"""Gives what follows an index's name in FT.CREATE, told by `scan` whether there may be documents already."""

_POLL = Pause(0.1)
_TRIES = 5


def create(name: str, creation: Creation, *, scan: bool) -> Flow[None]:
    """Create an index, unless it is there."""
    yield from ignoring_error("already exists", command("FT.CREATE", name, *creation(scan=scan)))


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


def ignoring_error(text: str, operation: Operation[None]) -> Flow[None]:
    """Have an operation executed, and take it for done if Redis says so."""
    try:
        yield operation
    except StoreError as error:
        if text not in str(error).lower():
            raise


def vector_field(generation: int) -> str:
    """Name the field of a document that has its vector: each generation has its own, so that two can stand together."""
    return "vector" if generation == 1 else f"vector/{generation}"


def creation(schema: IndexSchema, generation: int, *, scan: bool) -> tuple[Any, ...]:
    """Give what follows the index's name in FT.CREATE.

    redisvl's own `create` always scans the whole keyspace in the background, during which searches are wrong.
    """
    arguments: list[Any] = ["ON", "HASH", "PREFIX", 1, schema.index.prefix]
    if not scan:
        arguments.append("SKIPINITIALSCAN")
    # Terms have no stop words any more, and no phrases are searched.
    arguments += ["NOOFFSETS", "NOHL", "STOPWORDS", 0, "SCHEMA"]
    for field in schema.redis_fields:
        name, *rest = field.redis_args()
        arguments += [vector_field(generation), "AS", name, *rest] if name == "vector" else [name, *rest]
    return tuple(arguments)


def inspect(index: str) -> Operation[tuple[int, bool]]:
    """Ask an index for the dimensions of its vectors, and whether it is still being filled with what was there."""

    def read(replies: list[Any]) -> tuple[int, bool]:
        info = to_mapping(replies[0])
        attributes = map(to_mapping, info["attributes"])
        dimensions = next((int(each["dim"]) for each in attributes if "dim" in each), 0)
        return dimensions, bool(int(info.get("indexing", 0))) or float(info.get("percent_indexed", 1)) < 1

    return Operation((Command("FT.INFO", (index,)),), read)


def command(name: str, index: str, *args: Value) -> Operation[None]:
    """Send a command of the search module that is asked for its effect alone."""
    return Operation((Command(name, (index,), args),), ignore_replies)
