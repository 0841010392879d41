"""Appending, loading, listing and deleting, on a real server."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead import InvalidInputError, InvalidMessageError, Motorhead, Window, WrongKeyTypeError
from langchain_motorhead.sessions.append import append_records, to_record
from support.factory import MakeMotorhead
from support.messages import contents, numbered, orphans, with_tools
from support.summarizers import Ledger

MANUAL: dict[str, Any] = {"compaction": "manual"}


def test_what_was_appended_is_loaded(make: MakeMotorhead) -> None:
    """Messages come back in order and whole, with stable ids where they had none."""
    session = make(**MANUAL).session("s")
    session.append([HumanMessage("hi", name="bob"), AIMessage("hello", id="run-1")])
    session.append(SystemMessage("one alone"))
    memory = session.load()
    assert contents(memory.messages) == ["hi", "hello", "one alone"]
    assert memory.messages[0] == HumanMessage("hi", name="bob", id=memory.messages[0].id)
    assert memory.messages[1].id == "run-1"
    assert [message.id for message in session.load().messages] == [message.id for message in memory.messages]
    assert len({message.id for message in memory.messages}) == 3
    assert (memory.summary, memory.total, memory.summarized, memory.backlog) == (None, 3, 0, 0)


async def test_async_twins_do_the_same(amake: MakeMotorhead) -> None:
    """What one side writes the other side reads, lists and deletes."""
    motorhead = amake(**MANUAL)
    session = motorhead.session("s", user_id="u")
    await session.aappend(numbered(3))
    assert (await session.aload()) == await asyncio.to_thread(session.load)
    assert await motorhead.asessions("u") == await asyncio.to_thread(motorhead.sessions) == ["s"]
    assert await session.adelete()
    assert not await session.adelete()
    await session.aappend(numbered(3))
    assert await motorhead.adelete_user("u") == 1
    assert (await session.aload()).messages == []


def test_a_session_that_is_not_there_is_empty(make: MakeMotorhead) -> None:
    """Reading, compacting or deleting what never was is no error, and makes nothing."""
    motorhead = make()
    session = motorhead.session("nobody")
    assert session.load().messages == []
    assert session.load().summary is None
    assert session.compact().summarized == 0
    assert not session.delete()
    assert motorhead.sessions() == []


def test_appending_nothing_does_nothing(make: MakeMotorhead) -> None:
    """An empty append makes no session."""
    motorhead = make()
    motorhead.session("s").append([])
    assert motorhead.sessions() == []


def test_a_wire_object_is_kept_as_written(make: MakeMotorhead, client: redis.Redis) -> None:
    """A REST client's role is read as a LangChain message and given back as it was."""
    session = make(**MANUAL).session("s")
    session.append([{"role": "user", "content": "hi"}, {"role": "navigator", "content": "left"}])
    assert [message.type for message in session.load().messages] == ["human", "chat"]
    stored: Any = client.lrange(session._keys.messages, 0, -1)
    assert stored == [b'{"role":"user","content":"hi"}', b'{"role":"navigator","content":"left"}']


@pytest.mark.parametrize(
    "wrong",
    ["hi", b"hi", 7, None, ["hi"], [HumanMessage("ok"), 3], [{"role": "user"}], [{"content": "x"}], [("human", "x")]],
)
def test_what_is_no_message_is_refused_whole(make: MakeMotorhead, wrong: Any) -> None:
    """A wrong message fails its append with an error of ours, and none of the call is stored."""
    session = make().session("s")
    with pytest.raises(InvalidMessageError):
        session.append(wrong)
    assert session.load().total == 0


