"""What an error says: the cause that can be removed, and whether an append may have been stored."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage
from redis.backoff import NoBackoff
from redis.exceptions import MaxConnectionsError
from redis.retry import Retry

from langchain_motorhead import Motorhead, MotorheadError, StoreError, StoreUnavailableError
from langchain_motorhead.redis_io.errors import translate_error
from langchain_motorhead.storage.operation import Command
from langchain_motorhead.storage.scripts import SCRIPTS

MANUAL: dict[str, Any] = {"compaction": "manual"}
APPEND = Command(SCRIPTS["session_append"], ("key",))


@pytest.fixture(params=["tcp", "unix"])
def refusing(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an address that no server listens on."""
    if request.param == "unix":
        return f"unix://{tmp_path}/no-socket"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"redis://127.0.0.1:{listener.getsockname()[1]}"


def test_nothing_is_stored_if_the_connection_is_refused(refusing: str) -> None:
    """An append to an address without a server says that nothing was stored, and never that it may have been."""
    with Motorhead.from_url(refusing, **MANUAL) as motorhead:
        with pytest.raises(StoreUnavailableError, match=r"cannot be reached.*Nothing was stored$") as caught:
            motorhead.session("s").append(HumanMessage("x"))
        assert "may have been" not in str(caught.value)
        assert isinstance(caught.value.__cause__, redis.ConnectionError)
        with pytest.raises(StoreUnavailableError, match="cannot be reached") as caught:
            motorhead.session("s").load()
        assert "Nothing was stored" not in str(caught.value)


async def test_nothing_is_stored_if_the_connection_is_refused_async(refusing: str) -> None:
    """An async append to an address without a server says that nothing was stored."""
    async with Motorhead.from_url(refusing, **MANUAL) as motorhead:
        with pytest.raises(StoreUnavailableError, match=r"cannot be reached.*Nothing was stored$") as caught:
            await motorhead.session("s").aappend(HumanMessage("x"))
        assert isinstance(caught.value.__cause__, redis.ConnectionError)


async def test_nothing_is_stored_without_a_sentinel(refusing: str) -> None:
    """An append that finds no primary, since no Sentinel answers, says that nothing was stored."""
    if not refusing.startswith("redis://"):
        pytest.skip("Sentinels have no Unix sockets")
    async with Motorhead.from_url(refusing.replace("redis://", "redis+sentinel://"), **MANUAL) as motorhead:
        with pytest.raises(StoreUnavailableError, match=r"Nothing was stored$"):
            motorhead.session("s").append(HumanMessage("x"))
        with pytest.raises(StoreUnavailableError, match=r"No master found for 'mymaster'\. .*Nothing was stored$"):
            await motorhead.session("s").aappend(HumanMessage("x"))


