"""A message that is changed in an agent's state: the session keeps what it has, unless edits are asked for."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import HashingEmbeddings, MotorheadMiddleware, Window
from langchain_motorhead.sessions.changes import forgetting
from support.agents import agent_of, stored, texts, thread
from support.factory import MakeMotorhead
from support.summarizers import Ledger


def conversation(number: int, *begin: Any) -> dict[str, Any]:
    """Give what a front end sends that holds the conversation."""
    turns = [(HumanMessage(f"q{at}", id=f"q{at}"), AIMessage(f"re q{at}", id=f"a{at}")) for at in range(number)]
    messages = [message for turn in turns for message in turn]
    return {"messages": [*begin, *messages[len(begin) :], HumanMessage(f"q{number}", id=f"q{number}")]}


@pytest.mark.parametrize("edits", [False, True])
@pytest.mark.parametrize("side", ["sync", "async"])
async def test_a_changed_message(
    amake: MakeMotorhead, caplog: pytest.LogCaptureFixture, edits: bool, side: str
) -> None:
    """It is edited in the session and the index with `edits=True`; else it stays, with one warning."""
    motorhead = amake(embeddings=HashingEmbeddings(16), compaction="manual")
    session = motorhead.session("t")
    await session.aappend(conversation(1)["messages"][:2])
    agent, model = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, edits=edits)])
    changed = HumanMessage("q0, changed", id="q0")
    with caplog.at_level(logging.WARNING):
        for number in (1, 2):
            given = conversation(number, changed)
            _ = agent.invoke(given, thread()) if side == "sync" else await agent.ainvoke(given, thread())
    first = "q0, changed" if edits else "q0"
    assert stored(motorhead) == [first, "re q0", "q1", "re q1", "q2", "re q2"]
    assert texts(model.prompts[-1])[-5:] == ["q0, changed", "re q0", "q1", "re q1", "q2"]
    assert caplog.text.count("give edits=True") == (not edits)
    await motorhead.aflush()
    assert [each.page_content for each in await session.asearch("q0, changed", k=1)] == [first]


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_a_changed_message_that_left_the_window(
    amake: MakeMotorhead, caplog: pytest.LogCaptureFixture, side: str
) -> None:
    """It is edited in the archive, once a change. One that cannot be edited is not looked for again."""
    motorhead = amake(compaction="manual", llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("t")
    await session.aappend(conversation(5)["messages"][:10])
    await session.acompact()
    assert (await session.aload()).start == 8
    agent, _ = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, edits=True)])
    call = {"name": "look", "args": {}, "id": "c"}
    changed = [HumanMessage("q0, changed", id="q0"), AIMessage("re q0", id="a0", tool_calls=[call])]
    edits, edit = list[object](), forgetting.edit

    def counted(keys: Any, which: str, *rest: Any) -> Any:
        edits.append(which)
        return edit(keys, which, *rest)

    async def run(given: Any) -> None:
        _ = agent.invoke(given, thread()) if side == "sync" else await agent.ainvoke(given, thread())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forgetting, "edit", counted)
        for number in (5, 6):
            await run(conversation(number, *changed))
            assert edits == ["q0", "a0", "a0"]  # what a message cannot be stored with is left out in a second attempt
        await session.aedit("q0", HumanMessage("q0, by hand"))
        await run(conversation(7, *changed))
        assert edits[3:] == ["q0"], "the state has not changed, so that it does not undo what was done by hand"
        assert (await session.atranscript())[0].message.text == "q0, by hand"
        for number, text in ((8, "q0, changed again"), (9, "q0, changed again"), (10, "q0, changed")):
            await run(conversation(number, HumanMessage(text, id="q0"), *changed[1:]))
            assert (await session.atranscript())[0].message.text == text
        assert edits[4:] == ["q0", "q0"]
    assert [each.message.text for each in (await session.atranscript())[:4]] == ["q0, changed", "re q0", "q1", "re q1"]
    assert caplog.text.count("cannot be edited") == 1
    assert (await session.aload()).total == 22


def test_a_change_that_is_no_edit(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """Calls cannot be added to a stored message: a warning says so, once, and the run goes on with what is stored."""
    motorhead = make(compaction="manual")
    motorhead.session("t").append(conversation(2)["messages"][:4])
    agent, model = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, edits=True)])
    call = {"name": "look", "args": {}, "id": "c"}
    changed = [HumanMessage("q0", id="q0"), AIMessage("re q0", id="a0", tool_calls=[call])]
    for number in (2, 3):
        agent.invoke(conversation(number, *changed), thread())
    assert stored(motorhead) == [text for at in range(4) for text in (f"q{at}", f"re q{at}")]
    assert texts(model.prompts[-1])[-1] == "q3"
    assert caplog.text.count("cannot be edited") == 1


def test_an_edit_of_what_is_being_summarized(make: MakeMotorhead) -> None:
    """A summary of the old words that is made meanwhile is not stored."""
    motorhead = make(compaction="manual", llm=(ledger := Ledger()), window=Window(max_messages=4))
    session = motorhead.session("t")
    session.append(conversation(2)["messages"])
    agent, _ = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, edits=True)])

    def change(given: object) -> None:
        ledger.before = lambda given: None
        agent.invoke(conversation(2, HumanMessage("q0, changed", id="q0")), thread())

    ledger.before = change
    session.compact()
    session.compact()
    memory = session.load()
    assert "q0, changed" in (memory.summary or "")
    assert session.transcript()[0].message.text == "q0, changed"
