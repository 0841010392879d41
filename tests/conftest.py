"""A real server for the tests, from wheels, and a namespace of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from types import CodeType

import pytest
import redis
from hypothesis import HealthCheck, settings

from langchain_motorhead import Motorhead
from langchain_motorhead.redis_io.embedded import acquire
from support.factory import MakeMotorhead, maker
from support.openai_stub import KEY, Stub
from support.redis_servers import cluster

# A test that uses one of these fixtures starts a server, or is in a file that imports from one of these modules.
SERVER_FIXTURES = {"url", "cluster_url", "stub"}
SERVER_MODULES = {
    "langchain_motorhead.redis_io.embedded",
    "support.embedded_servers",
    "support.http_servers",
    "support.motorhead_stub",
    "support.openai_stub",
    "support.proxy",
    "support.redis_servers",
    "support.tls",
}
# A test that names one of these starts a process.
PROCESSES = {"subprocess", "multiprocessing", "run_script"}

# How long an example takes tells how busy the machine is, not how good the code is. Examples share a test's fixtures.
# Every run has the same examples, and a change is judged by what it changes.
# `--hypothesis-profile=explore` has others.
ANY_SPEED = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.register_profile("any speed", ANY_SPEED)
settings.register_profile("fast", ANY_SPEED, max_examples=20)
settings.register_profile("explore", ANY_SPEED, derandomize=False, max_examples=300)
settings.load_profile("any speed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a server or a process: `-m "not server and not process"` selects all others."""
    for item in items:
        if isinstance(item, pytest.Function):
            modules = {getattr(value, "__module__", None) for value in vars(item.module).values()}
            if SERVER_FIXTURES & set(item.fixturenames) or SERVER_MODULES & modules:
                item.add_marker(pytest.mark.server)
            if PROCESSES & set(_names(item.function.__code__)):
                item.add_marker(pytest.mark.process)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


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
