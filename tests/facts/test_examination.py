"""What `doctor` finds of facts: it completes what was interrupted, and names what fails, waits and is missing."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import Facts, HashingEmbeddings, LearningError, Motorhead
from langchain_motorhead.diagnostics.doctor import Finding, Level, examine
from langchain_motorhead.facts import examination
from langchain_motorhead.sessions.changes import forgetting
from langchain_motorhead.sessions.changes.edits import changed_to
from langchain_motorhead.storage.keys import session_keys, user_fact_keys
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner, correct, failing


def findings(motorhead: Motorhead) -> dict[str, Finding]:
    """Return what is found, by name."""
    return {finding.name: finding for finding in examine(motorhead)}


def test_facts_of_forgotten_and_edited_messages_are_erased(
    make: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that died after the message was changed left its facts: they go, and others stay."""
    motorhead = make(facts=Facts(learner=ScriptedLearner(), every=3_600))
    for name, user in (("s", "bob"), ("t", None)):
        session = motorhead.session(name, user)
        session.append([HumanMessage(f"{name} {text}") for text in ("likes tea", "likes milk", "likes water")])
        session.learn()
    assert findings(motorhead)["facts"].value == "6 about 2 users or sessions"
    backend = motorhead.backend.require_redis()
    s, t = (session_keys(motorhead.namespace, name) for name in ("s", "t"))
    backend.run(forgetting.forget(s, [0], backend.append_config))
    backend.run(forgetting.edit(t, 0, changed_to(HumanMessage("likes juice")), backend.append_config))
    found = findings(motorhead)["facts"]
    assert (found.level, found.value) == (
        Level.NOTE,
        "6 about 2 users or sessions; 2 of forgotten or edited messages are erased now",
    )
    for owner in (motorhead.user("bob"), motorhead.user(session_id="t")):
        assert {fact.text[2:] for fact in owner.facts()} == {"likes milk", "likes water"}
    assert findings(motorhead)["facts"].level is Level.FINE

    def refuse(*given: Any, **more: Any) -> Any:
        raise redis.exceptions.NoPermissionError("NOPERM this user has no permissions to run the 'scan' command")

    with monkeypatch.context() as patch:
        patch.setattr(backend.connection.sync_client, "scan_iter", refuse)
        found = findings(motorhead)["facts of users without sessions"]
    assert (found.level, "NOPERM" in found.advice) == (Level.NOTE, True)
    motorhead.session("another", "bob").append([HumanMessage("hello")])
    client.delete(s.state)  # as if it had expired
    assert "2 quote sessions that expired" in findings(motorhead)["facts"].value


def test_what_fails_waits_and_is_missing(
    make: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names users for whom learning fails and sessions that wait in vain, and counts what is missing."""
    learner = ScriptedLearner(correct, failing)
    motorhead = make(facts=Facts(learner=learner, every=3_600), embeddings=HashingEmbeddings())
    session = motorhead.session("s", "bob")
    session.append([HumanMessage("likes tea"), HumanMessage("likes milk")])
    session.learn()
    motorhead.user("ann}/{*:").remember("Is vegan")  # who has no session
    assert set(findings(motorhead)) & {"facts", "learning", "learning backlog", "vectors of facts"} == {"facts"}
    session.append([HumanMessage("likes water")])
    with pytest.raises(LearningError):
        session.learn()
    keys = user_fact_keys(motorhead.namespace, "bob")
    one, two = client.hkeys(keys.current)
    client.hdel(keys.vectors, one)
    monkeypatch.setattr(examination, "IDLE_SECONDS", -60)
    found = findings(motorhead)
    assert (found["learning"].value, "'bob'" in found["learning"].advice) == ("fails for 1 users or sessions", True)
    assert found["learning backlog"].value == "1 messages of 1 idle sessions"
    assert "'s'" in found["learning backlog"].advice
    assert found["vectors of facts"].value == "missing of 1"
    anns = user_fact_keys(motorhead.namespace, "ann}/{*:")
    client.hset(anns.state, "failures", 1)
    assert "'ann}/{*:'" in findings(motorhead)["learning"].advice
    client.delete(anns.current)
    evicted = findings(motorhead)["facts"]
    assert evicted.level is Level.BROKEN
    assert "among others of 'ann}/{*:'" in evicted.advice
    client.hdel(keys.current, two)
    assert "2 lost some of theirs" in findings(motorhead)["facts"].value
    monkeypatch.setattr(examination, "MOST_FACTS", 0)
    assert "1 of these, or of their sources, were too many" in findings(motorhead)["facts"].value
