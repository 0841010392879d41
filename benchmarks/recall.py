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
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from measuring import tell, write
from redisvl.index import AsyncSearchIndex, SearchIndex
from redisvl.query import TextQuery, VectorQuery
from redisvl.query.filter import Tag
from redisvl.schema import IndexSchema

from langchain_motorhead import Motorhead
from langchain_motorhead.flows.protocol import Embed
from langchain_motorhead.models.query_cache import MAX_QUERIES
from langchain_motorhead.recall.search.findings import VECTOR_COUNTS, WORDS_COUNTS
from langchain_motorhead.recall.search.operations import DOCUMENT_FIELDS
from langchain_motorhead.search_index.queries import RETURNED
from langchain_motorhead.storage.keys import recall_key

COUNT = 10
DIMENSIONS = 384
WORDS = [f"word{at}" for at in range(2_000)]
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
    with (
        asyncio.Runner() as runner,
        Motorhead.from_url(
            options.url, namespace=namespace, embeddings=model, compaction="manual", token_counter=len
        ) as motorhead,
    ):
        motorhead.setup()
        client = motorhead.backend.require_redis().connection.sync_client
        raw = SearchIndex(IndexSchema.from_dict(by_hand(f"raw {namespace}")), redis_client=client)
        raw.create()
        clock = Clock(client)
        rows = {f"append and index {len(said):,}": indexing(motorhead, raw, said, model, clock)}
        raw.delete()
        rows |= searching(motorhead, model, options.searches, clock, runner)
        motorhead.delete_user("bob")
        runner.run(motorhead.aclose())
    tell("Recall, beside redisvl by hand", ("raw ms", "ours ms", "ratio"), rows)
    write(options.json, {"recall": rows})


def by_hand(name: str) -> dict[str, Any]:
    """Give the schema that one would write for this."""
    vector = {"dims": DIMENSIONS, "algorithm": "flat", "distance_metric": "cosine", "datatype": "float32"}
    tags = [{"name": name, "type": "tag"} for name in ("role", "name", "session", "namespace", "user")]
    numbers = [{"name": name, "type": "numeric"} for name in ("created", "seq")]
    text, vectors = {"name": "text", "type": "text"}, {"name": "vector", "type": "vector", "attrs": vector}
    return {"index": {"name": name, "prefix": name}, "fields": [text, *tags, *numbers, vectors]}


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


def indexing(motorhead: Motorhead, raw: SearchIndex, said: list[str], model: InHand, clock: Clock) -> dict[str, float]:
    """Compare indexing sessions of 100 messages with loading as many documents."""
    messages: list[BaseMessage] = [AIMessage(text) if at % 2 else HumanMessage(text) for at, text in enumerate(said)]
    vectors = [np.array(vector, np.float32).tobytes() for vector in model.vectors]
    rows = [row(text, place, vectors[place % 256]) for place, text in enumerate(said)]
    starts = range(0, len(messages), 100)

    def ours(name: str) -> None:
        for at in starts:
            motorhead.session(f"{name} {at}", "bob").append(messages[at : at + 100])
        motorhead.flush()

    def load() -> None:
        for at in starts:
            raw.load(rows[at : at + 100], id_field="key")

    times: dict[str, list[float]] = {"ours": [], "raw": []}
    for at in range(5):
        times["raw"].append(clock.timed(load))
        times["ours"].append(clock.timed(partial(ours, str(at))))
        raw.clear()
        motorhead.delete_user("bob")
    ours("session")
    return compared(times)


def row(text: str, place: int, vector: bytes) -> dict[str, Any]:
    """Give the fields that a document of ours has."""
    return {
        "key": f"{{raw}}:{place}",
        "text": text,
        "role": "ai" if place % 2 else "human",
        "session": f"session%20{place // 256 * 256}",
        "namespace": "raw",
        "user": "bob",
        "created": 1.0,
        "epoch": "0" * 16,
        "seq": place,
        "vector": vector,
    }


def searching(
    motorhead: Motorhead, model: InHand, rounds: int, clock: Clock, runner: asyncio.Runner
) -> dict[str, dict[str, float]]:
    """Compare the same queries, and the reading of what they found, sync and async."""
    connection = motorhead.backend.require_redis().connection
    name = f"{recall_key(motorhead.namespace)}/1"
    by_hand = ByHand(SearchIndex.from_existing(name, redis_client=connection.sync_client), model)
    there = runner.run(connection.async_client())
    by_hand.async_index = AsyncSearchIndex(by_hand.index.schema, redis_client=there)
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


class ByHand:
    """Searches as one would write them with redisvl.

    Args:
        index: The index of the package.
        model: Has the vectors.
    """

    async_index: Any

    def __init__(self, index: Any, model: InHand) -> None:
        self.index = index
        self._scope = Tag("user") == "bob"
        self._vectors = [np.array(vector, np.float32).tobytes() for vector in model.vectors]

    def nearest(self, text: str) -> Any:
        """Search by meaning."""
        return self.index.query(self._nearest(text, COUNT, DOCUMENT_FIELDS))

    async def anearest(self, text: str) -> Any:
        """Search by meaning, on an event loop."""
        return await self.async_index.query(self._nearest(text, COUNT, DOCUMENT_FIELDS))

    def hybrid(self, text: str) -> Any:
        """Search by meaning and words, and read the best."""
        found = self.index.batch_query(self._both(text))
        with self.index.client.pipeline(transaction=False) as pipeline:
            for key in fused(found):
                pipeline.hmget(key, DOCUMENT_FIELDS)
            return pipeline.execute()

    async def ahybrid(self, text: str) -> Any:
        """Search by meaning and words, and read the best, on an event loop."""
        found = await self.async_index.batch_query(self._both(text))
        async with self.async_index.client.pipeline(transaction=False) as pipeline:
            for key in fused(found):
                pipeline.hmget(key, DOCUMENT_FIELDS)
            return await pipeline.execute()

    def _both(self, text: str) -> list[Any]:
        near = self._nearest(text, VECTOR_COUNTS[0], RETURNED)
        worded = TextQuery(
            text,
            "terms",
            filter_expression=self._scope,
            return_fields=list(RETURNED),
            num_results=WORDS_COUNTS[0],
            stopwords=None,
        )
        return [near, worded]

    def _nearest(self, text: str, count: int, fields: Sequence[str]) -> VectorQuery:
        vector = self._vectors[len(text) % 256]
        return VectorQuery(vector, "vector", list(fields), self._scope, num_results=count)


def fused(found: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return the keys of the best documents by reciprocal rank fusion."""
    scores: dict[str, float] = {}
    for rows in found:
        for rank, row in enumerate(rows, 61):
            scores[row["id"]] = scores.get(row["id"], 0.0) + 1 / rank
    return sorted(scores, key=scores.__getitem__, reverse=True)[:COUNT]


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
