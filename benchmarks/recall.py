"""What indexing and searching cost, against redisvl doing the same by hand.

    python benchmarks/recall.py [--url URL] [--messages 10000] [--searches 300] [--json FILE]

Both sides take turns in one process and on one server, with the same vectors, made beforehand, so that only the ratio
counts. Times are of the CPU, of this process and of Redis together, so the server must serve nobody else. The raw side
calls `SearchIndex.load` for documents that have all fields already, with the text as a text field, and
`SearchIndex.query` for the same queries, and reads the same documents. The time of the package includes that of
appending, and of making what is embedded and searched of each message.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from measuring import tell, write
from redisvl.index import SearchIndex
from redisvl.query import TextQuery, VectorQuery
from redisvl.query.filter import Tag
from redisvl.schema import IndexSchema

from langchain_motorhead import Motorhead

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
    said = [" ".join(chance.choices(WORDS, k=40)) for _ in range(options.messages)]
    model, namespace = InHand(), f"bench-{uuid.uuid4()}"
    with Motorhead.from_url(
        options.url, namespace=namespace, embeddings=model, compaction="manual", token_counter=len
    ) as motorhead:
        motorhead.setup()
        client = motorhead.backend.require_redis().connection.sync_client
        raw = SearchIndex(IndexSchema.from_dict(by_hand(f"raw {namespace}")), redis_client=client)
        raw.create()
        clock = Clock(client)
        rows = {f"append and index {len(said):,}": indexing(motorhead, raw, said, model, clock)}
        rows |= searching(motorhead, raw, model, options.searches, clock)
        raw.delete()
        motorhead.delete_user("bob")
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
    load()
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
    motorhead: Motorhead, raw: SearchIndex, model: InHand, rounds: int, clock: Clock
) -> dict[str, dict[str, float]]:
    """Compare the same queries, and the reading of what they found."""
    scope, fields = Tag("user") == "bob", ["text", "role", "session", "user", "created", "seq", "epoch"]
    client = motorhead.backend.require_redis().connection.sync_client

    def nearest(text: str, count: int, wanted: list[str]) -> Any:
        vector = np.array(model.embed_query(text), np.float32).tobytes()
        return raw.query(VectorQuery(vector, "vector", wanted, scope, num_results=count))

    def hybrid(text: str) -> None:
        near = nearest(text, 100, ["name", "pieces"])
        worded = TextQuery(text, "text", filter_expression=scope, return_fields=["name", "pieces"], num_results=200)
        found = raw.query(worded)
        chosen = sorted({row["id"] for row in [*near[:6], *found[:6]]})[:10]
        with client.pipeline(transaction=False) as pipeline:
            for key in chosen:
                pipeline.hmget(key, fields)
            pipeline.execute()

    retrievers = {kind: motorhead.retriever(user_id="bob", k=10, search_type=kind) for kind in ("similarity", "hybrid")}
    queries = [" ".join(random.Random(at).choices(WORDS, k=5)) for at in range(rounds)]  # noqa: S311
    rows = {}
    for kind, query in (("similarity", lambda text: nearest(text, 10, fields)), ("hybrid", hybrid)):
        times: dict[str, list[float]] = {"ours": [], "raw": []}
        for at in range(0, rounds, TURN):
            some = queries[at : at + TURN]
            for name, call in (("raw", query), ("ours", retrievers[kind].invoke)):
                times[name].append(clock.timed(partial(each, call, some)) / len(some))
        rows[f"search, {kind}, k=10"] = compared(times)
    return rows


def each(call: Callable[[str], object], texts: list[str]) -> None:
    """Call for each text."""
    for text in texts:
        call(text)


def compared(times: dict[str, list[float]]) -> dict[str, float]:
    """Make a row of the table of medians."""
    raw, ours = statistics.median(times["raw"]), statistics.median(times["ours"])
    return {"raw ms": raw, "ours ms": ours, "ratio": ours / raw}


if __name__ == "__main__":
    main()
