"""One suite for every kind of URL: what a session promises, on Redis, embedded, and over REST."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead import (
    Facts,
    HashingEmbeddings,
    InvalidInputError,
    InvalidMessageError,
    LearningError,
    Motorhead,
    MotorheadChatMessageHistory,
    MotorheadMemory,
    RecallNotConfiguredError,
    SummarizationError,
    UnknownFactError,
    Window,
)
from langchain_motorhead.server import Settings, create_app
from support.http_servers import served
from support.learners import ScriptedLearner, correct, failing
from support.messages import contents, numbered, orphans, with_tools
from support.summarizers import SEPARATOR, Ledger, remembered

SMALL = Window(max_messages=4)
_USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
_LONG_AGO = date(2001, 1, 1)


class Place:
    """Where sessions are: a handle, its URL, what waits for the background, and options that a face needs."""

    def __init__(self, motorhead: Motorhead, url: str, settle: Callable[[], None], options: dict[str, Any]) -> None:
        self.motorhead, self.url, self.settle, self.options = motorhead, url, settle, options


@pytest.fixture(params=["redis", "embedded", "remote"])
def place(request: pytest.FixtureRequest, url: str) -> Iterator[Callable[..., Place]]:
    """Makes a place of one kind."""
    with ExitStack() as stack:

        def make(**options: Any) -> Place:
            namespace = f"test {uuid.uuid4()}"
            at = "embedded://" if request.param == "embedded" else url
            motorhead = stack.enter_context(Motorhead.from_url(at, namespace=namespace, **options))
            if request.param != "remote":
                return Place(motorhead, at, motorhead.flush, {"namespace": namespace})
            base = stack.enter_context(served(create_app(Settings(), motorhead=lambda _: motorhead)))
            remote = stack.enter_context(Motorhead.from_url(base))
            return Place(remote, base, lambda: asyncio.run(_settled(motorhead)), {})

        yield make


async def _settled(motorhead: Motorhead) -> None:
    """Wait until the server's background is done, which runs on its own loop."""
    while motorhead.backend.require_redis().maintenance.background.pending:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)


def test_messages_come_back_whole(place: Callable[..., Place]) -> None:
    """Every kind of message is loaded as it was appended, each time with the same id."""
    session = place().motorhead.session("a/b ..%2F é", "bob@x.org")
    messages = [
        SystemMessage("be kind"),
        HumanMessage([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "http://x/y"}}]),
        AIMessage("", tool_calls=[{"name": "look", "args": {"at": 1.5}, "id": "c1"}], usage_metadata=_USAGE),
        ToolMessage("found", tool_call_id="c1", artifact={"raw": [1, None]}),
        AIMessage("there", id="run-1", response_metadata={"model": "m"}),
        ChatMessage(content="beep", role="navigator"),
        HumanMessage("", name="bob"),
    ]
    session.append(messages)
    loaded = session.load()
    assert [each.model_copy(update={"id": None}) for each in loaded.messages] == [
        each.model_copy(update={"id": None}) for each in messages
    ]
    assert loaded.messages[4].id == "run-1"
    assert len({each.id for each in loaded.messages}) == len(messages)
    assert session.load() == loaded
    assert (loaded.total, loaded.summarized, loaded.summary, loaded.start) == (7, 0, None, 0)


async def test_async_is_the_same(place: Callable[..., Place]) -> None:
    """Every call has an async version that does the same."""
    made = await asyncio.to_thread(place)
    session = made.motorhead.session("s", "u")
    await session.aappend(numbered(3))
    assert contents((await session.aload()).messages) == ["m0", "m1", "m2"]
    held = [*(await session.aload()).messages, HumanMessage("new", id="n")]
    assert contents((await session.acatch_up(held)).messages) == ["m0", "m1", "m2", "new"]
    await session.aappend_new([*held, HumanMessage("newer", id="nn")])
    assert (await session.aload()).total == 5
    assert await made.motorhead.asessions("u") == ["s"]
    assert (await session.acompact()).summarized == 0
    assert await session.adelete()
    assert not await session.adelete()
    await session.aappend(numbered(1))
    assert await made.motorhead.adelete_user("u") == 1
    await made.motorhead.aflush()
    await made.motorhead.aclose()


def test_appends_are_idempotent_by_id(place: Callable[..., Place]) -> None:
    """A message whose id is known is stored once, unless it is to be stored whatever its id."""
    session = place().motorhead.session("s")
    message = HumanMessage("once", id="1")
    for _ in range(3):
        session.append([message, AIMessage("yes", id="2")])
    assert contents(session.load().messages) == ["once", "yes"]
    session.append(message, unless_known=False)
    session.append([HumanMessage("no id"), HumanMessage("no id")])
    assert contents(session.load().messages) == ["once", "yes", "once", "no id", "no id"]


