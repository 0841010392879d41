"""The session as a chat message history, alone and under `RunnableWithMessageHistory`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory

from langchain_motorhead import InvalidInputError, Motorhead, MotorheadChatMessageHistory, Window
from langchain_motorhead.sessions.load import quoted_summary
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.summarizers import Ledger

SMALL = Window(max_messages=4)


def test_messages_are_the_summary_and_what_comes_after(make: MakeMotorhead) -> None:
    """The history begins with the summary, as a person's message, and has everything that is not in it."""
    history = make(llm=Ledger(), window=SMALL, compaction="inline").history("s")
    assert history.messages == []
    history.add_messages(numbered(6))
    summary, *rest = history.messages
    assert isinstance(summary, HumanMessage)
    assert summary.content == quoted_summary("m0\u241fm1\u241fm2\u241fm3")
    assert contents(rest) == ["m4", "m5"]
    asked = history.motorhead
    assert isinstance(asked, Motorhead)
    assert isinstance(asked.history("s", summary_role="system").messages[0], SystemMessage)
    with pytest.raises(InvalidInputError, match="summary_role"):
        asked.history("s", summary_role="ai")  # type: ignore[arg-type]


async def test_async_history(amake: MakeMotorhead) -> None:
    """The async methods do what the others do."""
    history = amake(compaction="manual").history("s", user_id="u")
    await history.aadd_messages(numbered(3))
    assert contents(await history.aget_messages()) == ["m0", "m1", "m2"]
    assert await history.motorhead.asessions("u") == ["s"]
    await history.aclear()
    assert await history.aget_messages() == []


def test_langchains_own_helpers_work(make: MakeMotorhead) -> None:
    """The conveniences of the base class go through the same store."""
    history = make(compaction="manual").history("s")
    history.add_user_message("hi")
    history.add_ai_message("hello")
    history.add_message(HumanMessage("bye"))
    assert str(history) == "Human: hi\nAI: hello\nHuman: bye"
    history.clear()
    assert history.messages == []


def test_old_messages_can_be_put_back(make: MakeMotorhead) -> None:
    """Messages that were read, cleared and added again are stored again; those that are there are not."""
    history = make(compaction="manual").history("s")
    history.add_messages(numbered(3))
    kept = history.messages[1:]
    history.clear()
    history.add_messages(kept)
    assert contents(history.session.load().messages) == ["m1", "m2"]
    history.add_messages(kept[:1])
    assert contents(history.session.load().messages) == ["m1", "m2"]
    history.add_message(HumanMessage("m1"))
    assert contents(history.session.load().messages) == ["m1", "m2", "m1"]


def with_history(
    runnable: Any, factory: Callable[[str], MotorheadChatMessageHistory], **keys: str
) -> Runnable[Any, Any]:
    """Wrap a runnable, as a user does; the wrapper itself is deprecated and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RunnableWithMessageHistory(runnable, factory, **keys)  # type: ignore[arg-type]


def config(session_id: str) -> Any:
    """Name the session of a run."""
    return {"configurable": {"session_id": session_id}}


def last(value: Any) -> BaseMessage:
    """Find the message that a user's run was about."""
    messages = value if isinstance(value, list) else value["question"]
    return messages[-1] if isinstance(messages, list) else HumanMessage(messages)


