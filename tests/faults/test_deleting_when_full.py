"""Whatever is deleted makes room: a full Redis refuses no deletion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import Facts, HashingEmbeddings, Motorhead, StoreFullError
from langchain_motorhead.sessions import erasure
from langchain_motorhead.sessions.registry_operations import note_erasure
from langchain_motorhead.storage.keys import session_keys, user_fact_keys
from support.learners import ScriptedLearner
from support.redis_servers import HOST, server


def test_users_sessions_and_facts_are_deleted(tmp_path: Path) -> None:
    """At maxmemory, appends and new facts are refused; facts, sessions and users are deleted, and leave nothing."""
    options: dict[str, Any] = {"embeddings": HashingEmbeddings(16), "facts": Facts(learner=ScriptedLearner())}
    with server(tmp_path) as port, redis.Redis(port=port) as client:
        url = f"redis://{HOST}:{port}"
        with Motorhead.from_url(url, compaction="manual", **options) as motorhead:
            bob = motorhead.user("bob")
            for name, user in (("a", "bob"), ("b", "bob"), ("c", None), ("d", "ann")):
                session = motorhead.session(name, user)
                session.append([HumanMessage(f"home: {name}"), HumanMessage(f"{name} likes tea")])
                session.learn()
            bob.remember("Is vegan")
            motorhead.flush()
            client.config_set("maxmemory", 1)
            session = motorhead.session("e", "bob")
            with pytest.raises(StoreFullError):
                session.append([HumanMessage("home: e")])
            with pytest.raises(StoreFullError):
                bob.remember("Likes coffee")
            state = user_fact_keys("default", "bob").state
            version = int(client.hget(state, "version") or 0)
            home = next(fact for fact in bob.facts() if fact.text == "home: b")
            assert bob.forget(home.id)
            assert {fact.text for fact in bob.facts()} == {"home: a", "a likes tea", "b likes tea", "Is vegan"}
            assert (
                int(client.hget("motorhead:{default/users/bob}:facts:state", "version") or 0) == int(version or 0) + 1
            )
            assert motorhead.session("b", "bob").delete()
            assert {fact.text for fact in bob.facts(superseded=True)} == {"home: a", "a likes tea", "Is vegan"}
            large = session_keys("default", "c")  # as if it had too many documents for one script
            backend = motorhead.backend.require_redis()
            backend.execute(note_erasure(large, 5_000))
            assert backend.run(erasure.resume_erasures("default")) == 1
            assert motorhead.session("c").delete()
            assert (bob.delete(), motorhead.user("ann").delete()) == (1, 1)
            assert bob.facts(superseded=True) == []
        left = [key for key in client.scan_iter(count=1_000) if b"recall" not in key]
        assert left == []