def test_catching_up(place: Callable[..., Place]) -> None:
    """Of a conversation that is held elsewhere only what is new is stored, and a deleted one does not come back."""
    session = place().motorhead.session("s")
    held = [message.model_copy(update={"id": str(at)}) for at, message in enumerate(numbered(4))]
    assert contents(session.catch_up(held[:2]).messages) == ["m0", "m1"]
    assert contents(session.catch_up(held, after="1").messages) == ["m0", "m1", "m2", "m3"]
    session.append_new(held)
    assert session.load().total == 4
    session.delete()
    more = [*held, HumanMessage("m4", id="4")]
    assert contents(session.catch_up(more, after="3").messages) == ["m4"]


def test_compaction_loses_nothing(place: Callable[..., Place]) -> None:
    """In the background or on demand, all that was said is in the summary or in the window, once, in order."""
    made = place(llm=Ledger(), window=SMALL)
    session = made.motorhead.session("s")
    for start in range(0, 20, 2):
        session.append(numbered(2, start))
    made.settle()
    session.compact()
    memory = session.load()
    assert remembered(memory) == [f"m{at}" for at in range(20)]
    assert memory.total == 20
    assert len(memory.messages) <= SMALL.max_messages
    assert (memory.summarized + len(memory.messages), memory.start) == (20, memory.summarized)
    assert memory.as_messages()[0].type == "human"
    assert memory.as_messages("system")[0].type == "system"


def test_tool_calls_keep_their_results(place: Callable[..., Place]) -> None:
    """Whatever the window, no result is without its call."""
    made = place(llm=Ledger(), window=SMALL)
    session = made.motorhead.session("s")
    for turn in range(6):
        for message in with_tools(f"t{turn}", calls=3):
            session.append(message)
            memory = session.load()
            assert not [each for each in orphans(memory.messages) if f"t{turn}" not in each]
    made.settle()
    assert orphans(session.load().messages) == []


def test_a_summarizer_that_fails_is_told(place: Callable[..., Place]) -> None:
    """A compaction on demand raises the summarizer's failure, and nothing is lost."""

    def fail(given: Any) -> None:
        raise RuntimeError("no")

    made = place(llm=Ledger(fail), window=SMALL)
    session = made.motorhead.session("s")
    session.append(numbered(8))
    with pytest.raises(SummarizationError):
        session.compact()
    memory = session.load()
    assert (contents(memory.messages), memory.backlog) == ([f"m{at}" for at in range(8)], 4)
    assert memory.failures >= 1


def test_users_are_apart(place: Callable[..., Place]) -> None:
    """A session is its first user's; a user's sessions are listed, and deleted, alone."""
    motorhead = place().motorhead
    for at, user_id in enumerate(("ann", "bob", "ann")):
        motorhead.session(f"s{at}", user_id).append(HumanMessage("hi"))
    assert motorhead.sessions() == ["s2", "s1", "s0"]
    assert motorhead.sessions(newest_first=False, page=1, size=2) == ["s0", "s1"]
    assert motorhead.sessions("ann", page=2, size=1) == ["s0"]
    for call in ("load", "delete"):
        with pytest.raises(InvalidInputError, match="another user"):
            getattr(motorhead.session("s1", "ann"), call)()
    with pytest.raises(InvalidInputError, match="another user"):
        motorhead.session("s1", "ann").append(HumanMessage("mine"))
    assert motorhead.delete_user("ann") == 2
    assert motorhead.sessions() == ["s1"]
    for page, size in ((0, None), (1, 0)):
        with pytest.raises(InvalidInputError):
            motorhead.sessions(page=page, size=size)
    with pytest.raises(InvalidInputError):
        motorhead.delete_user(None)  # type: ignore[arg-type]


def test_wrong_messages_store_nothing(place: Callable[..., Place]) -> None:
    """What is no message fails its append, and none of the call is stored."""
    session = place().motorhead.session("s")
    for wrong in ("hi", 7, [HumanMessage("ok"), 3], [{"role": "user"}]):
        with pytest.raises(InvalidMessageError):
            session.append(wrong)  # type: ignore[arg-type]
    assert session.load().total == 0
    session.append([])
    assert not session.delete()


