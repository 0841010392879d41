"""Reads that come at the same moment, in one round trip. Of a session that is at fault, the others feel nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from langchain_motorhead.engine import Engine
from langchain_motorhead.exceptions import StoreError, StoreUnavailableError
from langchain_motorhead.operations import Operation, Reading, together

# Sent together at most: a reply of as many full windows is soon read.
_MOST = 32


class Reads:
    """Executes the reads of one event loop.

    What a round trip costs here is mostly the client's part of it, and that is as large for one read as for many. Only
    reads go together, since they can be sent again.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, list[tuple[Operation[Reading], asyncio.Future[Reading]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, engine: Engine, operation: Operation[Reading]) -> Reading:
        """Execute a read, with the others of this moment.

        Raises:
            MotorheadError: As `Engine.aexecute`.
        """
        if not engine.one_slot:  # in a cluster, each session is elsewhere
            return await engine.aexecute(operation)
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[Reading] = loop.create_future()
        waiting = self._waiting.setdefault(id(engine), [])
        waiting.append((operation, mine))
        if len(waiting) == 1:
            loop.call_soon(self._start, engine)
        elif len(waiting) == _MOST:
            self._start(engine)
        return await mine

    def _start(self, engine: Engine) -> None:
        waiting = self._waiting.pop(id(engine), None)
        if waiting:
            task = asyncio.get_running_loop().create_task(self._send(engine, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, engine: Engine, reads: list[tuple[Operation[Reading], asyncio.Future[Reading]]]) -> None:
        try:
            answers: list[Any] = await engine.aexecute(together(*(operation for operation, _ in reads)))
        except StoreError as error:
            if len(reads) == 1 or isinstance(error, StoreUnavailableError):
                answers = [error] * len(reads)
            else:  # of one of them
                for each in reads:
                    await self._send(engine, [each])
                return
        except BaseException as error:  # noqa: BLE001 - it is theirs
            answers = [error] * len(reads)
        for (_, future), answer in zip(reads, answers, strict=True):
            with contextlib.suppress(asyncio.InvalidStateError):  # whoever asked has left
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
