"""An import into sessions that are there already."""

from __future__ import annotations

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from langchain_motorhead.storage.keys import registry_key, session_keys
from langchain_motorhead.transfer import restoring
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from langchain_motorhead.transfer.jsonl import read_lines
from langchain_motorhead.transfer.policies import Existing
from langchain_motorhead.transfer.snapshot import PAGE
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.summarizers import remembered
from support.transfers import moved, stored


def test_existing_sessions(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """Another session of the same id is refused and reported, skipped, or replaced with all that belongs to it."""
    source, target = pair
    source.session("a", "bob").append([HumanMessage("new")])
    target.session("a", "eve").append([HumanMessage("old")])
    before = stored(client, target, "a")
    refused = moved(source, target)
    assert (refused.imported, refused.problems) == (0, 1)
    skipped = moved(source, target, existing=Existing.SKIP)
    assert (skipped.imported, skipped.skipped, skipped.problems) == (0, 1, 0)
    assert stored(client, target, "a") == before
    assert moved(source, target, existing=Existing.REPLACE).imported == 1
    assert stored(client, target, "a") == stored(client, source, "a")
    assert (target.sessions("bob"), target.sessions("eve")) == (["a"], [])


@pytest.mark.parametrize("existing", list(Existing))
def test_again_adds_nothing_and_takes_nothing_away(pair: tuple[Motorhead, Motorhead], existing: Existing) -> None:
    """A session of the same import is known again, also when it went on, or was compacted, since."""
    source, target = pair
    source.session("a").append(numbered(30))
    source.session("long").append(numbered(PAGE + 7))
    lines = list(export_lines(source))
    assert import_lines(target, lines).imported == 2
    target.session("a").append([HumanMessage("since")])
    target.session("a").compact()
    again = import_lines(target, lines, existing)
    assert (again.imported, again.before, again.problems) == (0, 2, 0)
    assert remembered(target.session("a").load()) == [*contents(numbered(30)), "since"]
    assert target.session("long").load().total == PAGE + 7


def test_replacing_removes_documents(make: MakeMotorhead, namespace: str, client: redis.Redis) -> None:
    """What was indexed of the session that is replaced is not found any more; what comes is indexed as ever."""
    source = make(namespace=f"{namespace} from")
    target = make(namespace=f"{namespace} to", embeddings=HashingEmbeddings(64), window=Window(max_messages=4))
    source.session("a", "bob").append([HumanMessage("The cat lives in Oslo.")])
    target.session("a", "bob").append([HumanMessage(f"The dog {at} lives in Rome.") for at in range(9)])
    target.flush()
    assert target.session("a").search("dog Rome")
    tally = moved(source, target, existing=Existing.REPLACE)
    assert (tally.imported, tally.problems) == (1, 0)
    found = target.retriever(user_id="bob", k=20).invoke("dog in Rome, cat in Oslo")
    assert [document.page_content for document in found] == ["The cat lives in Oslo."]
    assert len(list(client.scan_iter(f"{session_keys(target.namespace, 'a').documents}*"))) == 1


def test_a_restore_sent_again_is_another_session(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """What read a session before it was deleted is not to take one that was put in its place for it."""
    source, target = pair
    source.session("s").append(numbered(2))
    (snapshot,) = read_lines(export_lines(source), pytest.fail)
    keys = session_keys(target.namespace, "s")
    snapshot.state = {**snapshot.state, "updated": b"1"}
    records = [record for page in snapshot.pages for record in page]
    sent = restoring.restore(keys, snapshot, records, b"", 0, "t", "0" * 8, replace=False, owner=keys, one_slot=True)
    epochs = set()
    for _ in range(2):
        assert target.backend.require_redis().execute(sent) is restoring.RestoreOutcome.DONE
        epochs.add(client.hget(keys.state, "epoch"))
        target.session("s").delete()
    assert len(epochs) == 2


def test_what_is_in_the_place_of_a_session_stays(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """Messages without their state, and keys of another type, are no free place: they are left alone, and reported."""
    source, target = pair
    for name in ("list", "text", "stale"):
        source.session(name).append(HumanMessage("hi"))
    client.rpush(session_keys(target.namespace, "list").messages, "somebody's")
    client.set(session_keys(target.namespace, "text").messages, "somebody's")
    client.rpush(session_keys(target.namespace, "stale").stale, "somebody's")
    tally = moved(source, target)
    assert (tally.imported, tally.problems) == (0, 3)
    assert client.lrange(session_keys(target.namespace, "list").messages, 0, -1) == [b"somebody's"]
    assert client.get(session_keys(target.namespace, "text").messages) == b"somebody's"
    assert client.zcard(registry_key(target.namespace)) == 0
