"""What a public object is called in a log or a debugger: what it is, and of whom, without an address or a key."""

from __future__ import annotations

from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from langchain_motorhead import (
    ExtractiveLearner,
    ExtractiveSummarizer,
    Facts,
    HashingEmbeddings,
    MotorheadMiddleware,
    TiktokenCounter,
    create_learner,
    create_summarizer,
)
from support.factory import MakeMotorhead


def test_representations(make: MakeMotorhead, namespace: str) -> None:
    """Each names its class, its session or user, and its namespace."""
    motorhead = make(embeddings=HashingEmbeddings(16), facts=Facts())
    session = motorhead.session("trip", "bob")
    session.append(HumanMessage("secret"))
    model = FakeListChatModel(responses=["key"]).bind(api_key="key")
    whole = f"Motorhead(namespace={namespace!r}, RedisBackend)"
    of_session = f"Session('trip', user_id='bob', namespace={namespace!r}, RedisBackend)"
    expected = {
        whole: motorhead,
        of_session: session,
        f"User('bob', namespace={namespace!r}, RedisBackend)": motorhead.user("bob"),
        f"MotorheadChatMessageHistory({of_session})": motorhead.history("trip", "bob"),
        f"MotorheadMemory(session_id='trip', motorhead={whole})": motorhead.memory("trip"),
        "MotorheadRetriever(user_id='bob')": motorhead.retriever(user_id="bob"),
        f"MotorheadStore({whole})": motorhead.store(),
        f"MotorheadMiddleware({whole}, recall=2)": MotorheadMiddleware(motorhead, recall=2),
        "Transcript(1 of 1 messages, next=None)": session.transcript(),
        "HashingEmbeddings(dimensions=16)": HashingEmbeddings(16),
        "TiktokenCounter('o200k_base')": TiktokenCounter(),
        "ExtractiveSummarizer(max_tokens=256)": ExtractiveSummarizer(),
        "ExtractiveLearner()": ExtractiveLearner(),
        "Summarizer(FakeListChatModel, max_output_tokens=512)": create_summarizer(model),
        "Learner(FakeListChatModel)": create_learner(model),
    }
    assert {repr(each): each for each in expected.values()} == expected
