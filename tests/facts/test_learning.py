"""Facts on a real server: learned once each, from every message, with living sources, whatever the learner answers."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Facts, InvalidInputError, LearningError, Motorhead, StoreUnavailableError, Window
from langchain_motorhead.facts import erasure
from langchain_motorhead.facts.learning.report import LearningState
from langchain_motorhead.runtime import fact_learning
from langchain_motorhead.storage.keys import session_keys
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner, correct, failing, garbled, lying

SMALL = Window(max_messages=4)


def said(*texts: str) -> list[Any]:
    """Make turns of a person and the assistant."""
    return [each for text in texts for each in (HumanMessage(text), AIMessage("I see."))]


def learning(make: MakeMotorhead, *answers: Any, **options: Any) -> tuple[Motorhead, ScriptedLearner]:
    """Make a handle that learns on demand, or when it is flushed."""
    learner = ScriptedLearner(*answers)
    return make(facts=Facts(learner=learner, every=3_600, **options), window=SMALL), learner


def test_every_message_is_learned_once_from_the_archive_and_the_list(make: MakeMotorhead) -> None:
    """Two sessions of one user, compacted meanwhile: each message is given once, and is the source of its fact."""
    motorhead, learner = learning(make)
    sessions = [motorhead.session(name, "bob") for name in ("a", "b")]
    for turn in range(3):
        for session in sessions:
            session.append(said(*(f"{session.session_id} fact number {turn} {at}" for at in range(4))))
        motorhead.flush()
    assert all(session.load().summarized for session in sessions)
    assert set(learner.learned.values()) == {1}
    assert len(learner.learned) == 48
    bob = motorhead.user("bob")
    facts = bob.facts()
    assert len(facts) == 24
    for fact in facts:
        (source,) = fact.sources
        record = next(iter(motorhead.session(source.session_id, "bob").transcript(source.seq, source.seq + 1)))
        assert (record.message.text, record.message.id, record.time) == (fact.text, source.message_id, fact.said_at)
    assert sessions[0].learn().messages == 0
    counts = bob.counts()
    assert (counts["operations"], counts["accepted"], counts["messages"]) == (24, 24, 48)


async def test_the_past_is_kept_and_comes_back_when_what_replaced_it_is_deleted(amake: MakeMotorhead) -> None:
    """A move, a correction by a person, a look into the past, and the deletion of the session that told of the move."""
    motorhead, _ = learning(amake)
    bob = motorhead.user("bob")
    for name, text in (("a", "home: Rome"), ("b", "home: Oslo"), ("b", "food: nuts")):
        await motorhead.session(name, "bob").aappend(said(text))
        await motorhead.aflush()
    assert {fact.text for fact in await bob.afacts()} == {"home: Oslo", "food: nuts"}
    rome = next(fact for fact in await bob.afacts(superseded=True) if fact.text == "home: Rome")
    oslo = next(fact for fact in await bob.afacts("Oslo"))
    assert (rome.superseded_by, rome.closed_at) == (oslo.id, oslo.said_at)
    assert [fact.text for fact in await bob.afacts(as_of=rome.said_at)] == ["home: Rome"]
    no_nuts = await bob.acorrect(oslo.id, "home: Bergen")
    await motorhead.session("b", "bob").aappend(said("home: Paris"))
    report = await motorhead.session("b", "bob").alearn()
    assert report.rejected == {"pinned": 2}  # it is asked for once more
    await motorhead.session("b", "bob").aappend(said("home: Oslo"))
    assert (await motorhead.session("b", "bob").alearn()).rejected == {"pinned": 2}
    assert (await bob.aprofile()).splitlines()[0].startswith("- home: Bergen (said ")
    assert await bob.aforget(no_nuts.id)
    assert {fact.text for fact in await bob.afacts()} == {"home: Oslo", "food: nuts"}
    await motorhead.session("b", "bob").adelete()
    assert [fact.text for fact in await bob.afacts(superseded=True)] == ["home: Rome"]
    assert (await bob.aexport())["sessions"][0]["messages"][0]["message"]["content"] == "home: Rome"
    assert await bob.adelete() == 1
    assert await bob.afacts(superseded=True) == []


def test_lies_are_rejected_and_asked_for_once_more(make: MakeMotorhead) -> None:
    """None is stored, each is counted by its reason, and corrected operations of the second answer are carried out."""
    motorhead, learner = learning(make, lying, correct)
    session = motorhead.session("s", "bob")
    session.append(said("likes tea"))
    report = session.learn()
    assert report.rejected == {"quote": 1, "message": 1, "fact": 1, "speaker": 1}
    assert [len(call.get("rejected", ())) for call in learner.calls] == [0, 4]
    assert [fact.text for fact in motorhead.user("bob").facts()] == ["likes tea"]
    counts = motorhead.user("bob").counts()
    assert counts["operations"] == counts["accepted"] + sum(
        count for name, count in counts.items() if name.startswith("rejected:")
    )


def test_garbage_is_no_lack_of_facts(make: MakeMotorhead) -> None:
    """After a second answer that cannot be read, what people said in the first person is learned without the model."""
    motorhead, learner = learning(make, garbled)
    session = motorhead.session("s", "bob")
    session.append(said("I live in Rome."))
    report = session.learn()
    assert (report.messages, report.extracts, report.unusable, len(learner.calls)) == (2, 1, {"empty": 2}, 2)
    assert [fact.text for fact in motorhead.user("bob").facts()] == ["I live in Rome."]


def test_failures_and_time_outs_learn_nothing_and_lose_nothing(make: MakeMotorhead) -> None:
    """The error says why. The next attempt learns every message, once."""
    motorhead, learner = learning(make, failing, correct)
    session = motorhead.session("s", "bob")
    session.append(said("likes tea"))
    with pytest.raises(LearningError, match="ConnectionError: the model is away"):
        session.learn()
    assert motorhead.user("bob").facts() == []
    assert session.learn().messages == 2
    release = threading.Event()
    slow, _ = learning(make, lambda given: release.wait(20), timeout=0.1)
    slow.session("t", "bob").append(said("likes milk"))
    with pytest.raises(LearningError, match=r"longer than 0\.1 s"):
        slow.session("t", "bob").learn()
    release.set()
    assert motorhead.session("t", "bob").learn().messages == 2
    assert {fact.text for fact in motorhead.user("bob").facts()} == {"likes tea", "likes milk"}
    assert learner.learned["s", 0] == 2  # once in vain


def test_a_session_without_a_user_has_facts_of_its_own_until_it_gets_one(
    make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """They are deleted with the session. When its user becomes known, it is learned from its start for that user."""
    motorhead, _ = learning(make)
    session = motorhead.session("s")
    session.append(said("likes tea"))
    session.learn()
    own = motorhead.user(session_id="s")
    assert [fact.text for fact in own.facts()] == ["likes tea"]
    assert session.load(profile_tokens=50).profile.startswith("- likes tea")
    motorhead.session("s", "bob").append(said("likes milk"))
    session.learn()
    assert {fact.text for fact in motorhead.user("bob").facts()} == {"likes tea", "likes milk"}
    assert own.facts() == []
    motorhead.session("t").append(said("likes water"))
    motorhead.session("t").learn()
    motorhead.session("t").delete()
    motorhead.user("bob").delete()
    left = [key for key in client.scan_iter("*") if namespace.replace(" ", "%20").encode() in key]
    assert left == []


def test_what_was_learned_from_a_forgotten_or_edited_message_is_erased(make: MakeMotorhead) -> None:
    """A fact loses the source; if the quote is still there after an edit, it stays."""
    motorhead, _ = learning(make)
    session = motorhead.session("s", "bob")
    session.append(said("home: Rome", "home: Oslo", "likes tea"))
    session.learn()
    keys = session_keys(motorhead.namespace, "s", "bob")
    assert motorhead.backend.run(erasure.revise_messages(keys, {4: "Well, likes tea a lot"})) == 0
    assert motorhead.backend.run(erasure.forget_messages(keys, [2])) == 1
    assert {fact.text for fact in motorhead.user("bob").facts()} == {"home: Rome", "likes tea"}
    assert motorhead.backend.run(erasure.revise_messages(keys, {4: "Hates tea"})) == 1


def test_learning_needs_its_option_and_the_archive(make: MakeMotorhead) -> None:
    """Without it, a person's facts can be stated and read; nothing is learned."""
    motorhead = make()
    motorhead.session("s", "bob").append(said("likes tea"))
    motorhead.flush()
    assert motorhead.user("bob").remember("Is vegan").pinned
    assert [fact.text for fact in motorhead.user("bob").facts()] == ["Is vegan"]
    with pytest.raises(InvalidInputError, match="facts="):
        motorhead.session("s", "bob").learn()
    with pytest.raises(InvalidInputError, match="archive"):
        make(facts=Facts(), archive=False)
    for wrong in ({"llm": 1, "learner": ScriptedLearner()}, {"every": 0}, {"enough_tokens": 0}, {"learner": "x"}):
        with pytest.raises(InvalidInputError):
            Facts(**wrong)
    with pytest.raises(InvalidInputError):
        motorhead.user()


