"""Operations that are asked for in one turn of an event loop go out together, in one round trip.

Most of what a round trip costs here is the client's part of it, and that is nearly as much for one command as for many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from langchain_motorhead.storage.operation import Packed

Send: TypeAlias = Callable[[Sequence[Packed]], Awaitable[list[Any]]]
"""Sends commands, and gives a reply or an error for each; raises where nothing came back."""

# Commands sent together at most: the first replies are read while the server is still at what came after them.
_MOST = 16
# Bytes of an operation that is sent by itself, so that no other waits behind it, or fails with it.
_LARGE = 1 << 18


@dataclass(slots=True)
class _Loop:
    waiting: list[tuple[Sequence[Packed], asyncio.Future[list[Any]]]] = field(default_factory=list)
    under_way: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Pipelining:
    """Sends the commands of one connection.

    An operation that is alone is sent at once, and so is a large one. While others are under way it waits for the end
    of this turn of the loop, and goes out with all that were asked for by then. Each has the replies to its own
    commands; one that fails fails its own operation alone. Whoever is cancelled leaves the others as they are. Where
    the connection is lost, each is told so, as nobody knows which were carried out.
    """

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()

    async def send(self, commands: Sequence[Packed], send: Send) -> list[Any]:
        """Send commands, and give a reply or an error for each.

        Args:
            commands: Of one operation.
            send: Sends them, and those that go with them.

        Raises:
            Exception: Nothing came back.
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
            while at < len(waiting) and (at == 0 or count + len(waiting[at][0]) <= _MOST):
                count += len(waiting[at][0])
                at += 1
            batch, waiting = waiting[:at], waiting[at:]
            task = loop.create_task(_deal(state, batch, send))
            state.tasks.add(task)
            task.add_done_callback(state.tasks.discard)


def _is_large(commands: Sequence[Packed]) -> bool:
    size = 0
    for command in commands:
        for each in command:
            if type(each) is bytes:
                size += len(each)
    return size > _LARGE


async def _deal(state: _Loop, batch: list[tuple[Sequence[Packed], asyncio.Future[list[Any]]]], send: Send) -> None:
    """Send what goes together, and deal the replies."""
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
