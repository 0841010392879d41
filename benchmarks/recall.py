"""What indexing and searching cost, against redisvl doing the same by hand.

    python benchmarks/recall.py [--url URL] [--messages 10000] [--searches 300] [--json FILE]

Both sides take turns in one process, on one server and through one client, so that only the ratio counts. Times are of
the CPU, of this process and of Redis together, so the server must serve nobody else.

A search by hand uses the same index and filter, finds as many documents, and returns the same fields. The search by
meaning is one `VectorQuery`. The hybrid search is a `VectorQuery` and a `TextQuery`, sent together (`batch_query`), as
the module has no `FT.HYBRID`; their results are fused by their ranks, and the best ten are read. Vectors are given to
both sides: by hand as bytes, to the package in its cache of queries. Another row has the call of a model that answers
at once, which the package makes in a thread with a time limit. In the async rows, all is done on an event loop.

Indexing by hand calls `SearchIndex.load` for documents that have all fields already, with the text as a text field. The
time of the package includes that of appending, and of making what is embedded and searched of each message.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from by_hand import COUNT, DIMENSIONS, ByHand, row, schema
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from measuring import tell, write
from redisvl.index import AsyncSearchIndex, SearchIndex
from redisvl.schema import IndexSchema

from langchain_motorhead import Motorhead
from langchain_motorhead.flows.protocol import Embed
from langchain_motorhead.models.query_cache import MAX_QUERIES
from langchain_motorhead.storage.keys import recall_key

WORDS = [f"word{at}" for at in range(2_000)]
SESSION = 100
"""Messages of a session."""
TURN = 10
"""How many searches a side does before the other does the same ones."""


class InHand(Embeddings):
    """Vectors that cost nothing: made beforehand, given in turn."""

    def __init__(self) -> None:
        self.vectors: list[list[float]] = np.random.default_rng(0).normal(size=(256, DIMENSIONS)).tolist()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give as many vectors as there are texts."""
        return self.vectors[: len(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Give a vector."""
        return self.vectors[len(text) % 256]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", default="embedded://")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    chance = random.Random(0)  # noqa: S311 - words to search
    said = [" ".join(chance.choices(WORDS, k=chance.randint(20, 60))) for _ in range(options.messages)]
    model, namespace = InHand(), f"bench-{uuid.uuid4()}"
    made: dict[str, Any] = {"embeddings": model, "compaction": "manual", "token_counter": len}
    rows = {}
    with Motorhead.from_url(options.url, namespace=namespace, **made) as motorhead:
        rows[f"append and index {len(said):,}"] = indexing(motorhead, said, model)
    # In an index of its own, without what the module keeps of deleted documents until it collects its garbage.
    with (
        asyncio.Runner() as runner,
        Motorhead.from_url(options.url, namespace=f"{namespace}-searched", **made) as motorhead,
    ):
        append(motorhead, said, "session")
        rows |= searching(motorhead, model, options.searches, runner)
        motorhead.delete_user("bob")
        runner.run(motorhead.aclose())
    tell("Recall, beside redisvl by hand", ("raw ms", "ours ms", "ratio"), rows)
    write(options.json, {"recall": rows})


class Clock:
    """The CPU time of this process and of Redis."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def timed(self, call: Callable[[], object]) -> float:
        """Give the milliseconds of CPU that a call takes."""
        started = self._now()
        call()
        return 1000 * (self._now() - started)

    def _now(self) -> float:
        redis = self._client.info("cpu")
        return time.process_time() + float(redis["used_cpu_user"]) + float(redis["used_cpu_sys"])


def indexing(motorhead: Motorhead, said: list[str], model: InHand) -> dict[str, float]:
    """Compare indexing sessions of 100 messages with loading as many documents."""
    motorhead.setup()
    client = motorhead.backend.require_redis().connection.sync_client
    raw = SearchIndex(IndexSchema.from_dict(schema(f"raw {motorhead.namespace}")), redis_client=client)
    raw.create()
    vectors = [np.array(vector, np.float32).tobytes() for vector in model.vectors]
    rows = [row(text, place, vectors[place % 256]) for place, text in enumerate(said)]

    def load() -> None:
        for at in range(0, len(rows), SESSION):
            raw.load(rows[at : at + SESSION], id_field="key")

    clock, times = Clock(client), dict[str, list[float]](ours=[], raw=[])
    for at in range(5):
        times["raw"].append(clock.timed(load))
        times["ours"].append(clock.timed(partial(append, motorhead, said, str(at))))
        raw.clear()
        motorhead.delete_user("bob")
    raw.delete()
    return compared(times)


def append(motorhead: Motorhead, said: list[str], name: str) -> None:
    """Append messages to sessions, and wait until they are indexed."""
    messages: list[BaseMessage] = [AIMessage(text) if at % 2 else HumanMessage(text) for at, text in enumerate(said)]
    for at in range(0, len(messages), SESSION):
        motorhead.session(f"{name} {at}", "bob").append(messages[at : at + SESSION])
    motorhead.flush()


def searching(motorhead: Motorhead, model: InHand, rounds: int, runner: asyncio.Runner) -> dict[str, dict[str, float]]:
    """Compare the same queries, and the reading of what they found, sync and async."""
    connection = motorhead.backend.require_redis().connection
    clock = Clock(connection.sync_client)
    index = SearchIndex.from_existing(f"{recall_key(motorhead.namespace)}/1", redis_client=connection.sync_client)
    async_client = runner.run(connection.async_client())
    by_hand = ByHand(index, model.vectors, AsyncSearchIndex(index.schema, redis_client=async_client))
    queries = [" ".join(random.Random(at).choices(WORDS, k=5)) for at in range(rounds)]  # noqa: S311
    rows = {}
    for kind, query, aquery in (
        ("similarity", by_hand.nearest, by_hand.anearest),
        ("hybrid", by_hand.hybrid, by_hand.ahybrid),
    ):
        retriever = motorhead.retriever(user_id="bob", k=COUNT, search_type=kind)
        ways: dict[str, tuple[Callable[[list[str]], object], Callable[[list[str]], object], bool]] = {
            "": (partial(each, query), partial(each, retriever.invoke), True),
            ", async": (partial(aeach, runner, aquery), partial(aeach, runner, retriever.ainvoke), True),
            ", with a call of the model": (partial(each, query), partial(each, retriever.invoke), False),
        }
        for way, (raw, ours, is_given) in ways.items():
            times: dict[str, list[float]] = {"ours": [], "raw": []}
            for at in range(0, rounds, TURN):
                some = queries[at : at + TURN]
                # The cache of queries forgets: it holds fewer than there are.
                give(motorhead, some if is_given else [f"other {text}" for text in queries[:MAX_QUERIES]])
                for side, call in (("raw", raw), ("ours", ours)):
                    times[side].append(clock.timed(partial(call, some)) / len(some))
            rows[f"search, {kind}, k={COUNT}{way}"] = compared(times)
    return rows


def give(motorhead: Motorhead, texts: Sequence[str]) -> None:
    """Embed queries, so that searches for them find the vectors in the cache of the package."""
    embedder: Any = motorhead.backend.require_redis().driver.embedder
    for text in texts:
        embedder.get().call(Embed((text,), query=True), lambda: None)


def each(call: Callable[[str], object], texts: list[str]) -> None:
    """Call for each text."""
    for text in texts:
        call(text)


def aeach(runner: asyncio.Runner, call: Callable[[str], Any], texts: list[str]) -> None:
    """Call for each text, one after the other on an event loop."""

    async def all_of_them() -> None:
        for text in texts:
            await call(text)

    runner.run(all_of_them())


def compared(times: dict[str, list[float]]) -> dict[str, float]:
    """Make a row of the table of medians."""
    raw, ours = statistics.median(times["raw"]), statistics.median(times["ours"])
    return {"raw ms": raw, "ours ms": ours, "ratio": ours / raw}


if __name__ == "__main__":
    main()
