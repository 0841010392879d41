"""Pinned connections: connections of a redis-py client's pool that are pinned between calls, sync and async.

For each call, redis-py takes a connection from its pool, checks that it is alive, updates its statistics and returns
it. That is a third of the time of reading a session. A client with `single_connection_client=True` saves less of that
time, cannot serve several threads or tasks at once, and does not notice that a server has closed the connection.

redis-py has no public name for a connection's socket, so `_Pinned.is_alive` reads `_sock` (sync) and `_writer` (async).
`tests/redis_io/test_private_names.py` checks both against the installed redis-py. They were checked by hand with 7.0.1
and 8.1.0, the lowest and highest versions with which connections are pinned. redis-py 6.4, which pyproject.toml also
allows, has no `should_reconnect`, so commands go through its client.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from langchain_motorhead.redis_io.counterpart import PLAIN_CONNECTIONS
from langchain_motorhead.redis_io.errors import NotSentError
from langchain_motorhead.redis_io.exchange import Converters, aexchange, exchange
from langchain_motorhead.storage.operation import Packed

# Largest number of pinned connections. Further threads and tasks take a connection from the pool and return it.
_MAX_PINNED_CONNECTIONS = 16
_LOST = (RedisConnectionError, RedisTimeoutError, OSError)
# A smaller pool is not used for pinning, since the user's own calls may need all its connections.
_MIN_POOL_CONNECTIONS = 4 * _MAX_PINNED_CONNECTIONS


class _PinnedBase:
    def __init__(self, client: Any) -> None:
        self._pool: Any = client.connection_pool
        self._converters: Converters = client.response_callbacks
        self._client_class = type(client)
        self._execute_command = self._client_class.execute_command
        self._idle: list[_Pinned] = []

    def _take_idle(self) -> Iterator[_Pinned]:
        while self._idle:
            with suppress(IndexError):  # another thread took the last one
                yield self._idle.pop()

    @property
    def is_instrumented(self) -> bool:
        """Whether something, such as tracing, wraps the client's calls by now and has to see them."""
        return self._client_class.execute_command is not self._execute_command


class PinnedConnections(_PinnedBase):
    """Pinned connections of a sync client.

    Args:
        client: The client, whose pool the connections come from.
    """

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._process = os.getpid()

    def send(self, commands: Sequence[Packed]) -> list[Any]:
        """Send commands, and return a reply or an error for each.

        Raises:
            NotSentError: No connection could be connection_class or had, so no command was sent.
            redis.RedisError: The connection was lost or timed out, so no reply was received.
        """
        pinned = self._acquire()
        connection = pinned.connection
        try:
            replies: list[Any] = connection.retry.call_with_retry(
                lambda: exchange(connection, commands, self._converters), lambda _: connection.disconnect()
            )
        except BaseException as error:
            connection.disconnect()  # replies that nobody waits for may still arrive
            self._pool.release(connection)
            if isinstance(error, _LOST):
                self._drop_idle()
            raise
        if len(self._idle) < _MAX_PINNED_CONNECTIONS and not connection.should_reconnect():
            self._idle.append(pinned)
        else:
            self._pool.release(connection)
        return replies

    def release_all(self) -> None:
        """Return all connections to the pool."""
        while self._idle:
            self._pool.release(self._idle.pop().connection)

    def _drop_idle(self) -> None:
        """Disconnect what is idle: whatever broke one connection, such as a NAT that forgot it, broke its siblings."""
        for pinned in self._take_idle():
            pinned.connection.disconnect()
            self._pool.release(pinned.connection)
        with suppress(RedisError, OSError):
            self._pool.disconnect(inuse_connections=False)

    def _acquire(self) -> _Pinned:
        if self._process != os.getpid():  # the connections belong to the parent process
            self._process, self._idle = os.getpid(), []
        while self._idle:
            try:
                pinned = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            if pinned.is_alive():
                return pinned
            pinned.connection.disconnect()
            self._pool.release(pinned.connection)
        try:
            return _Pinned(self._pool.get_connection())
        except (RedisError, OSError) as error:
            raise NotSentError from error


