"""The calls of an embedding model, and which model an option or a name stands for."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.stores import InMemoryStore

from langchain_motorhead import EmbeddingError, HashingEmbeddings, InvalidInputError
from langchain_motorhead.flows.protocol import Embed
from langchain_motorhead.models.embedding_client import EmbeddingClient, model_name, resolve_embeddings

WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")


class Model(Embeddings):
    """Answers as scripted: returns a value or raises it, after a delay."""

    def __init__(self, answer: Any = None, seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.contexts: list[str] = []
        self.threads: list[int] = []
        self.answered = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Answer for documents."""
        self.contexts.append(WHERE.get())
        self.threads.append(threading.get_ident())
        time.sleep(self.seconds)
        self.answered += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        given: list[list[float]] = [[1.0, 2.0] for _ in texts] if self.answer is None else self.answer
        return given

    def embed_query(self, text: str) -> list[float]:
        """Answer for a query."""
        given: Any = self.embed_documents([text])
        return given[0] if isinstance(given, list) and given else given  # type: ignore[no-any-return]


class AsyncModel(Model):
    """The same, natively async."""

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Answer for documents."""
        seconds, self.seconds = self.seconds, 0.0
        await asyncio.sleep(seconds)
        return self.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Answer for a query."""
        return self.embed_query(text)


class Both:
    """Makes a call sync, or async, and counts heartbeats."""

    def __init__(self, kind: type[Model], *, is_async: bool) -> None:
        self.kind = kind
        self.is_async = is_async
        self.beats = 0

    async def __call__(self, model: Embeddings, *texts: str, query: bool = False, seconds: float = 5.0) -> Any:
        """Embed texts."""
        calls, request = EmbeddingClient(model, seconds), Embed(texts, query=query)
        if self.is_async:
            return await calls.acall(request, self.abeat)
        return calls.call(request, self.beat)

    def beat(self) -> None:
        """Count."""
        self.beats += 1

    async def abeat(self) -> None:
        """Count."""
        self.beats += 1


@pytest.fixture(params=["sync", "async in a thread", "async"])
def embed(request: pytest.FixtureRequest) -> Both:
    """Makes calls in each of the three ways."""
    return Both(AsyncModel if request.param == "async" else Model, is_async=request.param != "sync")


# The calls of a model -------------------------------------------------------------------------------------------------


async def test_calls_give_a_vector_for_each_text(embed: Both) -> None:
    """Each text has its vector, in order, whatever kind of sequence the model gives."""
    for answer in ([[1, 2], [3, 4]], [(1.0, 2.0), (3.0, 4.0)], np.array([[1, 2], [3, 4]], dtype=np.float32)):
        given = await embed(embed.kind(answer), "a", "b")
        assert [list(vector) for vector in given] == [[1.0, 2.0], [3.0, 4.0]]
    assert [list(vector) for vector in await embed(embed.kind([[5, 6]]), "a", query=True)] == [[5.0, 6.0]]


@pytest.mark.parametrize(
    "answer",
    [
        [[1.0, 2.0]],
        [[1.0, 2.0]] * 3,
        [],
        [[], []],
        [[1.0, 2.0], [1.0]],
        [[1.0, math.nan], [1.0, 2.0]],
        [[1.0, 2.0], [math.inf, 2.0]],
        [[math.inf, -math.inf], [1.0, 2.0]],
        [["a", "b"], ["c", "d"]],
        [[None, None], [1.0, 2.0]],
        [1.0, 2.0],
        ["ab", "cd"],
        "ab",
        None,
        7,
        [[[1.0]], [[2.0]]],
        object(),
        {"a": [1.0], "b": [2.0]},
    ],
    ids=lambda answer: repr(answer).partition(" object at ")[0],  # the same in every process
)
async def test_other_answers_than_vectors(embed: Both, answer: Any) -> None:
    """What is not one vector of finite numbers for each text, all of one length, is the model's failure."""
    model = embed.kind(answer if answer is not None else ...)
    with pytest.raises(EmbeddingError, match=r"^the embedding model returned "):
        await embed(model, "a", "b")


@pytest.mark.parametrize("answer", [[[]], [[math.nan]], [["a"]], [7.0]], ids=repr)
async def test_other_answers_than_a_vector_of_a_query(embed: Both, answer: Any) -> None:
    """The vector of a query has to be one as well."""
    with pytest.raises(EmbeddingError, match=r"^the embedding model returned "):
        await embed(embed.kind(answer), "a", query=True)


@pytest.mark.parametrize("query", [False, True])
async def test_what_a_model_raises_is_its_failure(embed: Both, query: bool) -> None:
    """Whatever the model raises, it is one error of ours, which says what it was and has it as its cause."""
    error = ValueError("no such model")
    with pytest.raises(EmbeddingError, match=r"^the embedding model raised ValueError: no such model$") as caught:
        await embed(embed.kind(error), "a", query=query)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration()])
async def test_what_ends_a_thread_ends_only_the_call(error: BaseException) -> None:
    """A model that raises what would end a program or an iteration ends its own call."""
    for is_async in (False, True):
        with pytest.raises(EmbeddingError, match=r"^the embedding model raised "):
            await Both(Model, is_async=is_async)(Model(error), "a")


