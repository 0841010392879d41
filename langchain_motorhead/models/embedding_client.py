"""The embedding client: calls an embedding model in batches, with a time limit, and translates its errors.

Calls for indexing are isolated from the user's run; the call for a search query belongs to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from langchain_core.embeddings import Embeddings

from langchain_motorhead.concurrency.bounded_call import (
    BoundedCalls,
    Done,
    TooManyAbandonedError,
    TooSlowError,
    await_for,
    wait_for,
)
from langchain_motorhead.concurrency.micro_batch import Batcher
from langchain_motorhead.concurrency.shared_calls import SharedCallError, SharedCalls
from langchain_motorhead.concurrency.threads import StaysDueError
from langchain_motorhead.exceptions import EmbeddingError, InvalidInputError
from langchain_motorhead.flows.protocol import Embed, Vectors
from langchain_motorhead.models.by_name import embedding_model
from langchain_motorhead.models.loops import (
    Awork,
    acall_elsewhere,
    acall_model,
    belongs_to_other_loop,
    call_model,
    finish_async_only,
    in_this_context,
)
from langchain_motorhead.models.query_cache import QueryCache
from langchain_motorhead.models.redaction import redact

# Attributes in which LangChain's classes keep the name of their model, and a model that they wrap.
_NAME_ATTRIBUTES = ("model", "model_name", "model_id", "repo_id", "model_path")
_WRAPPER_ATTRIBUTES = ("underlying_embeddings", "embeddings", "embedding", "bound")


@dataclass(frozen=True, slots=True)
class EmbeddingClient:
    """Answers a flow's requests for vectors.

    Args:
        embeddings: The embedding model.
        timeout: Time limit of one call in seconds.
    """

    embeddings: Embeddings
    timeout: float
    batcher: Batcher = field(init=False)
    _shared: SharedCalls | None = field(init=False)
    _calls: BoundedCalls = field(default_factory=BoundedCalls)
    _queries: QueryCache = field(default_factory=QueryCache)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batcher", Batcher(self.embeddings.embed_documents, self.timeout))
        alike = _embeds_queries_as_documents(self.embeddings)
        object.__setattr__(self, "_shared", SharedCalls(self.embeddings.aembed_documents) if alike else None)

    def call(self, request: Embed, heartbeat: Callable[[], object]) -> Vectors:
        """Return a vector for each text of a request, and call `heartbeat` every few seconds during the wait.

        Raises:
            EmbeddingError: The model failed, exceeded its time limit, or returned something else than vectors.
        """
        texts = list(request.texts)
        if request.query:  # a search waits for it, and it belongs to that run
            if (known := self._queries.get(request.texts)) is not None:
                return known
            try:
                done = call_model(self._calls, self._query(texts), self._async_query(texts), self.timeout, heartbeat)
            except (TooSlowError, TooManyAbandonedError) as error:
                raise self._timeout_error(error) from error
            return self._kept(request, _vectors(texts, done, self.embeddings))
        try:
            done = wait_for(self.batcher.submit(texts), self.timeout, heartbeat)
            done = finish_async_only(done, self._async_documents(texts), self.timeout, heartbeat)
        except TooSlowError as error:
            raise self._timeout_error(error) from error
        return _vectors(texts, done, self.embeddings)

    async def acall(self, request: Embed, heartbeat: Callable[[], Awaitable[object]]) -> Vectors:
        """Return a vector for each text of a request, and await `heartbeat` every few seconds during the wait.

        Raises:
            EmbeddingError: The model failed, exceeded its time limit, or returned something else than vectors.
        """
        texts = list(request.texts)
        try:
            if request.query:
                if (known := self._queries.get(request.texts)) is not None:
                    return known
                return self._kept(request, await self._aquery(texts, heartbeat))
            if (awork := self._async_documents(texts)) is not None:
                done = await acall_model(self._calls, self._documents(texts), awork, self.timeout, heartbeat)
            else:
                done = await await_for(asyncio.wrap_future(self.batcher.submit(texts)), self.timeout, heartbeat)
        except (TooSlowError, TooManyAbandonedError) as error:
            raise self._timeout_error(error) from error
        return _vectors(texts, done, self.embeddings)

    async def _aquery(self, texts: list[str], heartbeat: Callable[[], Awaitable[object]]) -> Vectors:
        awork = self._async_query(texts)
        if awork is None:
            return _vectors(
                texts, await self._calls.acall(self._query(texts), None, self.timeout, heartbeat), self.embeddings
            )
        try:
            async with asyncio.timeout(self.timeout) as limit:
                vectors = await self._afresh(texts, awork)
        except Exception as error:
            if limit.expired():
                raise self._timeout_error(TooSlowError()) from error
            if not belongs_to_other_loop(error):
                raise _embedding_error(error, self.embeddings) from error
        else:
            return _checked(texts, vectors)
        done = await acall_elsewhere(self._calls, self._query(texts), awork, self.timeout, heartbeat)
        return _vectors(texts, done, self.embeddings)

    async def _afresh(self, texts: list[str], awork: Callable[[], Awaitable[Any]]) -> Any:
        """Embed queries, in one call with other searches where that gives the same vectors."""
        if self._shared is None or len(texts) != 1:
            return await awork()
        try:
            return [await self._shared.ask(texts[0])]
        except SharedCallError:  # maybe for the text of another search
            return await awork()

    def _kept(self, request: Embed, vectors: Vectors) -> Vectors:
        self._queries.put(request.texts, vectors)
        return vectors

    def _query(self, texts: list[str]) -> Callable[[], Any]:
        """Return a function for any thread that embeds queries in the present context."""
        return in_this_context(lambda: [self.embeddings.embed_query(text) for text in texts])

    def _documents(self, texts: list[str]) -> Callable[[], Any]:
        return partial(self.embeddings.embed_documents, texts)

    def _async_query(self, texts: list[str]) -> Awork:
        """Return a coroutine function that embeds queries, or None if the model has none of its own."""
        if type(self.embeddings).aembed_query is Embeddings.aembed_query:
            return None
        return partial(_aembed_queries, self.embeddings, texts)

    def _async_documents(self, texts: list[str]) -> Awork:
        """Return a coroutine function that embeds documents, or None if the model has none of its own."""
        if type(self.embeddings).aembed_documents is Embeddings.aembed_documents:
            return None
        return partial(_aembed_documents, self.embeddings, texts)

    def _timeout_error(self, error: Exception) -> EmbeddingError:
        if isinstance(error, TooSlowError):
            return EmbeddingError(f"the embedding model took longer than {self.timeout:g} s")
        return EmbeddingError(f"the embedding model was not called: {error}")


def resolve_embeddings(embeddings: object) -> Embeddings:
    """Return the embedding model for the option `embeddings`, which is a model or the name of one.

    Raises:
        InvalidInputError: It is neither, or there is no model of that name.
    """
    if isinstance(embeddings, str) and embeddings.strip():
        embeddings = embedding_model(embeddings)
    # Checked by its methods, because some models do not inherit from LangChain's class.
    methods = [getattr(embeddings, name, None) for name in ("embed_documents", "embed_query")]
    if isinstance(embeddings, type) or not all(map(callable, methods)):
        raise InvalidInputError(
            "embeddings must be a LangChain Embeddings, or a name that init_embeddings accepts: "
            f"embeddings={embeddings!r:.40} is neither"
        )
    return embeddings if isinstance(embeddings, Embeddings) else _Adapted(embeddings)


def model_name(embeddings: Any) -> str:
    """Return a name that tells embedding models apart: the class, and which of its models is used."""
    if isinstance(embeddings, _Adapted):
        return model_name(embeddings.given)
    for attribute in _WRAPPER_ATTRIBUTES:
        below = getattr(embeddings, attribute, None)
        if isinstance(below, Embeddings):
            return model_name(below)
    kind = type(embeddings).__name__
    if isinstance(deployment := getattr(embeddings, "deployment", None), str) and "Azure" in kind:
        return f"{kind}:{deployment}"  # `model` has the class's default, whatever is deployed
    for attribute in _NAME_ATTRIBUTES:
        name = getattr(embeddings, attribute, None)
        if isinstance(name, str) and name:
            return f"{kind}:{name}"
    return kind


def _embeds_queries_as_documents(embeddings: Embeddings) -> bool:
    """Return whether a model is known to embed a query as it embeds a document. Many models do not."""
    kind = next((each for each in type(embeddings).__mro__ if "aembed_query" in vars(each)), Embeddings)
    return kind.__module__.partition(".")[0] == "langchain_openai" and kind is next(
        (each for each in type(embeddings).__mro__ if "aembed_documents" in vars(each)), None
    )


class _Adapted(Embeddings):
    """Makes a LangChain `Embeddings` of an object that has its methods but does not inherit from it."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self.given.embed_documents(texts)
        return vectors

    def embed_query(self, text: str) -> list[float]:
        vector: list[float] = self.given.embed_query(text)
        return vector


