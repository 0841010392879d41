"""Connections that are lost without a word, and bursts of calls."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import Motorhead, StoreUnavailableError
from support.redis_servers import server

WRITERS = 8


class Nat:
    """A router between a client and a server, which can forget all connections: they stay open and carry nothing."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        self._lock = threading.Lock()
        self._known: set[socket.socket] = set()
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """Forget all connections. New ones work."""
        with self._lock:
            self._known.clear()

    def close(self) -> None:
        """Close all connections."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._server))
                self.accepted += 1
                self._sockets += (near, far)
                with self._lock:
                    self._known |= {near, far}
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    known = source in self._known
                if known:
                    target.sendall(data)


@pytest.fixture
def nat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nat]:
    """A router before a server of its own."""
    with server(tmp_path_factory.mktemp("behind a nat")) as port:
        nat = Nat(port)
        yield nat
        nat.close()


def test_forgotten_connections_cost_one_attempt(nat: Nat) -> None:
    """After one call that timed out, the next ones use new connections, however many were kept."""
    url = f"redis://127.0.0.1:{nat.port}?socket_timeout=0.5"
    with Motorhead.from_url(url, compaction="manual") as motorhead:
        barrier = threading.Barrier(WRITERS)

        def write(name: str) -> None:
            barrier.wait()
            for _ in range(30):
                motorhead.session(name).append(HumanMessage("x" * 1_000))

        writers = [threading.Thread(target=write, args=(f"s{at}",)) for at in range(WRITERS)]
        for each in writers:
            each.start()
        for each in writers:
            each.join()
        assert len(motorhead.backend.require_redis().connection.pinned._idle) > 1
        nat.forget()
        with pytest.raises(StoreUnavailableError):
            motorhead.session("s0").load()
        assert [motorhead.session(f"s{at}").load().total for at in range(WRITERS)] == [30] * WRITERS


async def test_forgotten_connections_cost_one_attempt_on_a_loop(nat: Nat) -> None:
    """The same holds for calls on an event loop."""
    url = f"redis://127.0.0.1:{nat.port}?socket_timeout=0.5"
    async with Motorhead.from_url(url, compaction="manual") as motorhead:
        sessions = [motorhead.session(f"s{at}") for at in range(WRITERS)]
        await asyncio.gather(*(each.aappend(HumanMessage("x" * 300_000)) for each in sessions))
        assert nat.accepted > 1
        nat.forget()
        with pytest.raises(StoreUnavailableError):
            await sessions[0].aload()
        assert [(await each.aload()).total for each in sessions] == [1] * WRITERS


def test_idle_connections_are_kept_alive(nat: Nat) -> None:
    """The system is asked to look after idle TCP connections; the URL can decide otherwise."""
    for parameter, expected in (("", 1), ("?socket_keepalive=false", 0)):
        with Motorhead.from_url(f"redis://127.0.0.1:{nat.port}{parameter}") as motorhead:
            client = motorhead.backend.require_redis().connection.sync_client
            connection = client.connection_pool.get_connection()
            assert bool(connection._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) == expected
            client.connection_pool.release(connection)


async def test_a_burst_waits(url: str, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twenty thousand calls at once none fails, though each would wait for a connection for a moment only."""
    monkeypatch.setattr("langchain_motorhead.redis_io.urls._POOL_WAIT_SECONDS", 0.001)
    separate = f"{url}?client_name=burst"  # not the connection of other tests
    async with Motorhead.from_url(separate, namespace=namespace, compaction="manual") as motorhead:
        sessions = [motorhead.session(f"s{at}") for at in range(100)]
        await asyncio.gather(*(each.aappend(HumanMessage("x" * 300)) for each in sessions))
        memories = await asyncio.gather(*(sessions[at % 100].aload() for at in range(20_000)))
        assert {memory.total for memory in memories} == {1}


async def test_a_small_pool_of_the_user_is_waited_for(url: str, namespace: str) -> None:
    """A burst through a client with two connections waits for them, instead of failing because they are in use."""
    client = redis.asyncio.Redis.from_url(url, max_connections=2)
    async with Motorhead(client, namespace=namespace, compaction="manual") as motorhead:
        sessions = [motorhead.session(f"s{at}") for at in range(200)]
        await asyncio.gather(*(each.aappend(HumanMessage("x" * 300_000)) for each in sessions[:20]))
        await asyncio.gather(*(each.aappend(HumanMessage("x")) for each in sessions[20:]))
        assert [each.total for each in await asyncio.gather(*(each.aload() for each in sessions))] == [1] * 200
    await client.aclose()


async def test_a_burst_fails_at_once_if_redis_is_away() -> None:
    """If no connection can be made, all that wait get the error together, with what was stored: nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with Motorhead.from_url(f"redis://127.0.0.1:{port}", compaction="manual") as motorhead:
        calls = (motorhead.session("s").aappend(HumanMessage("x")) for _ in range(2_000))
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in errors} == {StoreUnavailableError}
    assert all("Nothing was stored" in str(each) for each in errors)
