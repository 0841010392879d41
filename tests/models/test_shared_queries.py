"""Searches that arrive together: which models embed their queries in one request, and what that changes for nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from langchain_openai import OpenAIEmbeddings

from langchain_motorhead import EmbeddingError
from langchain_motorhead.flows.protocol import Embed
from langchain_motorhead.models.embedding_client import EmbeddingClient


class Provider:
    """Answers as OpenAI does, but for texts that it refuses. A vector has the number that a text ends with."""

    def __init__(self) -> None:
        self.inputs: list[list[str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        texts = json.loads(request.content)["input"]
        self.inputs.append(texts)
        if "refused 0" in texts:
            return httpx.Response(400, json={"error": {"message": "no", "code": "invalid"}})
        data = [
            {"object": "embedding", "index": at, "embedding": [float(text.split()[1]), 1.0]}
            for at, text in enumerate(texts)
        ]
        return httpx.Response(200, json={"object": "list", "data": data, "model": "m", "usage": {}})

    def model(self, kind: type[OpenAIEmbeddings] = OpenAIEmbeddings) -> Any:
        """Make a model that asks this one."""
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return kind(
            model="m", api_key="none", http_async_client=client, check_embedding_ctx_length=False, max_retries=0
        )  # type: ignore[call-arg]


class Asymmetric(OpenAIEmbeddings):
    """A model whose queries begin with a word of their own."""

    async def aembed_query(self, text: str, **kwargs: Any) -> list[float]:
        """Embed a query."""
        return (await self.aembed_documents([f"query: {text.split()[1]}"]))[0]


async def search(client: EmbeddingClient, text: str) -> float:
    """Embed a query as a search does, and give the number of its vector."""

    async def beat() -> None:
        pass

    vectors = await client.acall(Embed((text,), query=True), beat)
    return float(vectors[0][0])


async def test_searches_share_a_request() -> None:
    """Twenty searches at once are one request, a known one is none; each gets its own vector."""
    provider = Provider()
    client = EmbeddingClient(provider.model(), 5)
    found = await asyncio.gather(*(search(client, f"text {at}") for at in range(20)))
    assert found == [float(at) for at in range(20)]
    assert [len(texts) for texts in provider.inputs] == [20]
    assert await search(client, "text 7") == 7
    assert len(provider.inputs) == 1
    assert [*await asyncio.gather(search(client, "text 30"), search(client, "text 31"))] == [30, 31]
    assert len(provider.inputs) == 2


async def test_a_refused_query_fails_alone() -> None:
    """If a shared request is refused, each search asks for itself, and only the refused text is an error."""
    provider = Provider()
    client = EmbeddingClient(provider.model(), 5)
    found = await asyncio.gather(
        *(search(client, text) for text in ("text 1", "refused 0", "text 2")), return_exceptions=True
    )
    assert (found[0], found[2]) == (1, 2)
    assert isinstance(found[1], EmbeddingError)
    assert sorted(map(len, provider.inputs)) == [1, 1, 1, 3]


async def test_models_that_embed_queries_otherwise() -> None:
    """A model with a way of its own to embed a query is asked in that way, once for each search."""
    provider = Provider()
    client = EmbeddingClient(provider.model(Asymmetric), 5)
    assert await asyncio.gather(*(search(client, f"text {at}") for at in range(3))) == [0, 1, 2]
    assert sorted(provider.inputs) == [["query: 0"], ["query: 1"], ["query: 2"]]


def test_every_event_loop_shares_for_itself() -> None:
    """A client that is used on one event loop after the other answers on each of them."""
    provider = Provider()
    client = EmbeddingClient(provider.model(), 5)
    for at in range(2):
        assert asyncio.run(search(client, f"text {at}")) == at
    assert len(provider.inputs) == 2
