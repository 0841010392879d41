"""Several processes that serve one port."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support.http_servers import process
from support.openai_stub import Stub
from support.rest import settled


def _workers(parent: int) -> set[int]:
    """Give the processes that a server has started to answer requests."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()}


def _alive(process_id: int) -> bool:
    path = Path(f"/proc/{process_id}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def _post(http: httpx.Client, at: int) -> int:
    """Post a message until there is an answer, and give its status."""
    body = {"messages": [{"id": f"m{at}", "role": "user", "content": f"m{at}"}]}
    for _ in range(50):
        try:
            return http.post("/sessions/s/memory", json=body).status_code
        except httpx.TransportError:  # to a worker that was killed
            continue
    raise AssertionError("no answer")


def _accepted(http: httpx.Client) -> int:
    """Give how many messages one of the workers has accepted."""
    found = re.search(r"^motorhead_messages_total (\d+)", http.get("/metrics").text, re.MULTILINE)
    assert found
    return int(found[1])


def test_open_views_end_with_the_workers(url: str, namespace: str) -> None:
    """A stream of events of a worker ends when the server is stopped, long before the time limit of the shutdown."""
    environment = {"REDIS_URL": url, "MOTORHEAD_NAMESPACE": namespace, "WEB_CONCURRENCY": "2"}
    with (
        process(**environment, MOTORHEAD_SHUTDOWN_TIMEOUT="600") as (running, base),
        httpx.Client(base_url=base, timeout=60) as http,
        http.stream("GET", "/ui/events") as events,
    ):
        lines = events.iter_lines()
        assert next(lines).startswith("retry:")
        running.terminate()
        assert not any(line.startswith("event: changed") for line in lines)
        running.wait(60)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in /proc")
def test_two_workers(url: str, namespace: str, stub: Stub) -> None:
    """Two workers lose nothing, and summarize a session one at a time; one that is killed is replaced."""
    stub.delay = 0.02
    environment = {"REDIS_URL": url, "MOTORHEAD_NAMESPACE": namespace, "MOTORHEAD_MAX_WINDOW_SIZE": "4"}
    environment |= {"SUMMARIZER_API_BASE": stub.url, "MOTORHEAD_MODEL": "llama", "WEB_CONCURRENCY": "2"}
    environment["MOTORHEAD_LOG_LEVEL"] = "error"  # nobody reads the log meanwhile
    no_reuse = httpx.Limits(max_keepalive_connections=0)  # either worker may take a connection
    with process(**environment) as (running, base):
        with httpx.Client(base_url=base, timeout=30, limits=no_reuse) as http, ThreadPoolExecutor(8) as pool:
            posted, counts = 0, {0}
            while len(counts) < 3 or sum(counts) < posted:  # until both workers have accepted different numbers
                assert set(pool.map(lambda at: _post(http, at), range(posted, posted + 15))) == {200}
                posted += 15
                counts = {0} | {_accepted(http) for _ in range(12)}
            assert settled(http, "s")["total"] == posted
            before = _workers(running.pid)
            assert len(before) == 2
            os.kill(min(before), signal.SIGKILL)
            assert set(pool.map(lambda at: _post(http, at), range(posted, posted + 20))) == {200}
            assert settled(http, "s")["total"] == posted + 20
            while len(_workers(running.pid) - before) < 1:
                time.sleep(0.05)
        running.kill()  # what it started ends with it
        running.wait()
        while any(_alive(each) for each in before):
            time.sleep(0.05)
    assert len(stub.requests) > 1
    assert stub.most == 1
