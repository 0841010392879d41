"""Real HTTP servers for the tests: an application behind uvicorn on a local port, in a thread or a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from support.described import Described, described


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application in a thread. Yields its base URL; stops it gracefully at the end.

    Raises:
        AssertionError: The server has answered what its OpenAPI document does not have.
    """
    app = described(app)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5, ws="none")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()
    assert not isinstance(app, Described) or not app.lacking, app.lacking


@contextmanager
def process(*options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `motorhead serve` with options, in a process. Yields it and its base URL; it is ended if it still runs."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "MOTORHEAD", "AZURE"))}
    env |= {"PORT": str(port), **environment}
    running = subprocess.Popen(
        [sys.executable, "-m", "langchain_motorhead.cli", "serve", *options], env=env, stderr=subprocess.PIPE
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 100
        while True:
            try:
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert running.poll() is None, running.stderr and running.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running, url
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        if running.stderr:
            running.stderr.close()
