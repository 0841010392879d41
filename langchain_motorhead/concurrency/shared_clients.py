"""Reference-counted clients of one server: a sync client, and an async one for each event loop, built at first use."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from langchain_motorhead.concurrency.forks import ForkSafeLock
from langchain_motorhead.concurrency.loop_end import at_loop_end
from langchain_motorhead.concurrency.threads import run_in_thread
from langchain_motorhead.exceptions import ClosedError


class SharedClients:
    """The clients of one server, shared by several users. They are closed when the last user has closed them.

    The client of an event loop is closed before that when its loop ends, because it cannot be closed later.

    Each user calls `close` or `aclose` once. A subclass implements how the clients of a kind of server are made and
    closed.
    """

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._refs = 1
        self._sync: Any = None
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._ends: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = WeakKeyDictionary()

    def _make_sync(self) -> Any:
        """Build the sync client."""
        raise NotImplementedError

    async def _prepare_async(self) -> None:
        """Do what takes long, outside of the event loop, before an async client is built."""

    def _make_async(self) -> Any:
        """Build an async client for the running event loop, or return one that no other event loop uses."""
        raise NotImplementedError

    def _close_client(self, client: Any) -> None:
        client.close()

    async def _aclose_client(self, client: Any) -> None:
        await client.aclose()

    async def _end_client(self, client: Any) -> None:
        """Close an async client whose event loop ends."""
        await self._aclose_client(client)

    def _on_last_close(self) -> None:
        """Release what the clients needed. Called once, after the last user has closed them."""

    @property
    def sync_client(self) -> Any:
        """The sync client.

        Raises:
            ClosedError: Every user has closed it.
        """
        client = self._sync
        if client is not None and self._refs:
            return client
        with self._lock:
            self.check_open()
            if self._sync is None:
                self._sync = self._make_sync()
            return self._sync

    async def async_client(self) -> Any:
        """Return the async client of the running event loop.

        Raises:
            ClosedError: Every user has closed it.
        """
        loop = asyncio.get_running_loop()
        client = self._loops.get(loop)
        if client is None or not self._refs:
            self.check_open()
            await self._prepare_async()
            client = self._loops.get(loop)  # another task may have built it meanwhile
            if client is None:
                # A client references its loop, so the weak dictionary never drops it by itself.
                for closed in [each for each in self._loops if each.is_closed()]:
                    del self._loops[closed]
                    self._ends.pop(closed, None)
                client = self._loops[loop] = self._make_async()
                self._ends[loop] = await at_loop_end(partial(self._on_loop_end, loop))
        return client

    async def _on_loop_end(self, loop: asyncio.AbstractEventLoop) -> None:
        client = self._loops.pop(loop, None)
        self._ends.pop(loop, None)
        if client is not None:
            with contextlib.suppress(Exception):  # the server may be gone
                await self._end_client(client)

    def incref(self) -> bool:
        """Count one more user. Returns False, and counts nothing, if the clients are closed already."""
        with self._lock:
            if self._refs:
                self._refs += 1
            return self._refs > 0

    def close(self) -> None:
        """Count one user less. After the last one, close the sync client. Async clients end with their loops."""
        if self._decref():
            self._close_sync()
            self._on_last_close()

    async def aclose(self) -> None:
        """Count one user less. After the last one, close the sync client and the running event loop's async client."""
        if not self._decref():
            return
        loop = asyncio.get_running_loop()
        client, end = self._loops.pop(loop, None), self._ends.pop(loop, None)
        if client is not None:
            await self._aclose_client(client)
        if end is not None:
            await end.aclose()
        self._close_sync()
        await run_in_thread(self._on_last_close)

    def check_open(self) -> None:
        """Raise `ClosedError` if every user has closed the clients."""
        if not self._refs:
            raise ClosedError("this connection was closed. Make another Motorhead, or close it later")

    def _close_sync(self) -> None:
        if self._sync is not None:
            self._close_client(self._sync)

    def _decref(self) -> bool:
        """Count one user less. Returns whether it was the last one."""
        with self._lock:
            self._refs -= 1
            return self._refs == 0