class AsyncPinnedConnections(_PinnedBase):
    """Pinned connections of an async client.

    Args:
        client: The client, whose pool the connections come from.
    """

    async def send(self, commands: Sequence[Packed]) -> list[Any]:
        """Send commands, and return a reply or an error for each. See `PinnedConnections.send`."""
        pinned = await self._acquire()
        connection = pinned.connection
        try:
            replies: list[Any] = await connection.retry.call_with_retry(
                lambda: aexchange(connection, commands, self._converters), lambda _: connection.disconnect()
            )
        except BaseException as error:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)
            if isinstance(error, _LOST):
                await self._drop_idle()
            raise
        if len(self._idle) < _MAX_PINNED_CONNECTIONS and not connection.should_reconnect():
            self._idle.append(pinned)
        else:
            await self._pool.release(connection)
        return replies

    async def release_all(self) -> None:
        """Return all connections to the pool."""
        while self._idle:
            await self._pool.release(self._idle.pop().connection)

    async def _drop_idle(self) -> None:
        """Disconnect what is idle. See `PinnedConnections`."""
        for pinned in self._take_idle():
            await pinned.connection.disconnect(nowait=True)
            await self._pool.release(pinned.connection)
        with suppress(RedisError, OSError):
            await self._pool.disconnect(inuse_connections=False)

    async def _acquire(self) -> _Pinned:
        while self._idle:
            pinned = self._idle.pop()
            if pinned.is_alive():
                return pinned
            await pinned.connection.disconnect(nowait=True)
            await self._pool.release(pinned.connection)
        try:
            return _Pinned(await self._pool.get_connection())
        except (RedisError, OSError) as error:
            raise NotSentError from error


class _Pinned:
    """A pinned connection, with a poll object that shows whether the server has closed it."""

    __slots__ = ("_poll", "_socket", "connection")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._socket: Any = None
        self._poll: Any = None

    def is_alive(self) -> bool:
        """Return whether nothing arrived since the last reply: neither the end of the connection nor unexpected data.

        redis-py's own check takes ten times as long.
        """
        if isinstance(self.connection, redis.asyncio.connection.AbstractConnection):
            writer = self.connection._writer
            socket = writer and writer.get_extra_info("socket")
        else:
            socket = self.connection._sock
        if socket is None:
            return False
        if socket is not self._socket:
            self._socket, self._poll = socket, select.poll()
            self._poll.register(socket, select.POLLIN)
        return not self._poll.poll(0)


_pinned_by_client: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def pinned_for(client: Any) -> Any:
    """Return the pinned connections of a sync or async client, or None if its commands have to go through the client.

    That is so if it is not redis-py's own class, if something wraps its calls, as tracing does, or if its pool is
    small.
    """
    try:
        pinned = _pinned_by_client[client]
    except KeyError:
        pinned = _pinned_by_client[client] = _make_pinned(client)
    return None if pinned is None or pinned.is_instrumented else pinned


def _make_pinned(client: Any) -> PinnedConnections | AsyncPinnedConnections | None:
    if type(client) not in (redis.Redis, redis.asyncio.Redis) or _is_wrapped(type(client)):
        return None
    pool = client.connection_pool
    plain = type(pool).__module__ in ("redis.connection", "redis.asyncio.connection")
    connection_class = pool.connection_class
    if not (
        plain
        and connection_class.__name__ in PLAIN_CONNECTIONS
        and connection_class.__module__ == type(pool).__module__
        and hasattr(connection_class, "should_reconnect")
        and getattr(pool, "cache", None) is None
        and client.connection is None
        and pool.max_connections >= _MIN_POOL_CONNECTIONS
        and hasattr(select, "poll")
    ):
        return None
    return PinnedConnections(client) if type(client) is redis.Redis else AsyncPinnedConnections(client)


def _is_wrapped(cls: Any) -> bool:
    method = cls.execute_command
    return type(method) is not FunctionType or method.__globals__["__name__"] != cls.__module__
