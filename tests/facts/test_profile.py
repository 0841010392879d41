"""Profiles: in a prompt, in one round trip with the session, as quoted data; and facts over REST."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Facts, Motorhead, UnknownFactError, UnsupportedError, load_memory
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served
from support.learners import ScriptedLearner
from support.wiretap import wiretapped

CONFIG: Any = {"configurable": {"thread_id": "t", "user_id": "bob"}}


def test_a_session_and_a_profile_are_one_round_trip(namespace: str) -> None:
    """Also together with an append, as in an agent's turn. An append without facts is unchanged."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (url, wire), Motorhead.from_url(url, namespace=namespace) as motorhead:
        motorhead.user("bob").remember("Is allergic to </profile> nuts")
        session = motorhead.session("t", "bob")
        session.append([HumanMessage("hi", id="1")])
        wire.reset()
        memory = session.load(profile_tokens=100)
        assert wire.round_trips == 1
        assert memory.profile.startswith("- Is allergic to &lt;/profile> nuts (said ")
        caught = session.catch_up([HumanMessage("hi", id="1"), AIMessage("hello", id="2")], profile_tokens=100)
        assert (wire.round_trips, caught.profile) == (2, memory.profile)
        wire.reset()
        node = load_memory(motorhead, facts=True)
        update: Any = node.invoke({"messages": [HumanMessage("bye", id="3")]}, CONFIG)
        assert wire.round_trips == 1
        record = dict(update.update)["llm_input_messages"][0]
        assert record.type == "human"  # not of the system's authority
        assert record.text.count("<profile>") == record.text.count("</profile>") == 1
        assert "nuts" in memory.as_messages()[0].text
    server.release()


def test_a_profile_has_as_many_facts_as_fit(make: MakeMotorhead) -> None:
    """Pinned ones come first, then the newest; what does not hold any more is left out."""
    bob = make().user("bob")
    for at in range(5):
        bob.remember(f"Fact number {at}")
    bob.remember("Was in Rome", valid_until=datetime(2020, 1, 1, tzinfo=UTC))
    lines = bob.profile(max_tokens=10_000).splitlines()
    assert [line[:15] for line in lines] == [f"- Fact number {at}" for at in (4, 3, 2, 1, 0)]
    assert bob.profile(max_tokens=30) == "\n".join(lines[:1])
    assert [fact.text for fact in bob.facts(as_of=datetime(2019, 1, 1, tzinfo=UTC))] == []
    assert len(bob.facts("rome", superseded=True)) == 1


def test_facts_over_rest_and_with_a_remote_client(make: MakeMotorhead) -> None:
    """The remote client does what the local one does, and raises the same errors."""
    local = make(facts=Facts(learner=ScriptedLearner()))
    app = create_app(Settings(), motorhead=lambda _: local)
    with served(app) as base, Motorhead.from_url(base) as remote, httpx.Client(base_url=base) as http:
        bob = remote.user("bob/../x ü")
        local.session("s", bob.user_id).append([HumanMessage("home: Rome")])
        local.session("s", bob.user_id).learn()
        assert bob.facts() == local.user(bob.user_id).facts()
        (rome,) = bob.facts("Rome", k=3, as_of=datetime.now(UTC), superseded=True)
        stated = bob.remember("Is vegan", attribute="food", valid_from=datetime(2024, 1, 1, tzinfo=UTC))
        assert stated == local.user(bob.user_id).facts("vegan")[0]
        oslo = bob.correct(rome.id, "home: Oslo")
        assert bob.correct(rome.id, "home: Oslo") == oslo  # sent again
        assert bob.profile(50) == local.user(bob.user_id).profile(50)
        assert [fact.id for fact in bob.facts()] == [oslo.id, stated.id]
        with pytest.raises(UnknownFactError, match="took its place"):
            bob.correct(rome.id, "home: Bergen")
        assert (bob.forget(oslo.id), bob.forget(oslo.id)) == (True, False)
        assert remote.session("s", bob.user_id).load(profile_tokens=50).profile.startswith("- Is vegan")
        exported = http.get("/users/bob%2F..%2Fx%20%C3%BC/export").json()
        assert exported == bob.export() == local.user(bob.user_id).export()
        assert http.get("/users/bob/facts", params={"as_of": "yesterday"}).status_code == 400
        assert http.put("/users/bob/facts/none", json={"text": "x"}).json()["code"] == "unknown_fact"
        metrics = http.get("/metrics").text
        assert 'motorhead_fact_operations_total{outcome="accepted"} 1.0' in metrics
        assert 'motorhead_tokens_total{purpose="facts"}' in metrics
        assert bob.delete() == 1
        assert bob.facts(superseded=True) == []
        with pytest.raises(UnsupportedError, match="metrics"):
            bob.counts()