def test_facts_of_users_expire_with_their_sessions_if_they_should(make: MakeMotorhead, client: redis.Redis) -> None:
    """Otherwise they stay, with their quotes."""
    for expires in (True, False):
        motorhead = make(facts=Facts(learner=ScriptedLearner(), expire_with_sessions=expires), ttl=100)
        motorhead.session(f"s {expires}", f"bob {expires}").append(said("likes tea"))
        motorhead.session(f"s {expires}", f"bob {expires}").learn()
        motorhead.session(f"s {expires}", f"bob {expires}").delete()
        motorhead.session(f"t {expires}", f"bob {expires}").append(said("likes tea"))
        motorhead.session(f"t {expires}", f"bob {expires}").learn()
        key = next(client.scan_iter(f"*bob%20{expires}*:facts"))
        assert (client.pttl(key) > 0) == expires


async def test_a_sync_call_on_an_event_loop_learns_in_a_thread(make: MakeMotorhead) -> None:
    """As in a notebook, where a loop runs: the call may wait for what it started. Closing learns what waits."""
    motorhead, learner = learning(make)
    motorhead.session("s", "bob").append(said("likes tea"))
    motorhead.flush()
    assert len(learner.calls) == 1
    motorhead.session("s", "bob").append(said("likes milk"))
    motorhead.close()
    assert learner.learned["s", 2] == 1


