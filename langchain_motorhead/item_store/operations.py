"""The Redis commands of a store of items, as data. All keys of one store are in one slot of a cluster.

| key | type | holds |
|---|---|---|
| `motorhead:store:{NS}` | HASH | `model` and `dimensions` of the vectors, once there are any |
| `motorhead:store:{NS}:namespaces` | ZSET, all of score 0 | the namespaces that have items |
| `motorhead:store:{NS}:keys:NAMESPACE` | ZSET | keys of a namespace's items, numbered as they were put first |
| `motorhead:store:{NS}:item:PATH` | HASH | `value`, `created`, `updated`; `ttl` in ms; `vectors`, how many |
| `motorhead:store:{NS}:vector:PATH:N` | HASH | `vector`, and `within`: the tags of the namespaces that it is in |
| `motorhead:store:{NS}:expiries` | ZSET | paths of the items that expire, by when |

How namespaces and paths are written is in `item_paths.py`. An item and its vectors expire by themselves; the lists are
rid of it when they are next read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.item_store.paths import from_path, to_name, to_path
from langchain_motorhead.item_store.requests import Found
from langchain_motorhead.search_index.queries import to_matches, total
from langchain_motorhead.storage.keys import PREFIX, from_member, registry_key, to_member, to_tag
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies
from langchain_motorhead.storage.scripts import SCRIPTS

DISTANCE = "vector_distance"
# What one script does at most: so many items put, pruned or looked at, so many bytes read.
_PUT, _PRUNED, _LOOKS, _BYTES = 200, 1_000, 5_000, 1 << 22
_START = ("", "")


class VectorSpec(NamedTuple):
    """What the vectors of a store are: of which model, and how long."""

    model: str
    dimensions: int


class ItemWrite(NamedTuple):
    """An item to keep: where, its value (empty to delete it), milliseconds that it lives, tags and vectors."""

    namespace: tuple[str, ...]
    key: str
    value: bytes
    ttl: int
    tags: str
    vectors: Sequence[bytes]


class Cursor(NamedTuple):
    """How far a range of items was read: the namespace, and the number in it of the last."""

    namespace: str
    number: str


class Nearest(NamedTuple):
    """What a search by vector found: paths with how similar, best first, and whether there may be more."""

    found: list[tuple[str, float]]
    more: bool


def store_key(namespace: str) -> str:
    """Name the key of a store's description, with which all its keys begin.

    Raises:
        InvalidInputError: The namespace is not a string, or empty.
    """
    registry_key(namespace)  # checks it
    return f"{PREFIX}:store:{{{to_tag(namespace)}}}"


def vector_prefix(store: str) -> str:
    """Give what the keys of vectors begin with."""
    return f"{store}:vector:"


def put(store: str, writings: Sequence[ItemWrite], shape: VectorSpec | None, *, prune: bool) -> Operation[bool]:
    """Keep and delete items. Each is kept, or deleted, with all that belongs to it, or not at all.

    Args:
        store: Key of the store.
        writings: Items, each place once.
        shape: Of the vectors, if there are any.
        prune: Whether to take off the lists what expired.

    Returns:
        Whether it was done, and not refused since the store has vectors of another shape, or none yet.
    """
    commands = []
    for start in range(0, len(writings), _PUT):
        args: list[Value] = [b"", ""] if shape is None else [to_member(shape.model), shape.dimensions]
        for each in writings[start : start + _PUT]:
            args += (to_path(each.namespace), to_name(each.key), each.value, each.ttl, each.tags, len(each.vectors))
            args += each.vectors
        commands.append(Command(SCRIPTS["item_put"], (store,), tuple(args)))
    count = len(commands)
    if prune:
        commands.append(_pruning(store))
    return Operation(tuple(commands), lambda replies: all(replies[:count]))


def get(store: str, paths: Sequence[tuple[str, bool]]) -> Operation[list[Found | None]]:
    """Read items, and let those live for their time from now that it is said of."""
    args = tuple(each for path, refresh in paths for each in (path, int(refresh)))
    command = Command(SCRIPTS["item_get"], (store,), args)

    def read(replies: list[Any]) -> list[Found | None]:
        return [None if row is None else _found(path, *row) for (path, _), row in zip(paths, replies[0], strict=True)]

    return Operation((command,), read)


def touch(store: str, paths: Sequence[str]) -> Operation[None]:
    """Let items live for their time from now."""
    args = tuple(each for path in paths for each in (path, 2))
    return Operation((Command(SCRIPTS["item_get"], (store,), args),), ignore_replies)


def page(
    store: str, bounds: tuple[str, str], cursor: Cursor | None, *, skip: int, count: int, bare: bool
) -> Operation[tuple[list[Found], Cursor | None, bool]]:
    """Read items by namespace, and in each in the order in which they were put first.

    Args:
        store: Key of the store.
        bounds: Of the namespaces.
        cursor: How far was read before.
        skip: Items to pass over.
        count: How many to read; it may be fewer.
        bare: Whether only those without vectors.

    Returns:
        Items, how far was read if there may be more, and whether something may have expired that is still listed.
    """
    low, high = bounds
    after = cursor or _START
    if cursor is not None:
        low = f"[{cursor.namespace}"
    args = (low, high, *after, skip, count, _LOOKS, _BYTES, int(bare))

    def read(replies: list[Any]) -> tuple[list[Found], Cursor | None, bool]:
        expired, (more, namespace, number, rows) = replies
        found = [_found(from_member(path), *rest) for path, *rest in rows]
        return found, Cursor(from_member(namespace), from_member(number)) if more else None, bool(expired)

    return Operation((_pruning(store), Command(SCRIPTS["item_page"], (store,), args)), read)


def namespaces(
    store: str, bounds: tuple[str, str], count: int
) -> Operation[tuple[list[tuple[str, ...]], str | None, bool]]:
    """Read namespaces in their order.

    Returns:
        Namespaces, the path of the last if there may be more, and whether one may be listed whose items expired.
    """

    def read(replies: list[Any]) -> tuple[list[tuple[str, ...]], str | None, bool]:
        expired, members = replies
        paths = [from_member(member) for member in members]
        return [from_path(path).namespace for path in paths], paths[-1] if len(paths) == count else None, bool(expired)

    listing = Command("ZRANGEBYLEX", (f"{store}:namespaces",), (*bounds, "LIMIT", 0, count))
    return Operation((_pruning(store), listing), read)


def prune(store: str) -> Operation[bool]:
    """Take items that expired off the lists. Returns whether there may be more."""
    return Operation((_pruning(store),), lambda replies: bool(replies[0]))


def describe(store: str) -> Operation[VectorSpec | None]:
    """Read of what shape the vectors of a store are; None if it has none."""
    return Operation((_describing(store),), lambda replies: _shape(replies[0]))


def establish(store: str, shape: VectorSpec) -> Operation[tuple[bool, VectorSpec]]:
    """Say of what shape the vectors of a store are, unless it is said already.

    Returns:
        Whether it was not, and what holds.
    """

    def read(replies: list[Any]) -> tuple[bool, VectorSpec]:
        new, flat = replies[0]
        known = dict(zip(map(from_member, flat[::2]), flat[1::2], strict=True))
        found = _shape([known.get("model"), known.get("dimensions")])
        if found is None:
            raise StoreError(f"{store} does not describe the vectors of a store. Delete that key")
        return bool(new), found

    args = ("model", to_member(shape.model), "dimensions", shape.dimensions)
    return Operation((Command(SCRIPTS["index_describe"], (store,), args),), read)


def nearest(store: str, query: tuple[Value, ...], count: int) -> Operation[tuple[VectorSpec | None, Nearest]]:
    """Search by vector, and read of what shape the vectors are.

    Args:
        store: Key of the store, and name of its index.
        query: What follows the index's name in FT.SEARCH.
        count: How many vectors it asks for.
    """
    start = len(vector_prefix(store))

    def read(replies: list[Any]) -> tuple[VectorSpec | None, Nearest]:
        described, reply = replies
        found = [(match.key[start:].rpartition(":")[0], 1 - match.score) for match in to_matches(reply, DISTANCE)]
        return _shape(described), Nearest(found, total(reply) >= count)

    return Operation((_describing(store), Command("FT.SEARCH", (store,), query)), read)


def count_vectors(store: str, query: tuple[Value, ...]) -> Operation[int]:
    """Count the vectors that a query of the index finds."""
    return Operation((Command("FT.SEARCH", (store,), query),), lambda replies: total(replies[0]))


def _pruning(store: str) -> Command:
    return Command(SCRIPTS["item_prune"], (store,), (_PRUNED,))


def _describing(store: str) -> Command:
    return Command("HMGET", (store,), ("model", "dimensions"))


def _shape(values: Sequence[Any]) -> VectorSpec | None:
    model, dimensions = values
    return None if model is None or dimensions is None else VectorSpec(from_member(model), int(dimensions))


def _found(path: str, value: Any, created: Any, updated: Any, ttl: Any = None) -> Found:
    return Found(path, value, int(created), int(updated), int(ttl or 0))
