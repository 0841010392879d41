"""How much of the evidence recall finds: recall@k over questions whose answers are known to stand in certain messages.

    python benchmarks/recall_quality.py FILE [--url URL] [--embeddings hashing | NAME | module:callable] [--k 10 …]

FILE has a JSON object a line, a conversation: `user_id`; `turns`, in order, each with `id`, `session_id`, `role` (the
speaker's name), `text`, and if it is known `timestamp` (ISO 8601, or as "March-15-2024"), which holds for the turns
after it as well; `qa`, each with `question`, `category` and `evidence`, ids of turns. A conversation is one
user, and is searched as a whole. Recall@k is the share of a question's evidence among the first k, averaged over the
questions that have evidence, without those of LoCoMo's category 5, which have no answer.

Messages get the times of their turns, and questions are asked an hour after the last of them.

`--compare` measures other ways to search beside the default one, and `--expand` the expanded query. `--facts` learns
facts without a model first, and measures what searching them together with messages adds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage

from langchain_motorhead import Facts, HashingEmbeddings, Motorhead
from langchain_motorhead.storage.keys import session_keys

# LoCoMo has numbers, other files have names.
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
UNANSWERABLE = 5


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", default="embedded://")
    parser.add_argument("--embeddings", default="hashing")
    parser.add_argument("--k", type=int, nargs="+", default=[5, 10, 20, 40])
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--facts", action="store_true")
    parser.add_argument("--expand", action="store_true")
    options = parser.parse_args()
    conversations = [json.loads(line) for line in options.file.read_text("utf-8").splitlines()]
    embeddings = resolve(options.embeddings)
    namespace, learning = f"quality {uuid.uuid4()}", Facts() if options.facts else None
    with Motorhead.from_url(
        options.url, embeddings=embeddings, namespace=namespace, facts=learning, compaction="manual"
    ) as motorhead:
        started = time.perf_counter()
        for conversation in conversations:
            store(motorhead, conversation)
        motorhead.flush()
        turns = sum(len(conversation["turns"]) for conversation in conversations)
        print(f"{turns} messages in {time.perf_counter() - started:.1f} s")
        ways: dict[str, dict[str, Any]] = {"default": {}}
        if options.compare:
            ways["similarity"] = {"search_type": "similarity"}
            ways["mmr"] = {"search_type": "mmr"}
        if options.facts:
            ways["with facts"] = {"facts": True}
        if options.expand:
            ways["expanded"] = {"expand": True}
        for name, fields in ways.items():
            report(name, measure(motorhead, conversations, options.k, fields), options.k)
        for conversation in conversations:
            motorhead.delete_user(conversation["user_id"])


def resolve(name: str) -> Any:
    """Give embeddings by their name: ours, LangChain's, or what `module:callable` makes."""
    if name == "hashing":
        return HashingEmbeddings()
    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(import_module(module), attribute)()
    except (ImportError, AttributeError):
        return name


def store(motorhead: Motorhead, conversation: dict[str, Any]) -> None:
    """Append each session's messages with their times. They are indexed by the next `flush`."""
    client = motorhead.backend.require_redis().connection.sync_client
    dated = zip(conversation["turns"], times(conversation), strict=True)
    for session_id, some in groupby(dated, lambda pair: pair[0]["session_id"]):
        turns = list(some)
        motorhead.session(session_id, conversation["user_id"]).append([to_message(turn) for turn, _ in turns])
        # Redis notes the time of an append. Before anything is indexed, each message gets its own.
        noted = {f"t:{at}": int(time.timestamp() * 1_000_000) for at, (_, time) in enumerate(turns) if time is not None}
        if noted:
            client.hset(session_keys(motorhead.namespace, session_id).state, mapping=noted)


def times(conversation: dict[str, Any]) -> list[datetime | None]:
    """Give the time of each turn: of those after a timestamp, a second later each."""
    known = list[datetime | None]()
    for turn in conversation["turns"]:
        stamp = turn.get("timestamp")
        if stamp is not None:
            parsed = datetime.fromisoformat(stamp) if "T" in stamp else datetime.strptime(stamp, "%B-%d-%Y")  # noqa: DTZ007
            known.append(parsed.replace(tzinfo=UTC))
        else:
            known.append(known[-1] + timedelta(seconds=1) if known and known[-1] is not None else None)
    return known


def to_message(turn: dict[str, Any]) -> BaseMessage:
    """Give a turn as a message: of a person with an assistant, or of a speaker with a name."""
    kind = {"user": HumanMessage, "assistant": AIMessage}.get(turn["role"])
    if kind is not None:
        return kind(turn["text"], id=turn["id"])
    return ChatMessage(turn["text"], role=turn["role"], id=turn["id"])


def questions(conversation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the questions that count."""
    return (qa for qa in conversation["qa"] if qa["category"] != UNANSWERABLE and qa["evidence"])


def measure(
    motorhead: Motorhead, conversations: list[dict[str, Any]], counts: list[int], fields: dict[str, Any]
) -> dict[str, list[list[float]]]:
    """Give each question's recall at each count, by category and by conversation, and its seconds: all, and of CPU."""
    found = defaultdict(list)
    for conversation in conversations:
        last = max((time for time in times(conversation) if time is not None), default=datetime.now(UTC))
        fields = {**fields, "now": last + timedelta(hours=1)}
        retriever = motorhead.retriever(user_id=conversation["user_id"], k=max(counts), **fields)
        for qa in questions(conversation):
            started, busy = time.perf_counter(), time.process_time()
            documents = retriever.invoke(qa["question"])
            found["seconds"].append([time.perf_counter() - started, time.process_time() - busy])
            ids = [document.metadata["message_id"] for document in documents]
            evidence = set(qa["evidence"])
            shares = [len(evidence & set(ids[:k])) / len(evidence) for k in counts]
            for group in ("all", CATEGORIES.get(qa["category"], qa["category"]), str(conversation["user_id"])):
                found[group].append(shares)
    return found


def report(name: str, found: dict[str, list[list[float]]], counts: list[int]) -> None:
    """Print a table: a line for each category and each conversation."""
    times = []
    for seconds in map(sorted, zip(*found.pop("seconds"), strict=True)):
        middle, late = (1000 * seconds[len(seconds) * share // 100] for share in (50, 95))
        times.append(f"{middle:.1f} ms, p95 {late:.1f} ms")
    print(
        f"\n{name + ', %':28}" + "".join(f"{f'@{k}':>8}" for k in counts) + f"   {times[0]}; CPU of Python {times[1]}"
    )
    for group, shares in found.items():
        means = [100 * sum(column) / len(shares) for column in zip(*shares, strict=True)]
        print(f"{group:28}" + "".join(f"{mean:8.1f}" for mean in means) + f"   {len(shares)} questions")


if __name__ == "__main__":
    main()
