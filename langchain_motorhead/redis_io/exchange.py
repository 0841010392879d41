"""A round trip on a connection of redis-py, sync or async: commands are packed and sent, and their replies are read."""

from __future__ import annotations

import asyncio
import math
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from hiredis import PushNotification, Reader, pack_command
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from langchain_motorhead.storage.operation import Packed
from langchain_motorhead.storage.scripts import SCRIPTED

Converters: TypeAlias = MutableMapping[Any, Any]

# Commands that are sent again with the same arguments: those that read a session. They are packed once.
_REPEATED = frozenset({"HMGET", "LRANGE", "LLEN"})
_MAX_KEPT_PARTS = 20
# Commands whose replies redis-py does not convert. Asking its converters takes longer than this set.
_UNCONVERTED = SCRIPTED | _REPEATED
# Larger commands are sent by redis-py, which waits until the system has taken them.
_SENT_AT_ONCE = 1 << 16
# Of hiredis. Others are errors, notifications, and what our commands do not return.
_USUAL_REPLIES = frozenset({list, bytes, int, type(None)})


def _pack(commands: Sequence[Packed]) -> bytes:
    """Return commands as bytes."""
    return b"".join([
        _pack_again(command) if command[0] in _REPEATED and len(command) <= _MAX_KEPT_PARTS else _pack_one(command)
        for command in commands
    ])  # fmt: skip


def _pack_one(command: Packed) -> bytes:
    """Return a command as bytes.

    Numbers are converted first: hiredis 3 crashes if a signal handler raises while it converts them.
    """
    parts: Any = tuple([str(part) if type(part) is int or type(part) is float else part for part in command])
    return bytes(pack_command(parts))


_pack_again = lru_cache(maxsize=4096)(_pack_one)


def exchange(connection: Any, commands: Sequence[Packed], converters: Converters) -> list[Any]:
    """Send commands, and return a reply or an error for each.

    Args:
        connection: The connection. It connects if it is not connected.
        commands: The commands.
        converters: How redis-py converts the replies to some commands.

    Raises:
        redis.RedisError: The connection was lost or timed out, so no reply was received.
    """
    connection.send_packed_command([_pack(commands)])
    replies = list[Any]()
    for command in commands:
        try:
            replies.append(_converted(command[0], connection.read_response(disable_decoding=True), converters))
        except ResponseError as error:
            replies.append(error)
    return replies


async def aexchange(connection: Any, commands: Sequence[Packed], converters: Converters) -> list[Any]:
    """Send commands, and return a reply or an error for each. See `exchange`."""
    await _asend(connection, _pack(commands))
    # Replies that have arrived are taken out of hiredis directly. redis-py's own way takes eight calls for each.
    reader = getattr(connection._parser, "_reader", None)
    gets = _never_enough if connection.health_check_interval or type(reader) is not Reader else reader.gets
    replies = list[Any]()
    try:
        # One time limit for all replies: setting one for each takes longer than reading it.
        async with asyncio.timeout(connection.socket_timeout):
            for command in commands:
                reply = gets(False)
                try:
                    if type(reply) not in _USUAL_REPLIES:
                        reply = await _unusual(connection, reply)
                    replies.append(_converted(command[0], reply, converters))
                except ResponseError as error:
                    replies.append(error)
    except TimeoutError as error:
        raise RedisTimeoutError("Timeout reading from socket") from error
    return replies


async def _asend(connection: Any, packed: bytes) -> None:
    """Send commands that are packed.

    redis-py's own way makes a task, which waits until all is sent. What the system takes at once needs none.
    """
    writer = connection._writer
    if connection.health_check_interval or writer is None or len(packed) > _SENT_AT_ONCE:
        await connection.send_packed_command(packed)
    else:
        writer.write(packed)


def _never_enough(_: bool) -> object:  # noqa: FBT001 - as `gets` of hiredis takes it
    return NOT_ENOUGH_DATA


async def _unusual(connection: Any, reply: Any) -> Any:
    """Return the next reply of a connection as redis-py does, which waits for it.

    Args:
        connection: The connection.
        reply: What hiredis has returned: that it has no whole reply, an error, a notification, or a rare type.

    Raises:
        redis.RedisError: The reply is an error, or the connection was lost.
    """
    if isinstance(reply, PushNotification):
        await connection._parser.handle_push_response(reply)
    elif reply is not NOT_ENOUGH_DATA:
        if isinstance(reply, RedisError):
            raise reply
        return reply
    return await connection.read_response(disable_decoding=True, timeout=math.inf)


def _converted(name: str, reply: Any, converters: Converters) -> Any:
    """Return a reply as redis-py's client would, which converts the replies to some commands."""
    return reply if name in _UNCONVERTED or name not in converters else converters[name](reply)
