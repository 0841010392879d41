"""The executor: executes operations through a sync or an async Redis client, and raises this package's errors."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from itertools import groupby
from typing import Any, TypeVar

from langchain_motorhead.exceptions import MotorheadError, StoreError
from langchain_motorhead.redis_io.connection import Connection, pinned_for
from langchain_motorhead.redis_io.counterpart import has_cache
from langchain_motorhead.redis_io.errors import (
    NotSentError,
    as_replies,
    cause_of,
    is_connect_error,
    is_cross_slot,
    is_no_script,
    is_pool_full,
    is_search,
    translate_error,
)
from langchain_motorhead.storage.operation import Command, Operation, Packed, TornReadError
from langchain_motorhead.storage.scripts import READS, SCRIPTED, Script

T = TypeVar("T")

# Largest number of commands sent to a cluster at the same time, if their order does not matter.
_MAX_CONCURRENT_COMMANDS = 32
_CLUSTER_INFO = Command("CLUSTER", (), ("INFO",))
# Sent with the first read: the reply tells whether reads need scripts.
_HELLO = Command("HELLO", ())
# Replies stay bytes, even if the user's client decodes its own.
_RAW: Any = {"NEVER_DECODE": True}


class Executor:
    """Executes operations, each in one round trip.

    Args:
        connection: The Redis to use.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._known: set[str] = set()

    def run(self, operation: Operation[T]) -> T:
        """Execute an operation and return its result.

        Raises:
            StoreError: Redis refused it or could not be reached.
        """
        connection = self.connection
        if operation.plain is None or not connection.one_slot or connection.in_order is False:
            return self._run(operation)
        if connection.in_order is None:
            return self._run(operation, asks=True)
        try:
            return self._run(operation.plain())
        except TornReadError as torn:
            again: Operation[T] = torn.again or operation
            return self._run(again)

    def _run(self, operation: Operation[T], *, asks: bool = False) -> T:
        operation = self._fitting(operation)
        replies = self._send((*operation.commands, _HELLO) if asks else operation.commands)
        if asks:
            self.connection.note_server(replies.pop())
        if _has_error(replies):
            if self._may_be_split(operation, replies):
                if self.connection.one_slot:
                    self.connection.one_slot = not isinstance(self._send([_CLUSTER_INFO])[0], Exception)
                if not self.connection.one_slot:
                    return self._run(operation)
            if unknown := _scripts_to_resend(operation.commands, replies):
                replies = [*replies[: -len(unknown)], *self._send(unknown, with_source=True)]
            _raise_first_error(operation.commands, replies)
        return _read(operation, replies)

    def arun(self, operation: Operation[T]) -> Coroutine[Any, Any, T]:
        """Execute an operation and return its result.

        Raises:
            StoreError: Redis refused it or could not be reached.
        """
        connection = self.connection
        if operation.plain is None or not connection.one_slot or connection.in_order is False:
            return self._arun(self._fitting(operation))
        if connection.in_order is None:
            return self._aask(self._fitting(operation))
        return self._arun(operation.plain(), whole=operation)

    async def _arun(self, operation: Operation[T], *, whole: Operation[T] | None = None) -> T:
        """Execute an operation that fits this Redis.

        Args:
            operation: The operation.
            whole: The operation whose plain form this is. It is executed if the replies are inconsistent.
        """
        if self.connection.clustered:
            replies = await self._asend(operation.commands)
        else:  # as `_asend` does it, without a coroutine of its own
            try:
                packed = [self._packed(command, False) for command in operation.commands]
                replies = await self.connection.pipelining.send(packed, self._apiped)
            except Exception as error:  # noqa: BLE001 - `as_replies` raises what is not Redis' own
                replies = as_replies(self._marked(error), operation.commands)
        try:
            return await self._aread(operation, replies) if _has_error(replies) else _read(operation, replies)
        except TornReadError as torn:
            if whole is None:
                raise
            again: Operation[T] = torn.again or whole
        return await self._arun(self._fitting(again))

    async def _aask(self, operation: Operation[T]) -> T:
        """Execute an operation, and ask the server which kind it is."""
        replies = await self._asend((*operation.commands, _HELLO))
        self.connection.note_server(replies.pop())
        return await self._aread(operation, replies)

    async def _aread(self, operation: Operation[T], replies: list[Any]) -> T:
        """Return the result of an operation whose replies may be errors, of which some end when it is sent again."""
        if _has_error(replies):
            if self._may_be_split(operation, replies):
                if self.connection.one_slot:
                    self.connection.one_slot = not isinstance((await self._asend([_CLUSTER_INFO]))[0], Exception)
                if not self.connection.one_slot:
                    return await self._arun(self._fitting(operation))
            if unknown := _scripts_to_resend(operation.commands, replies):
                replies = [*replies[: -len(unknown)], *await self._asend(unknown, with_source=True)]
            _raise_first_error(operation.commands, replies)
        return _read(operation, replies)

    def _fitting(self, operation: Operation[T]) -> Operation[T]:
        """Return the operation in the form that this Redis accepts."""
        return operation if operation.split is None or self.connection.one_slot else operation.split()

    def _may_be_split(self, operation: Operation[Any], replies: Sequence[Any]) -> bool:
        """Return whether keys of several slots were refused, and the operation has a form without them.

        That form is right for one endpoint in front of a cluster (Redis Enterprise). A node of a cluster refuses such
        keys too, but it refuses other slots anyway. Only a node answers CLUSTER INFO.
        """
        return operation.split is not None and any(
            isinstance(reply, Exception) and is_cross_slot(reply) for reply in replies
        )

    def _send(self, commands: Sequence[Command], *, with_source: bool = False) -> list[Any]:
        try:
            packed = [self._packed(command, with_source) for command in commands]
            if (pinned := self.connection.pinned) is not None:
                return list(pinned.send(packed))
            client = self.connection.sync_client
            if self.connection.clustered and all(is_search(command) for command in commands):
                from langchain_motorhead.redis_io.cluster_search import search_nodes

                return search_nodes(client, packed, commands[0].near)
            if len(commands) == 1 and (self.connection.clustered or not has_cache(client)):
                # redis-py's client-side cache asks for the keys. In a pipeline, its client does not use the cache.
                options = {**_RAW, "keys": list(commands[0].keys)} if has_cache(client) else _RAW
                return [client.execute_command(*packed[0], **options)]
            if self.connection.clustered:
                return self._send_apart(commands, packed, with_source=with_source)
            with client.pipeline(transaction=False) as pipeline:
                for command in packed:
                    pipeline.execute_command(*command, **_RAW)
                return list(pipeline.execute(raise_on_error=False))
        except Exception as error:  # noqa: BLE001 - `as_replies` raises what is not Redis' own
            return as_replies(self._marked(error), commands)

    def _send_apart(self, commands: Sequence[Command], packed: Sequence[Packed], *, with_source: bool) -> list[Any]:
        """Send commands to a cluster.

        Not by redis-py's pipeline, which asks the server for a script's keys and sends failed commands again.
        """
        if all(command.name == "HMGET" for command in commands):
            from langchain_motorhead.redis_io.cluster_search import read_from_nodes

            return read_from_nodes(self.connection.sync_client, packed)
        replies: list[Any] = []
        for searches, some in groupby(commands, is_search):
            for group in [list(some)] if searches else ([each] for each in some):
                replies += self._send(group, with_source=with_source)
                if isinstance(replies[-1], Exception):  # later commands depend on it
                    return replies + [None] * (len(commands) - len(replies))
        return replies + [None] * (len(commands) - len(replies))

    async def _asend(self, commands: Sequence[Command], *, with_source: bool = False) -> list[Any]:
        try:
            if self.connection.clustered and all(is_search(command) for command in commands):
                from langchain_motorhead.redis_io.cluster_search import asearch_nodes

                packed = [self._packed(command, with_source) for command in commands]
                return await asearch_nodes(await self._ready_cluster(), packed, commands[0].near)
            if not self.connection.clustered or (len(commands) == 1 and isinstance(commands[0].name, Script)):
                packed = [self._packed(command, with_source) for command in commands]
                return await self.connection.pipelining.send(packed, self._apiped)
            if len(commands) == 1:
                return await self._apiped([self._packed(commands[0], with_source)])
            return await self._asend_apart(commands, with_source=with_source)
        except Exception as error:  # noqa: BLE001 - `as_replies` raises what is not Redis' own
            return as_replies(self._marked(error), commands)

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
        client = await self._ready_cluster() if self.connection.clustered else await self.connection.async_client()
        if self.connection.clustered:
            from langchain_motorhead.redis_io.cluster import reads_replicas, send_to_nodes

            if packed[0][0] in SCRIPTED or (packed[0][0] in READS and not reads_replicas(client)):
                return await send_to_nodes(client, packed, **_RAW)
            return [await client.execute_command(*packed[0], **_RAW)]
        if (pinned := pinned_for(client)) is not None:
            return list(await pinned.send(packed))
        if len(packed) == 1:
            return [await client.execute_command(*packed[0], **_RAW)]
        async with client.pipeline(transaction=False) as pipeline:
            for command in packed:
                pipeline.execute_command(*command, **_RAW)
            return list(await pipeline.execute(raise_on_error=False))

    async def _ready_cluster(self) -> Any:
        client = await self.connection.async_client()
        if client.get_default_node() is None:
            await client.initialize()  # else the first commands go to any node, whatever their keys
        return client

    async def _asend_apart(self, commands: Sequence[Command], *, with_source: bool) -> list[Any]:
        """Send commands to a cluster without redis-py's pipeline, which never looks for a lost node's successor."""
        in_order = any(isinstance(command.name, Script) for command in commands)
        width, replies = 1 if in_order else _MAX_CONCURRENT_COMMANDS, list[Any]()
        for at in range(0, len(commands), width):
            some = (self._asend([each], with_source=with_source) for each in commands[at : at + width])
            replies += [reply for one in await asyncio.gather(*some) for reply in one]
            if any(isinstance(reply, Exception) for reply in replies[at:]):
                break
        return replies + [None] * (len(commands) - len(replies))

    def _marked(self, error: Exception) -> Exception:
        """Return the error as a `NotSentError` if it certainly occurred before any command was sent."""
        if self.connection.clustered:  # its client may have sent the command to another node before
            return error
        if not is_pool_full(error) and (self.connection.may_retry or not is_connect_error(error)):
            return error
        not_sent = NotSentError()
        not_sent.__cause__ = error
        return not_sent

    def _packed(self, command: Command, with_source: bool) -> Packed:  # noqa: FBT001 - on the hot path
        name, keys, args, _ = command
        if isinstance(name, str):
            return (name, *keys, *args)
        if name.sha in self._known and not with_source:
            return ("EVALSHA", name.sha, str(len(keys)), *keys, *args)
        # This also loads the script into the server, without another round trip.
        self._known.add(name.sha)
        return ("EVAL", name.source, str(len(keys)), *keys, *args)


