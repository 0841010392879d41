"""Forgetting messages: what is removed, what stays, and what brings nothing back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead import (
    GapReason,
    InvalidInputError,
    InvalidMessageError,
    Motorhead,
    Receipt,
    Session,
    StoreError,
    UnknownMessageError,
    Window,
)
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.provider_rules import acceptable
from support.factory import MakeMotorhead
from support.messages import contents, orphans, with_tools
from support.summarizers import Ledger, fail, remembered

SMALL = Window(max_messages=4)


def some(count: int, start: int = 0) -> list[BaseMessage]:
    """Make messages with ids."""
    return [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(start, start + count)]


@pytest.fixture
def summarizer() -> Ledger:
    """A summarizer that repeats every word."""
    return Ledger()


@pytest.fixture
def session(make: MakeMotorhead, summarizer: Ledger) -> Session:
    """A session of 12 messages, of which the oldest are summarized in several steps."""
    made = make(window=SMALL, llm=summarizer, compaction="inline").session("s", "u")
    for at in range(12):
        made.append(some(1, at))
    return made


def gone(session: Session) -> list[int]:
    """List the sequence numbers that a transcript shows as forgotten."""
    gaps = session.transcript().gaps
    assert all(gap.reason is GapReason.FORGOTTEN for gap in gaps)
    return [seq for gap in gaps for seq in range(gap.first, gap.last + 1)]


def test_a_receipt_says_what_was_removed_and_all_else_stays(session: Session, client: redis.Redis) -> None:
    """A message of the archive and one of the list are forgotten at once; numbers, order and other messages stay."""
    before = session.load()
    assert before.summarized == 9
    receipt = session.forget(["id-2", "id-10", "id-2"])
    assert receipt == Receipt((2, 10), ("id-2", "id-10"), 1, 1, 0, 0, receipt.summaries)
    assert receipt.summaries > 0
    memory = session.load()
    assert remembered(memory) == [f"m{at}" for at in range(12) if at not in (2, 10)]
    assert (memory.total, memory.gap) == (12, None)
    assert gone(session) == [2, 10]
    assert [each.seq for each in session.transcript()] == [at for at in range(12) if at not in (2, 10)]
    assert session.forget(["id-2", 10]) == Receipt()
    assert client.hget(session._keys.state, "forgotten") == b"2"


@pytest.mark.parametrize(
    ("which", "error", "what"),
    [
        (["id-3", "id-99"], UnknownMessageError, "never had 'id-99'"),
        ([3, 12], UnknownMessageError, "never had 12"),
        ([derived_id("0123456789abcdef", 3)], UnknownMessageError, "never had 'motorhead-"),
        ("id-3", InvalidInputError, "a list"),
        ([None], InvalidInputError, "by its id"),
        ([-1], InvalidInputError, "by its id"),
        ([True], InvalidInputError, "by its id"),
        ([["id-3"]], InvalidInputError, "by its id"),
        ([f"x{at}" for at in range(1_001)], InvalidInputError, "at most 1000"),
    ],
)
def test_what_cannot_be_forgotten_changes_nothing(session: Session, which: Any, error: type, what: str) -> None:
    """Unknown ids and numbers, and what is neither, are refused with a clear error, and nothing is forgotten."""
    before = session.load()
    with pytest.raises(error, match=what):
        session.forget(which)
    assert session.load() == before
    assert gone(session) == []


def test_another_users_session_is_refused(session: Session, make: MakeMotorhead) -> None:
    """Whoever names another user, or a session that does not exist, forgets nothing."""
    other = make().session("s", "other")
    with pytest.raises(InvalidInputError, match="another user"):
        other.forget(["id-3"])
    with pytest.raises(InvalidInputError, match="another user"):
        other.edit("id-3", HumanMessage("x"))
    with pytest.raises(UnknownMessageError):
        make().session("none").forget(["id-3"])
    assert gone(session) == []


def test_a_client_that_sends_it_again_stores_nothing(session: Session) -> None:
    """Neither the message nor another one under its id is stored, however it is sent; other messages are."""
    session.forget(["id-2", "id-10", derived_id(session.load().epoch, 5)])
    again = HumanMessage("other words", id="id-2")
    session.append([*some(12), again, HumanMessage("new", id="n")])
    session.append(again, unless_known=False)
    assert session.transcript().total == 13
    memory = session.catch_up([*some(12), HumanMessage("new", id="n"), again, HumanMessage("newer", id="n2")])
    assert memory.forgotten == {"id-2", "id-5", "id-10"}
    session.append_new([*some(12), again])
    assert remembered(session.load()) == [f"m{at}" for at in range(12) if at not in (2, 5, 10)] + ["new", "newer"]


@pytest.mark.parametrize("ids", [None, "new"])
def test_a_conversation_that_comes_with_other_ids_is_known_by_its_order(make: MakeMotorhead, ids: str | None) -> None:
    """What stands where a message was forgotten is not stored again; but the newest question always is."""
    session = make(compaction="manual").session("s")
    said = ["a", "b", "secret", "c", "other secret", "d"]

    def conversation(*more: str) -> list[BaseMessage]:
        return [
            (HumanMessage if at % 2 == 0 else AIMessage)(text, id=ids and f"{ids}-{len(more)}-{at}")
            for at, text in enumerate([*said, *more])
        ]

    session.append([each.model_copy(update={"id": f"id-{at}"}) for at, each in enumerate(conversation())])
    session.forget([2, 4])
    session.catch_up(conversation("next"))
    assert contents(session.load().messages) == ["a", "b", "c", "d", "next"]
    session.catch_up(conversation("next", "answer", "last"))
    assert contents(session.load().messages) == ["a", "b", "c", "d", "next", "answer", "last"]
    session.forget(["id-5"])
    session.catch_up([*conversation()[:4], HumanMessage("and now?", id="z")])
    assert contents(session.load().messages)[-1] == "and now?"


def test_a_message_without_an_id_is_forgotten_by_its_permanent_one(make: MakeMotorhead) -> None:
    """The id that `load` gives it, or its number, names it; and it does not come back under that id."""
    session = make(compaction="manual").session("s")
    session.append([HumanMessage("a"), HumanMessage("b"), HumanMessage("c")])
    second, third = session.load().messages[1:]
    assert session.forget([str(second.id)]).messages == (1,)
    assert session.forget([2]).ids == (third.id,)
    assert session.catch_up([*session.load().messages, second, third]).forgotten == {second.id, third.id}
    assert contents(session.load().messages) == ["a"]


def test_while_the_model_is_away_the_session_falls_back(session: Session, summarizer: Ledger) -> None:
    """The newest summary from before the message is used; later messages stay readable, and a read names the gap."""
    summarizer.before = fail
    session.forget(["id-4"])
    memory = session.load()
    assert memory.summary == "m0\u241fm1\u241fm2"
    assert memory.gap is not None
    assert (memory.gap.start, memory.gap.stop) == (3, 9)
    assert len(session.transcript()) == 11
    summarizer.before = lambda given: None
    session.compact()
    assert remembered(session.load()) == [f"m{at}" for at in range(12) if at != 4]
    assert session.load().gap is None


def test_results_are_forgotten_with_their_call_and_a_result_alone_is_emptied(make: MakeMotorhead) -> None:
    """A prompt stays valid whatever of a turn with tools is forgotten, in the list and in the archive."""
    for window in (SMALL, Window(max_messages=50)):
        session = make(window=window, llm=Ledger(), compaction="inline").session(f"s{window.max_messages}")
        turns = [with_tools(f"t{at}", calls=2) for at in range(4)]
        session.append([each.model_copy(update={"id": f"{each.content}"}) for turn in turns for each in turn])
        assert session.forget(["t0 calls"]).messages == (1, 2, 3)
        assert session.forget(["t1 result t1-1", "t3 result t3-0"]).messages == (8, 17)
        said = [each.message for each in session.transcript()]
        assert gone(session) == [1, 2, 3, 8, 17]
        memory = session.load()
        assert orphans([each for each in memory.messages if each.type != "human"]) == []
        emptied = [each for each in memory.messages if each.text == "[forgotten]"]
        assert [each.tool_call_id for each in emptied if isinstance(each, ToolMessage)][-1:] == ["t3-0"]
        assert acceptable(memory.messages)
        assert not {"t0 calls", "t0 result t0-0", "t1 result t1-1"} & set(contents(said))
        assert session.forget(["t3 calls"]).messages == (16, 17, 18)


def test_a_call_id_that_is_used_again_is_that_of_the_newest_call(make: MakeMotorhead) -> None:
    """Small models number their calls anew; forgetting a call leaves the results of later ones alone."""
    session = make(compaction="manual").session("s")
    session.append([each for at in range(2) for each in with_tools("same")])
    assert session.forget([1]).messages == (1, 2)


def test_without_an_archive_what_was_made_of_a_message_is_removed(make: MakeMotorhead, client: redis.Redis) -> None:
    """A message that is stored nowhere any more is forgotten in the summary all the same, once."""
    session = make(window=SMALL, llm=Ledger(), compaction="inline", archive=False).session("s")
    for at in range(9):
        session.append(some(1, at))
    assert "m1" in str(session.load().summary)
    receipt = session.forget(["id-1"])
    assert (receipt.messages, receipt.in_list + receipt.in_archive) == ((), 0)
    assert receipt.summaries > 0
    assert "m1" not in str(session.load().summary)
    assert session.forget(["id-1"]) == Receipt()
    session.append(HumanMessage("m1", id="id-1"))
    assert session.load().total == 9


def test_a_damaged_chunk_may_hold_the_message(session: Session, client: redis.Redis) -> None:
    """What may be in a chunk that cannot be read is not said to be forgotten; what is elsewhere can be."""
    client.lset(session._keys.archive, 0, "damaged")
    with pytest.raises(StoreError, match="cannot be read"):
        session.forget(["id-2"])
    assert session.forget(["id-10"]).messages == (10,)


@pytest.mark.parametrize("field", ['"role":["q"]', '"role":"tool","tool_call_id":{}'])
def test_damaged_messages_do_not_keep_others_from_being_forgotten(
    session: Session, client: redis.Redis, field: str
) -> None:
    """A message whose fields have the wrong types can be forgotten, and so can those around it."""
    client.lset(session._keys.messages, 1, f'{{{field},"content":"damaged"}}')
    damaged = session.load().total - client.llen(session._keys.messages) + 1
    assert session.forget(["id-11"]).messages == (11,)
    assert session.forget([damaged]).messages == (damaged,)
    assert "damaged" not in str(client.lrange(session._keys.messages, 0, -1))


def test_an_edit_replaces_a_message_at_its_place(session: Session) -> None:
    """The new text is in the transcript, the summary and the list, under the id and the time of the old one."""
    time = session.transcript(2, 3)[0].time
    receipt = session.edit("id-2", HumanMessage("edited", id="id-2"))
    assert (receipt.messages, receipt.ids, receipt.in_archive) == ((2,), ("id-2",), 1)
    assert session.edit(10, {"role": "user", "content": "also"}).in_list == 1
    said = ["edited" if at == 2 else "also" if at == 10 else f"m{at}" for at in range(12)]
    assert remembered(session.load()) == said
    assert session.transcript(2, 3)[0].time == time
    assert session.transcript(2, 3)[0].message.id == "id-2"
    assert session.edit("id-2", HumanMessage("edited")) == Receipt()
    for again in (HumanMessage("m2", id="id-2"), HumanMessage("edited", id="id-2")):
        session.append(again)
        session.catch_up([again])
    assert remembered(session.load()) == said


CALL = {"name": "look", "args": {}, "id": "c"}


@pytest.mark.parametrize(
    ("which", "new", "what"),
    [
        ("h", AIMessage("x"), "cannot become"),
        ("h", HumanMessage("x", id="other"), "keeps its id"),
        ("h", "text", "is not a message"),
        ("a", AIMessage("x"), "same tool calls"),
        ("a", AIMessage("x", tool_calls=[{**CALL, "id": "d"}]), "same tool calls"),
        ("t", ToolMessage("x", tool_call_id="d"), "another call"),
        ("gone", HumanMessage("x"), "was forgotten"),
        ("none", HumanMessage("x"), "never had"),
        (9, HumanMessage("x"), "never had"),
        (["h"], HumanMessage("x"), "by its id or its sequence number"),
        ("twice", HumanMessage("x"), "several messages"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(make: MakeMotorhead, which: Any, new: Any, what: str) -> None:
    """What would change a type, an id or the pairing of calls, or is not there, is refused, and nothing changes."""
    session = make(compaction="manual").session("s")
    session.append([HumanMessage("h", id="h"), AIMessage("a", id="a", tool_calls=[CALL])])
    session.append([ToolMessage("t", id="t", tool_call_id="c"), HumanMessage("gone", id="gone")])
    session.append(HumanMessage("twice", id="twice"))
    session.append(HumanMessage("twice", id="twice"), unless_known=False)
    session.forget(["gone"])
    before = session.transcript()
    with pytest.raises(InvalidInputError, match=what):
        session.edit(which, new)
    assert session.transcript() == before
    assert session.edit("a", AIMessage("other", tool_calls=[CALL])).messages == (1,)


def test_all_messages_of_an_id_are_forgotten(make: MakeMotorhead) -> None:
    """An id that was stored more than once names all of its messages."""
    session = make(compaction="manual").session("s")
    for _ in range(2):
        session.append(HumanMessage("x", id="x"), unless_known=False)
    assert session.forget(["x"]).messages == (0, 1)


def test_a_client_cannot_make_a_tombstone(make: MakeMotorhead) -> None:
    """A message with the field of a tombstone is refused, so that none is hidden by it."""
    with pytest.raises(InvalidMessageError, match="forgotten"):
        make().session("s").append({"forgotten": True, "role": "user", "content": "x"})


async def test_async(amake: Callable[..., Motorhead]) -> None:
    """The async methods do the same."""
    session = amake(window=SMALL, llm=Ledger(), compaction="inline").session("s")
    for at in range(9):
        await session.aappend(some(1, at))
    assert (await session.aforget(["id-1"])).messages == (1,)
    assert (await session.aedit("id-2", HumanMessage("e"))).messages == (2,)
    assert remembered(await session.aload()) == ["m0", "e", *(f"m{at}" for at in range(3, 9))]
