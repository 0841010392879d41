"""Documents are stored in slices, so that no script takes long in an HNSW index."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from langchain_motorhead import HashingEmbeddings, Motorhead, Recall
from langchain_motorhead.recall.indexing.flow import index
from langchain_motorhead.recall.indexing.operations import IndexOutcome
from langchain_motorhead.recall.indexing.slices import AT_ONCE, slices
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.storage.keys import SessionKeys, session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import SCRIPTS
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import documents, every, indexed


@pytest.mark.parametrize(
    ("seqs", "cut"),
    [
        ([], [(9, [])]),
        ([0, 1, 2], [(9, [0, 1, 2])]),
        ([0, 1, 2, 3], [(3, [0, 1, 2]), (9, [3])]),
        # Messages without a document are indexed with those before them.
        ([0, 2, 5, 7], [(7, [0, 2, 5]), (9, [7])]),
        # The documents of a message stay together, even if they are more than a slice.
        ([0, 0, 1, 1], [(1, [0, 0]), (9, [1, 1])]),
        ([0, 1, 1, 1, 1, 2], [(1, [0]), (2, [1, 1, 1, 1]), (9, [2])]),
    ],
)
def test_slices(seqs: list[int], cut: list[tuple[int, list[int]]]) -> None:
    """Each slice has whole messages, and ends where the next one begins."""
    rows = [(str(at), seq) for at, seq in enumerate(seqs)]
    assert [(stop, [seq for _, seq in some]) for stop, some in slices(rows, 9, 3)] == cut


def test_no_script_changes_many_documents(
    make: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten documents are stored by one script; of more, and of earlier ones, each script stores or changes ten.

    So a user who becomes known, and an expiry that begins late, ends, and begins again reach all documents, also if a
    worker crashes in between.
    """
    size = AT_ONCE["hnsw"]
    motorhead = make(embeddings=HashingEmbeddings(32), compaction="manual", recall=Recall(algorithm="hnsw"))
    without = make(compaction="manual")  # appends, and indexes nothing in the background
    session, keys = motorhead.session("s"), session_keys(namespace, "s")
    called, send = list[str](), Executor._send

    def counted(self: Executor, commands: Any, **options: Any) -> list[Any]:
        called.extend(name for each in commands for name, script in SCRIPTS.items() if each.name is script)
        return send(self, commands, **options)

    def append(count: int, user: str | None = None) -> None:
        without.session("s", user).append(numbered(count, start=len(documents(client, namespace))))

    def commits() -> int:
        """Index, and count the scripts that this takes."""
        called.clear()
        backend = motorhead.backend.require_redis()
        assert backend.recall is not None
        backend.driver.run(index(keys, "worker", backend.recall, wait=False))
        return called.count("index_commit")

    def fields(name: str) -> set[Any]:
        return {client.hget(key, name) for key in documents(client, namespace)}

    def expiring() -> set[bool]:
        return {client.pttl(key) > 0 for key in documents(client, namespace)}

    monkeypatch.setattr(Executor, "_send", counted)
    append(size)
    assert commits() == 1
    append(2 * size + 1)
    assert (commits(), fields("user")) == (3, {None})
    # Of the 31 documents, ten get their user before a worker crashes, and another worker goes on.
    append(1, "u")
    crash(motorhead, keys)
    assert (fields("user"), client.hget(keys.state, "owning")) == ({None, b"u"}, b"10")
    client.delete(keys.indexing)
    assert (commits(), fields("user")) == (3, {b"u"})
    # An expiry begins, ends, and begins again before the end has reached all documents.
    for _ in range(2):
        client.pexpire(keys.state, 10**9)
        client.pexpire(keys.messages, 10**9)
        for _ in range(5):
            append(1)
            assert commits() == 1
        assert expiring() == {True}
        client.persist(keys.state)
        client.persist(keys.messages)
        append(1)
        crash(motorhead, keys)
        assert expiring() == {True, False}
        client.delete(keys.indexing)
    assert commits() == 4
    assert (expiring(), fields("ttl")) == ({False}, {None})
    assert not {b"owning", b"persisting", b"until", b"renewing"} & client.hgetall(keys.state).keys()
    assert len(every(session)) == indexed(client, session)


def crash(motorhead: Motorhead, keys: SessionKeys) -> None:
    """Index a session, by a worker that crashes after the first script that changes documents."""
    backend = motorhead.backend.require_redis()
    assert backend.recall is not None
    flow = index(keys, "crashing", backend.recall, wait=False)
    request = next(flow)
    while not (isinstance(request, Operation) and request.commands[0].name is SCRIPTS["index_commit"]):
        request = flow.send(backend.driver._answer(request))
    assert backend.driver._answer(request) is IndexOutcome.AGAIN
