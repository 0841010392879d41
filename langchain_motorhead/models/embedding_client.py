"""Calling an embedding model: batched, limited in time, cut off from the user's run, its failures ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from langchain_core.embeddings import Embeddings

from langchain_motorhead.concurrency.bounded_call import (
    Done,
    TooManyAbandonedError,
    TooSlowError,
    acall,
    await_for,
    call,
    wait_for,
)
from langchain_motorhead.concurrency.micro_batch import Batcher
from langchain_motorhead.exceptions import EmbeddingError, InvalidInputError
from langchain_motorhead.flows.protocol import Embed, Vectors
from langchain_motorhead.models.by_name import embedding_model
from langchain_motorhead.models.redaction import concealed

# Where LangChain's own classes keep the name of their model.
_NAMED = ("model", "model_name", "model_id", "repo_id", "model_path")
_WRAPPED = ("underlying_embeddings", "embeddings", "embedding", "bound")


@dataclass(frozen=True, slots=True)
class EmbeddingClient:
    """Answers requests for vectors.

    Args:
        embeddings: The model.
        timeout: Seconds that a batch may take.
    """

    embeddings: Embeddings
    timeout: float
    batcher: Batcher = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batcher", Batcher(self.embeddings.embed_documents, self.timeout))

    def call(self, request: Embed, heartbeat: Callable[[], object]) -> Vectors:
        """Wait for vectors, calling `heartbeat` every few seconds.

        Raises:
            EmbeddingError: The model failed, took too long, or gave something else.
        """
        texts = list(request.texts)
        if request.query:  # somebody waits for it, in whose run it belongs
            run = copy_context().run
            try:
                done = call(lambda: [run(self.embeddings.embed_query, text) for text in texts], self.timeout, heartbeat)
            except (TooSlowError, TooManyAbandonedError) as error:
                raise self._gave_up(error) from error
            return _vectors(texts, done, self.embeddings)
        try:
            done = wait_for(self.batcher.submit(texts), self.timeout, heartbeat)
        except TooSlowError as error:
            raise self._gave_up(error) from error
        return _vectors(texts, done, self.embeddings)

    async def acall(self, request: Embed, heartbeat: Callable[[], Awaitable[object]]) -> Vectors:
        """Wait for vectors, awaiting `heartbeat` every few seconds.

        Raises:
            EmbeddingError: The model failed, took too long, or gave something else.
        """
        texts = list(request.texts)
        if request.query and type(self.embeddings).aembed_query is Embeddings.aembed_query:
            run = copy_context().run
            try:
                done = await acall(
                    lambda: [run(self.embeddings.embed_query, text) for text in texts], None, self.timeout, heartbeat
                )
            except (TooSlowError, TooManyAbandonedError) as error:
                raise self._gave_up(error) from error
            return _vectors(texts, done, self.embeddings)
        if request.query:
            try:
                async with asyncio.timeout(self.timeout) as limit:
                    vectors = [await self.embeddings.aembed_query(text) for text in texts]
            except Exception as error:
                if limit.expired():
                    raise self._gave_up(TooSlowError()) from error
                raise _failed(error, self.embeddings) from error
            return _checked(texts, vectors)
        if type(self.embeddings).aembed_documents is not Embeddings.aembed_documents:
            task = asyncio.get_running_loop().create_task(_awaited(self.embeddings, texts), context=Context())
            future: asyncio.Future[Any] = task
        else:
            future = asyncio.wrap_future(self.batcher.submit(texts))
        try:
            done = await await_for(future, self.timeout, heartbeat)
        except TooSlowError as error:
            raise self._gave_up(error) from error
        return _vectors(texts, done, self.embeddings)

    def _gave_up(self, error: Exception) -> EmbeddingError:
        if isinstance(error, TooSlowError):
            return EmbeddingError(f"the embedding model took longer than {self.timeout:g} s")
        return EmbeddingError(f"no embedding model was called: {error}")


def resolve_embeddings(embeddings: object) -> Embeddings:
    """Give the embedding model that an option stands for: the model, or its name.

    Raises:
        InvalidInputError: It is neither, or the named model cannot be made.
    """
    if isinstance(embeddings, str) and embeddings.strip():
        embeddings = embedding_model(embeddings)
    # By what it can do, for there are models that do not inherit from LangChain's class.
    methods = [getattr(embeddings, name, None) for name in ("embed_documents", "embed_query")]
    if isinstance(embeddings, type) or not all(map(callable, methods)):
        raise InvalidInputError(
            "embeddings must be a LangChain Embeddings, or its name as init_embeddings takes it: "
            f"embeddings={embeddings!r:.40} is neither"
        )
    return embeddings if isinstance(embeddings, Embeddings) else _Adapted(embeddings)


def model_name(embeddings: Any) -> str:
    """Name an embedding model, so that two models do not pass for one.

    The name is the class and, where the object says, which of the class's models it is.
    """
    if isinstance(embeddings, _Adapted):
        return model_name(embeddings.given)
    for attribute in _WRAPPED:
        below = getattr(embeddings, attribute, None)
        if isinstance(below, Embeddings):
            return model_name(below)
    kind = type(embeddings).__name__
    if isinstance(deployment := getattr(embeddings, "deployment", None), str) and "Azure" in kind:
        return f"{kind}:{deployment}"  # its model is the class's default, whatever is deployed
    for attribute in _NAMED:
        name = getattr(embeddings, attribute, None)
        if isinstance(name, str) and name:
            return f"{kind}:{name}"
    return kind


class _Adapted(Embeddings):
    """A model that has the methods of LangChain's class, and is none."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self.given.embed_documents(texts)
        return vectors

    def embed_query(self, text: str) -> list[float]:
        vector: list[float] = self.given.embed_query(text)
        return vector


async def _awaited(embeddings: Embeddings, texts: list[str]) -> list[list[float]]:
    return await embeddings.aembed_documents(texts)


def _vectors(texts: Sequence[str], done: Done, model: Embeddings) -> Vectors:
    try:
        vectors = done.result()
    except BaseException as error:  # it ends the call, and not the thread that waits for it
        raise _failed(error, model) from error
    return _checked(texts, vectors)


def _checked(texts: Sequence[str], vectors: Any) -> Vectors:
    import numpy as np

    try:
        plain = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise EmbeddingError(
            "the embedding model gave something else than a list of numbers for each text, all of one length"
        ) from error
    if plain.ndim != 2 or not plain.size or len(plain) != len(texts):
        raise EmbeddingError(f"the embedding model gave an array of shape {plain.shape} for {len(texts)} texts")
    if not np.isfinite(plain).all():
        raise EmbeddingError("the embedding model gave a vector that is not all finite numbers")
    return plain


def _failed(error: BaseException, model: Embeddings) -> EmbeddingError:
    why = concealed(str(error), getattr(model, "given", model))[:200]
    return EmbeddingError(f"the embedding model raised {type(error).__name__}: {why}")
