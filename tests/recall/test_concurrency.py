"""Crashes, and writers that index at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
import redis
import redis.asyncio

from langchain_motorhead import HashingEmbeddings, Motorhead, Recall, StoreError, Window
from langchain_motorhead.recall.indexing.index import Indexer, set_up
from langchain_motorhead.storage.keys import to_tag
from langchain_motorhead.storage.operation import Operation
from support.embeddings import Scripted
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import documents, every, indexed, names, said, state
from support.redis_servers import wait_until
from support.summarizers import AsyncLedger, Ledger, remembered

KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}]
from langchain_motorhead import Motorhead, Recall
from langchain_motorhead.runtime.maintenance import Maintenance
from support.embeddings import Scripted
from support.messages import numbered

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

calls = []

def before(texts):
    calls.append(texts)
    if len(calls) == {call}:
        die()

if {call} == 0:
    Maintenance.after_append = die
motorhead = Motorhead.from_url({url!r}, namespace={namespace!r}, embeddings=Scripted(before), compaction="manual")
motorhead.session("s").append(numbered(600))
motorhead.flush()
"""


@pytest.mark.parametrize(("call", "heal"), [(0, "append"), (1, "compact"), (2, "append")])
def test_killed_between_append_and_index(
    make: MakeMotorhead, client: redis.Redis, url: str, namespace: str, call: int, heal: str
) -> None:
    """A process killed before or in the middle of indexing leaves what another makes up for, each message once."""
    code = KILLED.format(tests=str(Path(__file__).parents[1]), call=call, url=url, namespace=namespace)
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    motorhead = make(embeddings=Scripted(), compaction="manual", llm=Ledger(), window=Window(max_messages=12))
    session = motorhead.session("s")
    done = indexed(client, session)
    assert done == (0 if call < 2 else 256)
    assert len(session.load().messages) == 24
    client.pexpire(session._keys.indexing, 1)  # as time passes
    time.sleep(0.005)
    total = 600
    if heal == "append":
        session.append(numbered(1, start=600))
        total = 601
    else:
        assert session.compact().summarized >= 588
    motorhead.flush()
    assert indexed(client, session) == total
    assert documents(client, namespace, "s") == sorted(map(str, range(total)))
    found = session.search("m0", k=2000)
    assert sorted(each.metadata["seq"] for each in found) == list(range(total))


def test_a_dead_workers_lease_does_not_leave_work_undone(
    make: MakeMotorhead, client: redis.Redis, embeddings: HashingEmbeddings
) -> None:
    """What is appended while the lease of a worker that died still runs is indexed by itself once it has run out."""
    motorhead = make(embeddings=embeddings, compaction="manual")
    session = motorhead.session("s")
    client.set(session._keys.indexing, "of a dead worker", px=300)
    session.append(numbered(3))
    motorhead.flush()
    wait_until(lambda: indexed(client, session) == 3)


def test_an_index_is_made_by_several_at_once(url: str, client: redis.Redis, namespace: str) -> None:
    """However the first writes of several workers interleave, each makes sure of the index, and none loses it."""
    random, server_side = Random(1), cast("Any", client)
    with Motorhead.from_url(url, namespace=namespace) as plain:
        store = plain.backend.require_redis().driver.executor
        for at in range(40):
            name = f"{namespace} {at}"
            flows = [set_up(Indexer(name, Recall(), "m", lambda messages: 1), 8) for _ in range(3)]
            answers: dict[int, Any] = {}
            going = list(range(3))
            while going:
                which = random.choice(going)
                try:
                    answer = answers.pop(which, None)
                    failed = isinstance(answer, Exception)
                    request = flows[which].throw(answer) if failed else flows[which].send(answer)
                except StopIteration:
                    going.remove(which)
                    continue
                try:
                    answers[which] = store.run(request) if isinstance(request, Operation) else None
                except StoreError as error:
                    answers[which] = error
            server_side.execute_command("FT.INFO", f"motorhead:recall:{to_tag(name)}")


def test_first_messages_of_many_sessions_at_once(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """The first messages of all are indexed, although each of them finds no index yet."""
    handles = [make(embeddings=Scripted()) for _ in range(4)]
    barrier = threading.Barrier(4)

    def first(at: int) -> None:
        barrier.wait()
        for turn in range(5):
            handles[at].session(f"s{at} {turn}").append(numbered(1))

    threads = [threading.Thread(target=first, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for motorhead in handles:
        motorhead.flush()
    assert len(documents(client, namespace)) == 20
    assert len(handles[0].retriever(k=99).invoke("m0")) == 20


WRITER = """
import sys
sys.path[:0] = [{tests!r}]
from langchain_motorhead import Motorhead, Window
from support.embeddings import Scripted
from support.messages import numbered
from support.summarizers import Ledger

options = {{"window": Window(max_messages=10), "embeddings": Scripted()}}
with Motorhead.from_url({url!r}, namespace={namespace!r}, llm=Ledger(), **options) as motorhead:
    session = motorhead.session("s")
    print("ready", flush=True)
    sys.stdin.readline()
    for at in range({start}, {start} + 120, 2):
        session.append(numbered(2, start=at))
        session.load()
"""


def test_two_processes_index_one_session(
    make: MakeMotorhead, client: redis.Redis, url: str, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """What two processes append to one session at once has one document a message, in the order of the list."""
    writers = []
    for start in (0, 120):
        code = WRITER.format(tests=str(Path(__file__).parents[1]), url=url, namespace=namespace, start=start)
        pipe = subprocess.PIPE
        writers.append(subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True))
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    motorhead = make(embeddings=Scripted(), llm=Ledger(), window=Window(max_messages=10))
    session = motorhead.session("s")
    session.append(numbered(2, start=240))
    motorhead.flush()
    kept = state(client, session)
    assert kept["indexed"] == "242"
    assert int(kept["first"]) >= 230
    assert documents(client, namespace, "s") == sorted(map(str, range(242)))
    assert every(session) == names(242)
    by_number = {each.metadata["seq"]: each.page_content for each in session.search("m0", k=2000)}
    assert [by_number[at] for at in range(242)] == remembered(session.load())


def test_threads_index_one_session(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """What threads append through several handles to one session at once has one document a message."""
    handles = [make(embeddings=Scripted(), llm=Ledger(), window=Window(max_messages=10)) for _ in range(3)]

    def talk(at: int) -> None:
        session = handles[at % 3].session("s")
        for turn in range(at * 20, at * 20 + 20, 2):
            session.append(numbered(2, start=turn))

    threads = [threading.Thread(target=talk, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for motorhead in handles:
        motorhead.flush()
    session = handles[0].session("s")
    assert indexed(client, session) == 120
    assert documents(client, namespace, "s") == sorted(map(str, range(120)))
    assert every(session) == names(120)


async def test_tasks_index_one_session(amake: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """What tasks append through several handles to one session at once has one document a message."""
    handles = [amake(embeddings=Scripted(), llm=AsyncLedger(), window=Window(max_messages=10)) for _ in range(3)]
    await asyncio.gather(
        *(handles[at % 3].session("s").aappend(numbered(2, start=at)) for at in range(0, 120, 2)),
    )
    for motorhead in handles:
        await motorhead.aflush()
    session = handles[0].session("s")
    assert indexed(client, session) == 120
    assert documents(client, namespace, "s") == sorted(map(str, range(120)))
    assert sorted(said(await session.asearch("m0", k=999))) == sorted(names(120))
