"""A learner whose lease expires during a call goes on in the same process, and says how it ended."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import Facts, LearnerInput, LearningError
from langchain_motorhead.runtime import fact_learning
from langchain_motorhead.storage.keys import user_fact_keys
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner, correct
from support.redis_servers import wait_until

TEXTS = ["likes tea", "likes milk"]


def test_who_waits_gets_everything_or_the_error(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """An expired lease is taken again. If each call outlives it, the error says so, and what was learned stays."""
    lease = user_fact_keys(namespace, "bob").lease

    def losing(given: LearnerInput) -> Any:
        client.delete(lease)
        return correct(given)

    learner = ScriptedLearner(losing, correct, losing)
    learner.max_input_tokens = 8  # one message a call
    session = make(facts=Facts(learner=learner, every=3_600)).session("s", "bob")
    session.append([HumanMessage(text) for text in TEXTS])
    with pytest.raises(LearningError, match="expired during 3 calls in a row"):
        session.learn()
    assert [call["messages"][0]["seq"] for call in learner.calls] == [0, 0, 1, 1, 1]
    learner.answers = (correct,)
    assert session.learn().messages == 1
    bob = make().user("bob")
    assert sorted(fact.text for fact in bob.facts()) == sorted(TEXTS)
    assert bob.counts()["messages"] == 2
    assert not client.exists(lease)


def test_in_the_background_it_is_tried_again(
    make: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learner that finds another at work after a call stops, and the same process learns the rest a little later."""
    monkeypatch.setattr(fact_learning, "_BUSY_SECONDS", 0.05)
    lease = user_fact_keys(namespace, "bob").lease

    def losing(given: LearnerInput) -> Any:
        client.set(lease, "another", px=200)
        return correct(given)

    motorhead = make(facts=Facts(learner=ScriptedLearner(losing, correct), every=3_600, enough_tokens=1))
    motorhead.session("s", "bob").append([HumanMessage(text) for text in TEXTS])
    wait_until(lambda: len(motorhead.user("bob").facts()) == 2)
    assert motorhead.user("bob").counts()["messages"] == 2
