"""What a public object is called in a log or a debugger: what it is, and of whom, without an address or a key."""

from __future__ import annotations

from dataclasses import replace

from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from langchain_motorhead import (
    ExtractiveLearner,
    ExtractiveSummarizer,
    Facts,
    HashingEmbeddings,
    MemoryGap,
    MotorheadMiddleware,
    TiktokenCounter,
    Window,
    create_learner,
    create_summarizer,
    load_memory,
    save_memory,
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
        f"MotorheadMiddleware({whole}, recall=0, 1 tool)": MotorheadMiddleware(motorhead, tools=["search_memory"]),
        f"load_memory({whole})": load_memory(motorhead),
        f"save_memory({whole})": save_memory(motorhead),
        "NamedTool('user_profile')": motorhead.tools(["user_profile"], user_id="bob")[0],
        "Facts(llm=FakeListChatModel, every=60.0, enough_tokens=1000)": Facts(llm=model.bound),
        "Facts(llm='openai:x', every=60.0, enough_tokens=1000)": Facts(llm="openai:x"),
        "Facts(learner=ExtractiveLearner, every=60.0, enough_tokens=1000)": Facts(learner=ExtractiveLearner()),
        "Transcript(1 of 1 message, next=None)": session.transcript(),
        "HashingEmbeddings(dimensions=16)": HashingEmbeddings(16),
        "TiktokenCounter('o200k_base')": TiktokenCounter(),
        "ExtractiveSummarizer(max_tokens=256)": ExtractiveSummarizer(),
        "ExtractiveLearner()": ExtractiveLearner(),
        "Summarizer(FakeListChatModel, max_output_tokens=512)": create_summarizer(model),
        "Learner(FakeListChatModel)": create_learner(model),
    }
    assert {repr(each): each for each in expected.values()} == expected


def test_what_methods_return(make: MakeMotorhead) -> None:
    """What methods return is shown by ids and counts, without a conversation, and with facts and quotes cut."""
    motorhead = make(facts=Facts(), window=Window(max_messages=4), compaction="manual")
    session, bob = motorhead.session("trip", "bob"), motorhead.user("bob")
    session.append([HumanMessage("I live in Oslo. " + "secret " * 99, id=f"m{at}") for at in range(6)])
    session.compact()
    report = session.learn()
    (fact,) = bob.facts()
    memory, transcript = session.load(), session.transcript()
    expected = {
        "Memory(total=6, summarized=4, messages=2)": memory,
        "TranscriptMessage(0, human, id='m0')": transcript[0],
        f"Fact('{fact.id}', 'I live in Oslo.', subject='user', attribute='home', 6 sources)": fact,
        "Source('trip', 0, 'I live in Oslo.')": fact.sources[0],
        f"SummaryVersion(start=0, stop=4, author='extract', {len(memory.summary or ''):,} characters)": (
            session.summaries()[0]
        ),
    }
    assert {repr(each): each for each in expected.values()} == expected
    for each in (report, session.explain(), session.rebuild_summary(), session.compact(), bob.remember("word " * 99)):
        assert "secret" not in repr(each)
        assert len(repr(each)) < 250
    receipt = session.forget(["m1"])
    assert "ids=('m1',)" in repr(receipt)
    assert repr(session.transcript()) == "Transcript(5 of 6 messages, 1 gap, next=None)"
    waiting = replace(memory, gap=MemoryGap(4, 5), failures=2)
    assert repr(waiting) == "Memory(total=6, summarized=4, messages=2, failures=2, gap=1)"