async def _aembed_queries(embeddings: Embeddings, texts: list[str]) -> list[list[float]]:
    return [await embeddings.aembed_query(text) for text in texts]


async def _aembed_documents(embeddings: Embeddings, texts: list[str]) -> list[list[float]]:
    return await embeddings.aembed_documents(texts)


def _vectors(texts: Sequence[str], done: Done, model: Embeddings) -> Vectors:
    try:
        vectors = done.result()
    except StaysDueError:
        raise
    except BaseException as error:  # also a SystemExit: it ends the call, not the waiting thread
        raise _embedding_error(error, model) from error
    return _checked(texts, vectors)


def _checked(texts: Sequence[str], vectors: Any) -> Vectors:
    import numpy as np

    try:
        plain = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise EmbeddingError(
            "the embedding model returned something else than a list of numbers for each text, all of the same length"
        ) from error
    if plain.ndim != 2 or not plain.size or len(plain) != len(texts):
        raise EmbeddingError(f"the embedding model returned an array of shape {plain.shape} for {len(texts)} texts")
    if not np.isfinite(plain).all():
        raise EmbeddingError("the embedding model returned a vector with numbers that are not finite")
    return plain


def _embedding_error(error: BaseException, model: Embeddings) -> EmbeddingError:
    why = redact(str(error), getattr(model, "given", model))[:200]
    return EmbeddingError(f"the embedding model raised {type(error).__name__}: {why}")
