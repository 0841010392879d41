"""Embedding models that do what a test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from langchain_core.embeddings import Embeddings

from langchain_motorhead import HashingEmbeddings


class Scripted(HashingEmbeddings):
    """The same as its base, but calls a function with the texts of each batch first, which may raise, wait or exit."""

    def __init__(self, before: Callable[[list[str]], object] = lambda texts: None, dimensions: int = 64) -> None:
        super().__init__(dimensions)
        self.before = before
        self.texts: list[str] = []
        self.down = False

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        if self.down:
            raise ConnectionError("the model is away")
        self.before(texts)
        self.texts += texts
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text."""
        if self.down:
            raise ConnectionError("the model is away")
        return super().embed_query(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        return await asyncio.to_thread(self.embed_documents, texts)


class Numbers(Embeddings):
    """Gives vectors that a function makes of a text."""

    model = "numbers"

    def __init__(self, vector: Callable[[str], list[float]]) -> None:
        self.vector = vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        return [self.vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text."""
        return self.vector(text)


class Gate:
    """Holds a model up until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, texts: list[str]) -> None:
        """Wait."""
        self.reached.set()
        assert self.open.wait(60)
