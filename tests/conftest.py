"""A real server for the tests, from wheels, and a namespace of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis
from openai_stub import KEY, Stub
from servers import cluster

from langchain_motorhead import Motorhead
from langchain_motorhead.redis_io.embedded import acquire

MakeMotorhead = Callable[..., Motorhead]


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """URL of a server without persistence."""
    server = acquire("embedded://")
    yield server.url
    server.release()


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a cluster of three, which takes seconds to form."""
    with cluster(tmp_path_factory.mktemp("cluster")) as ports:
        yield f"redis+cluster://127.0.0.1:{ports[0]}"


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    """A plain client of the server, for looking at what is stored."""
    with redis.Redis.from_url(url) as client:
        yield client


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test has."""
    return f"test {uuid.uuid4()}"


def maker(url: str, namespace: str, made: list[Motorhead]) -> MakeMotorhead:
    """Give what makes handles on the server and the namespace, and keeps them in a list."""

    def make(**options: Any) -> Motorhead:
        motorhead = Motorhead.from_url(url, **{"namespace": namespace, **options})
        made.append(motorhead)
        return motorhead

    return make


@pytest.fixture
def make(url: str, namespace: str) -> Iterator[MakeMotorhead]:
    """Makes handles on the server and the namespace, closed after the test."""
    made: list[Motorhead] = []
    yield maker(url, namespace, made)
    for motorhead in made:
        motorhead.close()


@pytest.fixture
async def amake(url: str, namespace: str) -> AsyncIterator[MakeMotorhead]:
    """The same for async tests: closed on their loop."""
    made: list[Motorhead] = []
    yield maker(url, namespace, made)
    for motorhead in made:
        await motorhead.aclose()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A stub, and an environment that points to it."""
    stub = Stub()
    monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
    monkeypatch.setenv("OPENAI_API_BASE", stub.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
