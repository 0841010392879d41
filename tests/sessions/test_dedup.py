"""Messages that are known by their ids, case by case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import InvalidMessageError, Window
from support.dedup_model import count
from support.factory import MakeMotorhead
from support.messages import contents, numbered


@pytest.mark.parametrize("id_", [5, 0, -1, 1.5, True, False, b"x", ["a"], {"a": 1}, {}, [], 10**30, "", None], ids=repr)
@pytest.mark.parametrize("call", ["append", "catch_up", "append_new"])
def test_an_id_that_is_no_string(make: MakeMotorhead, id_: Any, call: str) -> None:
    """An object of the wire whose id is no string is refused as no message, or taken, and then it is known by it."""
    session = make(compaction="manual").session("s")
    given = [{"role": "user", "content": "w", "id": id_}]
    try:
        getattr(session, call)(given)
    except InvalidMessageError:
        assert session.load().total == 0
        return
    loaded = session.load().messages
    assert contents(loaded) == ["w"]
    if loaded[0].id and not loaded[0].id.startswith("motorhead-"):
        session.append(loaded)
        assert session.load().total == 1


def test_an_id_that_was_set_to_no_string(make: MakeMotorhead) -> None:
    """A message whose id was set to something else after it was made is refused."""
    session = make(compaction="manual").session("s")
    for id_ in (5, b"x", ["a"], True):
        message = HumanMessage("m")
        message.id = id_  # type: ignore[assignment]
        with pytest.raises(InvalidMessageError):
            session.append([HumanMessage("before", id="b"), message])
    assert session.load().total == 0


@pytest.mark.parametrize("id_", ["\ud800", "\0" * 8, "x" * 10_000, "a\nb", "\U0001f408", "%00", "'\"\\"], ids=ascii)
def test_hostile_ids(make: MakeMotorhead, id_: str) -> None:
    """Any string is an id: a message is stored with it, read with it, and known by it, but for no other."""
    session = make(compaction="manual").session("s")
    for _ in range(2):
        session.append([HumanMessage("m", id=id_), {"role": "user", "content": "w", "id": id_ + "'"}])
    assert [(message.content, message.id) for message in session.load().messages] == [("m", id_), ("w", id_ + "'")]
    session.append(session.load().messages)
    session.append(HumanMessage("other", id=id_ + " "))
    assert session.load().total == 3


def test_a_batch_of_ten_thousand(make: MakeMotorhead, client: redis.Redis) -> None:
    """A batch of any length is stored once in order, its repetitions left out, its tokens counted."""
    motorhead = make(compaction="manual", window=Window(max_messages=20_000, max_tokens=10**9), token_counter=count)
    session = motorhead.session("s")
    messages = [HumanMessage(f"m{at % 9_000}", id=f"id-{at % 9_000}") for at in range(10_000)]
    session.append(messages)
    memory = session.load()
    assert contents(memory.messages) == contents(messages[:9_000])
    assert client.hget(session._keys.state, "size") == str(count(memory.messages)).encode()
    more = [*memory.messages, HumanMessage("new", id="new")]
    session.catch_up(more)
    session.append_new(more)
    session.append(more[-128:])
    assert session.load().total == 9_001
    without = numbered(10_000)
    session.append(without)
    assert session.load().total == 19_001


@pytest.mark.parametrize("length", [100, 128, 129, 200, 1_000])
@pytest.mark.parametrize("call", ["catch_up", "append_new"])
def test_a_conversation_that_is_given_again(make: MakeMotorhead, length: int, call: str) -> None:
    """However much is new, giving it again stores nothing, whether the holder remembers or not, as after a failure."""
    for after in (None, "id-0"):
        session = make(compaction="manual", window=Window(max_messages=10_000)).session(f"s {after}")
        messages = [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(length + 1)]
        session.append(messages[0])
        for _ in range(3):
            getattr(session, call)(messages, after=after)
        assert contents(session.load().messages) == contents(messages)


@pytest.mark.parametrize("between", [0, 130, 1_000])
def test_an_append_of_any_length_sent_again(make: MakeMotorhead, between: int) -> None:
    """An append that is sent again stores nothing, however long it is and however much others stored meanwhile."""
    session = make(compaction="manual").session("s")
    messages = [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(2_000)]
    session.append(messages)
    session.append([HumanMessage("o", id=f"other-{at}") for at in range(between)])
    for again in (messages, messages[:1], messages[500:700], messages[::-1]):
        session.append(again)
    assert session.load().total == 2_000 + between


def test_a_message_stored_on_purpose_is_known(make: MakeMotorhead) -> None:
    """A message that was stored whatever its id is one of the session's last all the same."""
    session = make(compaction="manual").session("s")
    session.append(HumanMessage("m", id="a"), unless_known=False)
    session.append(HumanMessage("m", id="a"))
    assert session.load().total == 1


