"""A primary that is lost or replaced, and a slot that moves, under writes: all that was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from redis.crc import key_slot

from langchain_motorhead import Motorhead, Session, StoreError, StoreUnavailableError, Window
from langchain_motorhead.storage.keys import registry_key
from support.messages import contents, numbered
from support.redis_servers import HOST, kill, replicated_cluster, sentinel, server, wait_until
from support.summarizers import AsyncLedger, Ledger, remembered

SMALL = Window(max_messages=4)

# redis-py's cluster clients drop connections to a node that is gone, or not what it was, without closing them.
pytestmark = pytest.mark.filterwarnings("ignore:(unclosed|loop is closed):ResourceWarning")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """Ports of a cluster of three primaries and three replicas."""
    with replicated_cluster(tmp_path_factory.mktemp("cluster")) as ports:
        yield ports


class Writers:
    """A sync and an async writer of one session, each of which repeats a message until it is acknowledged.

    Args:
        url: Of Redis.
        namespace: Where the session, `s`, is.
    """

    def __init__(self, url: str, namespace: str) -> None:
        self.url = url
        self.namespace = namespace
        self.acknowledged = [0, 0]
        self.failures = 0
        self.ended = threading.Event()
        self.paused = threading.Event()

    def run(self) -> None:
        """Write through a sync client."""
        with Motorhead.from_url(self.url, namespace=self.namespace, llm=Ledger(), window=SMALL) as motorhead:
            while not self.ended.is_set():
                try:
                    if self._may_write(0):
                        motorhead.session("s").append(self._next(0))
                        self.acknowledged[0] += 1
                except StoreUnavailableError:
                    self.failures += 1
                time.sleep(0.002)

    async def arun(self) -> None:
        """Write through an async client."""
        url = f"{self.url}?socket_timeout=9"  # another URL, so that its connections are its own
        async with Motorhead.from_url(url, namespace=self.namespace, llm=AsyncLedger(), window=SMALL) as motorhead:
            while not self.ended.is_set():
                try:
                    if self._may_write(1):
                        await motorhead.session("s").aappend(self._next(1))
                        self.acknowledged[1] += 1
                except StoreUnavailableError:
                    self.failures += 1
                await asyncio.sleep(0.002)

    def _may_write(self, writer: int) -> bool:
        # Neither gets far ahead of the other, so that each writes during every fault.
        return not self.paused.is_set() and self.acknowledged[writer] <= min(self.acknowledged) + 500

    def _next(self, writer: int) -> HumanMessage:
        text = f"{writer}-{self.acknowledged[writer]}"
        return HumanMessage(text, id=text)

    def go_on(self) -> None:
        """Wait until both have stored some more."""
        before = list(self.acknowledged)
        wait_until(lambda: all(now >= then + 5 for now, then in zip(self.acknowledged, before, strict=True)), 40)

    def pause(self, port: int, key: str) -> None:
        """Have them wait, and all that they wrote reach the replica of a primary."""
        self.paused.set()
        acknowledged, since = list(self.acknowledged), time.monotonic()
        while time.monotonic() < since + 0.1:  # what is under way ends
            if acknowledged != self.acknowledged:
                acknowledged, since = list(self.acknowledged), time.monotonic()
            time.sleep(0.005)
        with redis.Redis(port=port) as client:
            client.set(key, "after all of them")
            assert client.wait(1, 20_000) == 1


def compacted(session: Session) -> bool:
    """Compact, unless the session cannot be reached now, as on a slow machine whose nodes take each other for dead."""
    try:
        session.compact()
    except StoreUnavailableError:
        return False
    return True


@contextmanager
def writing(url: str, namespace: str) -> Iterator[Writers]:
    """Let two write while something happens; then look for what they wrote."""
    writers = Writers(url, namespace)
    with ThreadPoolExecutor(2) as pool:
        running: list[Future[Any]] = [pool.submit(writers.run), pool.submit(lambda: asyncio.run(writers.arun()))]
        try:
            writers.go_on()
            yield writers
            writers.go_on()
        finally:
            writers.ended.set()
        for each in running:
            each.result(60)
    gc.collect()
    with Motorhead.from_url(url, namespace=namespace, llm=Ledger(), window=SMALL) as motorhead:
        session = motorhead.session("s")
        wait_until(lambda: compacted(session))
        memory = session.load()
        said = remembered(memory)
        for writer, count in enumerate(writers.acknowledged):
            mine = [text for text in said if text.startswith(f"{writer}-")]
            assert mine[:count] == [f"{writer}-{at}" for at in range(count)]
            assert len(mine) in (count, count + 1)  # the last may have been given up unacknowledged
            assert len(set(mine)) == len(mine)
        assert memory.backlog == 0
        assert memory.summarized > 0
        assert motorhead.sessions() == ["s"]


def slot_of(namespace: str) -> int:
    """Give the slot of the session `s` of a namespace."""
    with Motorhead.from_url("redis://localhost", namespace=namespace) as motorhead:
        return int(key_slot(motorhead.session("s")._keys.state.encode()))


def asked(port: int, *command: Any) -> Any:
    """Give a node's answer."""
    with redis.Redis(port=port) as client:
        return client.execute_command(*command)


