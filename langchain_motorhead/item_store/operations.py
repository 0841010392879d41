"""Redis commands of the item store, as data. All keys of a store are in one slot of a cluster.

| key | type | content | |---|---|---| | `motorhead:store:{NS}` | HASH | `model` and `dimensions` of the vectors, once
there are any | | `motorhead:store:{NS}:namespaces` | ZSET, all of score 0 | the namespaces that have items | |
`motorhead:store:{NS}:keys:NAMESPACE` | ZSET | keys of a namespace's items, numbered in the order of their first put | |
`motorhead:store:{NS}:item:PATH` | HASH | `value`, `created`, `updated`; `ttl` in ms; `vectors`: how many | |
`motorhead:store:{NS}:vector:PATH:N` | HASH | `vector`, and `within`: tags of its namespace and of the prefixes of it |
| `motorhead:store:{NS}:expiries` | ZSET | paths of the items that expire, by time |

`paths.py` defines how namespaces and paths are written. Items and their vectors expire by themselves, and are removed
from the sorted sets at the next read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.item_store.paths import from_path, to_name, to_path
from langchain_motorhead.item_store.requests import StoredItem
from langchain_motorhead.search_index.queries import to_reply, total
from langchain_motorhead.storage.keys import PREFIX, from_member, registry_key, to_key_part, to_member
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies
from langchain_motorhead.storage.scripts import SCRIPTS

DISTANCE = "vector_distance"
# Limits of one call of a script.
_MAX_PUT_ITEMS, _MAX_PRUNED_ITEMS, _MAX_SCANNED_ITEMS, _MAX_READ_BYTES = 200, 1_000, 5_000, 1 << 22
_START = ("", "")


class VectorSpec(NamedTuple):
    """The model and the dimensions of a store's vectors."""

    model: str
    dimensions: int


class ItemWrite(NamedTuple):
    """An item to write.

    Attributes:
        namespace: Labels of its namespace.
        key: Its key.
        value: Its value as JSON; empty to delete the item.
        ttl: Its time to live in milliseconds, or 0.
        tags: Tags of its vectors.
        vectors: Its vectors as bytes.
    """

    namespace: tuple[str, ...]
    key: str
    value: bytes
    ttl: int
    tags: str
    vectors: Sequence[bytes]


class Cursor(NamedTuple):
    """The position of a read through items: the namespace, and the number of its last item that was read."""

    namespace: str
    number: str


class Nearest(NamedTuple):
    """Result of a vector search: paths with their similarity, best first, and whether there may be more."""

    found: list[tuple[str, float]]
    more: bool


def store_key(namespace: str) -> str:
    """Return the key of a store's description. All keys of the store begin with it.

    Raises:
        InvalidInputError: The namespace is not a string, or is empty.
    """
    registry_key(namespace)  # raises if it is invalid
    return f"{PREFIX}:store:{{{to_key_part(namespace)}}}"


def vector_prefix(store: str) -> str:
    """Return the prefix of the keys of vectors."""
    return f"{store}:vector:"


def put(store: str, writings: Sequence[ItemWrite], shape: VectorSpec | None, *, prune: bool) -> Operation[bool]:
    """Store and delete items. Each item is written completely or not at all.

    Args:
        store: Key of the store.
        writings: The items, each place at most once.
        shape: Model and dimensions of the vectors, or None if there are none.
        prune: Whether to remove expired items from the sorted sets.

    Returns:
        False if the store has vectors of another model, or none yet, and nothing was written; otherwise True.
    """
    commands = []
    for start in range(0, len(writings), _MAX_PUT_ITEMS):
        args: list[Value] = [b"", ""] if shape is None else [to_member(shape.model), shape.dimensions]
        for each in writings[start : start + _MAX_PUT_ITEMS]:
            args += (to_path(each.namespace), to_name(each.key), each.value, each.ttl, each.tags, len(each.vectors))
            args += each.vectors
        commands.append(Command(SCRIPTS["item_put"], (store,), tuple(args)))
    count = len(commands)
    if prune:
        commands.append(_pruning(store))
    return Operation(tuple(commands), lambda replies: all(replies[:count]))


def get(store: str, paths: Sequence[tuple[str, bool]]) -> Operation[list[StoredItem | None]]:
    """Read the items of these paths, and restart the time to live of those whose second value is True."""
    args = tuple(each for path, refresh in paths for each in (path, int(refresh)))
    command = Command(SCRIPTS["item_get"], (store,), args)

    def read(replies: list[Any]) -> list[StoredItem | None]:
        return [None if row is None else _found(path, *row) for (path, _), row in zip(paths, replies[0], strict=True)]

    return Operation((command,), read)


def touch(store: str, paths: Sequence[str]) -> Operation[None]:
    """Restart the time to live of items."""
    args = tuple(each for path in paths for each in (path, 2))
    return Operation((Command(SCRIPTS["item_get"], (store,), args),), ignore_replies)


