"""Sessions with too many documents for one script: deleted in slices, and an interruption shows nothing of them."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, Session
from langchain_motorhead.diagnostics.doctor import examine
from langchain_motorhead.sessions.erasure import SLICE_MESSAGES, delete_whole
from langchain_motorhead.storage.keys import recall_key
from langchain_motorhead.storage.operation import Operation, to_bytes
from langchain_motorhead.storage.scripts import source_of
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from langchain_motorhead.transfer.policies import Existing
from support.factory import MakeMotorhead
from support.recall import documents, left_of, said

FAR = 3 * SLICE_MESSAGES + 1
WAYS = ("hybrid", "similarity", "mmr")


@pytest.fixture
def large(make: MakeMotorhead, client: redis.Redis) -> Session:
    """A session that has documents of many messages, as far as its state says, one of them in two pieces."""
    motorhead = make(embeddings=HashingEmbeddings(16))
    session = motorhead.session("s", "u")
    session.append([HumanMessage("old words"), HumanMessage("older words")])
    motorhead.flush()
    first: Any = client.hgetall(f"{session._keys.documents}0")
    for seq in (SLICE_MESSAGES, FAR - 1):
        client.hset(f"{session._keys.documents}{seq}", mapping={**first, b"pieces": b"2", b"seq": str(seq)})
        client.hset(f"{session._keys.documents}{seq}/1", mapping=first)
    client.hset(session._keys.state, "indexed", FAR)
    return session


def interrupted(motorhead: Motorhead, session: Session) -> None:
    """Delete a session, and die before its documents are deleted."""
    redis = motorhead.backend.require_redis()
    flow, answer = delete_whole(session._keys, one_slot=True), None
    for _ in range(3):
        request = flow.send(answer)
        assert isinstance(request, Operation)
        answer = redis.execute(request)
    flow.close()


def noted(client: redis.Redis, namespace: str) -> set[bytes]:
    """List what is noted to be erased."""
    return {name for name in map(to_bytes, client.hkeys(recall_key(namespace))) if name.startswith(b"eras")}


def test_a_slice_is_as_large_as_scripts_take_it() -> None:
    """The flow and the scripts agree on how many messages are too many."""
    assert f"local AT_ONCE = {SLICE_MESSAGES}\n" in source_of("lib_documents")


def test_all_documents_are_deleted(large: Session, client: redis.Redis, namespace: str) -> None:
    """Nothing is left: no document, no piece of one, no note."""
    assert large.delete()
    assert left_of(client, namespace) == []
    assert noted(client, namespace) == set()
    assert not large.delete()


def test_a_deleted_user_leaves_nothing(
    large: Session, make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """The same holds for all sessions of a user."""
    assert make().delete_user("u") == 1
    assert left_of(client, namespace) == []
    assert noted(client, namespace) == set()


@pytest.mark.parametrize("by", ["a worker", "doctor"])
def test_an_interrupted_deletion_shows_nothing_and_is_completed(
    large: Session, make: MakeMotorhead, client: redis.Redis, namespace: str, by: str
) -> None:
    """No search shows documents that are left, also not to a new session of the id; the next worker deletes them."""
    motorhead = make(embeddings=HashingEmbeddings(16))
    interrupted(motorhead, large)
    assert len(documents(client, namespace, "s")) == 6
    assert noted(client, namespace) == {b"erase:s", b"erasing"}
    for way in WAYS:
        assert motorhead.session("s").search("old words", k=9, search_type=way) == []
        assert motorhead.retriever(k=9, search_type=way).invoke("old words") == []
    if by == "doctor":
        assert "deletions" in [finding.name for finding in examine(motorhead)]
        assert documents(client, namespace, "s") == []
        assert "deletions" not in [finding.name for finding in examine(motorhead)]
    motorhead.session("s").append(HumanMessage("new words"))
    motorhead.flush()
    assert documents(client, namespace, "s") == ["0"]
    assert noted(client, namespace) == set()
    for way in WAYS:
        assert said(motorhead.retriever(k=9, search_type=way).invoke("old words")) == ["new words"]


def test_an_import_replaces_a_large_session(
    large: Session, make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """Its documents are deleted in slices too, and the imported ones stay."""
    motorhead = make(embeddings=HashingEmbeddings(16))
    lines = list(export_lines(motorhead))
    assert import_lines(motorhead, lines, Existing.REPLACE).imported == 1
    assert documents(client, namespace, "s") == ["0", "1"]
    assert noted(client, namespace) == set()
    assert said(motorhead.session("s").search("older words", k=1)) == ["older words"]
