"""Clients of one server, shared by handles: a sync one, and an async one for each event loop. Made when first used."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from weakref import WeakKeyDictionary

from langchain_motorhead.exceptions import ClosedError


class SharedClients:
    """Clients of one server, shared by any number of handles, each of which closes it once.

    A kind of server says in a subclass how its clients are made and closed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 1
        self._sync: Any = None
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    def _make_sync(self) -> Any:
        """Make the sync client."""
        raise NotImplementedError

    async def _prepare_async(self) -> None:
        """Do what takes time, off the loop, before an async client is made."""

    def _make_async(self) -> Any:
        """Make an async client for the running loop."""
        raise NotImplementedError

    def _close_client(self, client: Any) -> None:
        client.close()

    async def _aclose_client(self, client: Any) -> None:
        await client.aclose()

    def _ended(self) -> None:
        """Called when the last handle was closed, and the clients are."""

    @property
    def sync_client(self) -> Any:
        """The sync client.

        Raises:
            ClosedError: Every handle was closed.
        """
        client = self._sync
        if client is not None and self._users:
            return client
        with self._lock:
            self.check_open()
            if self._sync is None:
                self._sync = self._make_sync()
            return self._sync

    async def async_client(self) -> Any:
        """Give the async client of the running event loop.

        Raises:
            ClosedError: Every handle was closed.
        """
        loop = asyncio.get_running_loop()
        client = self._loops.get(loop)
        if client is None:
            self.check_open()
            await self._prepare_async()
            client = self._loops.get(loop)  # another task may have been quicker
            if client is None:
                client = self._loops[loop] = self._make_async()
                # A client holds on to its loop, which would never leave the dictionary by itself.
                for ended in [each for each in self._loops if each.is_closed()]:
                    del self._loops[ended]
        return client

    def share(self) -> bool:
        """Count one more handle. False if there is none left to share with."""
        with self._lock:
            if self._users:
                self._users += 1
            return self._users > 0

    def close(self) -> None:
        """Count one handle less, and close the sync client with the last. An async client is `aclose`'s to close."""
        if self._leave():
            self._close_sync()
            self._ended()

    async def aclose(self) -> None:
        """Count one handle less, and close both clients with the last: the async one of the running loop."""
        if not self._leave():
            return
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await self._aclose_client(client)
        self._close_sync()
        await asyncio.to_thread(self._ended)

    def check_open(self) -> None:
        """Raise `ClosedError` if every handle was closed."""
        if not self._users:
            raise ClosedError("this connection was closed. Make another Motorhead, or close it later")

    def _close_sync(self) -> None:
        self._loops.clear()
        if self._sync is not None:
            self._close_client(self._sync)

    def _leave(self) -> bool:
        with self._lock:
            self._users -= 1
            return self._users == 0