def page(
    store: str, bounds: tuple[str, str], cursor: Cursor | None, *, skip: int, count: int, bare: bool
) -> Operation[tuple[list[StoredItem], Cursor | None, bool]]:
    """Read items by namespace, within a namespace in the order of their first put.

    Args:
        store: Key of the store.
        bounds: Bounds of the namespaces, as `below` returns them.
        cursor: Where to continue, or None to start.
        skip: How many items to skip.
        count: Largest number of items to read.
        bare: Whether to read only items without vectors.

    Returns:
        The items, the cursor if there may be more, and whether expired items may still be listed.
    """
    low, high = bounds
    after = cursor or _START
    if cursor is not None:
        low = f"[{cursor.namespace}"
    args = (low, high, *after, skip, count, _MAX_SCANNED_ITEMS, _MAX_READ_BYTES, int(bare))

    def read(replies: list[Any]) -> tuple[list[StoredItem], Cursor | None, bool]:
        expired, (more, namespace, number, rows) = replies
        found = [_found(from_member(path), *rest) for path, *rest in rows]
        return found, Cursor(from_member(namespace), from_member(number)) if more else None, bool(expired)

    return Operation((_pruning(store), Command(SCRIPTS["item_page"], (store,), args)), read)


def namespaces(
    store: str, bounds: tuple[str, str], count: int
) -> Operation[tuple[list[tuple[str, ...]], str | None, bool]]:
    """Read namespaces in order.

    Returns:
        The namespaces, the path of the last if there may be more, and whether expired ones may still be listed.
    """

    def read(replies: list[Any]) -> tuple[list[tuple[str, ...]], str | None, bool]:
        expired, members = replies
        paths = [from_member(member) for member in members]
        return [from_path(path).namespace for path in paths], paths[-1] if len(paths) == count else None, bool(expired)

    listing = Command("ZRANGEBYLEX", (f"{store}:namespaces",), (*bounds, "LIMIT", 0, count))
    return Operation((_pruning(store), listing), read)


def prune(store: str) -> Operation[bool]:
    """Remove expired items from the sorted sets, and return whether there may be more."""
    return Operation((_pruning(store),), lambda replies: bool(replies[0]))


def describe(store: str) -> Operation[VectorSpec | None]:
    """Read the model and dimensions of a store's vectors, or None if it has none."""
    return Operation((_describing(store),), lambda replies: _shape(replies[0]))


def establish(store: str, shape: VectorSpec) -> Operation[tuple[bool, VectorSpec]]:
    """Store the model and dimensions of a store's vectors, unless they are stored already.

    Returns:
        Whether they were stored, and what is stored now.
    """

    def read(replies: list[Any]) -> tuple[bool, VectorSpec]:
        new, flat = replies[0]
        known = dict(zip(map(from_member, flat[::2]), flat[1::2], strict=True))
        found = _shape([known.get("model"), known.get("dimensions")])
        if found is None:
            raise StoreError(f"the key {store} does not hold the description of a store's vectors. Delete it")
        return bool(new), found

    args = ("model", to_member(shape.model), "dimensions", shape.dimensions)
    return Operation((Command(SCRIPTS["index_describe"], (store,), args),), read)


def nearest(store: str, query: tuple[Value, ...], count: int) -> Operation[tuple[VectorSpec | None, Nearest]]:
    """Search by vector, and read the model and dimensions of the store's vectors.

    Args:
        store: Key of the store, which is also the name of its index.
        query: The arguments of FT.SEARCH after the index's name.
        count: How many vectors the query asks for.
    """
    start = len(vector_prefix(store))

    def read(replies: list[Any]) -> tuple[VectorSpec | None, Nearest]:
        described, reply = replies
        found = to_reply(reply, DISTANCE)
        rows = zip(found.keys, found.scores, strict=True)
        items = [(key[start:].rpartition(":")[0], 1 - distance) for key, distance in rows]
        return _shape(described), Nearest(items, found.total >= count)

    return Operation((_describing(store), Command("FT.SEARCH", (store,), query)), read)


def count_vectors(store: str, query: tuple[Value, ...]) -> Operation[int]:
    """Return the operation that counts the vectors found by a query."""
    return Operation((Command("FT.SEARCH", (store,), query),), lambda replies: total(replies[0]))


def _pruning(store: str) -> Command:
    return Command(SCRIPTS["item_prune"], (store,), (_MAX_PRUNED_ITEMS,))


def _describing(store: str) -> Command:
    return Command("HMGET", (store,), ("model", "dimensions"))


def _shape(values: Sequence[Any]) -> VectorSpec | None:
    model, dimensions = values
    return None if model is None or dimensions is None else VectorSpec(from_member(model), int(dimensions))


def _found(path: str, value: Any, created: Any, updated: Any, ttl: Any = None) -> StoredItem:
    return StoredItem(path, value, int(created), int(updated), int(ttl or 0))
