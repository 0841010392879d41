"""The private names of redis-py that pinned connections read, checked against the installed redis-py."""

from __future__ import annotations

import socket
from collections.abc import Awaitable
from typing import Any

import pytest
import redis
import redis.asyncio

from langchain_motorhead.redis_io.fast_path import AsyncPinnedConnections, PinnedConnections, pinned_for

# Before 7.0, redis-py cannot say whether a connection has to be replaced, so none is pinned.
CAN_PIN = hasattr(redis.connection.AbstractConnection, "should_reconnect")
pinning = pytest.mark.skipif(not CAN_PIN, reason="redis-py before 7.0")

ECHO = ("EVAL", "return ARGV[1]", 0, "a")
IDENTIFY = ("CLIENT", "ID")


def test_sock_is_the_socket(url: str) -> None:
    """A sync connection keeps its socket in `_sock`, and None while it is not connected."""
    with redis.Redis.from_url(url) as client:
        pool: Any = client.connection_pool
        connection = pool.get_connection()
        assert isinstance(connection._sock, socket.socket)
        assert connection._sock.fileno() >= 0
        connection.disconnect()
        assert connection._sock is None


async def test_writer_has_the_socket(url: str) -> None:
    """An async connection keeps a stream writer in `_writer`, which knows its socket, and None while not connected."""
    async with redis.asyncio.Redis.from_url(url) as client:
        pool: Any = client.connection_pool
        connection = await pool.get_connection()
        assert connection._writer.get_extra_info("socket").fileno() >= 0
        await connection.disconnect()
        assert connection._writer is None


@pinning
def test_a_closed_connection_is_noticed(url: str, client: redis.Redis) -> None:
    """A pinned connection is used again while it is open, and replaced after the server has closed it."""
    with redis.Redis.from_url(url) as mine:
        pinned = pinned_for(mine)
        assert isinstance(pinned, PinnedConnections)
        first = pinned.send([IDENTIFY])[0]
        assert pinned.send([IDENTIFY])[0] == first
        assert pinned._idle[0].is_alive()
        client.client_kill_filter(_id=first)
        assert not pinned._idle[0].is_alive()
        assert pinned.send([ECHO]) == [b"a"]
        assert pinned.send([IDENTIFY])[0] != first


@pinning
async def test_a_closed_connection_is_noticed_async(url: str, client: redis.Redis) -> None:
    """An async pinned connection is used again while it is open, and replaced after the server has closed it."""
    async with redis.asyncio.Redis.from_url(url) as mine:
        pinned = pinned_for(mine)
        assert isinstance(pinned, AsyncPinnedConnections)
        first = (await pinned.send([IDENTIFY]))[0]
        assert (await pinned.send([IDENTIFY]))[0] == first
        assert pinned._idle[0].is_alive()
        client.client_kill_filter(_id=first)
        assert not pinned._idle[0].is_alive()
        assert await pinned.send([ECHO]) == [b"a"]
        assert (await pinned.send([IDENTIFY]))[0] != first
        await pinned.release_all()


@pinning
@pytest.mark.parametrize("module", [redis, redis.asyncio])
async def test_names_without_documentation(url: str, module: Any) -> None:
    """A client and its pool have the attributes that decide whether its connections can be pinned."""
    client = module.Redis.from_url(url)
    pool = client.connection_pool
    assert client.connection is None
    assert pool.connection_class.__name__ == "UnixDomainSocketConnection"
    assert pool.max_connections > 64
    assert callable(pool.connection_class.should_reconnect)
    assert callable(client.response_callbacks["PING"])
    closing = client.aclose() if module is redis.asyncio else client.close()
    if isinstance(closing, Awaitable):
        await closing


@pytest.mark.skipif(CAN_PIN, reason="redis-py 7.0 or later")
def test_an_old_version_pins_no_connection(url: str) -> None:
    """With redis-py before 7.0, commands go through the client."""
    with redis.Redis.from_url(url) as client:
        assert pinned_for(client) is None


@pinning
async def test_replies_are_parsed_as_by_redis_py(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies that came together are parsed at once: data, errors in between, and notifications, which are skipped."""
    async with redis.asyncio.Redis.from_url(url, protocol=3) as mine:
        pinned = pinned_for(mine)
        assert isinstance(pinned, AsyncPinnedConnections)
        key = "parsed"
        commands: list[Any] = [
            ("CLIENT", "TRACKING", "ON"), ("DEL", key), ("GET", key), ECHO, ("SET", key, "1"), ("GET", key),
            ("LPUSH", key, "x"), ("INCR", key), ("GET", key), ("DEL", key), ("CLIENT", "TRACKING", "OFF"),
        ]  # fmt: skip
        read = _Counted(redis.asyncio.connection.AbstractConnection.read_response)
        monkeypatch.setattr(redis.asyncio.connection.AbstractConnection, "read_response", read)
        *replies, _ = await pinned.send(commands)
        errors = [at for at, reply in enumerate(replies) if isinstance(reply, redis.ResponseError)]
        assert errors == [6]
        assert [reply for at, reply in enumerate(replies) if at > 1 and at not in errors] == [
            None, b"a", True, b"1", 2, b"2", 1,
        ]  # fmt: skip
        assert 0 < read.calls < len(commands)
        read.calls = 0
        monkeypatch.setattr("langchain_motorhead.redis_io.exchange._parser_of", lambda _: None)
        assert (await pinned.send(commands))[2:6] == replies[2:6]
        assert read.calls == len(commands)
        await pinned.release_all()


class _Counted:
    """Counts the calls of a method."""

    def __init__(self, method: Any) -> None:
        self.calls = 0
        self._method = method

    def __get__(self, instance: Any, owner: object) -> Any:
        def counted(*args: Any, **options: Any) -> Any:
            self.calls += 1
            return self._method(instance, *args, **options)

        return counted