class DyingServer:
    """Forwards one connection to a server until an append passes, lets it through, and closes everything."""

    def __init__(self, path: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        self.upstream = socket.socket(socket.AF_UNIX)
        self.upstream.connect(path)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        client, _ = self.listener.accept()
        self.listener.close()
        while True:
            data = client.recv(1 << 16)
            self.upstream.sendall(data)
            reply = self.upstream.recv(1 << 16)
            if b"EVAL" in data or not data:
                break
            client.sendall(reply)
        client.close()
        self.upstream.close()


@pytest.fixture
def dying(url: str) -> Iterator[DyingServer]:
    """A server that executes one append, sends no reply, and refuses further connections."""
    server = DyingServer(url.removeprefix("unix://"))
    yield server
    server.thread.join(10)


def test_a_refused_retry_does_not_hide_what_was_sent(dying: DyingServer, make: Any, namespace: str) -> None:
    """If the first attempt was sent and its retry is refused, the error says that the append may have been stored."""
    with redis.Redis.from_url(dying.url, retry=Retry(NoBackoff(), 2)) as client:
        motorhead = Motorhead(client, namespace=namespace, **MANUAL)
        with pytest.raises(StoreUnavailableError, match="may have been stored") as caught:
            motorhead.session("s").append(HumanMessage("x", id="1"))
        assert "Nothing was stored" not in str(caught.value)
    assert make().session("s").load().total == 1


def pools() -> list[Any]:
    """Return functions that build sync clients with pools of each kind."""
    return [
        pytest.param(lambda url: redis.Redis.from_url(url, max_connections=2), id="small"),
        pytest.param(lambda url: redis.Redis.from_url(url, max_connections=64), id="pinned"),
        pytest.param(
            lambda url: redis.Redis.from_pool(
                redis.BlockingConnectionPool.from_url(url, max_connections=2, timeout=0.01)
            ),
            id="blocking",
        ),
    ]


@pytest.mark.parametrize("build", pools())
def test_a_full_pool_is_not_an_unreachable_server(
    url: str, make: Any, namespace: str, build: Callable[[str], redis.Redis]
) -> None:
    """If all connections of the user's pool are in use, the error says so, and that nothing was stored."""
    with build(url) as client:
        pool: Any = client.connection_pool
        taken = [pool.get_connection() for _ in range(pool.max_connections)]
        session = Motorhead(client, namespace=namespace, **MANUAL).session("s")
        with pytest.raises(StoreUnavailableError, match=r"in use.*max_connections.*Nothing was stored$") as caught:
            session.append(HumanMessage("x"))
        assert "cannot be reached" not in str(caught.value)
        assert isinstance(caught.value.__cause__, redis.ConnectionError)
        with pytest.raises(StoreUnavailableError, match="max_connections") as caught:
            session.load()
        assert "Nothing was stored" not in str(caught.value)
        for each in taken:
            pool.release(each)
        assert make().session("s").load().total == 0
        session.append(HumanMessage("x"))
        assert session.load().total == 1


@pytest.mark.parametrize("size", [2, 64], ids=["small", "pinned"])
async def test_a_full_pool_is_not_an_unreachable_server_async(url: str, namespace: str, size: int) -> None:
    """If all connections of an async pool are in use, the error says so, and that nothing was stored."""
    async with redis.asyncio.Redis.from_url(url, max_connections=size) as client:
        pool: Any = client.connection_pool
        taken = [await pool.get_connection() for _ in range(size)]
        session = Motorhead(client, namespace=namespace, **MANUAL).session("s")
        with pytest.raises(StoreUnavailableError, match=r"in use.*max_connections.*Nothing was stored$"):
            await session.aappend(HumanMessage("x"))
        for each in taken:
            await pool.release(each)
        await session.aappend(HumanMessage("x"))
        assert (await session.aload()).total == 1
        await session.adelete()


def test_a_full_pool_of_a_cluster_promises_nothing() -> None:
    """A cluster client may have sent an append to another node before, so the error says that it may be stored."""
    error = translate_error(MaxConnectionsError("Too many connections"), APPEND)
    assert isinstance(error, StoreUnavailableError)
    assert "max_connections" in str(error)
    assert "may have been stored" in str(error)


@pytest.fixture
def guarded(url: str, client: redis.Redis) -> Iterator[str]:
    """Path of the socket of a server that requires the password s3cret."""
    client.config_set("requirepass", "s3cret")
    yield url.removeprefix("unix://")
    client.config_set("requirepass", "")


def test_a_missing_password_says_where_to_put_it(guarded: str, namespace: str) -> None:
    """Without a password, the error shows a URL with a password in its place."""
    with (
        Motorhead.from_url(f"unix://{guarded}", namespace=namespace) as motorhead,
        pytest.raises(StoreError, match="requires a password") as caught,
    ):
        motorhead.session("s").load()
    assert "redis://:PASSWORD@host:6379" in str(caught.value)
    assert not isinstance(caught.value, StoreUnavailableError)


def test_a_wrong_password_is_not_a_missing_one(guarded: str, namespace: str) -> None:
    """With a wrong password, the error tells to check it, and does not repeat it."""
    with (
        Motorhead.from_url(f"unix://:wr0ng@{guarded}", namespace=namespace) as motorhead,
        pytest.raises(StoreError, match=r"does not let this user in.*Check") as caught,
    ):
        motorhead.session("s").load()
    assert "wr0ng" not in str(caught.value)


async def test_a_wrong_password_is_not_a_missing_one_async(guarded: str, namespace: str) -> None:
    """With a wrong password, the error of an async call tells to check it, and does not repeat it."""
    async with Motorhead.from_url(f"unix://:wr0ng@{guarded}", namespace=namespace) as motorhead:
        with pytest.raises(StoreError, match=r"does not let this user in.*Check") as caught:
            await motorhead.session("s").aload()
    assert "wr0ng" not in str(caught.value)


async def test_a_missing_password_says_where_to_put_it_async(guarded: str, namespace: str) -> None:
    """Without a password, the error of an async call shows a URL with a password in its place."""
    async with Motorhead.from_url(f"unix://{guarded}", namespace=namespace) as motorhead:
        with pytest.raises(MotorheadError, match=r"redis://:PASSWORD@host:6379"):
            await motorhead.session("s").aload()


def test_a_cluster_without_a_password() -> None:
    """redis-py's error for a whole cluster is recognized as a missing password."""
    error = redis.exceptions.RedisClusterException(
        "Redis Cluster cannot be connected. Please provide at least one reachable node: Authentication required."
    )
    assert "redis://:PASSWORD@host:6379" in str(translate_error(error, APPEND))