async def test_a_long_error_is_cut(embed: Both) -> None:
    """An error as long as the texts that it quotes does not fill the log."""
    with pytest.raises(EmbeddingError) as caught:
        await embed(embed.kind(RuntimeError("x" * 10_000)), "a")
    assert len(str(caught.value)) < 300


async def test_a_call_has_its_time(embed: Both) -> None:
    """A call that takes longer than it may is given up before it ends, and says how long that was."""
    model = embed.kind(seconds=2.0)
    with pytest.raises(EmbeddingError, match=r"^the embedding model took longer than 0\.05 s$"):
        await embed(model, "a", seconds=0.05)
    assert model.answered == 0


async def test_heartbeats(embed: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a call takes, a sign of life is given again and again, and none for a short one."""
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT_SECONDS", 0.01)
    await embed(embed.kind(seconds=0.2), "a")
    assert 3 <= embed.beats <= 21
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT_SECONDS", 3.0)
    embed.beats = 0
    await embed(embed.kind(), "a")
    assert embed.beats == 0


async def test_contexts(embed: Both) -> None:
    """A query is part of the run that asks it; documents are not, in whose run they happen to be embedded."""
    token, model = WHERE.set("a run"), embed.kind()
    try:
        await embed(model, "a", query=True)
        await embed(model, "a")
    finally:
        WHERE.reset(token)
    assert model.contexts == ["a run", "nowhere"]


async def test_a_sync_model_does_not_hold_up_the_loop() -> None:
    """Called from an event loop, a model that is not async runs in a thread."""
    model, here = Model(), threading.get_ident()
    await EmbeddingClient(model, 5).acall(Embed(("a",)), asyncio.Event().wait)
    await EmbeddingClient(model, 5).acall(Embed(("a",), query=True), asyncio.Event().wait)
    assert here not in model.threads
    asynchronous = AsyncModel()
    await EmbeddingClient(asynchronous, 5).acall(Embed(("a",)), asyncio.Event().wait)
    assert asynchronous.threads == [here]


class Duck:
    """Has the methods of LangChain's class, and is none."""

    model_name = "mallard"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give vectors."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Give a vector."""
        return [float(len(text)), 1.0]


# Which model ----------------------------------------------------------------------------------------------------------


def test_a_model_stands_for_itself() -> None:
    """A model that is one of LangChain's is taken as it is."""
    model = HashingEmbeddings()
    assert resolve_embeddings(model) is model


def test_a_model_that_does_not_inherit() -> None:
    """An object that can do what a model can is one, by its own name."""
    model = resolve_embeddings(Duck())
    assert isinstance(model, Embeddings)
    assert (model.embed_query("abc"), model.embed_documents(["a", ""])) == ([3.0, 1.0], [[1.0, 1.0], [0.0, 1.0]])
    assert model_name(model) == "Duck:mallard"


@pytest.mark.parametrize("named", ["nonsense", "nobody:nothing", "openai:", ":", "openai:text-embedding-3-small"])
def test_a_name_that_cannot_be_made(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is none, or whose package or key is missing, is refused with the reason and what to give instead."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(
        InvalidInputError, match=r"cannot be used as an embedding model .*give the model itself"
    ) as caught:
        resolve_embeddings(named)
    assert repr(named) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_model_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is made into the model by LangChain."""
    monkeypatch.setenv("OPENAI_API_KEY", "no key")
    model = resolve_embeddings("openai:text-embedding-3-small")
    assert model_name(model) == "OpenAIEmbeddings:text-embedding-3-small"
    # It would download an encoding to count with, and fail where it cannot.
    assert model.check_embedding_ctx_length is False  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", ["", "  ", 7, object(), len, {"embed_query": len}, [HashingEmbeddings()]])
def test_what_is_no_model(given: object) -> None:
    """What is neither a model nor a name is refused, shown in short."""
    with pytest.raises(InvalidInputError, match=r"^embeddings must be a LangChain Embeddings.* is neither$") as caught:
        resolve_embeddings(given)
    assert len(str(caught.value)) < 200


def test_names_tell_models_apart() -> None:
    """A model is named by its class, and where it says so by which of the class's models it is."""
    plain, named, other = Model(), Model(), Model()
    named.model = "large"  # type: ignore[attr-defined]
    other.model_id = "small"  # type: ignore[attr-defined]
    told = [model_name(each) for each in (plain, named, other, DeterministicFakeEmbedding(size=4))]
    assert told == ["Model", "Model:large", "Model:small", "DeterministicFakeEmbedding"]
    named.model = ""  # type: ignore[attr-defined]
    other.model_id = object()  # type: ignore[attr-defined]
    assert [model_name(each) for each in (named, other)] == ["Model", "Model"]


def test_a_wrapped_model_has_its_own_name() -> None:
    """A cache round a model makes no other model of it."""
    cached = CacheBackedEmbeddings(HashingEmbeddings(), InMemoryStore())
    assert model_name(cached) == model_name(HashingEmbeddings())
    wrapping = Model()
    wrapping.bound = cached  # type: ignore[attr-defined]
    assert model_name(wrapping) == model_name(HashingEmbeddings())
