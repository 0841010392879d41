"""What recall costs at scale: memory, indexing, searches and reindexing, by the kind of index.

    python benchmarks/recall_scale.py [--messages 100000] [--users 1000] [--searches 200] [--kinds KIND …]
                                      [--no-reindex] [--json FILE]

Each kind of index gets a server of its own and the same messages: 12 words each, with vectors of 384 numbers that
gather around 1,000 points. The vectors are made here, so that no model is measured. A user has one session. Searches
are by similarity, as only vectors depend on the kind of index. Recall is the share of the ten nearest of the whole
namespace that exact search finds, if a flat kind is measured first. While an index is rebuilt for another model, one
user is searched and another one's session grows; "missing" is how many messages the new index lacks afterwards.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import redis
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage
from measuring import server, tell, write

from langchain_motorhead import EmbeddingMismatchError, Motorhead, Recall
from langchain_motorhead.search_index.queries import to_mapping
from langchain_motorhead.storage.keys import recall_key

DIMENSIONS, POINTS, NOISES = 384, 1_000, 4_093
KINDS = [("flat", "float32"), ("flat", "float16"), ("hnsw", "float32"), ("hnsw", "float16")]
WORDS = [f"word{at}" for at in range(5_000)]


class Gathered(Embeddings):
    """Vectors around points, the same for the same text."""

    def __init__(self, seed: int = 0) -> None:
        chance = np.random.default_rng(seed)
        self._points = chance.normal(size=(POINTS, DIMENSIONS)).astype(np.float32)
        self._noise = 0.7 * chance.normal(size=(NOISES, DIMENSIONS)).astype(np.float32)

    def embed_documents(self, texts: list[str]) -> Any:
        """Give vectors."""
        numbers = np.array([crc32(text.partition("\n")[0].encode()) for text in texts])
        return self._points[numbers % POINTS] + self._noise[numbers % NOISES]

    def embed_query(self, text: str) -> list[float]:
        """Give a vector."""
        return [float(each) for each in self.embed_documents([text])[0]]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--kinds", nargs="+", default=[",".join(kind) for kind in KINDS], help="such as hnsw,float16")
    parser.add_argument("--no-reindex", action="store_true", help="leave out reindexing, which takes the longest")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    exact: list[set[Any]] = []
    for algorithm, datatype in (kind.split(",") for kind in options.kinds):
        with server(None) as url:
            found, row = measure(url, Recall(algorithm=algorithm, datatype=datatype), options)
        exact = exact or (found if algorithm == "flat" else [])
        shares = [len(each & best) / len(best) for each, best in zip(found, exact, strict=False)]
        rows[f"{algorithm}, {datatype}"] = {**row, "recall@10, %": 100 * statistics.mean(shares or [float("nan")])}
    tell(
        f"Recall over {options.messages:,} messages of {options.users:,} users", tuple(next(iter(rows.values()))), rows
    )
    write(options.json, {"recall at scale": rows})


def measure(url: str, recall: Recall, options: argparse.Namespace) -> tuple[list[set[Any]], dict[str, float]]:
    """Give what searches of the namespace found, and a row of the table."""
    chance, each = random.Random(0), options.messages // options.users  # noqa: S311 - words
    asked = [" ".join(chance.choices(WORDS, k=6)) for _ in range(options.searches)]
    made: dict[str, Any] = {"recall": recall, "compaction": "manual", "token_counter": len}
    with redis.Redis.from_url(url) as client, Motorhead.from_url(url, embeddings=Gathered(), **made) as motorhead:
        motorhead.setup()
        before, started = _memory(client), time.perf_counter()
        for user in range(options.users):
            said = [HumanMessage(" ".join(chance.choices(WORDS, k=12))) for _ in range(each)]
            motorhead.session(f"s{user}", f"u{user}").append(said)
            if user % 50 == 0:
                motorhead.flush()
        motorhead.flush()
        seconds = time.perf_counter() - started
        size = (_memory(client) - before) / options.messages
        of_users = [timed(motorhead, text, user_id=f"u{chance.randrange(options.users)}")[0] for text in asked]
        of_all = [timed(motorhead, text) for text in asked]
        row = {
            "bytes a message": size,
            "indexed/s": options.messages / seconds,
            "user p50 ms": statistics.median(of_users),
            "user p95 ms": statistics.quantiles(of_users, n=20)[-1],
            "all p50 ms": statistics.median(time for time, _ in of_all),
            "all p95 ms": statistics.quantiles([time for time, _ in of_all], n=20)[-1],
        }
        if not options.no_reindex:
            busy, spent, added = while_reindexing(url, made, asked)
            row["reindexed/s"] = options.messages / spent
            row["p95 meanwhile"] = statistics.quantiles(busy, n=20)[-1]
            row["missing"] = options.messages + added - indexed(client)
        return [found for _, found in of_all], row


def timed(motorhead: Motorhead, text: str, **scope: Any) -> tuple[float, set[Any]]:
    """Give the milliseconds that a search takes, and what it found."""
    retriever = motorhead.retriever(k=10, search_type="similarity", **scope)
    started = time.perf_counter()
    found = retriever.invoke(text)
    took = 1000 * (time.perf_counter() - started)
    return took, {(each.metadata["session_id"], each.metadata["seq"]) for each in found}


def while_reindexing(url: str, made: dict[str, Any], asked: list[str]) -> tuple[list[float], float, int]:
    """Rebuild the index for another model; search by the old one and append meanwhile. Count the appends, too."""
    times, seconds, added = list[float](), list[float](), 0

    class Other(Gathered):
        """Another model, by its name."""

    def rebuild() -> None:
        with Motorhead.from_url(url, embeddings=Other(1), **made) as other:
            started = time.perf_counter()
            other.reindex(progress=False)
            seconds.append(time.perf_counter() - started)

    with Motorhead.from_url(url, embeddings=Gathered(), **made) as motorhead:
        worker = threading.Thread(target=rebuild)
        worker.start()
        for at in count():
            if not worker.is_alive():
                break
            if at % 10 == 0:
                motorhead.session("growing", "other").append(HumanMessage(asked[at % len(asked)]))
                added += 1
            try:
                times.append(timed(motorhead, asked[at % len(asked)], user_id="u0")[0])
            except EmbeddingMismatchError:  # searches go to the new index now
                break
        worker.join()
    with Motorhead.from_url(url, embeddings=Other(1), **made) as other:
        other.session("growing", "other").append(HumanMessage("The last one."))
        other.flush()
    return times, seconds[0], added + 1


def indexed(client: redis.Redis) -> int:
    """Give how many documents the index in use has."""
    info: Any = client.execute_command("FT.INFO", recall_key("default"))
    return int(to_mapping(info)["num_docs"])


def _memory(client: redis.Redis) -> int:
    info: Any = client.info("memory")
    return int(info["used_memory"])


if __name__ == "__main__":
    main()
