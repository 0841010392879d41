"""Sends commands over a connection of redis-py that nobody else uses, and reads their replies, sync and async.

An async connection of redis-py makes a task for each write and four calls for each reply. So this module writes to its
`_writer` and parses with its `_parser` where nothing has to be waited for. `tests/redis_io/test_private_names.py`
checks both names against the installed redis-py.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from hiredis import PushNotification, Reader, pack_command
from redis._parsers.hiredis import NOT_ENOUGH_DATA as _NOTHING
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from langchain_motorhead.storage.operation import Packed
from langchain_motorhead.storage.scripts import READS, SCRIPTED

Converters: TypeAlias = MutableMapping[Any, Any]
"""Functions of a redis-py client that convert replies, by command."""

_MAX_KEPT_PARTS = 20
_TEXTS = frozenset({str, bytes})
# Commands whose replies redis-py does not convert. Asking its converters takes longer than this set.
_UNCONVERTED = SCRIPTED | READS
# Largest number of bytes written without waiting. Transports buffer as many before they ask for a pause.
_AT_ONCE_BYTES = 1 << 16
_NO_DATA = (Exception, PushNotification)


def exchange(connection: Any, commands: Sequence[Packed], converters: Converters) -> list[Any]:
    """Send commands over a sync connection, and return a reply or an error for each.

    Args:
        connection: The connection.
        commands: The commands.
        converters: Convert replies as the client of the connection does.

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
    """Send commands over an async connection, and return a reply or an error for each. See `exchange`."""
    packed = _pack(commands)
    if not _written_at_once(connection, packed):
        await connection.send_packed_command(packed)
    replies = list[Any]()
    parse = _parser_of(connection)
    try:
        # One time limit for all replies: setting one for each takes longer than reading it.
        async with asyncio.timeout(connection.socket_timeout):
            for command in commands:
                # redis-py has four calls around this one.
                reply = _NOTHING if parse is None else parse(False)
                try:
                    if reply is _NOTHING or isinstance(reply, _NO_DATA):
                        reply = await _awaited(connection, reply)
                    replies.append(_converted(command[0], reply, converters))
                except ResponseError as error:
                    replies.append(error)
    except TimeoutError as error:
        raise RedisTimeoutError("Timeout reading from socket") from error
    return replies


def _pack(commands: Sequence[Packed]) -> bytes:
    """Return commands as bytes."""
    return b"".join([
        _pack_again(command) if command[0] in READS and len(command) <= _MAX_KEPT_PARTS else _pack_one(command)
        for command in commands
    ])  # fmt: skip


def _pack_one(command: Packed) -> bytes:
    """Return a command as bytes.

    Numbers are converted first: hiredis 3 crashes if a signal handler raises while it converts them.
    """
    parts: Any = command
    if not _TEXTS.issuperset(map(type, command)):
        parts = tuple([str(part) if type(part) is int or type(part) is float else part for part in command])
    return bytes(pack_command(parts))


_pack_again = lru_cache(maxsize=4096)(_pack_one)


def _written_at_once(connection: Any, data: bytes) -> bool:
    """Write to an async connection if nothing has to be waited for. Otherwise return False.

    redis-py makes a task for each write, to limit its time. A connection that was lost meanwhile shows that when the
    reply is read.
    """
    writer = connection._writer
    if writer is None or connection.health_check_interval or len(data) > _AT_ONCE_BYTES:
        return False
    transport = writer.transport
    if transport.is_closing() or transport.get_write_buffer_size():
        return False
    transport.write(data)
    return True


def _parser_of(connection: Any) -> Any:
    """Return the function that parses the next reply of an async connection, or None if redis-py has to read it."""
    reader = getattr(connection._parser, "_reader", None)
    return reader.gets if type(reader) is Reader and not connection.health_check_interval else None


async def _awaited(connection: Any, parsed: object) -> Any:
    """Return the next reply that holds data.

    Args:
        connection: The connection.
        parsed: What was parsed last. It is `_NOTHING`, an error, or a notification, which redis-py handles.

    Raises:
        redis.RedisError: The reply is an error, or the connection was lost.
    """
    if isinstance(parsed, Exception):
        raise parsed
    if parsed is not _NOTHING:
        await connection._parser.handle_push_response(parsed)
    return await connection.read_response(disable_decoding=True, timeout=math.inf)


def _converted(name: str, reply: Any, converters: Converters) -> Any:
    """Return a reply as redis-py's client would, which converts the replies to some commands."""
    return reply if name in _UNCONVERTED or name not in converters else converters[name](reply)
