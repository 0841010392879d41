"""The end of a process, a process without threads to spare, and a fork: no error for what was stored, and no hang."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from langchain_motorhead import HashingEmbeddings, Window
from langchain_motorhead.concurrency import bounded_call
from langchain_motorhead.concurrency.threads import NoThreadError, ThreadCache
from langchain_motorhead.messages.tokens import count_tokens
from support.factory import MakeMotorhead
from support.messages import numbered
from support.summarizers import Ledger, remembered

SMALL = Window(max_messages=2)
BEGIN = """
import atexit, sys, time
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_motorhead import HashingEmbeddings, Motorhead, Window
def make(seconds=0.0, **options):
    llm = RunnableLambda(lambda given: (time.sleep(seconds), "a summary")[1])
    llm.is_trusted = True
    return Motorhead.from_url(sys.argv[1], namespace=sys.argv[2], window=Window(max_messages=2), llm=llm, **options)
def messages(count): return [HumanMessage(str(at)) for at in range(count)]
"""


def run(code: str, url: str, namespace: str) -> str:
    """Run a program until it ends by itself. Returns what it printed, which must not be an error."""
    program = BEGIN + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program, url, namespace], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_append_at_exit(url: str, namespace: str, make: MakeMotorhead) -> None:
    """A message that is appended when the interpreter ends is stored, without an error, and its summary stays due."""
    code = """
        motorhead = make(); session = motorhead.session("s"); session.append(messages(2))
        @atexit.register
        def last():
            session.append(HumanMessage("last words")); print("stored"); motorhead.close(); print("closed")
    """
    assert run(code, url, namespace).split() == ["stored", "closed"]
    session = make(llm=Ledger(), window=SMALL).session("s")
    assert session.load().messages[-1].content == "last words"
    session.compact()
    assert session.load().backlog == 0


def test_close_at_exit_waits_for_summaries(url: str, namespace: str, make: MakeMotorhead) -> None:
    """Summaries under way when the interpreter ends are made by a `close` that was registered for then.

    Python 3.12 and later starts no thread by then: what has not begun stays due, and does not count as a failure.
    """
    code = """
        motorhead = make(0.05)
        atexit.register(motorhead.close)
        for at in range(20): motorhead.session(f"s{at}").append(messages(5))
    """
    run(code, url, namespace)
    motorhead = make(compaction="manual")
    memories = [motorhead.session(f"s{at}").load() for at in range(20)]
    assert [memory.total for memory in memories] == [5] * 20
    assert {memory.failures for memory in memories} == {0}
    assert {memory.summary or memory.backlog + len(memory.messages) for memory in memories} <= {"a summary", 5}
    if sys.version_info < (3, 12):
        assert {memory.summary for memory in memories} == {"a summary"}


def test_an_end_without_close_holds_up_nobody(
    url: str, namespace: str, make: MakeMotorhead, client: redis.Redis
) -> None:
    """A program that ends while a model works for long ends, and leaves no lease behind."""
    run('make(30.0).session("s").append(messages(5)); time.sleep(0.5)', url, namespace)
    session = make(llm=Ledger(), window=SMALL).session("s")
    assert not client.exists(session._keys.lease)
    assert (session.load().failures, session.load().total) == (0, 5)


@pytest.mark.parametrize("embeddings", ["None", "HashingEmbeddings(32)"])
def test_an_embedded_server_ends_after_the_work(tmp_path: Path, namespace: str, embeddings: str) -> None:
    """A script on a folder that ends without `close` prints nothing, and all it appended is stored."""
    url = f"embedded://{tmp_path}/data"
    code = f"""
        motorhead = make(embeddings={embeddings})
        for at in range(30): motorhead.session(f"s{{at % 5}}").append(HumanMessage(f"note {{at}}"))
    """
    assert run(code, url, namespace) == ""
    count = 'motorhead = make(); print(sum(motorhead.session(f"s{at}").load().total for at in range(5)))'
    assert run(count, url, namespace).split() == ["30"]


@contextmanager
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no further thread start, as at the limit of a container."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        patch.setattr(bounded_call, "_threads", ThreadCache("motorhead-model"))  # none is left of earlier calls
        yield


@pytest.mark.parametrize("options", [{}, {"embeddings": HashingEmbeddings(16)}])
def test_without_threads_messages_are_stored(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """At the limit of threads, appends and `close` work, and what is left due is done by the next append."""
    count_tokens.prepare()
    motorhead = make(llm=Ledger(), window=SMALL, **options)
    session = motorhead.session("s")
    with no_threads(monkeypatch):
        for message in numbered(5):
            session.append(message)
        motorhead.flush()
        assert (session.load().total, session.load().summarized, session.load().failures) == (5, 0, 0)
        with pytest.raises(NoThreadError, match="stays due"):
            session.compact()
        motorhead.close()
    again = make(llm=Ledger(), window=SMALL, **options).session("s")
    again.append(numbered(6)[5:])
    again._backend.require_redis().flush()
    assert again.load().backlog == 0
    assert remembered(again.load()) == [f"m{at}" for at in range(6)]


async def test_without_threads_async_calls_work(amake: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """The async side stores, reads and closes without a thread."""
    motorhead = amake(llm=Ledger(), window=SMALL)
    with no_threads(monkeypatch):
        await motorhead.session("s").aappend(numbered(5))
        await motorhead.aflush()
        assert (await motorhead.session("s").aload()).total == 5
        await motorhead.aclose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_gets_fresh_locks(make: MakeMotorhead) -> None:
    """A child that is forked while the parent's threads hold locks works, and its `close` returns."""
    motorhead = make(llm=Ledger(), window=SMALL, embeddings=HashingEmbeddings(16))
    motorhead.session("parent").append(numbered(6))
    motorhead.flush()
    maintenance = motorhead.backend.require_redis().maintenance
    embedder = maintenance.driver.embedder
    assert embedder is not None
    assert maintenance.indexing is not None
    summarizer = maintenance.driver.summarizer
    connection = motorhead.backend.require_redis().connection
    with (
        count_tokens._lock, maintenance.background._changed, maintenance.indexing.retry_queue._lock,
        embedder.get().batcher._lock, summarizer._making, summarizer._starting, connection._lock,
    ):  # fmt: skip
        child = os.fork()
        if child == 0:
            code = 1
            try:
                count_tokens._count = None  # it has to be loaded again, under the lock
                motorhead.session("child").append(numbered(6))
                motorhead.flush()
                summarized = motorhead.session("child").load().summarized
                motorhead.close()
                code = 0 if summarized else 2
            finally:
                os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_close_from_several_threads_closes_once(make: MakeMotorhead) -> None:
    """However many threads close a handle at once, another one of the same URL stays open."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            other, motorhead = make(), make()
            motorhead.session("x").load()
            threads = [threading.Thread(target=motorhead.close) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            other.session("x").load()
            other.close()
    finally:
        sys.setswitchinterval(interval)