def _has_error(replies: Sequence[Any]) -> bool:
    for reply in replies:  # noqa: SIM110 - `any` with a generator takes twice the time
        if isinstance(reply, Exception):
            return True
    return False


def _scripts_to_resend(commands: Sequence[Command], replies: Sequence[Any]) -> Sequence[Command]:
    """Return the commands to send again: all from the first script on that Redis does not know.

    Later commands are among them, because they may have read what that script should have written. All operations of
    this package can be executed twice. The result is empty if a command failed for another reason.
    """
    failed = [at for at, reply in enumerate(replies) if isinstance(reply, Exception)]
    if not failed or not all(_is_unknown_script(commands[at], replies[at]) for at in failed):
        return ()
    return commands[failed[0] :]


def _raise_first_error(commands: Sequence[Command], replies: Sequence[Any]) -> None:
    """Raise this package's error for the first command that failed.

    A script that Redis does not know comes after other errors, which explain why it was not sent again.

    Raises:
        StoreError: A command failed.
    """
    failed = [each for each in zip(commands, replies, strict=True) if isinstance(each[1], Exception)]
    if failed:
        command, error = next((each for each in failed if not _is_unknown_script(*each)), failed[0])
        raise translate_error(error, command) from cause_of(error)


def _is_unknown_script(command: Command, reply: Any) -> bool:
    return isinstance(command.name, Script) and isinstance(reply, Exception) and is_no_script(reply)


def _read(operation: Operation[T], replies: list[Any]) -> T:
    try:
        return operation.read(replies)
    except MotorheadError:
        raise
    except ValueError as error:
        raise StoreError(
            "a field of the session holds a value that this package did not write. Restore or delete the session"
        ) from error
