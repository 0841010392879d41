"""Redis connections: the sync and async clients that all handles of the same URL in a process share.

A client that the user passes keeps its own settings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary, finalize

from langchain_motorhead.concurrency.forks import ForkSafeLock
from langchain_motorhead.concurrency.shared_clients import SharedClients
from langchain_motorhead.concurrency.threads import run_in_thread
from langchain_motorhead.redis_io import counterpart, urls
from langchain_motorhead.redis_io.autopipeline import AutoPipeline
from langchain_motorhead.storage.operation import to_bytes

# What servers call themselves that execute the commands of a connection one after the other. Others call themselves
# redis, too, but list no modules.
_IN_ORDER = (b"redis", b"valkey")


class Connection(SharedClients):
    """The clients of one Redis, shared by any number of handles. Each handle closes the connection once.

    Args:
        make: Returns a new client, given the module `redis` or `redis.asyncio`.
        clustered: Whether the clients are those of a cluster.
        given: Clients that the user passed. They are used but never closed.

    Attributes:
        clustered: Whether the clients are those of a cluster.
        one_slot: Whether one command may have keys of several cluster slots. Not so in a cluster, and not so with one
            endpoint in front of a cluster, as the executor notices.
        in_order: Whether one server executes the commands of a connection one after the other. Not so with Dragonfly,
            which may execute those of a pipeline at the same time, and not known of a proxy. None until it was asked.
    """

    def __init__(self, make: Callable[[Any], Any], *, clustered: bool, given: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self.clustered = clustered
        self.one_slot = not clustered
        self.in_order: bool | None = None
        self.pipelining = AutoPipeline()
        self._make = make
        self._sync = next((client for client in given if not counterpart.is_async(client)), None)
        self._given_async: Any = next((client for client in given if counterpart.is_async(client)), None)
        self._given_loop: asyncio.AbstractEventLoop | None = None
        self._given = given
        self._pinned: Any = None
        self._pinned_client: Any = None
        self._start: Callable[[], object] | None = None
        self._stop: Callable[[], object] | None = None

    @property
    def pinned(self) -> Any:
        """The pinned connections of the sync client, or None if its commands go through the client itself.

        Raises:
            ClosedError: Every handle was closed.
        """
        client = self.sync_client
        if client is not self._pinned_client:
            self._pinned, self._pinned_client = pinned_for(client), client
        pinned = self._pinned
        return None if pinned is None or pinned.is_instrumented else pinned

    def note_server(self, hello: Any) -> None:
        """Note by the reply to HELLO whether this is a server that executes commands in order. An error means no."""
        from redis.exceptions import ResponseError

        if isinstance(hello, Exception):
            self.in_order = False if isinstance(hello, ResponseError) else None  # None: it was not asked
            return
        parts = hello.items() if isinstance(hello, dict) else zip(hello[::2], hello[1::2], strict=False)
        found = {to_bytes(name): value for name, value in parts}
        self.in_order = to_bytes(found.get(b"server")) in _IN_ORDER and b"modules" in found

    @property
    def may_retry(self) -> bool:
        """Whether the clients may send a command again after an error, as clients of the user may."""
        return bool(self._given)

    def _make_sync(self) -> Any:
        import redis

        if self._start is not None:
            self._start()
        return self._make(redis)

    async def _prepare_async(self) -> None:
        if self._given_async is not None and self._given_loop is None:
            # Connections of an event loop that has ended would fail.
            await counterpart.drop_idle(self._given_async)
        await run_in_thread(urls.prepare)
        if self._start is not None:
            await run_in_thread(self._start)

    def _make_async(self) -> Any:
        import redis.asyncio

        if self._given_async is None:
            return self._make(redis.asyncio)
        if self._given_loop is not None:  # a client serves one event loop, and keeps connections that belong to it
            return counterpart.make_sibling(self._given_async)
        self._given_loop = asyncio.get_running_loop()
        return self._given_async

    def _close_client(self, client: Any) -> None:
        if any(client is each for each in self._given):
            if (pinned := pinned_for(client)) is not None:
                pinned.release_all()
        else:
            for each in (client, *counterpart.sentinels_of(client)):
                each.close()
                if hasattr(each, "disconnect_connection_pools"):  # a cluster client, which would leave its sockets open
                    each.disconnect_connection_pools()

    async def _aclose_client(self, client: Any) -> None:
        if client is self._given_async:
            if (pinned := pinned_for(client)) is not None:
                await pinned.release_all()
            return
        for each in (client, *counterpart.sentinels_of(client)):
            await each.aclose()

    async def _end_client(self, client: Any) -> None:
        await self._aclose_client(client)
        if client is self._given_async:
            self._given_loop = None  # the next event loop may use it
            await counterpart.drop_idle(client)

    def _on_last_close(self) -> None:
        if self._stop is not None:
            self._stop()

    @classmethod
    def to_embedded(cls, url: str) -> Connection:
        """Return a connection to a server that starts with the first use and stops with the last handle."""
        server: list[Any] = []
        lock = ForkSafeLock()

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
        # Stops the server too if a handle is garbage-collected without having been closed.
        connection._stop = finalize(connection, stop)
        return connection


def pinned_for(client: Any) -> Any:
    """Return the pinned connections of a client, or None if its commands go through the client itself."""
    from langchain_motorhead.redis_io import fast_path

    return fast_path.pinned_for(client)


_shared: WeakValueDictionary[str, Connection] = WeakValueDictionary()
_sharing = ForkSafeLock()


def connect(url: str) -> Connection:
    """Return this process's connection for a URL. Each call has to be matched by one `close`.

    Raises:
        InvalidInputError: This is not a URL of Redis.
    """
    scheme = urls.scheme_of(url)
    with _sharing:
        connection = _shared.get(url)
        if connection is not None and connection.incref():
            return connection
        if scheme == "embedded":
            connection = Connection.to_embedded(url)
        else:
            connection = Connection(lambda redis: urls.make_client(url, redis), clustered=urls.check(url))
        _shared[url] = connection
        return connection


def adopt(client: Any, async_client: Any = None) -> Connection:
    """Return a connection through a client of the user, and a counterpart for the other side or a second client.

    Args:
        client: A sync or an async client of redis-py.
        async_client: An async client, if `client` is sync.

    Raises:
        InvalidInputError: One of them is not a client of redis-py.
    """
    given = (client,) if async_client is None else (client, async_client)
    return Connection(
        lambda _: counterpart.make_counterpart(client), clustered=counterpart.is_clustered(client), given=given
    )
