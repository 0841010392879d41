"""What was forgotten is in no file of Redis: a byte search finds no marker word, whatever was under way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.sessions.archive.chunks import read_chunk
from langchain_motorhead.storage.operation import to_bytes
from support.embeddings import Gate, Scripted
from support.redis_servers import Lasting, wait_until
from support.summarizers import Ledger

MARKER = "Quetzalcoatlus"
"""Stands in every message that is forgotten or edited, and in what is made of it."""


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[Lasting]:
    """A server with an append-only file, which writes its files without compression."""
    server = Lasting(tmp_path / "lasting", "--rdbcompression", "no", "--aof-use-rdb-preamble", "no")
    server.start()
    yield server
    server.kill()


def saved(client: redis.Redis, folder: Path) -> dict[str, bytes]:
    """Write a snapshot, rewrite the append-only file, and give the bytes of all files and of all chunks."""
    client.save()
    client.bgrewriteaof()
    wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    wait_until(lambda: client.info("persistence")["aof_last_bgrewrite_status"] == "ok")
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for key in client.scan_iter("*:archive"):
        for at, chunk in enumerate(client.lrange(key, 0, -1)):
            found[f"{key.decode()} {at}"] = b"".join(message.data for message in read_chunk(to_bytes(chunk)))
    return found


def test_no_file_has_a_word_of_what_was_forgotten(lasting: Lasting, tmp_path: Path) -> None:
    """Messages of archive and list are forgotten and edited while summaries and vectors of them are in flight."""
    summarizing, embedding = Gate(), Gate()
    summarizer, model = Ledger(lambda given: summarizing(["x"])), Scripted(embedding)
    summarizing.open.set()
    embedding.open.set()
    with Motorhead.from_url(lasting.url, window=Window(max_messages=4), llm=summarizer, embeddings=model) as motorhead:
        session = motorhead.session("s", "u")
        session.append(HumanMessage(f"{MARKER} long " * 300, id="long"))
        session.append([HumanMessage(f"about {MARKER}", id="old"), AIMessage(f"yes, {MARKER}", id="answer")])
        session.append([HumanMessage(f"h{at}", id=f"h{at}") for at in range(9)])
        motorhead.flush()
        call = {"name": "look", "args": {"at": MARKER}, "id": "c"}
        summarizing.open.clear()
        embedding.open.clear()
        summarizing.reached.clear()
        embedding.reached.clear()
        session.append(
            [AIMessage("", tool_calls=[call], id="call"), ToolMessage(MARKER, tool_call_id="c", id="result")]
        )
        session.append([HumanMessage(f"more of {MARKER}", id="new"), *(HumanMessage(f"n{at}") for at in range(6))])
        assert summarizing.reached.wait(60)
        assert embedding.reached.wait(60)
        client = redis.Redis.from_url(lasting.url)
        assert any(MARKER.encode() in data for data in saved(client, tmp_path).values())
        receipt = session.forget(["long", "old", "call", "new"])
        assert (receipt.in_archive > 0, receipt.documents > 4, receipt.summaries > 0) == (True, True, True)
        session.edit("answer", AIMessage("yes"))
        summarizing.open.set()
        embedding.open.set()
        motorhead.flush()
        session.append([HumanMessage(f"about {MARKER}", id="old"), HumanMessage("last")])
        motorhead.flush()
        session.compact()
        assert not any(MARKER in text for text in model.texts[-1:])
        found = saved(client, tmp_path)
        assert any(b"h3" in data for data in found.values())
        assert [name for name, data in found.items() if MARKER.encode() in data] == []
        texts = [each.message.text for each in session.transcript()]
        assert texts == ["yes", *(f"h{at}" for at in range(9)), *(f"n{at}" for at in range(6)), "last"]
        client.close()
