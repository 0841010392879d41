"""Conversations in which messages share an id, or have the id of a message that is summarized or was edited."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead import Window
from support.factory import MakeMotorhead
from support.messages import contents


def test_one_id_for_all_messages(make: MakeMotorhead) -> None:
    """Every message of a conversation with one id is stored once, however often the conversation is given."""
    session = make(compaction="manual").session("s")
    conversation: list[BaseMessage] = [HumanMessage("a", id="x"), AIMessage("b", id="x"), HumanMessage("c", id="x")]
    for _ in range(2):
        assert contents(session.catch_up(conversation).messages) == ["a", "b", "c"]
    conversation += [AIMessage("d", id="x"), HumanMessage("e", id="x")]
    for _ in range(2):
        session.append_new(conversation)
        assert contents(session.load().messages) == ["a", "b", "c", "d", "e"]
    assert len({message.id for message in session.load().messages}) == 5


def test_an_edited_message_is_not_stored_again(make: MakeMotorhead) -> None:
    """A message whose content changed in the conversation is the stored one, and those after it are new."""
    session = make(compaction="manual").session("s")
    session.catch_up([HumanMessage("a", id="1"), AIMessage("b", id="2"), HumanMessage("c", id="3")])
    edited = [HumanMessage("a", id="1"), AIMessage("B", id="2"), HumanMessage("c", id="3"), AIMessage("d", id="4")]
    for _ in range(2):
        assert contents(session.catch_up(edited).messages) == ["a", "b", "c", "d"]


def test_the_id_of_a_summarized_message(make: MakeMotorhead) -> None:
    """A new message with the id of a summarized one is stored once, under another id."""
    session = make(compaction="manual", window=Window(max_messages=4)).session("s")
    conversation: list[BaseMessage] = [
        kind(f"{kind.__name__} {at}") for at in range(6) for kind in (HumanMessage, AIMessage)
    ]
    conversation = [each.model_copy(update={"id": f"id-{at}"}) for at, each in enumerate(conversation)]
    session.catch_up(conversation)
    session.compact()
    for _ in range(2):
        memory = session.catch_up([HumanMessage("new", id="id-0")])
        assert (memory.messages[-1].content, memory.total) == ("new", 13)
    conversation += [HumanMessage("new", id="id-0"), AIMessage("answer", id="answer")]
    for _ in range(2):
        memory = session.catch_up(conversation)
        assert (contents(memory.messages)[-2:], memory.total) == (["new", "answer"], 14)


@pytest.mark.parametrize(
    "content", ["\ud83d", [{"type": "text", "text": "\ud83d"}, {"type": "x", "n": 10**30, "s": "\udfff"}]]
)
def test_content_that_is_no_json(make: MakeMotorhead, content: str | list[str | dict[str, object]]) -> None:
    """Messages with lone surrogates and large integers are stored once, also if they share an id."""
    session = make(compaction="manual").session("s")
    conversation = [HumanMessage("a", id="x"), AIMessage("b", id="x"), HumanMessage(content, id="x")]
    for _ in range(2):
        assert [each.content for each in session.catch_up(conversation).messages] == ["a", "b", content]
