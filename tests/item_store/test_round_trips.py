"""Round trips of a store, and its use at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis
from langgraph.store.base import GetOp, ListNamespacesOp, PutOp, SearchOp

from langchain_motorhead import HashingEmbeddings, Motorhead
from langchain_motorhead.integrations.store import MotorheadStore
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.redis_io.executor import Executor
from support.blocking import run_script
from support.factory import MakeMotorhead
from support.item_stores import Caller, counted, left_of
from support.wiretap import Wire, wiretapped


@pytest.fixture
def tapped() -> Iterator[tuple[str, Wire]]:
    """A URL of the shared server whose traffic is counted."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (url, wire):
        yield url, wire
    server.release()


async def test_round_trips(
    tapped: tuple[str, Wire], namespace: str, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of gets, or of puts, is one round trip; so is a search or a list, and a search by meaning is two.

    At the socket where little goes over it. The server begins to answer a long pipeline while it is still sent, so
    pipelines are counted as well.
    """
    url, wire = tapped
    sent: list[int] = []
    for name in ("_send", "_asend"):
        monkeypatch.setattr(Executor, name, counted(getattr(Executor, name), sent))
    async with Motorhead.from_url(url, namespace=namespace, embeddings=embeddings) as motorhead:
        store = MotorheadStore(motorhead)
        assert (wire.round_trips, wire.up, sent) == (0, 0, [])
        await store.aput(("a",), "k", {"text": "cats"})
        for sync in (True, False):
            call = Caller(store, sync)
            await call.get(("a",), "k")
            for count in (1, 10, 1_000):
                puts = [PutOp(("a", str(at % 10)), f"k{at}", {"text": f"cats {at}"}) for at in range(count)]
                for ops, most in (
                    (puts, 1),
                    ([PutOp(each.namespace, each.key, {"x": 1}, False, 10) for each in puts], 1),
                    ([GetOp(each.namespace, each.key) for each in puts], 1),
                    ([SearchOp(("a",), limit=count)], 2),  # the second for the times to live
                    ([PutOp(each.namespace, each.key, None) for each in puts], 1),
                    (puts, 1),
                    ([SearchOp(("a",), limit=count)], 1),
                    ([SearchOp(("a",), {"text": {"$ne": "x"}}, limit=min(count, 50))], 1),
                    ([SearchOp(("a", str(at)), limit=5) for at in range(count % 99)] + [GetOp(("a",), "k")], 1),
                    ([ListNamespacesOp(), ListNamespacesOp(max_depth=1), GetOp(("a",), "k")], 1),
                    ([SearchOp(("a",), query="cats")], 2),
                    ([SearchOp(("a", str(at)), query=f"cats {at}", limit=3) for at in range(count % 99)], 2),
                    ([GetOp(("a",), "k"), *puts], 2),
                ):
                    wire.reset()
                    sent.clear()
                    await call.batch(ops)
                    assert len(sent) <= most, (sync, count, ops[0])
                    if count == 1:
                        assert wire.round_trips <= most, (sync, ops[0])


CONCURRENT = """
import asyncio, sys
from support.blocking import nothing_blocks
from langchain_motorhead import HashingEmbeddings, Motorhead
from langchain_motorhead.integrations.store import MotorheadStore
from langgraph.store.base import GetOp, PutOp


async def main():
    with nothing_blocks():
        for embeddings in (None, HashingEmbeddings(64)):
            options = {} if embeddings is None else {"embeddings": embeddings}
            options["namespace"] = f"concurrent {embeddings is None}"
            async with Motorhead.from_url(sys.argv[1], **options) as motorhead:
                store = MotorheadStore(motorhead, ttl={"default_ttl": 10})

                async def work(at):
                    mine = ("users", str(at))
                    for turn in range(5):
                        await store.aput(mine, f"k{turn}", {"text": f"cats {at} {turn}"})
                        await store.aput(("shared",), "counter", {"text": f"last {at}"})
                        assert (await store.aget(mine, f"k{turn}")).value["text"] == f"cats {at} {turn}"
                    assert len(await store.asearch(mine, query="cats")) == 5
                    assert len(await store.asearch(mine, filter={"text": {"$ne": "x"}})) == 5
                    await store.abatch([PutOp(mine, "k0", None), GetOp(mine, "k1")])
                    assert len(await store.asearch(mine)) == 4

                await asyncio.gather(*(work(at) for at in range(64)))
                assert len(await store.alist_namespaces(limit=100)) == 65
                assert len(await store.asearch((), limit=1_000)) == 64 * 4 + 1


asyncio.run(main())
"""


def test_nothing_blocks_the_loop(url: str) -> None:
    """In a fresh process 64 tasks at once put, get and search, and none blocks the event loop or disturbs another."""
    assert run_script(CONCURRENT, url) == (0, "")


async def test_puts_to_one_item_at_once(amake: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Whoever is last, an item and its vectors are of one put."""
    model = HashingEmbeddings(64)
    store = MotorheadStore(amake(), index={"embed": model, "fields": ["texts[*]"]})
    texts = [[f"w{at}x{part}" for part in range(at % 4)] for at in range(40)]
    await asyncio.gather(*(store.aput(("a",), "k", {"texts": each}) for each in texts))
    item = await store.aget(("a",), "k")
    assert item is not None
    assert sum(key.startswith(":vector:") for key in left_of(client, namespace)) == len(item.value["texts"])
    for text in item.value["texts"]:
        (found,) = await store.asearch(("a",), query=text)
        assert found.score == pytest.approx(1, abs=1e-5)