def its_id(port: int) -> str:
    """Give a node's id."""
    found = asked(port, "CLUSTER", "MYID")
    return found.decode() if isinstance(found, bytes) else str(found)


def living(nodes: list[int]) -> list[int]:
    """List the nodes that answer."""
    found = []
    for port in nodes:
        try:
            if asked(port, "PING"):
                found.append(port)
        except redis.ConnectionError:
            continue
    return found


def primary_of(nodes: list[int], slot: int) -> tuple[int, list[int]]:
    """Find the primary of a slot, and its replicas."""
    for first, last, primary, *replicas in asked(living(nodes)[0], "CLUSTER", "SLOTS"):
        if first <= slot <= last:
            return primary[1], [replica[1] for replica in replicas]
    raise AssertionError(f"slot {slot} is nobody's")


def test_a_slot_that_moves(nodes: list[int], namespace: str) -> None:
    """While a slot is moved, writers go on or get an error that says to try again; a new session has to wait."""
    slot = slot_of(namespace)
    source, _ = primary_of(nodes, slot)
    target = next(port for port in nodes[:3] if port != source)
    url = f"redis+cluster://{HOST}:{nodes[0]}"
    with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
        others = (motorhead.session(f"other {at}") for at in range(1_000_000))
        other = next(each for each in others if key_slot(each._keys.state.encode()) == slot)
        with writing(url, namespace) as writers:
            asked(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", its_id(source))
            asked(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", its_id(target))
            writers.go_on()
            refused = r"slot is being moved.*Nothing was written.*Try again"
            with pytest.raises(StoreUnavailableError, match=refused):
                other.append(numbered(2))
            with pytest.raises(StoreUnavailableError, match=refused):
                asyncio.run(aappend(url, namespace, other))
            moved = 0
            while keys := asked(source, "CLUSTER", "GETKEYSINSLOT", slot, 1):
                asked(source, "MIGRATE", HOST, target, keys[0], 0, 5_000)
                moved += 1
                if moved == 1:  # torn apart, the session is refused
                    before = writers.failures
                    wait_until(lambda before=before: writers.failures > before)  # type: ignore[misc]
            writers.go_on()  # the new node is asked for each
            for port in (target, source):
                asked(port, "CLUSTER", "SETSLOT", slot, "NODE", its_id(target))
            writers.go_on()
            assert moved > 1
        other.append(numbered(2))
        assert contents(other.load().messages) == ["m0", "m1"]
        other.delete()


async def aappend(url: str, namespace: str, session: Any) -> None:
    """Append to a session through an async client."""
    async with Motorhead.from_url(f"{url}?socket_timeout=8", namespace=namespace, compaction="manual") as motorhead:
        await motorhead.session(session.session_id).aappend(numbered(2))


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_a_full_node_beside_the_session(nodes: list[int], namespace: str, side: str) -> None:
    """Where the list of sessions is on a node that is full, the error tells that the messages were stored."""
    url = f"redis+cluster://{HOST}:{nodes[0]}"
    async with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
        full, _ = primary_of(nodes, key_slot(registry_key(namespace).encode()))
        handles = (motorhead.session(f"s{at}") for at in range(1_000))
        session = next(each for each in handles if primary_of(nodes, key_slot(each._keys.state.encode()))[0] != full)
        messages = [HumanMessage("m0", id="m0"), HumanMessage("m1", id="m1")]
        asked(full, "CONFIG", "SET", "maxmemory", 1)
        try:
            with pytest.raises(StoreError, match=r"maxmemory.*were stored.*not listed yet"):
                session.append(messages) if side == "sync" else await session.aappend(messages)
            assert contents(session.load().messages) == ["m0", "m1"]
        finally:
            asked(full, "CONFIG", "SET", "maxmemory", 0)
        assert motorhead.sessions() == []
        session.append(messages) if side == "sync" else await session.aappend(messages)
        assert contents(session.load().messages) == ["m0", "m1"]
        assert await motorhead.asessions() == [session.session_id]


def test_a_planned_fail_over(nodes: list[int], namespace: str) -> None:
    """A replica that takes over while its primary waits for it loses nothing, though nobody stops writing."""
    slot = slot_of(namespace)
    _, (replica,) = primary_of(nodes, slot)
    with writing(f"redis+cluster://{HOST}:{nodes[0]}", namespace) as writers:
        asked(replica, "CLUSTER", "FAILOVER")
        wait_until(lambda: primary_of([replica], slot)[0] == replica)
        writers.go_on()


def test_a_lost_primary(nodes: list[int], namespace: str) -> None:
    """When a primary of a cluster is killed, writers get errors until its replica has taken over, and then go on."""
    slot = slot_of(namespace)
    primary, (replica,) = primary_of(nodes, slot)
    url = f"redis+cluster://{HOST}:{next(port for port in nodes if port != primary)}"
    with writing(url, namespace) as writers:
        writers.pause(primary, key_in(slot))
        kill(primary)
        writers.paused.clear()
        wait_until(lambda: primary_of([replica], slot)[0] == replica)
        writers.go_on()
        assert writers.failures > 0


def key_in(slot: int) -> str:
    """Make a key of a slot."""
    return next(f"k{at}" for at in range(10_000_000) if key_slot(f"k{at}".encode()) == slot)


def test_a_fail_over_under_sentinel(tmp_path: Path, namespace: str) -> None:
    """When Sentinel makes a replica the primary, writers go on by themselves, and nothing replicated is lost."""
    own = ("--repl-diskless-sync-delay", "0")
    lines = ("sentinel down-after-milliseconds mymaster 2000", "sentinel failover-timeout mymaster 3000")
    with (
        server(tmp_path / "primary", *own) as port,
        server(tmp_path / "replica", "--replicaof", f"{HOST} {port}") as replica,
    ):
        wait_until(lambda: asked(replica, "INFO", "replication")["master_link_status"] == "up")
        asked(port, "CONFIG", "SET", "min-replicas-to-write", 1)
        with sentinel(tmp_path, port, *lines) as sentinel_port:
            wait_until(lambda: asked(sentinel_port, "INFO", "sentinel")["master0"]["slaves"] == 1)
            with writing(f"redis+sentinel://{HOST}:{sentinel_port}/mymaster/0", namespace) as writers:
                writers.pause(port, "k")
                kill(port)
                writers.paused.clear()
                wait_until(lambda: asked(replica, "ROLE")[0] == b"master")
                writers.go_on()
                assert writers.failures > 0
