"""Recall after messages were forgotten or edited: documents, vectors of neighbors, and work that was under way."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Session, Window
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from langchain_motorhead.transfer.policies import Existing
from support.embeddings import Gate, Scripted
from support.factory import MakeMotorhead
from support.recall import documents, lacking, said, state
from support.redis_servers import wait_until

TOPICS = "apples bridges clouds deserts engines forests glaciers harbors islands jungles".split()


def talk(session: Session) -> None:
    """Say something about every topic."""
    session.append([HumanMessage(f"about {topic}", id=topic) for topic in TOPICS])


@pytest.mark.parametrize("window", [Window(max_messages=2), Window(max_messages=50)])
def test_nothing_finds_what_was_forgotten(
    make: MakeMotorhead, client: redis.Redis, namespace: str, window: Window
) -> None:
    """The documents go, with the pieces of a long message; the two messages after it are embedded without its text."""
    model = Scripted()
    motorhead = make(embeddings=model, window=window, compaction="inline")
    session = motorhead.session("s", "u")
    talk(session)
    session.append([HumanMessage("zeppelin " * 900, id="long"), AIMessage("last", id="last")])
    motorhead.flush()
    assert "10/1" in documents(client, namespace, "s")
    model.texts.clear()
    receipt = session.forget(["bridges", "long"])
    motorhead.flush()
    assert receipt.vectors == 3
    assert receipt.documents > 3
    assert documents(client, namespace, "s") == sorted(str(at) for at in range(12) if at not in (1, 10))
    assert sorted(model.texts) == sorted([
        "Human: about clouds\nHuman: about apples",
        "Human: about deserts\nHuman: about clouds\nHuman: about apples",
        "AI: last\nHuman: about jungles\nHuman: about islands",
    ])  # fmt: skip
    assert lacking(client, namespace, "s") == []
    for way in ("hybrid", "similarity", "mmr"):
        found = said(session.search("about bridges zeppelin", k=12, search_type=way, neighbors=1))
        assert len(found) == 10
        assert not any("bridges" in text or "zeppelin" in text for text in found)


def test_an_edited_message_is_found_by_its_new_words(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """It has a document with its new text, its number, its time and its user, also where it is in the archive."""
    model = Scripted()
    motorhead = make(embeddings=model, window=Window(max_messages=2), compaction="inline")
    session = motorhead.session("s", "u")
    talk(session)
    motorhead.flush()
    before = session.search("about bridges", k=1)[0].metadata
    assert session.edit("bridges", HumanMessage("of umbrellas")).documents == 1
    motorhead.flush()
    after = session.search("umbrellas", k=1)[0]
    assert after.page_content == "of umbrellas"
    for name in ("seq", "id", "created_at" if "created_at" in before else "session_id"):
        assert after.metadata.get(name) == before.get(name)
    fields: Any = client.hgetall(f"{session._keys.documents}1")
    assert fields[b"user"] == b"u"
    assert "bridges" not in " ".join(model.texts[-4:])
    assert "remake" not in state(client, session)


def test_a_message_is_edited_while_the_model_is_away(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Its new words are found at once, and its vector comes when the model answers."""
    model = Scripted()
    motorhead = make(embeddings=model)
    session = motorhead.session("s")
    talk(session)
    motorhead.flush()
    model.down = True
    session.edit("bridges", HumanMessage("of umbrellas"))
    motorhead.flush()
    assert said(session.search("umbrellas", k=1)) == ["of umbrellas"]
    assert 1 in lacking(client, namespace, "s")
    model.down = False
    motorhead.flush()
    assert lacking(client, namespace, "s") == []


@pytest.mark.parametrize("by_words", [False, True])
def test_vectors_in_flight_are_not_stored(
    make: MakeMotorhead, client: redis.Redis, namespace: str, by_words: bool
) -> None:
    """A batch that is embedded while one of its messages is forgotten is embedded again without it.

    That holds for documents that are stored with their vectors, and for vectors that come later.
    """
    gate = Gate()
    model = Scripted(lambda texts: gate(texts) if len(texts) > 1 else None)
    model.down = by_words
    motorhead = make(embeddings=model)
    session = motorhead.session("s")
    talk(session)
    if by_words:
        wait_until(lambda: len(documents(client, namespace, "s")) == 10)
        model.down = False
    thread = threading.Thread(target=motorhead.flush)
    thread.start()
    assert gate.reached.wait(60)
    make().session("s").forget(["bridges"])
    gate.open.set()
    thread.join()
    motorhead.flush()
    assert documents(client, namespace, "s") == sorted(str(at) for at in range(10) if at != 1)
    last = model.texts[-9:]
    assert len(last) == 9
    assert not any("bridges" in text for text in last)
    assert lacking(client, namespace, "s") == []


def test_a_reindex_in_flight_brings_nothing_back(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A message that is forgotten during a reindex is in no vector of the new index, and all others are."""
    motorhead = make(embeddings=Scripted())
    session = motorhead.session("s")
    talk(session)
    motorhead.flush()
    gate = Gate()
    model = Scripted(lambda texts: gate(texts) if len(texts) > 1 else None, dimensions=32)
    other = make(embeddings=model)
    thread = threading.Thread(target=lambda: other.reindex(progress=False))
    thread.start()
    assert gate.reached.wait(60)
    make().session("s").forget(["bridges"])
    model.texts.clear()
    gate.open.set()
    thread.join()
    wanted = {f"Human: about {topic}" for topic in TOPICS if topic != "bridges"}
    assert {text.partition("\n")[0] for text in model.texts[-9:]} == wanted
    assert not any("bridges" in text for text in model.texts[-9:])
    fields = [client.hgetall(f"{session._keys.documents}{at}") for at in range(10) if at != 1]
    assert all(len(each[b"vector/2"]) == 4 * 32 and b"vector" not in each for each in fields)


def test_an_import_rebuilds_recall_and_brings_nothing_back(
    make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """After an import, archived messages are found, but none that the replaced session had forgotten."""
    motorhead = make(embeddings=Scripted(), window=Window(max_messages=2), compaction="inline")
    session = motorhead.session("s", "u")
    talk(session)
    motorhead.flush()
    older = list(export_lines(motorhead))
    session.forget(["bridges", "jungles"])
    newer = list(export_lines(motorhead))
    for lines in (older, newer):
        assert import_lines(motorhead, lines, Existing.REPLACE).imported == 1
        motorhead.flush()
        assert documents(client, namespace, "s") == sorted(str(at) for at in range(9) if at != 1)
        assert said(session.search("about apples", k=1)) == ["about apples"]
        assert lacking(client, namespace, "s") == []
        talk(session)
        assert session.load().total == 10
        assert "bridges" not in str(session.load())
    session.delete()
    assert import_lines(motorhead, newer).imported == 1
    talk(session)
    assert session.load().total == 10
