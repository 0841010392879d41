"""The Redis clients that handles work through.

Handles of the same URL in one process share a connection; what a user's own client is for, its own settings decide.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary, finalize

from langchain_motorhead.concurrency.shared_clients import SharedClients
from langchain_motorhead.redis_io import counterpart as twins
from langchain_motorhead.redis_io import urls
from langchain_motorhead.redis_io.autopipeline import Pipelining


class Connection(SharedClients):
    """Clients of one Redis, shared by any number of handles, each of which closes it once.

    Args:
        make: Makes a client, given the module `redis` or `redis.asyncio`.
        clustered: Whether it is a cluster.
        given: Clients of the user, which are used and never closed.
    """

    def __init__(self, make: Callable[[Any], Any], *, clustered: bool, given: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self.clustered = clustered
        self.pipelining = Pipelining()
        self._make = make
        self._sync = next((client for client in given if not twins.is_async(client)), None)
        self._async: Any = next((client for client in given if twins.is_async(client)), None)
        self._given = given
        self._lane: Any = None
        self._client_of_lane: Any = None
        self._start: Callable[[], object] | None = None
        self._stop: Callable[[], object] | None = None

    @property
    def lane(self) -> Any:
        """The lane of the sync client, where it has one. See `lanes.py`.

        Raises:
            ClosedError: Every handle was closed.
        """
        client = self.sync_client
        if client is not self._client_of_lane:
            self._lane, self._client_of_lane = pinned_for(client), client
        lane = self._lane
        return None if lane is None or lane.is_instrumented else lane

    async def async_client(self) -> Any:
        """Give the async client of the running event loop.

        Raises:
            ClosedError: Every handle was closed.
        """
        if self._async is None:
            return await super().async_client()
        self.check_open()
        return self._async

    def _make_sync(self) -> Any:
        import redis

        if self._start is not None:
            self._start()
        return self._make(redis)

    async def _prepare_async(self) -> None:
        await asyncio.to_thread(urls.prepare)
        if self._start is not None:
            await asyncio.to_thread(self._start)

    def _make_async(self) -> Any:
        import redis.asyncio

        return self._make(redis.asyncio)

    def _close_client(self, client: Any) -> None:
        if any(client is each for each in self._given):
            if (lane := pinned_for(client)) is not None:
                lane.release_all()
        else:
            for each in (client, *twins.sentinels_of(client)):
                each.close()
                if hasattr(each, "disconnect_connection_pools"):  # of a cluster, which else leaves its sockets open
                    each.disconnect_connection_pools()

    async def _aclose_client(self, client: Any) -> None:
        for each in (client, *twins.sentinels_of(client)):
            await each.aclose()

    async def aclose(self) -> None:
        """Count one handle less, and close both clients with the last: the async one of the running loop."""
        await super().aclose()
        lane = pinned_for(self._async) if self._async is not None and not self._refs else None
        if lane is not None:
            await lane.release_all()

    def _on_last_close(self) -> None:
        if self._stop is not None:
            self._stop()

    @classmethod
    def to_embedded(cls, url: str) -> Connection:
        """Connect to a server that starts with the first use, and stops with the last handle."""
        server: list[Any] = []
        lock = threading.Lock()

        def start() -> None:
            from langchain_motorhead.redis_io.embedded import acquire

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


def pinned_for(client: Any) -> Any:
    """Give the lane of a client, where it has one."""
    from langchain_motorhead.redis_io import fast_path as lanes

    return lanes.pinned_for(client)


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
        if connection is not None and connection.incref():
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
    return Connection(lambda _: twins.make_counterpart(client), clustered=twins.is_clustered(client), given=given)
