"""Reference-counted clients of one server: a sync client, and an async one for each event loop, built at first use."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from weakref import WeakKeyDictionary

from langchain_motorhead.exceptions import ClosedError


class SharedClients:
    """The clients of one server, shared by several users. They are closed when the last user has closed them.

    Each user calls `close` or `aclose` once. A subclass implements how the clients of a kind of server are made and
    closed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refs = 1
        self._sync: Any = None
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    def _make_sync(self) -> Any:
        """Build the sync client."""
        raise NotImplementedError

    async def _prepare_async(self) -> None:
        """Do what takes long, outside of the event loop, before an async client is built."""

    def _make_async(self) -> Any:
        """Build an async client for the running event loop."""
        raise NotImplementedError

    def _close_client(self, client: Any) -> None:
        client.close()

    async def _aclose_client(self, client: Any) -> None:
        await client.aclose()

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
        if client is None:
            self.check_open()
            await self._prepare_async()
            client = self._loops.get(loop)  # another task may have built it meanwhile
            if client is None:
                client = self._loops[loop] = self._make_async()
                # A client references its loop, so the weak dictionary never drops it by itself.
                for closed in [each for each in self._loops if each.is_closed()]:
                    del self._loops[closed]
        return client

    def incref(self) -> bool:
        """Count one more user. Returns False, and counts nothing, if the clients are closed already."""
        with self._lock:
            if self._refs:
                self._refs += 1
            return self._refs > 0

    def close(self) -> None:
        """Count one user less. After the last one, close the sync client; only `aclose` closes an async client."""
        if self._decref():
            self._close_sync()
            self._on_last_close()

    async def aclose(self) -> None:
        """Count one user less. After the last one, close the sync client and the running event loop's async client."""
        if not self._decref():
            return
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await self._aclose_client(client)
        self._close_sync()
        await asyncio.to_thread(self._on_last_close)

    def check_open(self) -> None:
        """Raise `ClosedError` if every user has closed the clients."""
        if not self._refs:
            raise ClosedError("this connection was closed. Make another Motorhead, or close it later")

    def _close_sync(self) -> None:
        self._loops.clear()
        if self._sync is not None:
            self._close_client(self._sync)

    def _decref(self) -> bool:
        """Count one user less. Returns whether it was the last one."""
        with self._lock:
            self._refs -= 1
            return self._refs == 0
