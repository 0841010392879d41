"""Least rights: the documented ACL lines let their user do what they are for, and nothing that is not needed."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import Archive, HashingEmbeddings, Motorhead, StoreError, Window
from langchain_motorhead.cli.main import main
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.server import create_app
from langchain_motorhead.server.settings import Settings
from support.http_servers import served
from support.messages import numbered
from support.redis_servers import cluster, watched_by_sentinel

PAGE = (Path(__file__).parents[2] / "docs" / "pages" / "operate" / "operations.md").read_text()
LINES = {match[1]: match[0] for match in re.finditer(r"(?m)^ACL SETUSER (\w+) .*$", PAGE.replace(" \\\n ", ""))}
ONE_NAMESPACE = " ".join(re.findall(r"~motorhead:[^`\s]*shop[^`\s]*", PAGE))
ADDED = {match[1]: match[2].split() for match in re.finditer(r"(?m)^\| (.+?) \| `(\+[^`]+)` \|$", PAGE)}
OF_SENTINEL = re.search(r"Sentinel has its own users\. The user with the same name needs `([^`]+)`", PAGE)
SMALL = Window(max_messages=4)
IDENTIFIED = [HumanMessage(f"Oslo m{at}" + " word" * 300, id=f"i{at}") for at in range(8)]


class Guarded:
    """A server of one's own with a user of the documentation.

    Attributes:
        root: A client that may do all.
        url: The server, as the user.
    """

    def __init__(self, root: Any, socket: str) -> None:
        self.root, self.url = root, f"unix://motorhead:PASSWORD@{socket}"

    def allow(self, line: str, *added: str) -> set[str]:
        """Make the user, who may do no more. Returns the commands."""
        words = [*line.split(), *added]
        self.root.flushall()
        self.root.execute_command(*words[:3], "reset", *words[3:])
        self.root.execute_command("ACL", "LOG", "RESET")
        self.root.config_resetstat()
        return {word[1:] for word in words if word.startswith("+") and word != "+@all"}

    def keys(self) -> list[Any]:
        """List all keys."""
        keys: Any = self.root.keys("*")
        return list(keys)

    def refused(self) -> list[Any]:
        """List what the user was refused."""
        return [(entry["reason"], entry["object"]) for entry in self.root.acl_log()]

    def used(self) -> set[str]:
        """List the commands that were carried out, in scripts or not."""
        stats: Any = self.root.info("commandstats")
        return {name.removeprefix("cmdstat_").lower() for name in stats}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server whose statistics are of nobody else."""
    server = acquire(f"embedded://{tmp_path_factory.mktemp('guarded')}")
    with redis.Redis(unix_socket_path=str(server.socket), decode_responses=True) as root:
        yield Guarded(root, str(server.socket))
    server.release()


def slow(given: Any) -> str:
    """Summarize slowly enough for a heartbeat."""
    time.sleep(0.2)
    return "a summary"


def fail(given: Any) -> str:
    """Fail to summarize."""
    raise ValueError("away")