def test_an_append_of_nothing_new_claims_nothing(make: MakeMotorhead) -> None:
    """Where a user's append is left out as a whole, the session is the user's and listed as such, or neither."""
    motorhead = make(compaction="manual")
    motorhead.session("s").append(HumanMessage("m", id="a"))
    motorhead.session("s", "bob").append(HumanMessage("m", id="a"))
    owner = motorhead.backend.require_redis().connection.sync_client.hget(motorhead.session("s")._keys.state, "user")
    assert motorhead.sessions("bob") == (["s"] if owner == b"bob" else [])
    assert motorhead.sessions() == ["s"]


def test_users_and_ids(make: MakeMotorhead) -> None:
    """An id of another user's session is nothing to this one; a refused append marks nothing."""
    motorhead = make(compaction="manual")
    motorhead.session("s", "bob").append(HumanMessage("m", id="a"))
    with pytest.raises(ValueError, match="another user"):
        motorhead.session("s", "eve").append([HumanMessage("m", id="a"), HumanMessage("n", id="b")])
    motorhead.session("s", "bob").append(HumanMessage("n", id="b"))
    motorhead.session("t", "eve").append(HumanMessage("m", id="a"))
    assert motorhead.session("s").load().total == 2
    assert motorhead.session("t").load().total == 1


def test_a_session_that_expired(make: MakeMotorhead, client: redis.Redis) -> None:
    """What is known of a session expires with it, and each append of something new puts that off."""
    motorhead = make(compaction="manual", ttl=1_000)
    session, keys = motorhead.session("s"), motorhead.session("s")._keys
    messages = [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(4)]
    session.append(messages[:2])
    for call in (session.append, session.catch_up, session.append_new):
        client.pexpire(keys.state, 60_000)
        client.pexpire(keys.messages, 60_000)
        call([HumanMessage("new", id=repr(call))])
        assert client.pttl(keys.state) > 900_000
        assert client.pttl(keys.messages) > 900_000
    client.delete(keys.state, keys.messages)  # as Redis does it
    session.append(messages)
    assert contents(session.load().messages) == contents(messages)


def test_a_script_that_a_server_forgot(make: MakeMotorhead, client: Any) -> None:
    """What was stored is in what is read, also where the server lost one of the two scripts, as by a restart."""
    session, other = make(compaction="manual").session("s"), make(compaction="manual").session("other")
    session.catch_up([HumanMessage("m0", id="0")])
    calls: list[Callable[[], object]] = [other.load, lambda: other.append(HumanMessage("x")), lambda: None]
    for at, call in enumerate(calls, 1):
        client.script_flush()
        call()  # by which the server learns one of them again
        memory = session.catch_up([HumanMessage(f"m{at}", id=str(at))])
        assert contents(memory.messages) == [f"m{each}" for each in range(at + 1)]


async def test_a_script_that_a_server_forgot_async(amake: MakeMotorhead, client: Any) -> None:
    """The same for the async methods."""
    session, other = amake(compaction="manual").session("s"), amake(compaction="manual").session("other")
    await session.acatch_up([HumanMessage("m0", id="0")])
    client.script_flush()
    await other.aload()
    memory = await session.acatch_up([HumanMessage("m1", id="1")])
    assert contents(memory.messages) == ["m0", "m1"]
