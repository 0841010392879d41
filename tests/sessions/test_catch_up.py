"""Messages that are known by their ids: appends sent again, and conversations that somebody else holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead import InvalidInputError, InvalidMessageError, Motorhead, Window
from langchain_motorhead.redis_io.embedded import acquire
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.summarizers import Ledger, remembered
from support.wiretap import Wire, wiretapped

LARGE = Window(max_messages=1000)


def with_ids(count: int, start: int = 0) -> list[BaseMessage]:
    """Make messages with a number each, in their content and their id."""
    return [message.model_copy(update={"id": f"id-{at}"}) for at, message in enumerate(numbered(count, start), start)]


def names(count: int, start: int = 0) -> list[str]:
    """Name the same messages."""
    return [f"m{at}" for at in range(start, start + count)]


# Appends --------------------------------------------------------------------------------------------------------------


def test_a_message_is_stored_once_by_its_id(make: MakeMotorhead) -> None:
    """An append that is sent again adds nothing, in whole or in part, also with others' messages in between."""
    motorhead = make(window=LARGE)
    session = motorhead.session("s", user_id="u")
    session.append(with_ids(4))
    session.append(with_ids(4))
    motorhead.session("s").append(HumanMessage("between"))
    session.append(with_ids(6))
    session.append([with_ids(1, 6)[0], with_ids(1, 6)[0], HumanMessage("no id"), HumanMessage("no id")])
    expected = [*names(4), "between", "m4", "m5", "m6", "no id", "no id"]
    assert contents(session.load().messages) == expected


async def test_async_appends_are_the_same(amake: MakeMotorhead) -> None:
    """The same for the async methods, and for objects of the wire with an id."""
    session = amake(window=LARGE).session("s")
    await session.aappend(with_ids(2))
    await session.aappend([*with_ids(3), {"role": "user", "content": "w", "id": "wire"}])
    await session.aappend({"role": "user", "content": "w", "id": "wire"})
    assert contents((await session.aload()).messages) == [*names(3), "w"]


def test_a_message_can_be_stored_again_on_purpose(make: MakeMotorhead) -> None:
    """Whoever says so stores a message whatever its id."""
    session = make(window=LARGE).session("s")
    for _ in range(2):
        session.append(with_ids(2), unless_known=False)
    assert session.load().total == 4


