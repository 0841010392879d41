"""A store of items as LangGraph's `BaseStore`: what agents remember beyond one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    ensure_embeddings,
    get_text_at_path,
)

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.handle import motorhead_of
from langchain_motorhead.item_store import index as item_index
from langchain_motorhead.item_store.batch import batch
from langchain_motorhead.item_store.filters import Condition, check_filter
from langchain_motorhead.item_store.operations import store_key
from langchain_motorhead.item_store.paths import Place, to_name, to_path
from langchain_motorhead.item_store.requests import (
    Found,
    Get,
    Listing,
    Put,
    Request,
    Search,
    check_page,
    decode_value,
    encode_value,
    to_milliseconds,
    to_time,
)
from langchain_motorhead.item_store.search import StoreConfig
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.models.embedding_client import EmbeddingClient, model_name, resolve_embeddings
from langchain_motorhead.runtime.driver import Driver

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from langchain_motorhead.client import Motorhead

_FIELDS = ("$",)
_TIMEOUT = 60.0


class MotorheadStore(BaseStore):
    """LangGraph's store on the Redis and in the namespace of a `Motorhead`. Making one does no I/O.

    Everything works on plain Redis; only a search with a `query` needs the search module, and an embedding model.
    A batch of gets is one round trip, and so is one of puts, or a search; a search with a `query` is two, and one more
    begins the time to live of what was found anew. Without a `query`, a search gives namespace by namespace in their
    order, and the items of each in the order in which they were put first; with one, the nearest first, by the text of
    an item that is nearest, and at last those that nothing was embedded of.

    Values are kept as JSON: tuples come back as lists, and what JSON cannot hold is refused. What expires is gone at
    once, and is swept by nobody.

    Args:
        motorhead: The configuration to work with, which is the caller's to close.
        index: How items are found by a `query`: `embed`, a LangChain embedding model, its name, or a function, sync or
            async; `dims`, how long its vectors are, if that is to be checked; `fields`, paths of what is embedded,
            `["$"]` for all of a value; and `model`, a name kept with the vectors where `embed` has none, as a
            function. None for the embedding model of the `Motorhead`, if it has one; False for none.
        ttl: `default_ttl`, minutes until an item expires, and `refresh_on_read`, whether they begin anew when it is
            read.

    Raises:
        InvalidInputError: An argument cannot be used.

    Example:
        ```python
        store = MotorheadStore(motorhead, ttl={"default_ttl": 60 * 24 * 30})
        store.put(("users", "bob"), "diet", {"text": "Bob is a vegetarian"})
        store.search(("users", "bob"), query="What does he eat?")
        graph = builder.compile(store=store)
        ```
    """

    supports_ttl = True

    def __init__(
        self,
        motorhead: Motorhead,
        *,
        index: Mapping[str, Any] | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        self.motorhead = motorhead_of(motorhead, None, None)
        self.ttl_config = _checked_ttl(ttl)
        self._redis = redis = motorhead.backend.require_redis()
        self._fields: tuple[str, ...] = _FIELDS
        self._prepared = False
        calls, model, dimensions = None, None, None
        if index is None:
            indexer = redis.maintenance.indexer
            if indexer is not None:
                calls, model = redis.driver.embedder, indexer.model
        elif index is not False:
            embeddings, model, dimensions, self._fields = _configured(index)
            calls = EmbeddingClient(embeddings, _TIMEOUT)
        self._driver = Driver(redis.driver.executor, redis.driver.summarizer, calls)
        self._shelf = StoreConfig(store_key(redis.namespace), model, dimensions)

    @property
    def embeddings(self) -> Embeddings | None:
        """The embedding model, if there is one."""
        return None if self._driver.embedder is None else self._driver.embedder.embeddings

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations, together. Reads see what was there before the batch; the last put to a place counts.

        Raises:
            InvalidInputError: An operation cannot be executed. None was.
            EmbeddingError: The embedding model failed. Nothing was stored.
            EmbeddingMismatchError: The store has vectors of another model. Nothing was stored.
            SearchUnavailableError: A search has a query, and this Redis has no search module.
            StoreError: Redis refused, or could not be reached.
        """
        self._redis.check_open()
        flow, results = self._flow(ops)
        return results(self._driver.run(flow))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations, together. See `batch`."""
        self._redis.check_open()
        if self._driver.embedder is not None and not self._prepared:
            await asyncio.to_thread(item_index.prepare)
            self._prepared = True
        flow, results = self._flow(ops)
        return results(await self._driver.arun(flow))

    def _flow(self, ops: Iterable[Op]) -> tuple[Flow[list[Any]], Callable[[list[Any]], list[Result]]]:
        requests = [self._request(op) for op in ops]

        def results(answers: list[Any]) -> list[Result]:
            return [_result(request, answer) for request, answer in zip(requests, answers, strict=True)]

        return batch(requests, self._shelf), results

    def _request(self, op: Op) -> Request:
        if isinstance(op, GetOp):
            return Get(_place(op.namespace, op.key), op.refresh_ttl)
        if isinstance(op, PutOp):
            place = _place(op.namespace, op.key)
            if op.value is None:
                return Put(place, None)
            value = encode_value(op.value)
            return Put(place, value, self._texts(op), to_milliseconds(op.ttl))
        if isinstance(op, SearchOp):
            check_page(op.limit, op.offset)
            if op.filter is not None:
                check_filter(op.filter)
            query = without_surrogates(op.query).strip() if op.query and self._shelf.model is not None else None
            return Search(_labels(op.namespace_prefix), op.filter, op.limit, op.offset, query, op.refresh_ttl)
        if isinstance(op, ListNamespacesOp):
            check_page(op.limit, op.offset)
            if op.max_depth is not None:
                check_page(op.max_depth, 0)
            return Listing(tuple(map(_condition, op.match_conditions or ())), op.max_depth, op.limit, op.offset)
        raise InvalidInputError(f"there is no operation {type(op).__name__}")

    def _texts(self, op: PutOp) -> tuple[str, ...]:
        if self._shelf.model is None or op.index is False:
            return ()
        paths = self._fields if op.index is None else _paths(op.index)
        texts = (without_surrogates(text) for path in paths for text in get_text_at_path(op.value, path))
        return tuple(text for text in texts if text.strip())


def _result(request: Request, answer: Any) -> Result:
    if isinstance(request, Get):
        found = cast("Found | None", answer)
        return None if found is None else Item(**_fields(found))
    if isinstance(request, Search):
        return [SearchItem(**_fields(found), score=found.score) for found in cast("list[Found]", answer)]
    return cast("list[tuple[str, ...]] | None", answer)


def _fields(found: Found) -> dict[str, Any]:
    namespace, key = found.place
    return {
        "namespace": namespace,
        "key": key,
        "value": decode_value(found.value),
        "created_at": to_time(found.created),
        "updated_at": to_time(found.updated),
    }


def _place(namespace: Iterable[str], key: str) -> Place:
    to_name(key)  # checks it
    return Place(_labels(namespace), key)


def _labels(namespace: Iterable[str]) -> tuple[str, ...]:
    if isinstance(namespace, str):
        raise InvalidInputError(f"a namespace is a tuple of strings, such as ({namespace!r},), and not a string")
    labels = tuple(namespace)
    to_path(labels)  # checks them
    return labels


def _condition(condition: MatchCondition) -> Condition:
    if condition.match_type not in ("prefix", "suffix"):
        raise InvalidInputError(f'match_type must be "prefix" or "suffix", not {condition.match_type!r}')
    return Condition(condition.match_type == "suffix", _labels(condition.path))


def _paths(fields: Any) -> tuple[str, ...]:
    if isinstance(fields, str) or not isinstance(fields, Iterable):
        raise InvalidInputError(f"fields to embed are a list of paths, such as ['text'], not {fields!r}")
    paths = tuple(fields)
    if not all(isinstance(path, str) for path in paths):
        raise InvalidInputError(f"fields to embed are a list of paths, such as ['text'], not {fields!r}")
    return paths


def _configured(index: Mapping[str, Any]) -> tuple[Embeddings, str, int | None, tuple[str, ...]]:
    """Read the configuration of the index: the model, its name, the length of its vectors, and what is embedded."""
    if not isinstance(index, Mapping) or index.get("embed") is None:
        raise InvalidInputError('index must be a dict with "embed", such as {"embed": "openai:text-embedding-3-small"}')
    embed, dimensions, name = index["embed"], index.get("dims"), index.get("model")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise InvalidInputError(f"dims must be a whole number above 0, not {dimensions!r}")
    if name is not None and (not isinstance(name, str) or not name):
        raise InvalidInputError(f"model must be a name of the embedding model, not {name!r}")
    by_method = callable(getattr(embed, "embed_documents", None))
    embeddings = ensure_embeddings(embed) if callable(embed) and not by_method else resolve_embeddings(embed)
    return embeddings, name or model_name(embeddings), dimensions, _paths(index.get("fields") or _FIELDS)


def _checked_ttl(ttl: Any) -> TTLConfig | None:
    if ttl is None:
        return None
    if not isinstance(ttl, Mapping):
        raise InvalidInputError(f"ttl must be a dict, such as {{'default_ttl': 60}}, not {ttl!r}")
    to_milliseconds(ttl.get("default_ttl"))
    return cast("TTLConfig", dict(ttl))
