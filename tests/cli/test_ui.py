"""The command `ui`: it serves the memory page of a Redis to this machine, or names that of a server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import httpx
from langchain_core.messages import HumanMessage

from support.factory import MakeMotorhead

COMMAND = [sys.executable, "-m", "langchain_motorhead.cli", "ui", "--no-browser"]


def environment() -> dict[str, str]:
    """Return the environment without variables of the package, but with a key, which is not for this page."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOTORHEAD", "REDIS_URL"))}
    return {**kept, "MOTORHEAD_API_KEYS": "key=tenant"}


def test_it_serves_the_page_of_a_redis(url: str, namespace: str, make: MakeMotorhead) -> None:
    """It prints the address of the page, which shows the namespace without a key, and ends with Ctrl-C."""
    make().session("trip").append(HumanMessage("hi"))
    command = [*COMMAND, "--url", url, "--namespace", namespace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as running:
        assert running.stdout is not None
        address = running.stdout.readline().strip()
        try:
            assert address.startswith("http://127.0.0.1:")
            assert 'href="/ui/session?id=trip"' in httpx.get(address).text
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0


def test_it_names_the_page_of_a_server_or_the_port_in_use(url: str) -> None:
    """With the URL of a server it prints the address of its page. A port that is in use is named."""
    done = subprocess.run([*COMMAND, "--url", "https://memory.example/x/"], capture_output=True, text=True, check=True)
    assert done.stdout == "https://memory.example/x/ui\n"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*COMMAND, "--url", url, "--port", str(taken.getsockname()[1])]
        failed = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert failed.returncode == 1
    assert "cannot be used" in failed.stderr
    assert "Traceback" not in failed.stderr