def test_a_message_is_known_after_it_was_folded(make: MakeMotorhead) -> None:
    """A message that a compaction has summarized since is not stored again."""
    motorhead = make(compaction="inline", llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    for at in range(0, 20, 2):
        session.append(with_ids(2, at))
        session.append(with_ids(2, at))
        session.append(with_ids(at + 2)[-12:])
    assert remembered(session.load()) == names(20)


def test_tokens_are_counted_once(make: MakeMotorhead, client: redis.Redis) -> None:
    """Where the window is bounded in tokens, those of a message that is left out are not counted."""
    motorhead = make(window=Window(max_messages=100, max_tokens=10_000), token_counter=lambda messages: 7)
    session = motorhead.session("s")
    session.append(with_ids(3))
    session.append(with_ids(5))
    session.append(with_ids(5))
    assert client.hget(session._keys.state, "size") == b"35"


def test_messages_without_ids_cost_nothing(make: MakeMotorhead, client: redis.Redis) -> None:
    """Where no message has an id, none is remembered."""
    session = make(compaction="manual").session("s")
    session.append(numbered(10))
    assert not client.exists(session._keys.marks)


def test_loaded_messages_are_known(make: MakeMotorhead) -> None:
    """What a session gave is not stored in it again, the summary included; another session takes it as new."""
    motorhead = make(compaction="inline", llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append(numbered(7))
    loaded = session.load().as_messages()
    session.append([*loaded, HumanMessage("new")])
    assert session.load().total == 8
    other = motorhead.session("other")
    other.append(loaded)
    other.append(loaded)
    assert other.load().total == len(loaded)
    session.delete()
    session.append(loaded[1:])
    assert contents(session.load().messages) == contents(loaded[1:])


# Conversations that are held elsewhere --------------------------------------------------------------------------------


def grow(session_messages: Sequence[BaseMessage], upto: int) -> list[BaseMessage]:
    """Give the conversation up to a message."""
    return list(session_messages[:upto])


@pytest.mark.parametrize("remembers", [False, True], ids=["asks", "remembers"])
@pytest.mark.parametrize("shown", [None, 3], ids=["all of it", "its end"])
def test_catching_up(make: MakeMotorhead, remembers: bool, shown: int | None) -> None:
    """A conversation that grows elsewhere is stored once, in order, whether all of it is given or what is new."""
    motorhead = make(compaction="inline", llm=Ledger(), window=Window(max_messages=6))
    session, conversation, after = motorhead.session("s", user_id="u"), with_ids(401), None
    for upto in range(1, 401, 2):
        part = grow(conversation, upto)
        memory = session.catch_up(part[-shown:] if shown else part, after=after)
        assert remembered(memory) == names(upto)
        after = part[-1].id if remembers else None
    session.append_new(conversation, after=after)
    assert remembered(session.load()) == names(401)


async def test_catching_up_async(amake: MakeMotorhead) -> None:
    """The same for the async methods."""
    motorhead = amake(compaction="inline", llm=Ledger(), window=Window(max_messages=6))
    session = motorhead.session("s")
    for upto in (1, 5, 90, 91, 300):
        assert (await session.acatch_up(with_ids(upto))).total == upto
        assert remembered(await session.aload()) == names(upto)
    await session.aappend_new(with_ids(302))
    assert remembered(await session.aload()) == names(302)


def test_a_conversation_that_is_older_than_its_session(make: MakeMotorhead) -> None:
    """All of it is stored, however long it is."""
    motorhead = make(compaction="manual")
    for count in (1, 64, 65, 1000):
        session = motorhead.session(f"s{count}")
        session.catch_up(with_ids(count))
        assert session.load().total == count


def test_a_holder_that_remembers_brings_nothing_back(make: MakeMotorhead) -> None:
    """After a deletion, what was said before it is not stored again, since the holder knows that it was."""
    session = make(compaction="manual").session("s")
    session.catch_up(with_ids(4))
    session.delete()
    assert contents(session.catch_up(with_ids(5), after="id-3").messages) == ["m4"]


def test_what_the_holder_remembers_may_be_gone(make: MakeMotorhead) -> None:
    """Where the message that the holder remembers is no longer among its own, the session is asked."""
    session = make(compaction="manual").session("s")
    session.catch_up(with_ids(4))
    assert session.catch_up(with_ids(6), after="somebody").total == 6


def test_nothing_new(make: MakeMotorhead) -> None:
    """With nothing to store, the session is read, or nothing is done."""
    session = make().session("s")
    assert session.catch_up([]).total == 0
    session.append_new([])
    session.catch_up(with_ids(3))
    assert session.catch_up(with_ids(3), after="id-2").total == 3
    assert session.catch_up(with_ids(3)).total == 3


def test_a_conversation_of_another_user(make: MakeMotorhead) -> None:
    """A session of another user is refused, and left as it is; so is what is no message."""
    motorhead = make(compaction="manual")
    motorhead.session("s", user_id="u").catch_up(with_ids(2))
    for messages in (with_ids(3), []):
        with pytest.raises(InvalidInputError, match="another user"):
            motorhead.session("s", user_id="v").catch_up(messages)
    with pytest.raises(InvalidMessageError):
        motorhead.session("s").catch_up([*with_ids(3), "hello"])  # type: ignore[list-item]
    assert motorhead.session("s").load().total == 2


def test_catching_up_is_one_round_trip(namespace: str) -> None:
    """Storing what is new and reading cost one round trip together, with a conversation of any length."""
    server = acquire("embedded://")
    options: Any = {"namespace": namespace, "compaction": "manual"}
    with wiretapped(str(server.socket)) as (url, wire), Motorhead.from_url(url, **options) as motorhead:
        motorhead.session("warm").catch_up([HumanMessage("x"), AIMessage("y")])
        _count(motorhead, wire)
    server.release()


def _count(motorhead: Motorhead, wire: Wire) -> None:
    session = motorhead.session("s")
    wire.reset()
    for upto in (1, 3, 63, 66, 1000, 1002):
        session.catch_up(with_ids(upto), after=f"id-{upto - 3}")
    assert wire.round_trips == 6
    wire.reset()
    session.catch_up(with_ids(1004))
    session.append_new(with_ids(1006))
    assert wire.round_trips == 2
    wire.reset()
    motorhead.session("t").catch_up(with_ids(65))
    assert wire.round_trips == 2
