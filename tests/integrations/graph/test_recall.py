"""Nodes that recall."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import HashingEmbeddings, InvalidInputError, Window
from support.factory import MakeMotorhead
from support.graphs import Model, ask, check, config, keeping, looping, straight, turns
from support.messages import contents
from support.summarizers import remembered

SMALL = Window(max_messages=4)
NOTHING = RunnableLambda[Any, str](lambda given: "Nothing much.")


async def test_recall(amake: MakeMotorhead) -> None:
    """What fits the question and is not in the window is in the prompt: of this user's sessions, not of another's."""
    motorhead = amake(embeddings=HashingEmbeddings(), window=SMALL, compaction="inline", llm=NOTHING)
    motorhead.session("old", "bob").append(HumanMessage("I moved to Oslo in May."))
    motorhead.session("hers", "eve").append(HumanMessage("Eve moved to Oslo in March."))
    motorhead.flush()
    model = Model()
    app = straight(motorhead, model, InMemorySaver(), recall=2)
    given = {"messages": [HumanMessage("When was it that I moved to Oslo?")]}
    app.invoke(given, config(user_id="bob"))
    await app.ainvoke(given, config("t2", user_id="bob"))
    for prompt in model.shown:
        told = str(prompt[-2].content)
        assert not any(isinstance(message, SystemMessage) for message in prompt)
        assert "I moved to Oslo in May." in told
        assert "Eve" not in told
    assert "When was it" not in str(model.shown[0][-2].content)
    check(model.shown)


@pytest.mark.parametrize(
    ("scope", "user", "found"),
    [
        (None, "bob", {"his"}),
        (None, None, set()),
        ("session", "bob", set()),
        ("user", "bob", {"his"}),
        ("namespace", "bob", {"his", "hers"}),
    ],
)
def test_recall_scopes(make: MakeMotorhead, scope: Any, user: str | None, found: set[str]) -> None:
    """What is searched is the session, the user's sessions, or all, as requested."""
    motorhead = make(embeddings=HashingEmbeddings())
    motorhead.session("s1", "bob").append(HumanMessage("The umbrella is his."))
    motorhead.session("s2", "eve").append(HumanMessage("The umbrella is hers."))
    motorhead.flush()
    model = Model()
    app = straight(motorhead, model, recall=5, recall_scope=scope)
    app.invoke({"messages": [HumanMessage("Whose umbrella is it?")]}, config(**({"user_id": user} if user else {})))
    told = "\n".join(contents(model.shown[0]))
    assert {name for name in ("his", "hers") if f"is {name}." in told} == found


def test_recall_of_a_user_needs_one(make: MakeMotorhead) -> None:
    """Where a user's sessions are to be searched, and the run has no user, it is refused."""
    app = straight(make(embeddings=HashingEmbeddings()), Model(), recall=5, recall_scope="user")
    with pytest.raises(InvalidInputError, match="user_id"):
        ask(app, 0)


def test_a_question_does_not_recall_itself(make: MakeMotorhead) -> None:
    """What is in the prompt anyway is not recalled beside it, also when the run has outgrown the window."""
    motorhead = make(embeddings=HashingEmbeddings(), window=SMALL, compaction="inline", llm=NOTHING)
    model = Model(calls=12)
    app = looping(motorhead, model, InMemorySaver(), recall=2)
    app.invoke({"messages": [HumanMessage("q0 where is my red umbrella?")]}, config())
    for prompt in model.shown:
        assert sum("red umbrella" in str(message.content) for message in prompt) == 1


def test_recall_that_fails(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """Where the embedding model is away, the run goes on, and nothing is lost."""

    class Away(HashingEmbeddings):
        def embed_query(self, text: str) -> list[float]:
            raise ConnectionError("away")

    motorhead, model = keeping(make, embeddings=Away()), Model()
    app = straight(motorhead, model, recall=2)
    for at in range(4):
        ask(app, at)
    assert remembered(motorhead.session("t").load()) == turns(4)
