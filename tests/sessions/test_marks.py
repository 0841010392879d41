"""The marks by which a session recognises messages: their memory, their life, and what is refused because of them."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_motorhead import IdConflictError, Motorhead, Window
from langchain_motorhead.messages.content_digest import content_digest
from langchain_motorhead.messages.ids import derived_id, mark, marks, origins
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from support.factory import MakeMotorhead
from support.messages import contents

LARGE = Window(max_messages=1_000)


def some(count: int, start: int = 0) -> list[HumanMessage]:
    """Make messages with ids."""
    return [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(start, start + count)]


def test_a_mark_has_nine_bytes() -> None:
    """A message with an id has a mark of its own; one without has zeros, and nothing is sent if none has an id."""
    assert marks([(None, b"abc"), ("", b"abc")]) == b""
    assert marks([("a", b"abc"), (None, b"abc")]) == mark("a", b"abc") + bytes(9)
    assert len({mark(id_, b"abc") for id_ in ("a", "b", "\ud800", "A", " a")}) == 5


def test_an_origin_is_an_epoch_and_a_number() -> None:
    """Only an id in the exact form that sessions give says where it comes from."""
    epoch = "0123456789abcdef"
    assert origins([None, "x", "motorhead-xyz-1", f"motorhead-{epoch}-07", f"motorhead-{epoch}-7x"]) == ""
    found = origins([derived_id(epoch, 7), "x", derived_id(epoch, "summary"), derived_id(epoch, 10**30)])
    assert found == (f"{epoch}{7:016}" + " " * 32 + f"{epoch}-{1:015}" + f"{epoch}0{'9' * 15}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HumanMessage("hi"), HumanMessage(" hi\n", additional_kwargs={"x": 1}, name="bob")),
        (AIMessage("hi", response_metadata={"model": "m"}), AIMessage([{"type": "text", "text": "hi", "index": 0}])),
        (AIMessage("hi"), AIMessage([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hi"}])),
    ],
)
def test_what_a_front_end_may_drop_makes_no_other_message(one: Any, other: Any) -> None:
    """Metadata, reasoning and the form of a text are no part of a content."""
    assert content_digest(one) == content_digest(other)


def test_what_is_said_makes_another_message() -> None:
    """Another speaker, text, image, or call is another content."""
    call = {"name": "f", "args": {"x": 1}, "id": "c"}
    different = [
        HumanMessage("hi"), AIMessage("hi"), HumanMessage("hi!"), AIMessage("hi", tool_calls=[call]),
        AIMessage("hi", tool_calls=[{**call, "args": {"x": 2}}]), ToolMessage("hi", tool_call_id="c"),
        HumanMessage([{"type": "image", "url": "a"}]), HumanMessage([{"type": "image", "url": "b"}]),
    ]  # fmt: skip
    assert len(set(map(content_digest, different))) == len(different)


def test_memory(make: MakeMotorhead, client: redis.Redis) -> None:
    """The marks of 100,000 messages take at most 12 bytes each, and none is stored again."""
    session = make(compaction="manual").session("s")
    for start in range(0, 100_000, 2_000):
        session.append(some(2_000, start))
    keys = session._keys
    assert 0 < (client.memory_usage(keys.marks, samples=0) or 0) <= 12 * 100_000
    assert client.hget(keys.state, "marks") == b"100000"
    for start in range(0, 100_000, 20_000):
        session.append(some(500, start))
    assert client.llen(keys.messages) == 100_000


def test_other_content_under_a_known_id(make: MakeMotorhead) -> None:
    """It is refused with the id and the position, and nothing is stored, also within one append."""
    session = make(compaction="manual").session("s")
    session.append(some(3))
    with pytest.raises(IdConflictError, match="'id-1'") as refused:
        session.append([HumanMessage("new", id="new"), HumanMessage("other", id="id-1"), HumanMessage("m2", id="id-2")])
    assert refused.value.positions == (1,)
    with pytest.raises(IdConflictError):
        session.append([HumanMessage("one", id="1"), AIMessage("two", id="1")])
    assert contents(session.load().messages) == ["m0", "m1", "m2"]
    session.append([HumanMessage("new", id="new"), HumanMessage("one", id="1")])
    assert session.load().total == 5


@pytest.mark.parametrize("unless_known", [True, False])
def test_an_id_that_was_never_given(make: MakeMotorhead, unless_known: bool) -> None:
    """An id that the session will give later is refused; one that it gave is known."""
    session = make(compaction="manual").session("s")
    session.append([HumanMessage("a"), HumanMessage("b")])
    epoch = session.load().epoch
    for number in (2, 999_999, 10**40):
        with pytest.raises(IdConflictError):
            session.append(HumanMessage("never stored", id=derived_id(epoch, number)), unless_known=unless_known)
    session.append(session.load().messages)
    assert session.load().total == 2


def test_a_conversation_with_ids_of_others(make: MakeMotorhead) -> None:
    """Catching up does not fail: a new message under a known id gets an id of its own, once."""
    session = make(compaction="manual", window=LARGE).session("s")
    session.append(some(2))
    epoch = session.load().epoch
    conversation = [*some(2), HumanMessage("again", id="id-0"), AIMessage("yes", id=derived_id(epoch, 500))]
    for _ in range(3):
        memory = session.catch_up(conversation)
        assert contents(memory.messages) == ["m0", "m1", "again", "yes"]
    assert [each.id for each in memory.messages][:2] == ["id-0", "id-1"]
    conversation.append(HumanMessage("more", id="more"))
    session.append_new(conversation)
    assert contents(session.load().messages) == ["m0", "m1", "again", "yes", "more"]


async def test_a_conversation_with_ids_of_others_async(amake: MakeMotorhead) -> None:
    """The same for the async methods."""
    session = amake(compaction="manual", window=LARGE).session("s")
    await session.aappend(some(2))
    with pytest.raises(IdConflictError):
        await session.aappend(HumanMessage("again", id="id-0"))
    for _ in range(2):
        memory = await session.acatch_up([*some(2), HumanMessage("again", id="id-0")])
        assert contents(memory.messages) == ["m0", "m1", "again"]


def test_marks_live_as_long_as_their_session(make: MakeMotorhead, client: redis.Redis) -> None:
    """They expire with it, whoever made them, and are deleted with it."""
    session, plain = make(ttl=1_000, compaction="manual").session("s"), make(compaction="manual").session("s")
    keys = session._keys
    session.append(HumanMessage("no id"))
    assert not client.exists(keys.marks)
    plain.append(some(1))
    left = client.pttl(keys.state)  # read first, as time passes between the two
    assert 0 < client.pttl(keys.marks) <= left
    client.pexpire(keys.marks, 60_000)
    session.append(HumanMessage("no id"))
    assert client.pttl(keys.marks) > 900_000
    assert plain.delete()
    assert not client.exists(keys.marks)
    client.hset(keys.marks, "0", mark("id-0"))  # as where the state alone was evicted
    plain.append(some(1))
    assert plain.load().total == 1


def test_a_session_of_an_earlier_version(make: MakeMotorhead, client: redis.Redis) -> None:
    """The ids that it remembered are still known, whatever is in their messages, and new ones are added to them."""
    session, keys = make(compaction="manual").session("s"), make().session("s")._keys
    session.append(some(200))
    earlier = "".join(
        b64encode(blake2b(f"id-{at}".encode(), digest_size=8).digest()).decode()[:11] for at in range(72, 200)
    )
    client.hset(keys.state, "ids", earlier)
    client.hdel(keys.state, "marks")
    client.delete(keys.marks)
    session.append([*some(100, 100), HumanMessage("edited", id="id-199"), HumanMessage("new", id="new")])
    assert session.load().total == 201
    assert client.hmget(keys.state, "ids", "marks") == [None, b"129"]
    session.append([*some(128, 72), HumanMessage("new", id="new")])
    assert session.load().total == 201


@pytest.mark.parametrize("count", [0, 3, 1_700])
def test_marks_are_exported(make: MakeMotorhead, count: int) -> None:
    """A client that resends its conversation to an imported session stores nothing twice, however it was summarized."""
    source = make(compaction="inline", window=Window(max_messages=4))
    session = source.session("s")
    session.append([*some(count), HumanMessage("no id")])
    lines = list(export_lines(source))
    target: Motorhead = make(namespace=f"{source.namespace} copy", compaction="manual")
    assert import_lines(target, lines).problems == 0
    copy = target.session("s")
    copy.append(some(count))
    assert copy.load().total == count + 1
    if count:
        with pytest.raises(IdConflictError):
            copy.append(HumanMessage("other", id="id-0"))


def test_a_session_of_a_later_version_is_left_alone(make: MakeMotorhead, client: redis.Redis) -> None:
    """Neither an append nor a compaction touches a session whose layout is unknown."""
    motorhead = make(compaction="manual", window=Window(max_messages=2))
    session = motorhead.session("s")
    session.append(some(6))
    client.hset(session._keys.state, "format", "2")
    before = client.dump(session._keys.state), client.dump(session._keys.messages)
    with pytest.raises(Exception, match="later version"):
        session.append(some(1, 6))
    assert session.compact().summarized == 0
    assert (client.dump(session._keys.state), client.dump(session._keys.messages)) == before
