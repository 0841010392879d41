"""Finding items and namespaces, as flows: by their order, by a filter, by how near they are to a query. All exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_motorhead.exceptions import (
    EmbeddingError,
    EmbeddingMismatchError,
    IndexMissingError,
    SearchUnavailableError,
    StoreError,
)
from langchain_motorhead.flows.gather import gather
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.item_store import operations
from langchain_motorhead.item_store.filters import is_listed, known_prefix, matches
from langchain_motorhead.item_store.index import index_count, index_creation, index_query
from langchain_motorhead.item_store.operations import Nearest, VectorSpec
from langchain_motorhead.item_store.paths import below, to_path
from langchain_motorhead.item_store.requests import Found, Listing, Search, decode_value
from langchain_motorhead.search_index.lifecycle import create, fill

# Read at once: at first, at most, and by how many times more if that was not enough.
_FIRST, _MOST, _MORE = 100, 5_000, 4
# Vectors to look for beyond what is wanted, since several may be of one item.
_SPARE = 10
# Looking for so many vectors, those that expired cannot be what keeps others from being found.
_HOPELESS = 200_000


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """One store of items.

    Attributes:
        store: What its keys begin with.
        model: Name of the embedding model, if it has one.
        dimensions: Of its vectors, if that is said.
    """

    store: str
    model: str | None = None
    dimensions: int | None = None

    def shape(self, dimensions: int) -> VectorSpec:
        """Give the shape of the vectors that this has."""
        return VectorSpec(self.model or "", dimensions)

    def check_dimensions(self, dimensions: int) -> None:
        """Refuse vectors that are not as long as was said.

        Raises:
            EmbeddingError: They are longer or shorter.
        """
        if self.dimensions is not None and dimensions != self.dimensions:
            raise EmbeddingError(
                f"the embedding model gave vectors of {dimensions} numbers, and dims={self.dimensions}"
            )

    def check(self, there: VectorSpec, dimensions: int) -> None:
        """Refuse vectors of another model.

        Raises:
            EmbeddingMismatchError: They are of another, or of another length.
        """
        if there != self.shape(dimensions):
            raise EmbeddingMismatchError(
                f"the store has vectors of {there.model} ({there.dimensions} dimensions); this is {self.model} "
                f"({dimensions}). Give the model that it was made with, another namespace, or index=False"
            )


def list_namespaces(request: Listing, shelf: StoreConfig) -> Flow[list[tuple[str, ...]]]:
    """List the namespaces that have items."""
    low, high = below(to_path(known_prefix(request.conditions)))
    listed: dict[tuple[str, ...], None] = {}
    wanted = request.offset + request.limit
    count = max(_FIRST, wanted if request.depth is None and not request.conditions else 0)
    while len(listed) < wanted:
        count = min(count, _MOST)
        found, last, expired = yield operations.namespaces(shelf.store, (low, high), count)
        if expired:
            yield from _prune(shelf)
            continue
        fitting = (each for each in found if is_listed(each, request.conditions))
        listed.update((each if request.depth is None else each[: request.depth], None) for each in fitting)
        if last is None:
            break
        low = f"({last}"
        count *= _MORE
    return list(listed)[request.offset : wanted]


def search(request: Search, vector: Any, shelf: StoreConfig) -> Flow[list[Found]]:
    """Find items: those nearest to a vector, then those that have none; or all in their order, if there is no vector.

    Raises:
        EmbeddingMismatchError: The store has vectors of another model.
        SearchUnavailableError: Redis has no search module.
    """
    wanted = request.offset + request.limit
    if not request.limit:
        return []
    if vector is None or not any(vector):  # what has no direction is near nothing
        skip = 0 if request.filter else request.offset
        found = yield from _scan(request, wanted - skip, shelf, skip=skip)
        return found[request.offset - skip :]
    found = yield from _nearest(request, vector, wanted, shelf)
    return found[request.offset : wanted]


def set_up(shelf: StoreConfig, shape: VectorSpec) -> Flow[None]:
    """Make the index, unless it is there, and then say of what shape the vectors are.

    In this order, since vectors are put as soon as that is said: an index that is made later has to look for them in
    all of Redis, and finds the wrong things until it has.

    Raises:
        EmbeddingMismatchError: The store has vectors of another model.
        SearchUnavailableError: Redis has no search module.
    """
    there = yield operations.describe(shelf.store)
    if there is not None:
        shelf.check(there, shape.dimensions)
    how = partial(index_creation, shelf.store, shape.dimensions)
    try:
        yield from create(shelf.store, how, scan=there is not None)
    except SearchUnavailableError:
        yield operations.establish(shelf.store, shape)
        raise
    _, there = yield operations.establish(shelf.store, shape)
    shelf.check(there, shape.dimensions)
    yield from fill(shelf.store, how, shape.dimensions)


def _scan(request: Search, wanted: int, shelf: StoreConfig, *, skip: int = 0, bare: bool = False) -> Flow[list[Found]]:
    """Read the items below a prefix that a filter lets pass, in their order, until there are enough."""
    bounds, cursor, accepted = below(to_path(request.prefix)), None, list[Found]()
    accept = _accepting(request)
    count = max(_FIRST, _MORE * wanted) if request.filter else wanted
    while True:
        count = min(count, _MOST)
        found, last, expired = yield operations.page(shelf.store, bounds, cursor, skip=skip, count=count, bare=bare)
        if expired:  # what is passed over was counted with what expired
            yield from _prune(shelf)
            continue
        accepted += filter(accept, found)
        cursor, skip = last, 0
        if cursor is None or len(accepted) >= wanted:
            return accepted[:wanted]
        count = count * _MORE if request.filter else wanted - len(accepted)


def _prune(shelf: StoreConfig) -> Flow[None]:
    while (yield operations.prune(shelf.store)):
        pass


def _nearest(request: Search, vector: Any, wanted: int, shelf: StoreConfig) -> Flow[list[Found]]:
    """Read the items nearest to a vector, best first, until there are enough; then those that have no vector."""
    count, before = wanted * (_MORE if request.filter else 1) + _SPARE, -1
    accept, scores, read = _accepting(request), dict[str, float](), dict[str, Found | None]()
    while True:
        nearest: Nearest | None = yield from _ask(request, vector, count, shelf)
        if nearest is None:
            return (yield from _scan(request, wanted, shelf, bare=True))
        for path, score in nearest.found:
            scores.setdefault(path, score)
        flows: list[Flow[Any]] = [_read([path for path in scores if path not in read], read, shelf)]
        if not nearest.more:
            flows += (_scan(request, wanted, shelf, bare=True), _count(request, shelf))
        _, *rest = yield from gather(flows)
        there = ((read[path], score) for path, score in scores.items())
        accepted = [each._replace(score=score) for each, score in there if each is not None and accept(each)]
        if len(accepted) >= wanted:
            return accepted
        found = len(nearest.found)
        # Vectors that expired, and are still in the index, may take the place of others and then be left out.
        if rest and (found >= rest[1] or (found == before and count >= _HOPELESS)):
            return accepted + [each for each in rest[0] if each.path not in scores]
        count, before = count * _MORE, found


def _count(request: Search, shelf: StoreConfig) -> Flow[int]:
    count: int = yield operations.count_vectors(shelf.store, index_count(request.prefix))
    return count


def _read(paths: Sequence[str], read: dict[str, Found | None], shelf: StoreConfig) -> Flow[None]:
    if paths:
        found = yield operations.get(shelf.store, [(path, False) for path in paths])
        read.update(zip(paths, found, strict=True))


def _ask(request: Search, vector: Any, count: int, shelf: StoreConfig) -> Flow[Nearest | None]:
    """Ask the index; one that was dropped, once more when it is there again. None if nothing was ever embedded."""
    query = index_query(vector, request.prefix, count)
    dimensions = len(vector)
    for last in (False, True):
        try:
            there, nearest = yield operations.nearest(shelf.store, query, count)
        except SearchUnavailableError:
            raise
        except StoreError as error:
            there = yield operations.describe(shelf.store)
            if there is None:
                return None
            shelf.check(there, dimensions)
            if last or not isinstance(error, IndexMissingError):
                raise
            yield from set_up(shelf, there)
            continue
        if there is not None:
            shelf.check(there, dimensions)
        found: Nearest = nearest
        return found
    raise AssertionError  # the second time it returns or raises


def _accepting(request: Search) -> Callable[[Found], bool]:
    """Give what tells whether an item is below the prefix, and passes the filter."""
    return lambda found: not request.filter or matches(decode_value(found.value), request.filter)