def test_an_edited_message_is_learned_once_more(make: MakeMotorhead) -> None:
    """What its old text stated is erased, and what its new text states is learned, without learning others again."""
    motorhead, learner = learning(make)
    session = motorhead.session("s", "bob")
    session.append(said("home: Rome", "likes tea"))
    session.learn()
    session.edit(0, HumanMessage("home: Oslo"))
    motorhead.flush()
    assert {fact.text for fact in motorhead.user("bob").facts()} == {"home: Oslo", "likes tea"}
    assert (session.learn().messages, learner.learned["s", 0], learner.learned["s", 2]) == (0, 2, 1)
    session.forget([0])
    assert {fact.text for fact in motorhead.user("bob").facts()} == {"likes tea"}
    assert session.learn().messages == 0


def test_an_edit_that_was_not_learned_is_tried_again(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be learned once more, as the model or Redis failed, is learned when the session is tried again."""
    learner = ScriptedLearner(correct, failing, failing, correct)
    motorhead = make(facts=Facts(learner=learner, every=3_600))
    session = motorhead.session("s", "bob")
    session.append(said("home: Rome", "likes tea"))
    session.learn()
    session.edit(0, HumanMessage("home: Oslo"))
    motorhead.flush()
    assert ({fact.text for fact in motorhead.user("bob").facts()}, len(learner.calls)) == ({"likes tea"}, 3)

    def unreachable(*given: Any) -> Any:
        raise StoreUnavailableError("Redis is away")

    with monkeypatch.context() as patch:
        patch.setattr(fact_learning, "relearn", unreachable)
        motorhead.flush()
    motorhead.flush()
    assert {fact.text for fact in motorhead.user("bob").facts()} == {"home: Oslo", "likes tea"}
    motorhead.flush()
    assert learner.learned["s", 0] == 4


async def test_what_was_not_kept_cannot_be_learned(amake: MakeMotorhead, client: redis.Redis) -> None:
    """A report counts messages that are gone, and says so if there is no session; the costs can be read async, too."""
    learner = ScriptedLearner()
    motorhead = amake(facts=Facts(learner=learner), window=SMALL, compaction="manual")
    session = motorhead.session("s", "bob")
    assert (await session.alearn()).state is LearningState.ENDED
    await session.aappend(said("likes tea", "likes milk", "likes water"))
    await session.acompact()
    client.delete(session._keys.archive)  # as if Redis had evicted it
    report = await session.alearn()
    left = 6 - (await session.aload()).start
    assert (report.state, report.missing, report.messages) == (LearningState.DONE, 6 - left, 6)
    assert sum(learner.learned.values()) == left
    bob = motorhead.user("bob")
    assert (await bob.acounts())["messages"] == left
    assert await bob.acounts() == bob.counts()
