"""Facts and an embedding model: duplicates in other words, search by meaning, and a model that fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Facts, LearnerInput, Recall
from langchain_motorhead.facts.meaning import same_in_meaning, unit
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.storage.keys import user_fact_keys
from support.embeddings import Scripted
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner

NOW = datetime(2024, 5, 8, tzinfo=UTC)
ROME = Fact("rome", "I live in Rome", "user", "home", NOW, NOW)


class Topics(Scripted):
    """Gives near vectors to statements about the same topic, whatever their words are."""

    model = "topics"
    topics = ("live", "eat vegan meals plants", "job work")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text."""
        if self.down:
            raise ConnectionError("the model is away")
        self.texts += texts
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text."""
        if self.down:
            raise ConnectionError("the model is away")
        words = set(text.lower().split())
        return [float(any(each in words for each in topic.split())) for topic in self.topics] + [0.1]


def said(*texts: str) -> list[Any]:
    """Make turns of a person and the assistant."""
    return [each for text in texts for each in (HumanMessage(text), AIMessage("I see."))]


def add(given: LearnerInput) -> Any:
    """Add each message of a person as a fact."""
    return [
        {
            "op": "add",
            "text": each["text"],
            "subject": "user",
            "attribute": "note",
            "sources": [{"seq": each["seq"], "quote": each["text"]}],
        }
        for each in given["messages"]
        if each["role"] == "human"
    ]


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        ("Lives in Rome", True),
        ("I live in Oslo", False),
        ("I don't live in Rome", False),
        ("I no longer live in Rome", False),
        ("I live in Rome since 2019", False),
    ],
)
def test_near_vectors_alone_make_no_duplicates(text: str, *, is_same: bool) -> None:
    """Names, numbers and negations tell facts apart whose vectors are the same; so do subjects and known times."""
    new = replace(ROME, id="new", text=text)
    vectors = dict.fromkeys((text, ROME.text, f"sister: {text}"), unit([1.0, 2.0]))
    assert (same_in_meaning(new, [ROME], vectors) is ROME) is is_same
    for other in (replace(new, subject="sister"), replace(new, valid_from=NOW)):
        assert same_in_meaning(other, [ROME], vectors) is None
    assert same_in_meaning(new, [ROME], {**vectors, text: unit([2.0, 1.0])}) is None
    assert same_in_meaning(new, [ROME], {ROME.text: vectors[ROME.text]}) is None


def test_facts_are_compared_by_meaning_where_the_model_works(make: MakeMotorhead, client: redis.Redis) -> None:
    """Other words add a source, queries need no common word, and vectors go with their facts. Without it, words do."""
    model = Topics()
    learner = ScriptedLearner(add)
    motorhead = make(embeddings=model, facts=Facts(learner=learner, every=3_600))
    session, bob = motorhead.session("s", "bob"), motorhead.user("bob")
    keys = user_fact_keys(motorhead.namespace, "bob")
    session.append(said("I eat vegan food", "I work at night"))
    assert session.learn().facts == 2
    session.append(said("No job for me", "I eat plants only"))
    report = session.learn()
    assert (report.facts, report.accepted) == (1, 2)  # a negation is no duplicate
    vegan = next(fact for fact in bob.facts() if fact.text == "I eat vegan food")
    assert [source.quote for source in vegan.sources] == ["I eat vegan food", "I eat plants only"]
    assert {fact.id.encode() for fact in bob.facts()} == set(client.hkeys(keys.vectors))
    assert report.embedded > 0
    assert bob.counts()["tokens:embeddings"] > 0

    assert bob.facts("meals", k=1) == [vegan]
    assert {fact.text for fact in bob.facts("employer work", k=2)} == {"I work at night", "No job for me"}
    spent = len(model.texts)
    bob.facts("meals")
    assert len(model.texts) == spent
    rome = bob.remember("Will live in Rome")
    assert bob.facts("live", k=1) == [rome]
    assert len(model.texts) == spent + 1  # the one that a person stated; it is stored from now on

    model.down = True
    assert bob.facts("supper") == []
    assert bob.facts("vegan") == [vegan]
    session.append(said("My job is dull"))
    assert session.learn().facts == 1
    model.down = False
    assert {fact.text for fact in bob.facts("work", k=3)} == {"My job is dull", "I work at night", "No job for me"}
    before = client.hgetall(keys.vectors)
    other = make(embeddings=Topics(), recall=Recall(model="a larger one"), facts=Facts(learner=learner, every=3_600))
    assert other.user("bob").facts("meals", k=1) == [vegan]  # those of another model are made again
    after = client.hgetall(keys.vectors)
    assert [vector for vector in before.values() if vector in after.values()] == []
    bob.forget(rome.id)
    assert rome.id.encode() not in client.hkeys(keys.vectors)
    session.delete()
    assert client.exists(keys.vectors) == 0
