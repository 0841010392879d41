"""What the archive takes: bytes of memory for each message in the archive, beside those of the same message in a list.

    python benchmarks/archive.py DIALOGUES [--url redis://localhost:6379] [--json FILE]

DIALOGUES has one JSON object a line with `messages`, each with `role` (`human`, `ai`, `tool`) and `content`; an `ai`
message may have `tool_calls`, a `tool` message has `tool_call_id` and `name`. All figures are of `MEMORY USAGE`. First
for codecs and sizes of chunks; then for real sessions, whose archives grew turn by turn, by their length.
"""

from __future__ import annotations

import argparse
import json
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from measuring import server, write
from rich.console import Console
from rich.table import Table

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.sessions.archive.dictionary import WORDS_1

SIZES = (6, 12, 32, 64, 128)
START = 1_700_000_000_000_000


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    lines = options.dialogues.read_text().splitlines()
    dialogues = [[to_message(each) for each in json.loads(line)["messages"]] for line in lines]
    with ExitStack() as stack:
        url = stack.enter_context(server(options.url))
        client = stack.enter_context(redis.Redis.from_url(url))
        figures = {"codecs": codecs(client, dialogues), "sessions": sessions(url, client, dialogues)}
    write(options.json, figures)


def to_message(given: dict[str, Any]) -> BaseMessage:
    """Return a message of a dialogue."""
    if given["role"] == "human":
        return HumanMessage(given["content"])
    if given["role"] == "ai":
        return AIMessage(given["content"], tool_calls=given.get("tool_calls", []))
    return ToolMessage(given["content"], tool_call_id=given["tool_call_id"], name=given["name"])


def codecs(client: redis.Redis, dialogues: list[list[BaseMessage]]) -> dict[str, dict[int, float]]:
    """Weigh all messages in chunks of several sizes, as a share of what they take in one list."""
    records = [encode(message) for dialogue in dialogues for message in dialogue]
    client.rpush("list", *records)
    listed = size(client, "list")
    shares: dict[str, dict[int, float]] = {}
    for name, compress in compressors():
        for count in SIZES:
            for at in range(0, len(records), count):
                part = records[at : at + count]
                head = b"%d %d %d %d z1 00000000\n" % (at, at + len(part) - 1, START, START)
                client.rpush("chunks", head + compress(times(len(part)) + b"\n" + b"\n".join(part)))
            shares.setdefault(name, {})[count] = round(size(client, "chunks") / listed, 3)
            client.delete("chunks")
    table = Table(
        title=f"Memory of a message in the archive, as a share of {listed / len(records):.0f} bytes in a list"
    )
    for column in ("codec", *(f"chunks of {count}" for count in SIZES)):
        table.add_column(column)
    for name, row in shares.items():
        table.add_row(name, *map(str, row.values()))
    Console().print(table)
    client.delete("list")
    return shares


def times(count: int) -> bytes:
    """Return the times of so many messages, two with each time, as a chunk has them."""
    return b" ".join(b"2:%d" % random.randrange(2_000_000, 100_000_000) for _ in range(count // 2))  # noqa: S311


def compressors() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Yield the codecs: those of the standard library, and zstd where it is installed."""
    yield "plain JSON", bytes
    yield "zlib", lambda data: deflated(data, b"")
    yield "zlib with a dictionary", lambda data: deflated(data, WORDS_1)
    try:
        import zstandard
    except ImportError:
        return
    words = zstandard.ZstdCompressionDict(WORDS_1, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    plain, trained = zstandard.ZstdCompressor(level=9), zstandard.ZstdCompressor(level=9, dict_data=words)
    yield "zstd", plain.compress
    yield "zstd with a dictionary", trained.compress


def deflated(data: bytes, words: bytes) -> bytes:
    """Compress by raw deflate."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9, **({"zdict": words} if words else {}))
    return deflate.compress(data) + deflate.flush()


def sessions(url: str, client: redis.Redis, dialogues: list[list[BaseMessage]]) -> dict[str, dict[str, float]]:
    """Weigh the archives of sessions that were appended to and compacted turn by turn."""
    lengths = {"one dialogue each": 1, "ten dialogues each": 10, "all dialogues in one": len(dialogues)}
    figures: dict[str, dict[str, float]] = {}
    table = Table(title="Memory of a message in the archive of a session with the default window")
    for column in ("sessions", "messages archived", "bytes in a list", "bytes in the archive", "share"):
        table.add_column(column)
    for name, count in lengths.items():
        archived = listed = kept = 0
        with Motorhead.from_url(url, namespace=name, window=Window(), compaction="inline") as motorhead:
            for at in range(0, len(dialogues), count):
                session = motorhead.session(f"s{at}")
                messages = [message for dialogue in dialogues[at : at + count] for message in dialogue]
                for start in range(0, len(messages), 2):
                    session.append(messages[start : start + 2])
                done = session.load().summarized
                if not done:
                    continue
                archived += done
                kept += size(client, session._keys.archive)
                client.rpush("list", *map(encode, messages[:done]))
                listed += size(client, "list")
                client.delete("list")
        row = {"messages": archived, "list": listed / archived, "archive": kept / archived, "share": kept / listed}
        figures[name] = row
        table.add_row(name, str(archived), f"{row['list']:.1f}", f"{row['archive']:.1f}", f"{row['share']:.3f}")
    Console().print(table)
    return figures


def size(client: redis.Redis, key: str) -> int:
    """Return what a key takes in memory."""
    return int(client.memory_usage(key, samples=0))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