def sessions(url: str) -> None:
    """All that is done with messages and summaries."""
    with Motorhead.from_url(url, window=SMALL, ttl=0.05) as motorhead:
        motorhead.session("expired", user_id="bob").append(numbered(1))
        time.sleep(0.1)
    for ttl in (100, None):
        with Motorhead.from_url(url, window=SMALL, ttl=ttl) as motorhead:
            motorhead.session("stays").append(numbered(1))
            session = motorhead.session("a", user_id="bob")
            for _ in range(2):
                session.append(IDENTIFIED)
            session.load()
            motorhead.flush()
            motorhead.sessions()
            motorhead.sessions("bob")
            session.transcript()
            session.edit(0, session.transcript()[0].message)
            session.forget([0])
            session.delete()
            session.append(numbered(1))
            motorhead.delete_user("bob")
    with Motorhead.from_url(url, window=SMALL, compaction="inline", archive=Archive(max_age=0.000_001)) as motorhead:
        motorhead.session("limited").append(numbered(9))
    with Motorhead.from_url(url, window=Window(4, 5), compaction="inline", llm=RunnableLambda(fail)) as motorhead:
        motorhead.session("b").append(numbered(9))
        motorhead.session("b").append(numbered(9))
    with Motorhead.from_url(url, window=Window(4, 5), compaction="inline", llm=RunnableLambda(slow)) as motorhead:
        motorhead.session("b").compact()
        assert len(motorhead.session("b").transcript()) == 18
        motorhead.session("b").append(numbered(9))  # the newest chunk of the archive is replaced by a larger one
        writers = [threading.Thread(target=motorhead.session("c").append, args=(numbered(9),)) for _ in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()


def recall(url: str) -> None:
    """All that is done with an index."""
    with Motorhead.from_url(url, ttl=100, embeddings=HashingEmbeddings(32), window=SMALL) as motorhead:
        motorhead.setup()
        motorhead.session("r").append(IDENTIFIED)
        motorhead.flush()
        motorhead.session("r", "bob").append(numbered(1))
        motorhead.flush()
        assert motorhead.session("r").search("Oslo")
        assert motorhead.retriever(user_id="bob", neighbors=1).invoke("Oslo")
    with Motorhead.from_url(url, embeddings=HashingEmbeddings(32), window=SMALL) as motorhead:
        motorhead.session("r").append(numbered(1))
        motorhead.flush()
        motorhead.session("r").forget([0])
        motorhead.flush()
        motorhead.session("r").delete()
        motorhead.session("r").append(IDENTIFIED)
    with Motorhead.from_url(url, embeddings=HashingEmbeddings(48), window=SMALL) as motorhead:
        motorhead.reindex(progress=False)
        motorhead.session("r").delete()


def store(url: str) -> None:
    """All that is done with LangGraph's store, without queries."""
    with Motorhead.from_url(url, window=SMALL) as motorhead:
        of_items = motorhead.store(ttl={"default_ttl": 60})
        for text in ("one", "two"):
            of_items.put(("users", "bob"), "diet", {"text": text})
        of_items.put(("users", "bob"), "stays", {"text": "x"}, ttl=None)
        assert of_items.get(("users", "bob"), "diet") is not None
        assert of_items.search(("users",), filter={"text": "two"})
        assert of_items.list_namespaces(prefix=("users",))
        for key in ("diet", "stays"):
            of_items.delete(("users", "bob"), key)


def query(url: str) -> None:
    """A query of LangGraph's store."""
    with Motorhead.from_url(url, embeddings=HashingEmbeddings(32)) as motorhead:
        of_items = motorhead.store()
        of_items.put(("users", "bob"), "diet", {"text": "x"})
        assert of_items.search(("users",), query="x")
        of_items.delete(("users", "bob"), "diet")


def serve(url: str) -> None:
    """What the REST server is asked for, without retrieval."""
    settings = Settings(redis_url=url, max_window_size=4, ttl=100)
    with served(create_app(settings)) as base, httpx.Client(base_url=base) as http:
        body = {"messages": [{"role": "Human", "content": "hi"}] * 9, "context": "a summary", "namespace": "g"}
        for path, method, sent in (
            ("/sessions/s/memory?user_id=bob", "POST", body), ("/sessions/s/memory", "GET", None),
            ("/sessions?namespace=g", "GET", None), ("/sessions", "GET", None), ("/sessions/s", "GET", None),
            ("/sessions/s/compact", "POST", None), ("/ready", "GET", None), ("/metrics", "GET", None),
            ("/ui/session?id=s", "GET", None),
            ("/sessions/s/memory", "DELETE", None), ("/users/bob", "DELETE", None),
        ):  # fmt: skip
            assert http.request(method, path, json=sent).status_code < 300, path


def move(url: str) -> None:
    """Export and import, of a session long enough to be put in place in parts."""
    with Motorhead.from_url(url, window=SMALL, compaction="manual", ttl=100) as motorhead:
        motorhead.session("long").append(numbered(1_200))
    command(url, "export", "--output", "long.jsonl")
    for more in ((), ("--existing", "replace")):
        command(url, "import", "long.jsonl", "--namespace", "moved", *more)
    command(url, "sessions", "list", "--namespace", "moved")


def command(url: str, *arguments: str) -> None:
    """Run a command on the server, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["motorhead", *arguments, "--url", url])
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code


def diagnose(url: str) -> None:
    """Ask whether all is well, of an index too."""
    with Motorhead.from_url(url.replace("motorhead:PASSWORD@", ""), embeddings=HashingEmbeddings(32)) as motorhead:
        motorhead.setup()
    command(url, "doctor")


DOINGS: dict[str, Callable[[str], None]] = {
    "recall": recall, "the LangGraph store": store, "queries of the store, on top of that": query,
    "the REST server": serve, "`export`, `import`": move, "`doctor`": diagnose,
}  # fmt: skip


def test_the_documented_line(guarded: Guarded) -> None:
    """With the documented line, everything of sessions works, and every right in it is used."""
    allowed = guarded.allow(LINES["motorhead"])
    sessions(guarded.url)
    assert guarded.refused() == []
    assert allowed - guarded.used() <= {"auth"}  # which is a part of HELLO for some releases of redis-py


@pytest.mark.parametrize("name", DOINGS)
def test_further_rights(guarded: Guarded, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the documentation adds for it, the rest works; each right in it is used."""
    before = ADDED["the LangGraph store"] if name.startswith("queries of the store") else []
    guarded.allow(LINES["motorhead"], *before, *ADDED[name])
    monkeypatch.chdir(tmp_path)
    DOINGS[name](guarded.url)
    assert guarded.refused() == []
    assert {right[1:] for right in ADDED[name]} - guarded.used() == set()


def test_no_further_rights(guarded: Guarded) -> None:
    """What the line does not name is refused as a matter of rights; nothing of it was done."""
    guarded.allow(LINES["motorhead"])
    with (
        Motorhead.from_url(guarded.url, embeddings=HashingEmbeddings(32)) as motorhead,
        pytest.raises(StoreError, match="does not let"),
    ):
        motorhead.setup()
    with redis.Redis.from_url(guarded.url) as user:
        for words in ("GET other", "KEYS *", "FLUSHALL", "CONFIG GET *", "MONITOR", "PUBLISH x y", "SCRIPT FLUSH"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                user.execute_command(*words.split())
        with pytest.raises(redis.exceptions.ResponseError, match=r"(?i)permission|acl"):
            user.eval("return redis.call('GET', 'other')", 0)


def test_a_user_of_one_namespace(guarded: Guarded) -> None:
    """With the keys of one namespace, a user is at home there and nowhere else, also where a name begins alike."""
    guarded.allow(LINES["motorhead"].replace("~motorhead:*", ONE_NAMESPACE))
    with Motorhead.from_url(guarded.url, namespace="shop", window=SMALL) as motorhead:
        motorhead.session("s", "bob").append(numbered(9))
        motorhead.flush()
        assert motorhead.session("s", "bob").load().total == 9
        motorhead.delete_user("bob")
        assert motorhead.sessions() == []
    assert guarded.refused() == []
    for other in ("shop2", "default", "sho", "shop/x"):
        with Motorhead.from_url(guarded.url, namespace=other) as motorhead:
            with pytest.raises(StoreError, match="does not let"):
                motorhead.session("s").load()
            with pytest.raises(StoreError, match="does not let"):
                motorhead.session("s").append(numbered(1))
    assert guarded.keys() == []


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_in_a_cluster(tmp_path: Path, side: str) -> None:
    """What the documentation adds for a cluster is enough there."""
    words = [*next(iter(LINES.values())).split(), *ADDED["redis-py in a cluster"]]
    with cluster(tmp_path) as ports:
        for port in ports:
            with redis.Redis(port=port) as root:
                root.execute_command(*words[:3], "reset", *words[3:])
        await use(f"redis+cluster://motorhead:PASSWORD@127.0.0.1:{ports[0]}", side)


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_through_sentinel(tmp_path: Path, side: str) -> None:
    """What the documentation adds for Sentinel is enough at the primary; Sentinel itself has users of its own."""
    assert OF_SENTINEL
    words = [*next(iter(LINES.values())).split(), *ADDED["redis-py through Sentinel"]]
    its_own = ["ACL", "SETUSER", "motorhead", "reset", "on", ">PASSWORD", *OF_SENTINEL[1].split()]
    with watched_by_sentinel(tmp_path) as (own, port):
        for at, line in ((port, [*words[:3], "reset", *words[3:]]), (own, its_own)):
            with redis.Redis(port=at) as root:
                root.execute_command(*line)
        await use(f"redis+sentinel://motorhead:PASSWORD@127.0.0.1:{own}/mymaster", side)


async def use(url: str, side: str) -> None:
    """Do what needs no recall: append, read, list, summarize, delete."""
    async with Motorhead.from_url(url, window=SMALL, compaction="manual") as motorhead:
        session = motorhead.session("s", "bob")
        if side == "sync":
            for _ in range(2):
                session.append(IDENTIFIED)
            assert session.compact().summarized
            assert (session.load().total, motorhead.sessions(), session.delete()) == (len(IDENTIFIED), ["s"], True)
        else:
            for _ in range(2):
                await session.aappend(IDENTIFIED)
            assert (await session.acompact()).summarized
            assert (await session.aload()).total == len(IDENTIFIED)
            assert await motorhead.asessions() == ["s"]
            assert await session.adelete()
