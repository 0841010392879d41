"""The private names of redis-py that pinned connections read, checked against the installed redis-py."""

from __future__ import annotations

import socket
from collections.abc import Awaitable
from typing import Any

import pytest
import redis
import redis.asyncio
from hiredis import Reader
from redis._parsers.hiredis import NOT_ENOUGH_DATA

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
async def test_replies_that_arrived_are_in_the_reader(url: str) -> None:
    """An async connection's parser keeps hiredis' reader in `_reader`, which says whether it has a whole reply."""
    async with redis.asyncio.Redis.from_url(url) as client:
        pool: Any = client.connection_pool
        connection = await pool.get_connection()
        assert type(connection._parser._reader) is Reader
        assert connection._parser._reader.gets(False) is NOT_ENOUGH_DATA
        connection._parser._reader.feed(b"+a\r\n:1\r\n")
        assert await connection.read_response(disable_decoding=True) == b"a"
        assert connection._parser._reader.gets(False) == 1
        await connection.disconnect()


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