def test_a_corrupt_record_loses_no_neighbour(
    make: MakeMotorhead, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Foreign bytes in the list are reported and skipped, by reading and by compaction."""
    ledger = Ledger()
    session = make(llm=ledger, window=Window(max_messages=4), **MANUAL).session("s")
    for at, foreign in enumerate((b"\xff\x00", b"[]", b'{"type":"human","data":{"content":"x"}}', b"nan")):
        session.append(numbered(2, start=2 * at))
        client.rpush(session._keys.messages, foreign)
    assert contents(session.load().messages) == [f"m{at}" for at in range(3, 8)]  # of the newest 8 records
    assert "is skipped" in caplog.text
    assert session.compact().summarized == 10
    assert contents([m for call in ledger.calls for m in call["messages"]]) == [f"m{at}" for at in range(7)]
    assert contents(session.load().messages) == ["m7"]


HOSTILE = [
    str(uuid.uuid4()), "a b", "ümläut 漢字 🎈", "{}", "{", "}", "}{", ":", "*", "|", "/", "a/b", "a%2Fb", "new\nline",
    "x" * 512, "\x00", "\ud800", "motorhead:sessions", "%", "-", "'\"\\",
]  # fmt: skip


def test_any_string_is_a_session_id(make: MakeMotorhead) -> None:
    """Hostile ids neither fail nor share anything, and are listed and deleted as they are."""
    motorhead = make(**MANUAL)
    for at, id_ in enumerate(HOSTILE):
        motorhead.session(id_, user_id=id_).append(HumanMessage(f"mine {at}"))
    assert sorted(motorhead.sessions()) == sorted(HOSTILE)
    for at, id_ in enumerate(HOSTILE):
        assert contents(motorhead.session(id_).load().messages) == [f"mine {at}"]
        assert motorhead.sessions(id_) == [id_]
    for id_ in HOSTILE[::2]:
        assert motorhead.delete_user(id_) == 1
    assert sorted(motorhead.sessions()) == sorted(HOSTILE[1::2])


@given(first=st.text(min_size=1, max_size=20), second=st.text(min_size=1, max_size=20))
@settings(max_examples=30)
def test_namespaces_are_apart(url: str, first: str, second: str) -> None:
    """The same session id in two namespaces is two sessions."""
    suffix = uuid.uuid4().hex
    with (
        Motorhead.from_url(url, namespace=first + suffix) as one,
        Motorhead.from_url(url, namespace=second + "-" + suffix) as other,
    ):
        one.session("s").append(HumanMessage("one"))
        assert other.session("s").load().messages == []
        assert other.sessions() == []
        one.session("s").delete()


@pytest.mark.parametrize("wrong", ["", None, 3, b"bytes"])
def test_a_wrong_id_is_refused(make: MakeMotorhead, wrong: Any) -> None:
    """An id that is empty or no string is refused when the handle is made, in every place that takes one."""
    motorhead = make()
    as_user = lambda id_: motorhead.session("s", user_id=id_)
    makers: list[Any] = [motorhead.session, motorhead.history, motorhead.memory, as_user]
    for maker in makers if wrong is not None else makers[:3]:
        with pytest.raises(InvalidInputError):
            maker(wrong)
    if wrong is not None:
        with pytest.raises(InvalidInputError):
            make(namespace=wrong)


def test_sessions_are_listed_by_last_activity(make: MakeMotorhead) -> None:
    """The listing is in order of activity, either way round, of all or of one user, page by page."""
    motorhead = make(**MANUAL)
    for at in range(7):
        motorhead.session(f"s{at}", user_id="odd" if at % 2 else "even").append(HumanMessage("x"))
    motorhead.session("s0").append(HumanMessage("again"))
    order = ["s0", "s6", "s5", "s4", "s3", "s2", "s1"]
    assert motorhead.sessions() == order
    assert motorhead.sessions(newest_first=False) == order[::-1]
    assert motorhead.sessions("odd") == ["s5", "s3", "s1"]
    assert [motorhead.sessions(page=page, size=3) for page in (1, 2, 3, 4)] == [order[:3], order[3:6], order[6:], []]
    for page, size in ((0, 1), (1, 0), (-1, None)):
        with pytest.raises(InvalidInputError):
            motorhead.sessions(page=page, size=size)


def test_deletion_is_complete(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Nothing that names a deleted session or user stays in Redis, whichever handle deletes it."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=2), compaction="inline")
    for user in ("ann", "bob"):
        for at in range(3):
            motorhead.session(f"{user}{at}", user_id=user).append(numbered(8))
    assert motorhead.session("ann0").delete()
    assert motorhead.sessions("ann") == ["ann2", "ann1"]
    assert motorhead.delete_user("ann") == 2
    assert motorhead.sessions() == ["bob2", "bob1", "bob0"]
    assert motorhead.delete_user("bob") == 3
    assert motorhead.delete_user("bob") == 0
    left: Any = client.keys("*")
    assert [key for key in left if namespace.split()[1].encode() in key] == []


def test_a_session_belongs_to_its_user(make: MakeMotorhead) -> None:
    """Another user can neither read nor write it, nor does deleting that user touch it."""
    motorhead = make()
    motorhead.session("s", user_id="ann").append(HumanMessage("mine"))
    stranger = motorhead.session("s", user_id="bob")
    with pytest.raises(InvalidInputError, match="another user"):
        stranger.append(HumanMessage("yours"))
    with pytest.raises(InvalidInputError, match="another user"):
        stranger.load()
    for change in (stranger.delete, stranger.compact):
        with pytest.raises(InvalidInputError, match="another user"):
            change()
    assert motorhead.delete_user("bob") == 0
    assert contents(motorhead.session("s").load().messages) == ["mine"]


def test_deleting_nobody_deletes_nothing(make: MakeMotorhead) -> None:
    """A user id that is missing is refused, and does not stand for everybody."""
    motorhead = make(compaction="manual")
    motorhead.session("s").append(HumanMessage("x"))
    for wrong in (None, "", 3):
        with pytest.raises(InvalidInputError, match="user_id"):
            motorhead.delete_user(wrong)  # type: ignore[arg-type]
    assert motorhead.sessions() == ["s"]


def test_an_append_that_is_sent_again_is_stored_once(make: MakeMotorhead) -> None:
    """An append that a client sends again, as its answer was lost, is recognised; the same messages anew are not."""
    session = (motorhead := make(compaction="manual")).session("s", user_id="u")
    redis = motorhead.backend.require_redis()
    records = [to_record(each, redis.append_config) for each in numbered(2)]
    operation = append_records(session._keys, records, redis.append_config)
    first, again = redis.execute(operation), redis.execute(operation)
    assert first is not None
    assert again is not None
    assert (first.added, first.length) == (2, 2)
    assert (again.added, again.length) == (0, 2)
    assert contents(session.load().messages) == ["m0", "m1"]
    session.append(numbered(2))
    assert session.load().total == 4


def test_a_foreign_key_in_the_place_of_a_registry(make: MakeMotorhead, client: redis.Redis) -> None:
    """Where the session cannot be listed, nothing of it is stored."""
    session = make(compaction="manual").session("s")
    client.set(session._keys.registries[0], "somebody's")
    with pytest.raises(WrongKeyTypeError):
        session.append(numbered(2))
    assert session.load().total == 0
    client.delete(session._keys.registries[0])


def test_a_session_gets_its_user_later(make: MakeMotorhead) -> None:
    """A session that was begun without a user is the user's who first writes to it."""
    motorhead = make()
    motorhead.session("s").append(HumanMessage("before"))
    motorhead.session("s", user_id="ann").append(HumanMessage("after"))
    assert motorhead.sessions("ann") == ["s"]
    assert motorhead.delete_user("ann") == 1
    assert motorhead.session("s").load().total == 0


def test_a_read_is_bounded_and_starts_right(make: MakeMotorhead) -> None:
    """While compaction is behind, a read gives the newest messages up to the hard limit, and no cut-off tool result."""
    session = make(window=Window(max_messages=4, hard_limit=6), **MANUAL).session("s")
    session.append([*with_tools("a", calls=3), *numbered(4)])
    memory = session.load()
    assert contents(memory.messages) == ["a answer", "m0", "m1", "m2", "m3"]
    assert (memory.backlog, memory.total) == (6, 10)
    assert orphans(memory.messages) == []


def test_an_oversized_group_of_tool_results_is_read_whole(make: MakeMotorhead) -> None:
    """Where the newest messages are more results of one call than the hard limit, they come with their call."""
    session = make(window=Window(max_messages=2), **MANUAL).session("s")
    session.append([*numbered(4), *with_tools("a", calls=9)[:-1]])
    messages = session.load().messages
    assert contents(messages)[0] == "a calls"
    assert len(messages) == 10
    assert orphans(messages) == []


def test_a_result_that_comes_after_its_call_was_folded_is_left_out(make: MakeMotorhead) -> None:
    """A tool result whose call is in the summary never enters a prompt without it."""
    session = make(llm=Ledger(), window=Window(max_messages=2), compaction="inline").session("s")
    session.append([AIMessage("call", tool_calls=[{"name": "t", "args": {}, "id": "late"}]), *numbered(6)])
    session.append([ToolMessage("late result", tool_call_id="late"), HumanMessage("go on")])
    messages: list[BaseMessage] = session.load().messages
    assert orphans(messages) == []
    assert contents(messages)[-1] == "go on"


def test_ten_thousand_messages_in_one_append(make: MakeMotorhead) -> None:
    """An append has no limit of its own on the number of messages."""
    session = make(**MANUAL).session("s")
    session.append(numbered(10_000))
    memory = session.load()
    assert memory.total == 10_000
    assert contents(memory.messages) == [f"m{at}" for at in range(9_976, 10_000)]
