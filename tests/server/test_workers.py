"""Several processes that serve one port."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.server import Settings
from langchain_motorhead.server.workers import check
from support.http_servers import process
from support.openai_stub import Stub

WORKERS, SESSIONS = 4, 3


def _workers(parent: int) -> set[int]:
    """Give the processes that a server has started to answer requests."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()}


def _alive(process_id: int) -> bool:
    path = Path(f"/proc/{process_id}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def _session(at: int) -> str:
    return f"s{at % SESSIONS}"


def _post(http: httpx.Client, at: int) -> str:
    """Post a message until there is an answer, and give the worker that has answered."""
    body = {"messages": [{"id": f"m{at}", "role": "user", "content": f"Message {at} in {_session(at)}"}]}
    for _ in range(50):
        try:
            answer = http.post(f"/sessions/{_session(at)}/memory", json=body)
        except httpx.TransportError:  # to a worker that was killed
            continue
        assert answer.status_code == 200
        return answer.headers["x-request-id"][:8]
    raise AssertionError("no answer")


def _settle(http: httpx.Client, session: str) -> None:
    """Compact a session until nothing is due. The lease of the worker that was killed holds for ten seconds."""
    deadline = time.monotonic() + 90
    while http.get(f"/sessions/{session}").json()["backlog"]:
        assert time.monotonic() < deadline
        assert http.post(f"/sessions/{session}/compact").status_code == 200
        time.sleep(0.1)


def _ids(http: httpx.Client, session: str) -> list[str]:
    """Give the ids of all messages of a session, in their order."""
    page = http.get(f"/sessions/{session}/messages", params={"limit": 1_000}).json()
    assert (page["gaps"], page["next"]) == ([], None)
    return [each["message"]["id"] for each in page["messages"]]


def test_several_processes_share_a_redis() -> None:
    """Workers of which each would have an embedded Redis of its own are refused, unless a folder makes it one."""
    check(Settings(redis_url="embedded://", workers=1))
    check(Settings(redis_url="embedded:///some/folder", workers=2))
    with pytest.raises(InvalidInputError, match="3 processes cannot share embedded://"):
        check(Settings(redis_url="embedded://", workers=3))


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
def test_four_workers(url: str, namespace: str, stub: Stub) -> None:
    """Four workers share sessions: what they accept is stored once, and a session is summarized once at a time.

    That holds while one of them is killed, which is replaced. When the first process is killed, all of them end.
    """
    stub.delay = 0.02
    stub.group = lambda request: re.findall(r"in (s\d)", str(request))[0]
    environment = {"REDIS_URL": url, "MOTORHEAD_NAMESPACE": namespace, "MOTORHEAD_MAX_WINDOW_SIZE": "4"}
    environment |= {"SUMMARIZER_API_BASE": stub.url, "MOTORHEAD_MODEL": "llama", "MOTORHEAD_LOG_LEVEL": "error"}
    no_reuse = httpx.Limits(max_keepalive_connections=0)  # any worker may take a connection
    with process("--workers", str(WORKERS), **environment) as (running, base):
        with httpx.Client(base_url=base, timeout=60, limits=no_reuse) as http, ThreadPoolExecutor(12) as pool:
            posted, answered = 0, set[str]()
            while len(answered) < WORKERS:
                answered |= {*pool.map(partial(_post, http), range(posted, posted + 16))}
                posted += 16
            before = _workers(running.pid)
            assert len(before) == WORKERS
            rest = pool.map(partial(_post, http), range(posted, posted + 48))
            next(rest)  # the others are under way
            os.kill(min(before), signal.SIGKILL)
            posted += 1 + len([*rest])
            for session in map(_session, range(SESSIONS)):
                _settle(http, session)
                expected = {f"m{at}" for at in range(posted) if _session(at) == session}
                assert sorted(_ids(http, session)) == sorted(expected)
            while len(_workers(running.pid) - before) < 1:
                time.sleep(0.05)
        running.kill()  # what it started ends with it
        running.wait()
        while any(_alive(each) for each in before):
            time.sleep(0.05)
    assert {stub.group(each) for each in stub.requests} == {*map(_session, range(SESSIONS))}
    assert stub.most == 1
