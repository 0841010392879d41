"""`MotorheadStore`: LangGraph's `BaseStore` on Redis, for items that agents remember beyond one thread."""

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

from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.handles.handle import Handle
from langchain_motorhead.item_store import index as item_index
from langchain_motorhead.item_store.batch import batch
from langchain_motorhead.item_store.filters import Condition, check_filter
from langchain_motorhead.item_store.operations import store_key
from langchain_motorhead.item_store.paths import Place, to_name, to_path
from langchain_motorhead.item_store.requests import (
    Get,
    Listing,
    Put,
    Search,
    StoredItem,
    StoreRequest,
    check_counts,
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

WHOLE_VALUE = ("$",)
EMBEDDING_TIMEOUT_SECONDS = 60.0


class MotorheadStore(BaseStore):
    """A LangGraph store on the Redis, and in the namespace, of a `Motorhead`. Making one does no I/O.

    It works on any Redis. Only a search with a `query` needs the search module and an embedding model.

    A search without a `query` returns the items sorted by namespace, and within a namespace by the time of their first
    put. A search with a `query` returns the most similar items first, by the most similar of their embedded texts.
    Items without an embedded text come last.

    A batch of gets, a batch of puts or a search takes one round trip. A search with a `query` takes two, and a third
    if `refresh_on_read` renews the expiry of the items that it found.

    Values are stored as JSON: a tuple is returned as a list, and a value that JSON cannot hold is refused. An expired
    item is never returned, so no sweeper is needed.

    Args:
        motorhead: A `Motorhead`, which the store does not close.
        index: How a `query` finds items, as a dict: `embed`, an embedding model of LangChain, its name, or a function,
            sync or async; `dims`, the length of its vectors, if that shall be checked; `fields`, the paths of the
            values that are embedded, `["$"]` for the whole value; `model`, a name of the model that is stored with the
            vectors, needed if `embed` has none. None for the embedding model of the `Motorhead`, if it has one. False
            for no search by a `query`.
        ttl: `default_ttl`, the minutes until an item expires, and `refresh_on_read`, whether reading an item begins
            them anew.

    Raises:
        InvalidInputError: An argument cannot be used.
        UnsupportedError: The `Motorhead` works with a server, which has no store.

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
        motorhead: Handle,
        *,
        index: Mapping[str, Any] | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        self.motorhead = Handle.resolve(motorhead, None, None)
        self.ttl_config = _checked_ttl(ttl)
        self._redis = redis = motorhead.backend.require_redis()
        self._fields: tuple[str, ...] = WHOLE_VALUE
        self._prepared = False
        client, model, dimensions = None, None, None
        if index is None:
            indexer = redis.maintenance.indexer
            if indexer is not None:
                client, model = redis.driver.embedder, indexer.model
        elif index is not False:
            embeddings, model, dimensions, self._fields = _read_index(index)
            client = Deferred.of(EmbeddingClient(embeddings, EMBEDDING_TIMEOUT_SECONDS))
        self._driver = Driver(redis.driver.executor, redis.driver.summarizer, client)
        self._config = StoreConfig(store_key(redis.namespace), model, dimensions)

    @property
    def embeddings(self) -> Embeddings | None:
        """The embedding model, if there is one."""
        return None if self._driver.embedder is None else self._driver.embedder.get().embeddings

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.motorhead!r})"

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations together. Reads see the state before the batch. Of two puts of one item, the last counts.

        Args:
            ops: The operations of LangGraph: `GetOp`, `PutOp`, `SearchOp` and `ListNamespacesOp`.

        Returns:
            The result of each operation, in their order.

        Raises:
            InvalidInputError: An operation cannot be executed. None was executed.
            EmbeddingError: The embedding model failed. Nothing was stored.
            EmbeddingMismatchError: The store has vectors of another model. Nothing was stored.
            SearchUnavailableError: A search has a query, and this Redis has no search module.
            ClosedError: The `Motorhead` was closed.
            StoreError: Redis refused, or could not be reached.

        Example:
            ```python
            store.batch([GetOp(("users", "bob"), "diet"), GetOp(("users", "bob"), "home")])
            ```
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

        return batch(requests, self._config), results

    def _request(self, op: Op) -> StoreRequest:
        if isinstance(op, GetOp):
            return Get(_place(op.namespace, op.key), op.refresh_ttl)
        if isinstance(op, PutOp):
            place = _place(op.namespace, op.key)
            if op.value is None:
                return Put(place, None)
            value = encode_value(op.value)
            return Put(place, value, self._texts(op), to_milliseconds(op.ttl))
        if isinstance(op, SearchOp):
            check_counts(limit=op.limit, offset=op.offset)
            if op.filter is not None:
                check_filter(op.filter)
            if op.query is not None and not isinstance(op.query, str):
                raise InvalidInputError(f"query must be a text, not {type(op.query).__name__}")
            query = without_surrogates(op.query).strip() if op.query and self._config.model is not None else None
            return Search(_labels(op.namespace_prefix), op.filter, op.limit, op.offset, query, op.refresh_ttl)
        if isinstance(op, ListNamespacesOp):
            check_counts(limit=op.limit, offset=op.offset)
            if op.max_depth is not None:
                check_counts(max_depth=op.max_depth)
            return Listing(tuple(map(_condition, op.match_conditions or ())), op.max_depth, op.limit, op.offset)
        raise InvalidInputError(f"there is no operation {type(op).__name__}")

    def _texts(self, op: PutOp) -> tuple[str, ...]:
        if self._config.model is None or op.index is False:
            return ()
        paths = self._fields if op.index is None else _paths(op.index)
        texts = (without_surrogates(text) for path in paths for text in get_text_at_path(op.value, path))
        return tuple(text for text in texts if text.strip())


def _result(request: StoreRequest, answer: Any) -> Result:
    if isinstance(request, Get):
        found = cast("StoredItem | None", answer)
        return None if found is None else Item(**_fields(found))
    if isinstance(request, Search):
        return [SearchItem(**_fields(found), score=found.score) for found in cast("list[StoredItem]", answer)]
    return cast("list[tuple[str, ...]] | None", answer)


def _fields(found: StoredItem) -> dict[str, Any]:
    namespace, key = found.place
    return {
        "namespace": namespace,
        "key": key,
        "value": decode_value(found.value),
        "created_at": to_time(found.created),
        "updated_at": to_time(found.updated),
    }


def _place(namespace: Iterable[str], key: str) -> Place:
    to_name(key)  # raises if the key cannot be used
    return Place(_labels(namespace), key)


def _labels(namespace: Iterable[str]) -> tuple[str, ...]:
    if isinstance(namespace, str):
        raise InvalidInputError(f"a namespace must be a tuple of strings, such as ({namespace!r},), not a string")
    labels = tuple(namespace)
    to_path(labels)  # raises if a label cannot be used
    return labels


def _condition(condition: MatchCondition) -> Condition:
    if condition.match_type not in ("prefix", "suffix"):
        raise InvalidInputError(f'match_type must be "prefix" or "suffix", not {condition.match_type!r}')
    return Condition(condition.match_type == "suffix", _labels(condition.path))


def _paths(fields: Any) -> tuple[str, ...]:
    if isinstance(fields, str) or not isinstance(fields, Iterable):
        raise InvalidInputError(f"fields must be a list of paths, such as ['text'], not {fields!r}")
    paths = tuple(fields)
    if not all(isinstance(path, str) for path in paths):
        raise InvalidInputError(f"fields must be a list of paths, such as ['text'], not {fields!r}")
    return paths


def _read_index(index: Mapping[str, Any]) -> tuple[Embeddings, str, int | None, tuple[str, ...]]:
    """Return the embedding model, its name, the length of its vectors, and the paths of what is embedded.

    Raises:
        InvalidInputError: The dict cannot be used.
    """
    if not isinstance(index, Mapping) or index.get("embed") is None:
        raise InvalidInputError('index must be a dict with "embed", such as {"embed": "openai:text-embedding-3-small"}')
    embed, dimensions, name = index["embed"], index.get("dims"), index.get("model")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise InvalidInputError(f"dims must be a whole number above 0, not {dimensions!r}")
    if name is not None and (not isinstance(name, str) or not name):
        raise InvalidInputError(f"model must be the name of the embedding model, not {name!r}")
    by_method = callable(getattr(embed, "embed_documents", None))
    embeddings = ensure_embeddings(embed) if callable(embed) and not by_method else resolve_embeddings(embed)
    return embeddings, name or model_name(embeddings), dimensions, _paths(index.get("fields") or WHOLE_VALUE)


def _checked_ttl(ttl: Any) -> TTLConfig | None:
    if ttl is None:
        return None
    if not isinstance(ttl, Mapping):
        raise InvalidInputError(f"ttl must be a dict, such as {{'default_ttl': 60}}, not {ttl!r}")
    to_milliseconds(ttl.get("default_ttl"))
    return cast("TTLConfig", dict(ttl))
