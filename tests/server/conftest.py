"""Servers for requests over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.variables import variables
from support.factory import MakeMotorhead
from support.http_servers import served
from support.summarizers import Ledger

SMALL = Window(max_messages=4)
KEYS = {"key-a": "A", "key-b": "B"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any variable that the server reads."""
    for name, *_ in variables():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tenants(url: str, namespace: str) -> Iterator[httpx.Client]:
    """A client of a server with two tenants, who have recall."""

    def of(name: str) -> Motorhead:
        return Motorhead.from_url(url, namespace=f"{namespace} {name}", embeddings=HashingEmbeddings(64), window=SMALL)

    app = create_app(Settings(api_keys=KEYS), motorhead=of)
    with served(app) as base, httpx.Client(base_url=base, timeout=30) as client:
        yield client


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """What is served."""
    return make(llm=Ledger())


@pytest.fixture
def http(motorhead: Motorhead) -> Iterator[httpx.Client]:
    """A client of a server."""
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base, httpx.Client(base_url=base) as client:
        yield client
