"""The batch flow: executes several requests to an item store, first all reads concurrently, then the writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from langchain_motorhead.exceptions import EmbeddingMismatchError, SearchUnavailableError
from langchain_motorhead.flows.gather import gather
from langchain_motorhead.flows.protocol import Embed, Flow
from langchain_motorhead.item_store import operations
from langchain_motorhead.item_store.index import to_stored, within
from langchain_motorhead.item_store.operations import ItemWrite
from langchain_motorhead.item_store.paths import Place, to_name, to_path
from langchain_motorhead.item_store.requests import Get, Listing, Put, Search, StoredItem, StoreRequest
from langchain_motorhead.item_store.search import StoreConfig, list_namespaces, search, set_up

BatchResult: TypeAlias = Any
"""Result of a request: a `StoredItem` or None, a list of `StoredItem`, a list of namespaces, or None for a `Put`."""


def batch(requests: Sequence[StoreRequest], config: StoreConfig) -> Flow[list[BatchResult]]:
    """Execute requests, and return a result for each, in their order.

    Reads return what was stored before the batch. If several puts have the same place, only the last is executed.

    Raises:
        EmbeddingError: The model failed. Nothing was stored.
        EmbeddingMismatchError: The store has vectors of another model. Nothing was stored.
        SearchUnavailableError: A search has a query, and Redis has no search module.
    """
    puts = list({request.place: request for request in requests if isinstance(request, Put)}.values())
    vectors = yield from _vectors((text for put in puts for text in put.texts), config, query=False)
    queries = (request.query for request in requests if isinstance(request, Search) and request.query)
    asked = yield from _vectors(queries, config, query=True)

    gets = [at for at, request in enumerate(requests) if isinstance(request, Get)]
    readings: dict[int, Flow[Any]] = {}
    if gets:
        readings[-1] = _get([requests[at] for at in gets], config)
    for at, request in enumerate(requests):
        if isinstance(request, Search):
            readings[at] = search(request, asked.get(request.query), config)
        elif isinstance(request, Listing):
            readings[at] = list_namespaces(request, config)
    results = yield from gather(list(readings.values()))
    read = dict(zip(readings, results, strict=True))
    read.update(zip(gets, read.pop(-1, ()), strict=True))

    if touched := list(_touched(requests, read)):
        yield operations.touch(config.store, touched)
    if puts:
        yield from _put(puts, vectors, config)
    return [read.get(at) for at in range(len(requests))]


def _vectors(texts: Iterable[str], config: StoreConfig, *, query: bool) -> Flow[dict[Any, Any]]:
    """Return the vectors of texts, each embedded once; none if the store has no model."""
    each = tuple(dict.fromkeys(texts))
    if not each or config.model is None:
        return {}
    vectors = yield Embed(each, query=query)
    config.check_dimensions(len(vectors[0]))
    return dict(zip(each, vectors, strict=True))


def _get(requests: Sequence[Any], config: StoreConfig) -> Flow[list[StoredItem | None]]:
    paths = [(to_path(request.place.namespace) + to_name(request.place.key), request.refresh) for request in requests]
    found: list[StoredItem | None] = yield operations.get(config.store, paths)
    return found


def _touched(requests: Sequence[StoreRequest], read: dict[int, Any]) -> Iterable[str]:
    """Return the paths of the items found whose time to live has to start again."""
    paths = (
        found.path
        for at, request in enumerate(requests)
        if isinstance(request, Search) and request.refresh
        for found in read[at]
        if found.ttl
    )
    return dict.fromkeys(paths)


def _put(puts: Sequence[Put], vectors: dict[str, Any], config: StoreConfig) -> Flow[None]:
    stored = dict(zip(vectors, to_stored(list(vectors.values())), strict=True)) if vectors else {}
    writings = [_writing(put, stored) for put in puts]
    shape = config.shape(len(next(iter(vectors.values())))) if any(each.vectors for each in writings) else None
    operation = operations.put(config.store, writings, shape, prune=any(put.ttl for put in puts))
    done = yield operation
    if done or shape is None:
        return
    with contextlib.suppress(SearchUnavailableError):  # the vectors are stored for when Redis has the module
        yield from set_up(config, shape)
    if not (yield operation):
        raise EmbeddingMismatchError("the store got vectors of another embedding model meanwhile. Nothing was stored")


def _writing(put: Put, stored: dict[str, bytes]) -> ItemWrite:
    place: Place = put.place
    if put.value is None:
        return ItemWrite(*place, b"", 0, "", ())
    vectors = [data for text in dict.fromkeys(put.texts) if (data := stored.get(text))]
    return ItemWrite(*place, put.value, put.ttl, within(place.namespace) if vectors else "", vectors)
