"""The clients that handles work through: one sync, and one async for each event loop. Made when first used.

Handles of the same URL in one process share a connection; what a user's own client is for, its own settings decide.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary, finalize

from langchain_motorhead import twins, urls
from langchain_motorhead.exceptions import ClosedError


class Connection:
    """Clients of one Redis, shared by any number of handles, each of which closes it once.

    Args:
        make: Makes a client, given the module `redis` or `redis.asyncio`.
        clustered: Whether it is a cluster.
        given: Clients of the user, which are used and never closed.
    """

    def __init__(self, make: Callable[[Any], Any], *, clustered: bool, given: tuple[Any, ...] = ()) -> None:
        self.clustered = clustered
        self._make = make
        self._lock = threading.Lock()
        self._users = 1
        self._sync: Any = next((client for client in given if not twins.is_async(client)), None)
        self._async: Any = next((client for client in given if twins.is_async(client)), None)
        self._given = given
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._start: Callable[[], object] | None = None
        self._stop: Callable[[], object] | None = None

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
            self._check_open()
            if self._sync is None:
                import redis

                if self._start is not None:
                    self._start()
                self._sync = self._make(redis)
            return self._sync

    async def async_client(self) -> Any:
        """Give the async client of the running event loop.

        Raises:
            ClosedError: Every handle was closed.
        """
        if self._async is not None:
            self._check_open()
            return self._async
        loop = asyncio.get_running_loop()
        client = self._loops.get(loop)
        if client is None:
            self._check_open()
            await asyncio.to_thread(urls.prepare)
            if self._start is not None:
                await asyncio.to_thread(self._start)
            client = self._loops.get(loop)  # another task may have been quicker
            if client is None:
                import redis.asyncio

                client = self._loops[loop] = self._make(redis.asyncio)
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
            if self._stop is not None:
                self._stop()

    async def aclose(self) -> None:
        """Count one handle less, and close both clients with the last: the async one of the running loop."""
        if not self._leave():
            return
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            for each in (client, *twins.sentinels_of(client)):
                await each.aclose()
        self._close_sync()
        if self._stop is not None:
            await asyncio.to_thread(self._stop)

    def _close_sync(self) -> None:
        self._loops.clear()
        if self._sync is not None and not any(self._sync is client for client in self._given):
            for each in (self._sync, *twins.sentinels_of(self._sync)):
                each.close()
                if hasattr(each, "disconnect_connection_pools"):  # of a cluster, which else leaves its sockets open
                    each.disconnect_connection_pools()

    def _leave(self) -> bool:
        with self._lock:
            self._users -= 1
            return self._users == 0

    def _check_open(self) -> None:
        if not self._users:
            raise ClosedError("this connection was closed. Make another Motorhead, or close it later")

    @classmethod
    def to_embedded(cls, url: str) -> Connection:
        """Connect to a server that starts with the first use, and stops with the last handle."""
        server: list[Any] = []
        lock = threading.Lock()

        def start() -> None:
            from langchain_motorhead.embedded import acquire

            with lock:
                if not server:
                    server.append(acquire(url))

        def stop() -> None:
            with lock:
                while server:
                    server.pop().release()

        connection = cls(lambda redis: urls.make_client(server[0].url, redis), clustered=False)
        connection._start = start
        # Also where a handle is dropped without having been closed.
        connection._stop = finalize(connection, stop)
        return connection


_shared: WeakValueDictionary[str, Connection] = WeakValueDictionary()
_sharing = threading.Lock()


def connect(url: str) -> Connection:
    """Give the process's connection for a URL. Close it once for each call.

    Raises:
        InvalidInputError: The URL is not one of Redis.
    """
    scheme = urls.scheme_of(url)
    with _sharing:
        connection = _shared.get(url)
        if connection is not None and connection.share():
            return connection
        if scheme == "embedded":
            connection = Connection.to_embedded(url)
        else:
            connection = Connection(lambda redis: urls.make_client(url, redis), clustered=urls.is_cluster(url))
        _shared[url] = connection
        return connection


def adopt(client: Any, async_client: Any = None) -> Connection:
    """Work through a user's client, and a twin of it for the other side, or two clients of the user.

    Raises:
        InvalidInputError: A client is none of redis-py's.
    """
    given = (client,) if async_client is None else (client, async_client)
    return Connection(lambda _: twins.make_twin(client), clustered=twins.is_clustered(client), given=given)
