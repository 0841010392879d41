"""Index lifecycle: creates an index of the search module, waits until it is complete, and drops it."""

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
"""Returns the arguments of FT.CREATE after the index's name. `scan` says whether documents may exist already."""

_POLL = Pause(0.1)
_MAX_ATTEMPTS = 5


def create(name: str, creation: Creation, *, scan: bool) -> Flow[None]:
    """Create an index, unless it exists."""
    yield from ignoring_error("already exists", command("FT.CREATE", name, *creation(scan=scan)))


def fill(name: str, creation: Creation, dimensions: int) -> Flow[None]:
    """Wait until a new index contains all stored documents.

    The index is created again if it was dropped meanwhile, or if its vectors have another length.

    Args:
        name: Name of the index.
        creation: Returns the arguments of FT.CREATE.
        dimensions: Dimensions of its vectors.

    Raises:
        StoreError: The index was dropped again and again.
    """
    for tried in range(_MAX_ATTEMPTS):
        if tried:
            yield from create(name, creation, scan=True)
        try:
            there, filling = yield inspect(name)
            # While an index is being filled, its results are wrong, and not only incomplete.
            while filling:
                yield _POLL
                there, filling = yield inspect(name)
            if there in (0, dimensions):  # 0 if the module does not report it
                return
            yield from drop(name)  # left over from an index whose description was deleted
        except IndexMissingError:
            continue  # dropped meanwhile
    raise StoreError(f"the index {name} was dropped each time it was created")


def drop(name: str) -> Flow[None]:
    """Drop an index if it exists. Its documents stay."""
    try:
        yield command("FT.DROPINDEX", name)
    except IndexMissingError:
        return


def ignoring_error(text: str, operation: Operation[None]) -> Flow[None]:
    """Execute an operation, and ignore an error of Redis that contains a text."""
    try:
        yield operation
    except StoreError as error:
        if text not in str(error).lower():
            raise


def vector_field(generation: int) -> str:
    """Return the name of the vector field of a generation. Generations differ in it, so that two can coexist."""
    return "vector" if generation == 1 else f"vector/{generation}"


def creation(schema: IndexSchema, generation: int, *, scan: bool) -> tuple[Any, ...]:
    """Return the arguments of FT.CREATE after the index's name.

    redisvl's own `create` always scans the whole keyspace in the background, and searches are wrong until it ends.
    """
    arguments: list[Any] = ["ON", "HASH", "PREFIX", 1, schema.index.prefix]
    if not scan:
        arguments.append("SKIPINITIALSCAN")
    # `recall/words/terms.py` has removed the stop words, and phrases are not searched.
    arguments += ["NOOFFSETS", "NOHL", "STOPWORDS", 0, "SCHEMA"]
    for field in schema.redis_fields:
        name, *rest = field.redis_args()
        if "SORTABLE" in rest:
            rest.append("UNF")  # as it is, and not in lower case. redisvl has no such option for tags
        arguments += [vector_field(generation), "AS", name, *rest] if name == "vector" else [name, *rest]
    return tuple(arguments)


def inspect(index: str) -> Operation[tuple[int, bool]]:
    """Return the operation that reads an index's dimensions, and whether it is still being filled."""

    def read(replies: list[Any]) -> tuple[int, bool]:
        info = to_mapping(replies[0])
        attributes = map(to_mapping, info["attributes"])
        dimensions = next((int(each["dim"]) for each in attributes if "dim" in each), 0)
        return dimensions, bool(int(info.get("indexing", 0))) or float(info.get("percent_indexed", 1)) < 1

    return Operation((Command("FT.INFO", (index,)),), read)


def document_count(index: str) -> Operation[int]:
    """Return the operation that reads how many documents an index has; on a cluster, those of one node."""
    return Operation((Command("FT.INFO", (index,)),), lambda replies: int(to_mapping(replies[0]).get("num_docs", 0)))


def command(name: str, index: str, *args: Value) -> Operation[None]:
    """Return the operation of a command of the search module whose reply is ignored."""
    return Operation((Command(name, (index,), args),), ignore_replies)