def test_searching(place: Callable[..., Place]) -> None:
    """A search finds what was said, in a session, of a user, and by its conditions; a tool answers from it."""
    made = place(embeddings=HashingEmbeddings())
    bob, ann = made.motorhead.session("b", "bob"), made.motorhead.session("a", "ann")
    bob.append([HumanMessage("my dog is called Rex", name="Bob"), AIMessage("a fine name for a dog")])
    ann.append([HumanMessage("the train leaves at nine"), AIMessage("do not be late")])
    made.settle()
    (first, *_) = bob.search("what is the dog called", k=1)
    assert first.page_content == "my dog is called Rex"
    assert {name: first.metadata[name] for name in ("session_id", "user_id", "role", "name", "seq")} == {
        "session_id": "b", "user_id": "bob", "role": "human", "name": "Bob", "seq": 0,
    }  # fmt: skip
    assert first.id == bob.load().messages[0].id
    retriever = made.motorhead.retriever(user_id="ann", k=2, search_type="similarity", roles=["human"])
    assert [each.page_content for each in retriever.invoke("train")] == ["the train leaves at nine"]
    around = made.motorhead.retriever(k=1, neighbors=1).invoke("dog called")
    assert around[0].page_content == "Human (Bob): my dog is called Rex\nAI: a fine name for a dog"
    assert made.motorhead.retriever("b", search_type="mmr", k=2).invoke("dog")
    assert made.motorhead.retriever("b", before=_LONG_AGO).invoke("dog") == []
    assert made.motorhead.retriever("b", exclude_window=True).invoke("dog") == []
    assert made.motorhead.retriever("b").without(("b", 1)).invoke("dog")[0].metadata["seq"] == 0
    assert "Rex" in made.motorhead.recall_tool(user_id="bob").invoke({"query": "dog"})
    with pytest.raises(InvalidInputError):
        made.motorhead.retriever("b", search_type="guess")
    bob.append(
        [HumanMessage("the dog in a kennel"), HumanMessage("a kennel for the dog"), HumanMessage("kennel paint")]
    )
    made.settle()
    plain, expanded = (
        {each.page_content: each.metadata["score"] for each in bob.search("dog", k=9, expand=expand)}
        for expand in (False, True)
    )
    assert expanded["kennel paint"] > plain.get("kennel paint", 0.0)  # what the first results share counts


async def test_facts_and_learning(place: Callable[..., Place]) -> None:
    """A session without a user has facts of its own, which are learned on demand, stated, corrected and forgotten."""
    learner = ScriptedLearner(correct)
    made = await asyncio.to_thread(place, facts=Facts(learner=learner, every=3_600))
    for session, owner in (
        (made.motorhead.session("s/1"), made.motorhead.user(session_id="s/1")),
        (made.motorhead.session("b", "bob"), made.motorhead.user("bob")),
    ):
        session.append([HumanMessage("drink: tea"), AIMessage("I see."), HumanMessage("home: Oslo")])
        report = session.learn()
        assert (report.state.value, report.messages, report.facts, report.accepted) == ("done", 3, 2, 2)
        assert (await session.alearn()).messages == 0
        assert {fact.text for fact in owner.facts()} == {"drink: tea", "home: Oslo"}
        tea = next(fact for fact in await owner.afacts("tea", k=1))
        assert [(source.session_id, source.quote) for source in tea.sources] == [(session.session_id, "drink: tea")]
        milk = owner.correct(tea.id, "drink: milk")
        assert (await owner.aremember("Is vegan", attribute="diet")).pinned
        assert session.load(profile_tokens=100).profile.count("\n") == owner.profile(100).count("\n") == 2
        assert owner.forget(milk.id)
        assert not owner.forget(milk.id)
        with pytest.raises(UnknownFactError):
            owner.correct(milk.id, "drink: water")
        assert {fact.text for fact in owner.facts(superseded=True)} == {"drink: tea", "home: Oslo", "Is vegan"}
        learner.answers = (failing,)
        session.append(HumanMessage("home: Rome"))
        with pytest.raises(LearningError):
            session.learn()
        learner.answers = (correct,)
        assert session.delete()
        assert [fact.text for fact in owner.facts()] == (["Is vegan"] if owner.user_id else [])


def test_learning_without_the_option(place: Callable[..., Place]) -> None:
    """It says that facts are not configured."""
    with pytest.raises(InvalidInputError, match="facts"):
        place().motorhead.session("s").learn()


def test_searching_without_embeddings(place: Callable[..., Place]) -> None:
    """Without an embedding model a search says that there is none."""
    with pytest.raises(RecallNotConfiguredError):
        place().motorhead.session("s").search("dog")


async def test_the_faces(place: Callable[..., Place]) -> None:
    """A history and a memory work from the URL alone."""
    made = await asyncio.to_thread(place, llm=Ledger(), window=SMALL)
    history = MotorheadChatMessageHistory("s", url=made.url, **made.options)
    history.add_messages([HumanMessage("hi"), AIMessage("hello")])
    assert contents(history.messages) == ["hi", "hello"]
    memory = MotorheadMemory(session_id="s", url=made.url, memory_key="chat_history", **made.options)
    memory.save_context({"input": "how are you?"}, {"output": "fine"})
    assert memory.load_memory_variables({}) == {"chat_history": "Human: hi\nAI: hello\nHuman: how are you?\nAI: fine"}
    history.add_messages([HumanMessage("good"), AIMessage("bye")])
    made.motorhead.session("s").compact()
    await memory.init()
    assert memory.context == SEPARATOR.join(["hi", "hello", "how are you?", "fine"])
    memory.clear()
    assert history.messages == []
    for each in (memory, history.motorhead, made.motorhead):
        await each.aclose()
