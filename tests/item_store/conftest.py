"""Stores of both kinds, and embeddings."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.integrations.store import MotorheadStore
from support.factory import MakeMotorhead
from support.item_stores import Build, Caller


@pytest.fixture(params=["reference", "ours"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which store."""
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def build(request: pytest.FixtureRequest, kind: str, amake: MakeMotorhead) -> Build:
    """Makes a store of either kind, called either way."""

    def build(index: Any = None) -> Caller:
        store: BaseStore = InMemoryStore(index=index) if kind == "reference" else MotorheadStore(amake(), index=index)
        return Caller(store, request.param == "sync")

    return build


@pytest.fixture
def embeddings() -> HashingEmbeddings:
    """A model that needs none."""
    return HashingEmbeddings(64)


@pytest.fixture
def store(make: MakeMotorhead) -> MotorheadStore:
    """A store without vectors."""
    return MotorheadStore(make())


@pytest.fixture
def searchable(make: MakeMotorhead, embeddings: HashingEmbeddings) -> MotorheadStore:
    """A store with vectors of the model of the handle."""
    return MotorheadStore(make(embeddings=embeddings))
