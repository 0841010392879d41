"""Auto-pipelining: operations requested in the same iteration of an event loop are sent in one round trip.

Most of the time of a round trip is spent in the client, and it is nearly the same for one command as for several.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary, ref

from langchain_motorhead.redis_io.errors import NotSentError, cause_of, is_connect_error, is_pool_full
from langchain_motorhead.storage.operation import Packed
from langchain_motorhead.storage.scripts import READS, SCRIPTED

Send: TypeAlias = Callable[[Sequence[Packed]], Awaitable[list[Any]]]
"""Sends commands and returns a reply or an error for each. It raises if no reply was received."""

# Largest number of commands sent together, where a script counts as several: it takes about as long. The client reads
# the first replies while the server executes the rest.
_MAX_COMMANDS, _SCRIPT_COMMANDS = 128, 4
# Largest number of round trips at the same time, each with a connection of its own. Further operations wait.
_MAX_ROUND_TRIPS = 32
# A larger operation is sent alone, so that others neither wait for it nor fail with it.
_LARGE_OPERATION_BYTES = 1 << 18


class _Waiting(NamedTuple):
    """An operation that waits to be sent."""

    commands: Sequence[Packed]
    replies: asyncio.Future[list[Any]]
    weight: int
    is_large: bool


@dataclass(slots=True)
class _Loop:
    waiting: deque[_Waiting] = field(default_factory=deque)
    under_way: int = 0
    scheduled: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class AutoPipeline:
    """Sends the commands of one connection.

    An operation is sent at once if no other is under way, or if it is large. Otherwise it waits until the current
    iteration of the event loop ends, and is sent together with all operations requested until then. Each operation gets
    the replies to its own commands. An error of one command affects only its own operation, and a cancelled operation
    does not affect the others. If the connection is lost, all of them fail, since nobody knows which were executed.

    Any number of operations may be requested at once: they wait for a connection as long as Redis answers. If it cannot
    be reached, all that wait fail with the first.
    """

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()
        # Of the loop that was used last: looking into a weak dictionary takes as long as all of `send`.
        self._last: tuple[Callable[[], asyncio.AbstractEventLoop | None], _Loop] = (lambda: None), _Loop()

    def send(self, commands: Sequence[Packed], send: Send) -> Awaitable[list[Any]]:
        """Send the commands of one operation, and return a reply or an error for each. It is to be awaited at once.

        Args:
            commands: The commands.
            send: Sends commands, these and those of other operations, in one round trip.

        Raises:
            Exception: `send` raised it, so no reply was received.
        """
        loop = asyncio.get_running_loop()
        last_loop, state = self._last
        if last_loop() is not loop:
            state = self._loops.setdefault(loop, _Loop())
            self._last = ref(loop), state
        is_large = bool(state.under_way) and _is_large(commands)
        if not state.under_way or (is_large and state.under_way < _MAX_ROUND_TRIPS):
            return self._send_alone(loop, state, commands, send)
        return self._wait(loop, state, commands, send, is_large=is_large)

    async def _send_alone(
        self, loop: asyncio.AbstractEventLoop, state: _Loop, commands: Sequence[Packed], send: Send
    ) -> list[Any]:
        state.under_way += 1
        try:
            return await send(commands)
        except Exception as error:
            if not _can_wait(state, error):
                raise
        finally:
            state.under_way -= 1
            self._schedule(loop, state, send)
        return await self._wait(loop, state, commands, send, is_large=_is_large(commands))

    def _wait(
        self, loop: asyncio.AbstractEventLoop, state: _Loop, commands: Sequence[Packed], send: Send, *, is_large: bool
    ) -> asyncio.Future[list[Any]]:
        mine: asyncio.Future[list[Any]] = loop.create_future()
        state.waiting.append(_Waiting(commands, mine, _weight(commands), is_large))
        self._schedule(loop, state, send)
        return mine

    def _schedule(self, loop: asyncio.AbstractEventLoop, state: _Loop, send: Send) -> None:
        if state.waiting and not state.scheduled:
            state.scheduled = True
            loop.call_soon(self._start, loop, state, send)

    def _start(self, loop: asyncio.AbstractEventLoop, state: _Loop, send: Send) -> None:
        state.scheduled = False
        while state.waiting and state.under_way < _MAX_ROUND_TRIPS:
            batch = _next_batch(state.waiting)
            if not batch:
                return
            state.under_way += 1
            task = loop.create_task(self._send_batch(loop, state, batch, send))
            state.tasks.add(task)
            task.add_done_callback(state.tasks.discard)

    async def _send_batch(
        self, loop: asyncio.AbstractEventLoop, state: _Loop, batch: list[_Waiting], send: Send
    ) -> None:
        """Send the commands of several operations together, and give each operation its replies."""
        try:
            replies = await send([command for each in batch for command in each.commands])
        except BaseException as error:
            if isinstance(error, Exception) and _can_wait(state, error):
                state.waiting.extendleft(reversed(batch))
                return
            _fail(batch, error)
            if _is_unreachable(error):
                _fail(state.waiting, error)
                state.waiting.clear()
            if not isinstance(error, Exception):
                raise
            return
        finally:
            state.under_way -= 1
            self._schedule(loop, state, send)
        at = 0
        for each in batch:
            if not each.replies.done():
                each.replies.set_result(replies[at : at + len(each.commands)])
            at += len(each.commands)


def _next_batch(waiting: deque[_Waiting]) -> list[_Waiting]:
    """Take the operations that are sent together next, without those that were cancelled meanwhile."""
    batch: list[_Waiting] = []
    count = 0
    while waiting and (not batch or not (batch[0].is_large or waiting[0].is_large)):
        if waiting[0].replies.done():
            waiting.popleft()
        elif batch and count + waiting[0].weight > _MAX_COMMANDS:
            break
        else:
            batch.append(waiting.popleft())
            count += batch[-1].weight
    return batch


def _can_wait(state: _Loop, error: Exception) -> bool:
    """Return whether nothing was sent because all connections are in use, some of them by other round trips."""
    return state.under_way > 1 and is_pool_full(cause_of(error))


def _is_unreachable(error: BaseException) -> bool:
    """Return whether no connection could be made."""
    return isinstance(error, NotSentError) or is_connect_error(error)


def _fail(operations: Iterable[_Waiting], error: BaseException) -> None:
    for each in operations:
        if each.replies.done():
            continue
        if isinstance(error, Exception):
            each.replies.set_exception(error)
        else:
            each.replies.cancel()


def _weight(commands: Sequence[Packed]) -> int:
    if len(commands) == 1:
        return _SCRIPT_COMMANDS if commands[0][0] in SCRIPTED else 1
    return sum([_SCRIPT_COMMANDS if command[0] in SCRIPTED else 1 for command in commands])


def _is_large(commands: Sequence[Packed]) -> bool:
    size = 0
    for command in commands:
        if command[0] not in READS:
            try:
                size += sum(map(len, command))
            except TypeError:  # it has numbers
                size += sum([len(part) for part in command if isinstance(part, str | bytes)])
    return size > _LARGE_OPERATION_BYTES
