"""The embeddings that need no model."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_motorhead import HashingEmbeddings, InvalidInputError


class TestHashingEmbeddings(EmbeddingsUnitTests):
    """LangChain's tests for how embeddings are made."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """What is tested."""
        return HashingEmbeddings


class TestHashingEmbeddingsAtWork(EmbeddingsIntegrationTests):
    """LangChain's tests for what embeddings return, sync and async."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """What is tested."""
        return HashingEmbeddings


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Give the cosine of two vectors of unit length."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_hashed_vectors_are_the_same_in_every_process() -> None:
    """What was indexed by one process is found by another: nothing depends on the seed of Python's hashes."""
    program = (
        "from langchain_motorhead.models.hashing_embeddings import HashingEmbeddings as H;"
        "print(repr(H(16).embed_query('The cat sat, été 東京')))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {repr(HashingEmbeddings(16).embed_query("The cat sat, été 東京"))}


@given(st.text(), st.integers(8, 600))
def test_hashed_vectors_have_unit_length(text: str, dimensions: int) -> None:
    """Whatever the text, even an empty one, its vector has the dimensions asked for, and length 1."""
    vector = HashingEmbeddings(dimensions).embed_query(text)
    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", " ", "?!", "\ud800"])
def test_texts_without_words_have_one_vector(text: str) -> None:
    """A text without words gets the one vector that stands for nothing."""
    assert HashingEmbeddings(8).embed_query(text) == [1.0] + [0.0] * 7


@pytest.mark.parametrize(
    ("text", "similar", "dissimilar"),
    [
        ("The cat sat on the mat", "A cat on a mat", "Quarterly revenue grew"),
        ("cat", "cats", "concatenate"),
        ("Where do you live?", "WHERE DO YOU LIVE", "What is your name?"),
        ("migration of databases", "database migrations", "the weather tomorrow"),
    ],
)
def test_similar_texts_are_nearer(text: str, similar: str, dissimilar: str) -> None:
    """Texts that share words, or parts of words, are nearer to each other than those that do not."""
    model = HashingEmbeddings()
    vector = model.embed_query(text)
    near, far = (cosine(vector, model.embed_query(other)) for other in (similar, dissimilar))
    assert near > far + 0.1


async def test_hashing_is_the_same_sync_and_async() -> None:
    """Documents and queries, sync and async, get the same vector for the same text."""
    model, texts = HashingEmbeddings(32), ["one", "two", ""]
    vectors = model.embed_documents(texts)
    assert vectors == [model.embed_query(text) for text in texts] == await model.aembed_documents(texts)
    assert vectors == [await model.aembed_query(text) for text in texts]
    assert model.embed_documents([]) == []


@pytest.mark.parametrize("dimensions", [7, 0, -8, 8.0, "512", None, True])
def test_bad_dimensions(dimensions: Any) -> None:
    """Dimensions that are no whole number, or too few to tell anything apart, are refused."""
    with pytest.raises(InvalidInputError, match=f"dimensions must be .* at least 8, not {dimensions!r}"):
        HashingEmbeddings(dimensions)
