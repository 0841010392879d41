"""Writing processes killed at random moments: what each had noted as stored is there, once, and in its order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import redis

from langchain_motorhead import HashingEmbeddings, Window
from langchain_motorhead.storage.keys import session_keys
from support.factory import MakeMotorhead
from support.summarizers import Ledger, remembered

# Forks writers from one process, so that each starts at once, and kills them. A writer notes each message in its book
# before it appends it, and again after; the next writer of the same book begins with what was noted last.
KILLER = """
import asyncio, os, random, signal, sys, time
import redis.asyncio.sentinel
sys.path[:0] = [{tests!r}]
from langchain_core.messages import HumanMessage
from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from langchain_motorhead.recall.indexing import flow as indexing
from langchain_motorhead.recall.indexing import schema
from langchain_motorhead.sessions.compaction import flow as compaction
from support.summarizers import AsyncLedger

schema.prepare("english")
compaction.LEASE_MS = indexing.LEASE_MS = 200
random.seed({seed})
WRITERS, KILLS = 3, 12

def book(writer):
    return os.path.join({folder!r}, str(writer))

def message(writer, at):
    return HumanMessage(f"{{writer}}-{{at}}", id=f"{{writer}}-{{at}}")

def noted(writer):
    try:
        lines = open(book(writer)).read().splitlines()
    except FileNotFoundError:
        return 0, 0
    stored = [line for line in lines if line.startswith("stored")]
    return len(stored), len(lines)

def note(notes, what):
    os.write(notes, what.encode() + b"\\n")

def options():
    recall = {{"embeddings": HashingEmbeddings(16)}} if {recall} else {{}}
    return {{"namespace": {namespace!r}, "llm": AsyncLedger(), "window": Window(max_messages=4), **recall}}

def write(writer, until):
    notes = os.open(book(writer), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Motorhead.from_url({url!r}, **options()) as motorhead:
        session, (at, _) = motorhead.session("s"), noted(writer)
        while until is None or at < until:
            note(notes, f"trying {{at}}")
            session.append(message(writer, at))
            note(notes, f"stored {{at}}")
            at += 1

async def awrite(writer, until):
    notes = os.open(book(writer), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with Motorhead.from_url({url!r}, **options()) as motorhead:
        session, (at, _) = motorhead.session("s"), noted(writer)
        while until is None or at < until:
            note(notes, f"trying {{at}}")
            await session.aappend(message(writer, at))
            note(notes, f"stored {{at}}")
            at += 1

def fork(writer, until=None):
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(awrite(writer, until)) if writer == 2 else write(writer, until)
            os._exit(0)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
    return child

def stop(children):
    for child in children:
        os.kill(child, signal.SIGSTOP)
    for child in children:
        assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])

def kill(child):
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])

def wait_for(writer, more):
    before, patience = noted(writer)[1], time.monotonic() + 30
    while noted(writer)[1] < before + more:
        assert time.monotonic() < patience
        time.sleep(0.001)

children = [fork(writer) for writer in range(WRITERS)]
for _ in range(KILLS):
    which = random.randrange(WRITERS)
    wait_for(which, 8)
    time.sleep(random.uniform(0, 0.02))
    # The others stand still from before the kill until what it had in hand was given again. However slow the machine
    # is, each adds at most the one message that it had sent, and the session still knows the id.
    others = [child for at, child in enumerate(children) if at != which]
    stop(others)
    kill(children[which])
    children[which] = fork(which)
    wait_for(which, 2)
    for child in others:
        os.kill(child, signal.SIGCONT)
stop(children)
for child in children:
    kill(child)
for writer in range(WRITERS):  # what the last ones had in hand is given once more
    assert os.waitpid(fork(writer, noted(writer)[0] + 1), 0)[1] == 0
"""


@pytest.mark.parametrize("recall", [False, True])
def test_killed_at_random(
    make: MakeMotorhead, client: redis.Redis, url: str, namespace: str, tmp_path: Path, recall: bool
) -> None:
    """Three processes write to a session, two sync and one async, each folding, and are killed again and again."""
    tests = str(Path(__file__).parents[1])
    code = KILLER.format(
        tests=tests, folder=str(tmp_path), url=url, namespace=namespace, recall=recall, seed=3 + recall
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr.decode()
    embeddings = {"embeddings": HashingEmbeddings(16)} if recall else {}
    motorhead = make(llm=Ledger(), window=Window(max_messages=4), compaction="manual", **embeddings)
    session = motorhead.session("s")
    for lease in (session._keys.lease, session._keys.indexing):
        client.pexpire(lease, 1)  # as time passes
    session.compact()
    memory = session.load()
    said = remembered(memory)
    total = 0
    for writer in range(3):
        stored = [line for line in (tmp_path / str(writer)).read_text().splitlines() if line.startswith("stored")]
        assert [text for text in said if text.startswith(f"{writer}-")] == [
            f"{writer}-{at}" for at in range(len(stored))
        ]
        total += len(stored)
    assert (len(said), memory.backlog) == (total, 0)
    assert memory.summarized > 50
    if recall:
        begin = session_keys(namespace, "s").documents
        keys = [key.decode() for key in client.scan_iter(match="motorhead:recall:*", count=10_000)]
        found = sorted(int(key.removeprefix(begin)) for key in keys if key.startswith(begin))
        assert found == list(range(total))
