"""Redis killed while messages move from the list into the archive: each is in exactly one of them afterwards."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import redis
from langchain_core.messages import BaseMessage

from langchain_motorhead import Motorhead, Session, StoreError, Window
from langchain_motorhead.sessions.archive.chunks import read_chunk
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from support.messages import with_tools
from support.redis_servers import Lasting

KILLS, TURNS = 10, 120


@pytest.fixture
def lasting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lasting]:
    """A server with an append-only file, running; the lease of a worker that died ends soon."""
    monkeypatch.setattr(compaction, "LEASE_MS", 300)
    server = Lasting(tmp_path / "lasting")
    server.start()
    yield server
    server.kill()


def conversation() -> list[list[BaseMessage]]:
    """Make turns with tool calls, whose messages have ids."""
    turns = [with_tools(f"turn {at}") for at in range(TURNS)]
    return [[each.model_copy(update={"id": str(each.content)}) for each in turn] for turn in turns]


def append(lasting: Lasting, session: Session, turn: list[BaseMessage], killer: threading.Timer | None) -> None:
    """Append a turn, which compacts the session too, again and again until it succeeds, while the server is killed."""
    if killer is not None:
        killer.start()
    while True:
        try:
            session.append(turn)
            break
        except StoreError:
            if killer is not None:
                killer.join()
            lasting.start()
    if killer is not None:
        killer.join()
        lasting.start()
        session.compact()


def test_redis_is_killed_at_random(lasting: Lasting, caplog: pytest.LogCaptureFixture) -> None:
    """After every kill, list and archive have each message once, whole and in order, and so has an import of them."""
    caplog.set_level(logging.CRITICAL)
    random, said = Random(17), list[BaseMessage]()
    with Motorhead.from_url(lasting.url, window=Window(max_messages=6), compaction="inline") as motorhead:
        session = motorhead.session("s")
        kills = set(random.sample(range(TURNS), KILLS))
        for at, turn in enumerate(conversation()):
            killer = threading.Timer(random.random() / 100, lasting.kill) if at in kills else None
            append(lasting, session, turn, killer)
            said += turn
            if killer is not None:
                assert_whole(session, said)
        with redis.Redis.from_url(lasting.url) as client:
            chunks: list[bytes] = client.lrange(session._keys.archive, 0, -1)
            listed: int = client.llen(session._keys.messages)
        assert sum(len(read_chunk(chunk)) for chunk in chunks) + listed == len(said)
        with Motorhead.from_url(lasting.url, namespace="other") as other:
            import_lines(other, export_lines(motorhead))
            assert_whole(other.session("s"), said)


def assert_whole(session: Session, said: list[BaseMessage]) -> None:
    """Check that a transcript has exactly these messages."""
    transcript = session.transcript()
    assert [each.message for each in transcript] == said
    assert [each.seq for each in transcript] == list(range(len(said)))
    assert transcript.gaps == []
    assert all(each.time for each in transcript)
