"""Executes operations with a sync or an async client, and maps Redis' errors to ours. The one place for either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

from langchain_motorhead.exceptions import (
    MotorheadError,
    StoreError,
)
from langchain_motorhead.redis_io.connection import Connection, pinned_for
from langchain_motorhead.redis_io.errors import (
    _as_replies,
    _is_no_script,
    translate_error,
)
from langchain_motorhead.storage.operation import Command, Operation, Packed
from langchain_motorhead.storage.scripts import SCRIPTED, Script

T = TypeVar("T")

# Commands that are sent to a cluster at once, where their order does not matter.
_SIDE_BY_SIDE = 32
# Stored records are bytes, whatever the user's client does with its other replies.
_RAW: Any = {"NEVER_DECODE": True}


class Executor:
    """Executes operations, each in one round trip.

    Args:
        connection: Where to.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._known: set[str] = set()

    def run(self, operation: Operation[T]) -> T:
        """Execute an operation.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        replies = self._send(operation.commands)
        if forgotten := self._scripts_to_resend(operation.commands, replies):
            replies = [*replies[: -len(forgotten)], *self._send(forgotten, with_source=True)]
            self._scripts_to_resend(operation.commands, replies)
        return _read(operation, replies)

    async def arun(self, operation: Operation[T]) -> T:
        """Execute an operation.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        replies = await self._asend(operation.commands)
        if forgotten := self._scripts_to_resend(operation.commands, replies):
            replies = [*replies[: -len(forgotten)], *await self._asend(forgotten, with_source=True)]
            self._scripts_to_resend(operation.commands, replies)
        return _read(operation, replies)

    def _send(self, commands: Sequence[Command], *, with_source: bool = False) -> list[Any]:
        try:
            packed = [self._packed(command, with_source) for command in commands]
            if (lane := self.connection.lane) is not None:
                return list(lane.send(packed))
            client = self.connection.sync_client
            if len(commands) == 1:
                return [client.execute_command(*packed[0], **_RAW)]
            if self.connection.clustered:
                # redis-py's sync cluster pipeline asks the server for a script's keys, and sends again what failed.
                replies: list[Any] = []
                for each in commands:
                    replies += self._send([each], with_source=with_source)
                    if isinstance(replies[-1], Exception):  # what comes after it is not to be done without it
                        break
                return replies + [None] * (len(commands) - len(replies))
            with client.pipeline(transaction=False) as pipeline:
                for command in packed:
                    pipeline.execute_command(*command, **_RAW)
                return list(pipeline.execute(raise_on_error=False))
        except Exception as error:  # noqa: BLE001 - sorted out by `_as_replies`
            return _as_replies(error, commands)

    async def _asend(self, commands: Sequence[Command], *, with_source: bool = False) -> list[Any]:
        try:
            if not self.connection.clustered or (len(commands) == 1 and isinstance(commands[0].name, Script)):
                packed = [self._packed(command, with_source) for command in commands]
                return await self.connection.pipelining.send(packed, self._apiped)
            if len(commands) == 1:
                return await self._apiped([self._packed(commands[0], with_source)])
            return await self._asend_apart(commands, with_source=with_source)
        except Exception as error:  # noqa: BLE001 - sorted out by `_as_replies`
            return _as_replies(error, commands)

    async def _apiped(self, packed: Sequence[Packed]) -> list[Any]:
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            return await self._asent(packed)
        finally:
            if task and task.cancelling() > cancelled:
                # redis-py waits with `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation.
                raise asyncio.CancelledError

    async def _asent(self, packed: Sequence[Packed]) -> list[Any]:
        client = await self.connection.async_client()
        if self.connection.clustered:
            if client.get_default_node() is None:
                await client.initialize()  # it would send the first commands to any node, whatever their keys
            if packed[0][0] in SCRIPTED:
                from langchain_motorhead.redis_io.cluster import send_to_nodes

                return await send_to_nodes(client, packed, **_RAW)
            return [await client.execute_command(*packed[0], **_RAW)]
        if (lane := pinned_for(client)) is not None:
            return list(await lane.send(packed))
        if len(packed) == 1:
            return [await client.execute_command(*packed[0], **_RAW)]
        async with client.pipeline(transaction=False) as pipeline:
            for command in packed:
                pipeline.execute_command(*command, **_RAW)
            return list(await pipeline.execute(raise_on_error=False))

    async def _asend_apart(self, commands: Sequence[Command], *, with_source: bool) -> list[Any]:
        """Send commands to a cluster, but not by redis-py's pipeline, which never looks for the heir of a lost node."""
        in_order = any(isinstance(command.name, Script) for command in commands)
        width, replies = 1 if in_order else _SIDE_BY_SIDE, list[Any]()
        for at in range(0, len(commands), width):
            some = (self._asend([each], with_source=with_source) for each in commands[at : at + width])
            replies += [reply for one in await asyncio.gather(*some) for reply in one]
            if any(isinstance(reply, Exception) for reply in replies[at:]):
                break
        return replies + [None] * (len(commands) - len(replies))

    def _packed(self, command: Command, with_source: bool) -> Packed:  # noqa: FBT001 - on the hot path
        name, keys, args = command
        if isinstance(name, str):
            return (name, *keys, *args)
        if name.sha in self._known and not with_source:
            return ("EVALSHA", name.sha, len(keys), *keys, *args)
        # Makes the script known to the server, in the round trip that is made anyway.
        self._known.add(name.sha)
        return ("EVAL", name.source, len(keys), *keys, *args)

    def _scripts_to_resend(self, commands: Sequence[Command], replies: Sequence[Any]) -> list[Command]:
        """List what is to be sent again, with the source of its scripts: all from the first on that Redis forgot.

        A command after that may have read what was not there yet; every one of ours may be executed twice.

        Raises:
            StoreError: A command failed for another reason.
        """
        for reply in replies:
            if isinstance(reply, Exception):
                break
        else:
            return []
        first = None
        for at, (command, reply) in enumerate(zip(commands, replies, strict=True)):
            if isinstance(reply, Exception):
                if not (_is_no_script(reply) and isinstance(command.name, Script)):
                    raise translate_error(reply, command) from reply
                first = at if first is None else first
        return [] if first is None else list(commands[first:])


def _read(operation: Operation[T], replies: list[Any]) -> T:
    try:
        return operation.read(replies)
    except MotorheadError:
        raise
    except ValueError as error:
        raise StoreError("a field of a session holds what this package does not write. Restore or delete it") from error
