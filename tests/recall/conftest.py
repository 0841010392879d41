"""A model."""

from __future__ import annotations

import pytest

from langchain_motorhead import HashingEmbeddings


@pytest.fixture
def embeddings() -> HashingEmbeddings:
    """A model."""
    return HashingEmbeddings(64)