FORMS: dict[str, tuple[dict[str, str], Callable[[str], Any]]] = {
    "list": ({}, lambda text: [HumanMessage(text)]),
    "message": ({}, HumanMessage),
    "key": ({"input_messages_key": "question"}, lambda text: {"question": text}),
    "keys": ({"input_messages_key": "question", "history_messages_key": "past"}, lambda text: {"question": text}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shared", [True, False])
async def test_nothing_is_lost_or_repeated_under_a_runnable(amake: MakeMotorhead, form: str, shared: bool) -> None:
    """While compactions shorten the history and other writers lengthen it, each message of a run is stored once."""
    motorhead = amake(llm=Ledger(), window=SMALL, compaction="inline")
    keys, make_input = FORMS[form]
    histories: dict[str, MotorheadChatMessageHistory] = {}

    def factory(session_id: str) -> MotorheadChatMessageHistory:
        return (
            histories.setdefault(session_id, motorhead.history(session_id)) if shared else motorhead.history(session_id)
        )

    said: list[str] = []

    def meddle(text: str) -> AIMessage:
        kind = int(text[1:]) % 3
        if kind == 0:  # another writer, and no compaction
            said.append(f"{text} aside")
        elif kind == 1:  # so much that a compaction runs in between
            said.extend(f"{text} aside {at}" for at in range(5))
        said.extend((text, f"answer to {text}"))
        return AIMessage(f"answer to {text}", id=f"run-{text}")

    def model(value: Any) -> AIMessage:
        before, text = len(said), str(last(value).content)
        answer = meddle(text)
        motorhead.session("s").append([HumanMessage(aside) for aside in said[before:-2]])
        return answer

    async def amodel(value: Any) -> AIMessage:
        before, text = len(said), str(last(value).content)
        answer = meddle(text)
        await motorhead.session("s").aappend([HumanMessage(aside) for aside in said[before:-2]])
        return answer

    chain = with_history(RunnableLambda(model, amodel), factory, **keys)
    for at in range(0, 16, 2):
        chain.invoke(make_input(f"t{at}"), config("s"))
        await chain.ainvoke(make_input(f"t{at + 1}"), config("s"))
    memory = motorhead.session("s").load()
    assert memory.summary is not None
    assert memory.summary.split("\u241f") + contents(memory.messages) == said


@pytest.mark.parametrize("form", FORMS)
def test_ids_that_come_again_are_stored_again(make: MakeMotorhead, form: str) -> None:
    """A model or a user whose messages have the same id each time loses none of them."""
    motorhead = make(compaction="manual")
    keys, make_input = FORMS[form]
    answer = AIMessage("same", id="same")
    chain = with_history(RunnableLambda(lambda value: answer), motorhead.history, **keys)
    for _ in range(4):
        given = make_input("hi")
        chain.invoke([HumanMessage("hi", id="fixed")] if form == "list" else given, config("s"))
    assert contents(motorhead.session("s").load().messages) == ["hi", "same"] * 4


def test_streaming_under_a_runnable(make: MakeMotorhead) -> None:
    """A run that streams stores what its parts add up to."""
    motorhead = make(compaction="manual")
    chain = with_history(GenericFakeChatModel(messages=iter([AIMessage("one two", id="a")])), motorhead.history)
    parts = [part.content for part in chain.stream([HumanMessage("count")], config("s"))]
    assert "".join(parts) == "one two"
    assert contents(motorhead.session("s").load().messages) == ["count", "one two"]


def test_a_history_alone(url: str, namespace: str) -> None:
    """A history is made from a URL or a client alone, with options of its own."""
    history = MotorheadChatMessageHistory("s", url=url, namespace=namespace, llm=Ledger(), window=SMALL)
    history.add_messages(numbered(6))
    history.motorhead.flush()
    assert len(history.messages) == 3
    history.motorhead.close()


def test_the_hooks_that_are_recognised_are_there() -> None:
    """LangChain's wrapper still has the four hooks that the history treats apart."""
    for name in ("_enter_history", "_aenter_history", "_exit_history", "_aexit_history"):
        assert hasattr(getattr(RunnableWithMessageHistory, name), "__code__")


def test_concurrent_runs_on_one_history(make: MakeMotorhead) -> None:
    """Two runs at once on one session, through one history object, store both turns once."""
    motorhead = make(compaction="manual")
    history = motorhead.history("s")
    history.add_messages(numbered(2))

    def outer(value: Any) -> AIMessage:
        if str(last(value).content) == "outer":
            chain.invoke([HumanMessage("inner")], config("s"))
        return AIMessage(f"re {last(value).content}")

    chain = with_history(RunnableLambda(outer), lambda session_id: history)
    chain.invoke([HumanMessage("outer")], config("s"))
    assert contents(history.messages) == ["m0", "m1", "inner", "re inner", "outer", "re outer"]


def test_over_a_users_motorhead(make: MakeMotorhead) -> None:
    """A history belongs to the Motorhead that made it, and closing that closes it."""
    motorhead = make()
    assert isinstance(motorhead, Motorhead)
    assert motorhead.history("s").motorhead is motorhead
