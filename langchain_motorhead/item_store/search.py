"""Item search flows: find items and namespaces by order, filter, or similarity to a query. All results are exact."""

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
from langchain_motorhead.item_store.requests import Listing, Search, StoredItem, decode_value
from langchain_motorhead.search_index.lifecycle import create, fill

# How many entries are read at once: the first time, at most, and the factor of growth if they were not enough.
_FIRST_COUNT, _MAX_COUNT, _GROWTH = 100, 5_000, 4
# How many more vectors are searched than items requested, since an item may have several.
_SPARE_VECTORS = 10
# A search for this many vectors finds all, however many expired ones are still in the index.
_MAX_EXPIRED_VECTORS = 200_000


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Configuration of an item store.

    Attributes:
        store: Key of the store, with which all its keys begin.
        model: Name of the embedding model, or None.
        dimensions: Dimensions of its vectors, if configured.
    """

    store: str
    model: str | None = None
    dimensions: int | None = None

    def shape(self, dimensions: int) -> VectorSpec:
        """Return the model and dimensions of the vectors that this configuration makes."""
        return VectorSpec(self.model or "", dimensions)

    def check_dimensions(self, dimensions: int) -> None:
        """Refuse vectors of another length than configured.

        Raises:
            EmbeddingError: The length differs.
        """
        if self.dimensions is not None and dimensions != self.dimensions:
            raise EmbeddingError(
                f"the embedding model returned vectors of {dimensions} numbers, but dims={self.dimensions}"
            )

    def check(self, there: VectorSpec, dimensions: int) -> None:
        """Refuse vectors of another model.

        Raises:
            EmbeddingMismatchError: The stored vectors are of another model or length.
        """
        if there != self.shape(dimensions):
            raise EmbeddingMismatchError(
                f"the store has vectors of {there.model} ({there.dimensions} dimensions); this model is {self.model} "
                f"({dimensions}). Use the model of the stored vectors, another namespace, or index=False"
            )


def list_namespaces(request: Listing, config: StoreConfig) -> Flow[list[tuple[str, ...]]]:
    """Return the namespaces that have items."""
    low, high = below(to_path(known_prefix(request.conditions)))
    listed: dict[tuple[str, ...], None] = {}
    wanted = request.offset + request.limit
    count = max(_FIRST_COUNT, wanted if request.depth is None and not request.conditions else 0)
    while len(listed) < wanted:
        count = min(count, _MAX_COUNT)
        found, last, expired = yield operations.namespaces(config.store, (low, high), count)
        if expired:
            yield from _prune(config)
            continue
        fitting = (each for each in found if is_listed(each, request.conditions))
        listed.update((each if request.depth is None else each[: request.depth], None) for each in fitting)
        if last is None:
            break
        low = f"({last}"
        count *= _GROWTH
    return list(listed)[request.offset : wanted]


def search(request: Search, vector: Any, config: StoreConfig) -> Flow[list[StoredItem]]:
    """Return the items nearest to a vector, then those without vectors; or without a vector all items in order.

    Raises:
        EmbeddingMismatchError: The store has vectors of another model.
        SearchUnavailableError: Redis has no search module.
    """
    wanted = request.offset + request.limit
    if not request.limit:
        return []
    if vector is None or not any(vector):  # a zero vector is near nothing
        skip = 0 if request.filter else request.offset
        found = yield from _scan(request, wanted - skip, config, skip=skip)
        return found[request.offset - skip :]
    found = yield from _nearest(request, vector, wanted, config)
    return found[request.offset : wanted]


def set_up(config: StoreConfig, shape: VectorSpec) -> Flow[None]:
    """Create the index, unless it exists, and then store the description of the vectors.

    The order matters: vectors are stored only after the description. An index that is created later has to scan all of
    Redis, and its results are wrong until it has.

    Raises:
        EmbeddingMismatchError: The store has vectors of another model.
        SearchUnavailableError: Redis has no search module.
    """
    there = yield operations.describe(config.store)
    if there is not None:
        config.check(there, shape.dimensions)
    how = partial(index_creation, config.store, shape.dimensions)
    try:
        yield from create(config.store, how, scan=there is not None)
    except SearchUnavailableError:
        yield operations.establish(config.store, shape)
        raise
    _, there = yield operations.establish(config.store, shape)
    config.check(there, shape.dimensions)
    yield from fill(config.store, how, shape.dimensions)


def _scan(
    request: Search, wanted: int, config: StoreConfig, *, skip: int = 0, bare: bool = False
) -> Flow[list[StoredItem]]:
    """Return the first items, in order, that are below the prefix and match the filter."""
    bounds, cursor, accepted = below(to_path(request.prefix)), None, list[StoredItem]()
    accept = _matcher(request)
    count = max(_FIRST_COUNT, _GROWTH * wanted) if request.filter else wanted
    while True:
        count = min(count, _MAX_COUNT)
        found, last, expired = yield operations.page(config.store, bounds, cursor, skip=skip, count=count, bare=bare)
        if expired:  # `skip` counted expired items too
            yield from _prune(config)
            continue
        accepted += filter(accept, found)
        cursor, skip = last, 0
        if cursor is None or len(accepted) >= wanted:
            return accepted[:wanted]
        count = count * _GROWTH if request.filter else wanted - len(accepted)


def _prune(config: StoreConfig) -> Flow[None]:
    while (yield operations.prune(config.store)):
        pass


def _nearest(request: Search, vector: Any, wanted: int, config: StoreConfig) -> Flow[list[StoredItem]]:
    """Return the first items by similarity that match the filter, then those without vectors."""
    count, before = wanted * (_GROWTH if request.filter else 1) + _SPARE_VECTORS, -1
    accept, scores, read = _matcher(request), dict[str, float](), dict[str, StoredItem | None]()
    while True:
        nearest: Nearest | None = yield from _search_index(request, vector, count, config)
        if nearest is None:
            return (yield from _scan(request, wanted, config, bare=True))
        for path, score in nearest.found:
            scores.setdefault(path, score)
        flows: list[Flow[Any]] = [_read([path for path in scores if path not in read], read, config)]
        if not nearest.more:
            flows += (_scan(request, wanted, config, bare=True), _count(request, config))
        _, *rest = yield from gather(flows)
        there = ((read[path], score) for path, score in scores.items())
        accepted = [each._replace(score=score) for each, score in there if each is not None and accept(each)]
        if len(accepted) >= wanted:
            return accepted
        found = len(nearest.found)
        # Expired vectors that are still in the index may take the place of others in a result.
        if rest and (found >= rest[1] or (found == before and count >= _MAX_EXPIRED_VECTORS)):
            return accepted + [each for each in rest[0] if each.path not in scores]
        count, before = count * _GROWTH, found


def _count(request: Search, config: StoreConfig) -> Flow[int]:
    count: int = yield operations.count_vectors(config.store, index_count(request.prefix))
    return count


def _read(paths: Sequence[str], read: dict[str, StoredItem | None], config: StoreConfig) -> Flow[None]:
    if paths:
        found = yield operations.get(config.store, [(path, False) for path in paths])
        read.update(zip(paths, found, strict=True))


def _search_index(request: Search, vector: Any, count: int, config: StoreConfig) -> Flow[Nearest | None]:
    """Search the index. Create it and search once more if it was dropped. None if the store has no vectors."""
    query = index_query(vector, request.prefix, count)
    dimensions = len(vector)
    for last in (False, True):
        try:
            there, nearest = yield operations.nearest(config.store, query, count)
        except SearchUnavailableError:
            raise
        except StoreError as error:
            there = yield operations.describe(config.store)
            if there is None:
                return None
            config.check(there, dimensions)
            if last or not isinstance(error, IndexMissingError):
                raise
            yield from set_up(config, there)
            continue
        if there is not None:
            config.check(there, dimensions)
        found: Nearest = nearest
        return found
    raise AssertionError  # the second attempt returns or raises


def _matcher(request: Search) -> Callable[[StoredItem], bool]:
    """Return a function that returns whether an item matches the filter."""
    return lambda found: not request.filter or matches(decode_value(found.value), request.filter)
