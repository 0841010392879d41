"""Redis, or the process at work, killed while messages are forgotten, edited and summarized again."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from langchain_motorhead import Motorhead, StoreError, Window
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.sessions.summaries import rebuilding
from support.changes import Changes
from support.redis_servers import Lasting
from support.summarizers import Ledger

STEPS, KILLS = 40, 14


@pytest.fixture
def lasting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lasting]:
    """A server with an append-only file, running; the lease of a worker that died ends soon."""
    for module in (compaction, rebuilding):
        monkeypatch.setattr(module, "LEASE_MS", 300)
    server = Lasting(tmp_path / "lasting")
    server.start()
    yield server
    server.kill()


def until_done(lasting: Lasting, call: Callable[[], object], killer: threading.Timer | None) -> None:
    """Call a function while the server is killed, again and again until it succeeds."""
    if killer is None:
        call()
        return
    killer.start()
    while True:
        try:
            call()
            break
        except StoreError:
            killer.join()
            lasting.start()
    killer.join()
    lasting.start()


def test_redis_is_killed_at_random(lasting: Lasting, caplog: pytest.LogCaptureFixture) -> None:
    """A change that succeeded holds, and nothing that was forgotten or replaced is shown again."""
    caplog.set_level(logging.CRITICAL)
    random = Random(17)
    changes, kills = Changes(random), set(random.sample(range(STEPS), KILLS))
    with Motorhead.from_url(lasting.url, window=Window(max_messages=6), compaction="inline", llm=Ledger()) as motorhead:
        session = motorhead.session("s")
        for at in range(STEPS):
            change = changes.next()
            killer = threading.Timer(random.random() / 100, lasting.kill) if at in kills else None
            until_done(lasting, partial(change.make, session), killer)
            change.made()
            if killer is not None:
                changes.assert_hold(session)
        changes.assert_hold(session)


# Each change is made by a process of its own, which is killed, and then made again.
WORKERS = """
import os, random, signal, sys, time
sys.path[:0] = [{tests!r}]
from langchain_motorhead import Motorhead, Window
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.sessions.summaries import rebuilding
from support.changes import Changes
from support.summarizers import Ledger

compaction.LEASE_MS = rebuilding.LEASE_MS = 100
source = random.Random(18)
changes = Changes(source)

def work(call):
    options = {{"window": Window(max_messages=6), "compaction": "inline", "llm": Ledger()}}
    with Motorhead.from_url({url!r}, namespace={namespace!r}, **options) as motorhead:
        call(motorhead.session("s"))

for at in range({steps}):
    change, before = changes.next(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(before[1], b"x")
        work(change.make)
        os._exit(0)
    os.read(before[0], 1)
    time.sleep(source.uniform(0, 0.012))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for end in before:
        os.close(end)
    work(change.make)
    change.made()
    if at % 5 == 4:
        work(changes.assert_hold)
"""


def test_workers_are_killed_at_random(url: str, namespace: str) -> None:
    """A change of a process that was killed is there whole or not at all, and the next process makes it."""
    tests = str(Path(__file__).parents[1])
    code = WORKERS.format(tests=tests, url=url, namespace=namespace, steps=STEPS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr.decode()
