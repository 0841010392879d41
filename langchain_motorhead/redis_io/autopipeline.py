"""Auto-pipelining: operations requested in the same iteration of an event loop are sent in one round trip.

Most of the time of a round trip is spent in the client, and it is nearly the same for one command as for several.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from langchain_motorhead.storage.operation import Packed

Send: TypeAlias = Callable[[Sequence[Packed]], Awaitable[list[Any]]]
"""Sends commands and returns a reply or an error for each. It raises if no reply was received."""

# Largest number of commands sent together. The client reads the first replies while the server executes the rest.
_MAX_COMMANDS = 16
# A larger operation is sent alone, so that others neither wait for it nor fail with it.
_LARGE_OPERATION_BYTES = 1 << 18


@dataclass(slots=True)
class _Loop:
    waiting: list[tuple[Sequence[Packed], asyncio.Future[list[Any]]]] = field(default_factory=list)
    under_way: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class AutoPipeline:
    """Sends the commands of one connection.

    An operation is sent at once if no other is under way, or if it is large. Otherwise it waits until the current
    iteration of the event loop ends, and is sent together with all operations requested until then. Each operation gets
    the replies to its own commands. An error of one command affects only its own operation, and a cancelled operation
    does not affect the others. If the connection is lost, all of them fail, since nobody knows which were executed.
    """

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()

    async def send(self, commands: Sequence[Packed], send: Send) -> list[Any]:
        """Send the commands of one operation, and return a reply or an error for each.

        Args:
            commands: The commands.
            send: Sends commands, these and those of other operations, in one round trip.

        Raises:
            Exception: `send` raised it, so no reply was received.
        """
        loop = asyncio.get_running_loop()
        state = self._loops.get(loop)
        if state is None:
            state = self._loops[loop] = _Loop()
        if not state.under_way or _is_large(commands):
            state.under_way += 1
            try:
                return await send(commands)
            finally:
                state.under_way -= 1
        mine: asyncio.Future[list[Any]] = loop.create_future()
        state.waiting.append((commands, mine))
        if len(state.waiting) == 1:
            loop.call_soon(self._start, loop, state, send)
        return await mine

    def _start(self, loop: asyncio.AbstractEventLoop, state: _Loop, send: Send) -> None:
        waiting, state.waiting = state.waiting, []
        while waiting:
            count, at = 0, 0
            while at < len(waiting) and (at == 0 or count + len(waiting[at][0]) <= _MAX_COMMANDS):
                count += len(waiting[at][0])
                at += 1
            batch, waiting = waiting[:at], waiting[at:]
            task = loop.create_task(_send_batch(state, batch, send))
            state.tasks.add(task)
            task.add_done_callback(state.tasks.discard)


def _is_large(commands: Sequence[Packed]) -> bool:
    size = 0
    for command in commands:
        for each in command:
            if type(each) is bytes:
                size += len(each)
    return size > _LARGE_OPERATION_BYTES


async def _send_batch(
    state: _Loop, batch: list[tuple[Sequence[Packed], asyncio.Future[list[Any]]]], send: Send
) -> None:
    """Send the commands of several operations together, and give each operation its replies."""
    batch = [each for each in batch if not each[1].done()]  # cancelled before it was sent
    if not batch:
        return
    state.under_way += 1
    try:
        replies = await send([command for commands, _ in batch for command in commands])
    except BaseException as error:
        for _, future in batch:
            if not future.done():
                if isinstance(error, Exception):
                    future.set_exception(error)
                else:
                    future.cancel()
        if not isinstance(error, Exception):
            raise
        return
    finally:
        state.under_way -= 1
    at = 0
    for commands, future in batch:
        if not future.done():
            future.set_result(replies[at : at + len(commands)])
        at += len(commands)
