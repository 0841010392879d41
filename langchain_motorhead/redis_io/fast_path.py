"""Commands sent over connections that are kept at hand, sync and async.

For each call, redis-py's client takes a connection from its pool, looks whether it is alive, keeps books, and gives it
back: a third of what a read of a session costs.
"""

from __future__ import annotations

import asyncio
import math
import os
import select
from collections.abc import MutableMapping, Sequence
from types import FunctionType
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from hiredis import pack_command
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from langchain_motorhead.redis_io.counterpart import PLAIN_CONNECTIONS
from langchain_motorhead.storage.operation import Packed
from langchain_motorhead.storage.scripts import SCRIPTED

Shapes: TypeAlias = MutableMapping[Any, Any]

# Connections kept at most: what more threads need comes from the pool, and goes back there. A pool of fewer than so
# many times that is left alone: others may need all it has.
_KEPT, _SHARE = 16, 4


class _Common:
    def __init__(self, client: Any) -> None:
        self._pool: Any = client.connection_pool
        self._shapes: Shapes = client.response_callbacks
        self._class = type(client)
        self._call = self._class.execute_command
        self._idle: list[_Kept] = []

    @property
    def is_instrumented(self) -> bool:
        """Whether something wraps the client's calls by now, and is to see them."""
        return self._class.execute_command is not self._call


class PinnedConnections(_Common):
    """Connections of a sync client's pool that are kept between calls.

    Args:
        client: The client.
    """

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._process = os.getpid()

    def send(self, commands: Sequence[Packed]) -> list[Any]:
        """Send commands, and give a reply or an error for each, as it came.

        Raises:
            redis.ConnectionError: Nothing came back; so does a `redis.TimeoutError`.
        """
        kept = self._take()
        connection = kept.connection
        try:
            replies: list[Any] = connection.retry.call_with_retry(
                lambda: _exchange(connection, commands, self._shapes), lambda _: connection.disconnect()
            )
        except BaseException:
            connection.disconnect()  # answers that nobody waits for may be on their way
            self._pool.release(connection)
            raise
        if len(self._idle) < _KEPT and not connection.should_reconnect():
            self._idle.append(kept)
        else:
            self._pool.release(connection)
        return replies

    def release_all(self) -> None:
        """Give all connections back to the pool."""
        while self._idle:
            self._pool.release(self._idle.pop().connection)

    def _take(self) -> _Kept:
        if self._process != os.getpid():  # the connections stayed with the parent
            self._process, self._idle = os.getpid(), []
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if kept.is_alive():
                return kept
            kept.connection.disconnect()
            self._pool.release(kept.connection)
        return _Kept(self._pool.get_connection())


class AsyncPinnedConnections(_Common):
    """Connections of an async client's pool that are kept between calls.

    Args:
        client: The client.
    """

    async def send(self, commands: Sequence[Packed]) -> list[Any]:
        """Send commands, and give a reply or an error for each. See `PinnedConnections.send`."""
        kept = await self._take()
        connection = kept.connection
        try:
            replies: list[Any] = await connection.retry.call_with_retry(
                lambda: _aexchange(connection, commands, self._shapes), lambda _: connection.disconnect()
            )
        except BaseException:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)
            raise
        if len(self._idle) < _KEPT and not connection.should_reconnect():
            self._idle.append(kept)
        else:
            await self._pool.release(connection)
        return replies

    async def release_all(self) -> None:
        """Give all connections back to the pool."""
        while self._idle:
            await self._pool.release(self._idle.pop().connection)

    async def _take(self) -> _Kept:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_alive():
                return kept
            await kept.connection.disconnect(nowait=True)
            await self._pool.release(kept.connection)
        return _Kept(await self._pool.get_connection())


class _Kept:
    """A connection, and what tells whether the server has closed it."""

    __slots__ = ("_poll", "_socket", "connection")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._socket: Any = None
        self._poll: Any = None

    def is_alive(self) -> bool:
        """Say whether nothing came since the last answer: the end of the connection, or what nobody asked for.

        redis-py's own look at a connection takes ten times as long, and it has no public name for the socket.
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


def _exchange(connection: Any, commands: Sequence[Packed], shapes: Shapes) -> list[Any]:
    connection.send_packed_command([b"".join(map(pack_command, commands))])
    replies = list[Any]()
    for command in commands:
        try:
            replies.append(_shaped(command[0], connection.read_response(disable_decoding=True), shapes))
        except ResponseError as error:
            replies.append(error)
    return replies


async def _aexchange(connection: Any, commands: Sequence[Packed], shapes: Shapes) -> list[Any]:
    await connection.send_packed_command(b"".join(map(pack_command, commands)))
    replies = list[Any]()
    try:
        # One limit for all of them: to set one for each takes longer than to read it.
        async with asyncio.timeout(connection.socket_timeout):
            for command in commands:
                try:
                    reply = await connection.read_response(disable_decoding=True, timeout=math.inf)
                    replies.append(_shaped(command[0], reply, shapes))
                except ResponseError as error:
                    replies.append(error)
    except TimeoutError as error:
        raise RedisTimeoutError("Timeout reading from socket") from error
    return replies


def _shaped(name: str, reply: Any, shapes: Shapes) -> Any:
    """Give a reply as redis-py's client would: it puts those to some commands into another shape."""
    return reply if name in SCRIPTED or name not in shapes else shapes[name](reply)


_lanes: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def pinned_for(client: Any) -> Any:
    """Give the lane of a client, sync or async; None where its commands are to go through the client itself.

    They are if it is not redis-py's own, if something wraps its calls, as tracing does, and if its pool is small.
    """
    try:
        lane = _lanes[client]
    except KeyError:
        lane = _lanes[client] = _make_lane(client)
    return None if lane is None or lane.is_instrumented else lane


def _make_lane(client: Any) -> PinnedConnections | AsyncPinnedConnections | None:
    if type(client) not in (redis.Redis, redis.asyncio.Redis) or _is_wrapped(type(client)):
        return None
    pool = client.connection_pool
    plain = type(pool).__module__ in ("redis.connection", "redis.asyncio.connection")
    made = pool.connection_class
    if not (
        plain
        and made.__name__ in PLAIN_CONNECTIONS
        and made.__module__ == type(pool).__module__
        and hasattr(made, "should_reconnect")
        and getattr(pool, "cache", None) is None
        and client.connection is None
        and pool.max_connections >= _KEPT * _SHARE
        and hasattr(select, "poll")
    ):
        return None
    return PinnedConnections(client) if type(client) is redis.Redis else AsyncPinnedConnections(client)


def _is_wrapped(cls: Any) -> bool:
    method = cls.execute_command
    return type(method) is not FunctionType or method.__globals__["__name__"] != cls.__module__
