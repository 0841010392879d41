"""Messages that are known by their ids, against a model: a list of all that was accepted, and the last 128 marks."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

import fakeredis
import pytest
import redis
from conftest import MakeMotorhead
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from servers import HOST, cluster
from support import Ledger, contents, numbered, remembered

from langchain_motorhead import InvalidMessageError, Memory, Motorhead, Window
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.session import Session

REMEMBERED = 128
WINDOW = Window(max_messages=6, max_tokens=40, hard_limit=100_000)
ZERO_MARK = " " * 11
POOL = [
    None, "", "a", "b", "c", "d", "e", "A", " a", "0", "\0", ZERO_MARK, "a\nb", "é", "e\u0301", "\ud800", "\udfff",
    "motorhead-0123456789abcdef-1", "motorhead-0000000000000000-1", "motorhead--1", "x" * 10_000, "x" * 9_999 + "y",
    *(f"n{at}" for at in range(200)),
]  # fmt: skip
Given = BaseMessage | Mapping[str, Any]


def count(messages: Sequence[BaseMessage]) -> int:
    """Count tokens: what each message has beside its text, and a token for each of its characters."""
    return sum(2 + len(str(message.content)) for message in messages)


class Expected:
    """What a session should be: everything accepted, and the marks of the last 128 ids."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.marks: list[str] = []
        self.epoch: str | None = None

    def delete(self) -> None:
        """Forget all."""
        self.__init__()  # type: ignore[misc]

    def knows(self, id_: str | None) -> bool:
        """Say whether a message of this id is known: it is marked, or was given by the session itself."""
        if not id_:
            return False
        own = self.epoch and re.fullmatch(rf"motorhead-{self.epoch}-([0-9]+|summary)", id_)
        return bool(own) or mark(id_) in self.marks

    def append(self, messages: Sequence[Given], *, unless_known: bool = True) -> None:
        """Take what is not known."""
        if not unless_known:
            self.said += map(text_of, messages)
            ids = dict.fromkeys(id_ for message in messages if (id_ := id_of(message)))
            self.marks = (self.marks + [new for id_ in ids if (new := mark(id_)) not in self.marks])[-REMEMBERED:]
            return
        self._take([message for message in messages if not self.knows(id_of(message))])

    def catch_up(self, messages: Sequence[Given], after: str | None) -> None:
        """Take what comes after a message, or after the newest that is known."""
        ids = [id_of(message) for message in messages]
        if after is not None and after in ids:
            messages = messages[len(ids) - ids[::-1].index(after) :]
        known = [at for at, message in enumerate(messages) if self.knows(id_of(message))]
        self._take(messages[known[-1] + 1 if known else 0 :])

    def _take(self, messages: Sequence[Given]) -> None:
        new: list[str] = []
        for message in messages:
            if id_ := id_of(message):
                if mark(id_) in new:
                    continue
                new.append(mark(id_))
            self.said.append(text_of(message))
        self.marks = (self.marks + new)[-REMEMBERED:]


def mark(id_: str) -> str:
    """Give the mark of an id."""
    digest = blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return b64encode(digest).decode().rstrip("=")


def id_of(message: Given) -> Any:
    """Give the id of a message or a wire's object."""
    return message.id if isinstance(message, BaseMessage) else message.get("id")


def text_of(message: Given) -> str:
    """Give the text of a message or a wire's object."""
    return str(message.content if isinstance(message, BaseMessage) else message["content"])


def make_message(text: str, id_: str | None, shape: int) -> Given:
    """Make a message, or a wire's object, of three shapes."""
    if shape == 0:
        return HumanMessage(text, id=id_)
    if shape == 1:
        return AIMessage(text, id=id_)
    return {"role": "user", "content": text, **({} if id_ is None else {"id": id_})}


class Against:
    """A session under test, by several handles, and what it should be.

    Args:
        handles: Handles of one configuration.
        state: Reads the session's state and list.
    """

    def __init__(self, handles: Sequence[Motorhead], client: Any, name: str = "s") -> None:
        self.sessions: list[Session] = [handle.session(name) for handle in handles]
        self.client, self.expected, self.number = client, Expected(), 0
        self.given: list[Given] = []

    def messages(self, ids: Sequence[str | None], shapes: Sequence[int]) -> list[Given]:
        """Make messages of new texts."""
        made = []
        for id_, shape in zip(ids, shapes, strict=True):
            made.append(make_message(f"m{self.number}", id_, shape))
            self.number += 1
        self.given = (self.given + made)[-400:]
        return made

    def append(self, messages: Sequence[Given], handle: int, *, unless_known: bool = True) -> None:
        """Append."""
        self.sessions[handle].append(list(messages), unless_known=unless_known)
        self.expected.append(messages, unless_known=unless_known)

    def catch_up(self, messages: Sequence[Given], after: str | None, handle: int, *, reads: bool) -> None:
        """Catch up, or append what is new."""
        if reads:
            memory = self.sessions[handle].catch_up(messages, after=after)
            self.expected.catch_up(messages, after)
            assert remembered(memory) == self.expected.said
        else:
            self.sessions[handle].append_new(messages, after=after)
            self.expected.catch_up(messages, after)

    def compact(self, handle: int) -> None:
        """Compact."""
        self.sessions[handle].compact()

    def delete(self, handle: int) -> None:
        """Delete."""
        assert self.sessions[handle].delete() == bool(self.expected.said)
        self.expected.delete()

    def check(self) -> Memory:
        """Hold that the session is as it should be."""
        memory = self.sessions[0].load()
        assert remembered(memory) == self.expected.said
        assert memory.total == len(self.expected.said)
        self.expected.epoch = memory.epoch
        keys = self.sessions[0]._keys
        ids, size = self.client.hmget(keys.state, "ids", "size")
        assert (ids or b"") == "".join(self.expected.marks).encode()
        records = self.client.lrange(keys.messages, 0, -1)
        assert int(size or 0) == count([decode(record) for record in records])
        return memory


def options(namespace: str) -> dict[str, Any]:
    """Give the options of every handle under test."""
    return {
        "namespace": namespace, "llm": Ledger(), "window": WINDOW, "token_counter": count, "compaction": "manual",
    }  # fmt: skip


ids_of_some = st.lists(st.tuples(st.sampled_from(POOL), st.integers(0, 2)), max_size=8)
handles_of_both = st.integers(0, 1)


class Machine(RuleBasedStateMachine):
    """Does to a session whatever can be done, in any order."""

    url = ""
    runs = 0

    @initialize()
    def start(self) -> None:
        """Open two handles on a session of its own."""
        Machine.runs += 1
        self.handles = [Motorhead.from_url(self.url, **options("following")) for _ in range(2)]
        self.client = redis.Redis.from_url(self.url)
        self.tested = Against(self.handles, self.client, f"s{Machine.runs}")

    @rule(some=ids_of_some, handle=handles_of_both, unless_known=st.sampled_from([True, True, True, False]))
    def append(self, some: list[tuple[str | None, int]], handle: int, unless_known: bool) -> None:
        """Append a few messages."""
        made = self.tested.messages([id_ for id_, _ in some], [shape for _, shape in some])
        self.tested.append(made, handle, unless_known=unless_known)

    @rule(length=st.integers(60, 300), handle=handles_of_both, start=st.integers(0, 100), reads=st.booleans())
    def many(self, length: int, handle: int, start: int, reads: bool) -> None:
        """Append, or give as a conversation, more than are remembered."""
        ids = [f"n{(start + at) % 200}" for at in range(length)]
        made = self.tested.messages(ids, [at % 3 for at in range(length)])
        if reads:
            self.tested.catch_up(made, None, handle, reads=True)
        else:
            self.tested.append(made, handle)

    @rule(count=st.integers(1, 80), handle=handles_of_both)
    def again(self, count: int, handle: int) -> None:
        """Append messages again, those with ids and those without."""
        self.tested.append(self.tested.given[-count:], handle)

    @rule(
        back=st.integers(0, 200), some=ids_of_some, after=st.sampled_from(POOL), handle=handles_of_both,
        reads=st.booleans(), remembers=st.booleans(),
    )  # fmt: skip
    def catch_up(
        self,
        back: int,
        some: list[tuple[str | None, int]],
        after: str | None,
        handle: int,
        reads: bool,
        remembers: bool,
    ) -> None:
        """Give a conversation that has grown since."""
        before = self.tested.given[len(self.tested.given) - min(back, len(self.tested.given)) :]
        made = self.tested.messages([id_ for id_, _ in some], [shape for _, shape in some])
        if remembers and before and isinstance(before[-1], BaseMessage):
            after = before[-1].id
        self.tested.catch_up([*before, *made], after, handle, reads=reads)

    @rule(handle=handles_of_both, newest=st.integers(1, 10))
    def give_back(self, handle: int, newest: int) -> None:
        """Append what was loaded, the summary included."""
        loaded = self.tested.check().as_messages()
        self.tested.append([*loaded[:1], *loaded[-newest:]], handle)

    @rule(handle=handles_of_both)
    def compact(self, handle: int) -> None:
        """Compact."""
        self.tested.compact(handle)

    @precondition(lambda self: len(self.tested.expected.said) > 20)
    @rule(handle=handles_of_both)
    def delete(self, handle: int) -> None:
        """Delete."""
        self.tested.delete(handle)

    @rule(handle=handles_of_both, which=st.sampled_from(["hello", 5, {"role": "user"}, {"content": "x"}, None]))
    def refused(self, handle: int, which: Any) -> None:
        """Append what is no message, among those that are: nothing is stored."""
        with pytest.raises(InvalidMessageError):
            self.tested.sessions[handle].append([HumanMessage("new", id="new"), which])

    @invariant()
    def holds(self) -> None:
        """Hold the model."""
        if hasattr(self, "tested"):
            self.tested.check()

    def teardown(self) -> None:
        """Close."""
        if hasattr(self, "tested"):
            for handle in self.handles:
                handle.close()
            self.client.close()


@pytest.mark.timeout(300)
def test_a_session_against_a_model(url: str) -> None:
    """Whatever is done to a session by several handles, it has what a model of it has, once and in order."""
    Machine.url = url
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def wander(tested: Against, random: Random, steps: int) -> None:
    """Do anything, so many times, holding the model after each."""
    for _ in range(steps):
        handle, size = random.randrange(len(tested.sessions)), random.choice([0, 1, 2, 5, 70, 150])
        ids = [random.choice(POOL) for _ in range(size)]
        match random.randrange(8):
            case 0 | 1:
                tested.append(tested.messages(ids, [at % 3 for at in range(size)]), handle)
            case 2:
                tested.append(tested.given[-random.randrange(1, 200) :], handle)
            case 3 | 4 | 5:
                before = tested.given[-random.randrange(1, 200) :]
                made = tested.messages(ids[:6], [0] * len(ids[:6]))
                after = id_of(before[-1]) if before and random.random() < 0.5 else random.choice(POOL)
                tested.catch_up([*before, *made], after, handle, reads=random.random() < 0.5)
            case 6:
                tested.compact(handle)
            case _:
                if random.random() < 0.2:
                    tested.delete(handle)
        tested.check()


@contextmanager
def handles(namespace: str, *ways: Any) -> Iterator[list[Motorhead]]:
    """Open handles, by URLs or clients."""
    made = [
        Motorhead.from_url(way, **options(namespace)) if isinstance(way, str) else Motorhead(way, **options(namespace))
        for way in ways
    ]
    yield made
    for each in made:
        each.close()


@pytest.mark.parametrize("seed", range(3))
def test_any_client_against_the_model(url: str, namespace: str, seed: int) -> None:
    """Clients that decode replies and that speak either protocol do the same as any other."""
    with (
        redis.Redis.from_url(url) as plain,
        redis.Redis.from_url(url, decode_responses=True) as decoding,
        redis.Redis.from_url(url, protocol=3) as resp3,
        handles(namespace, url, resp3) as made,
    ):
        wander(Against(made, plain), Random(seed), 60)
        with handles(f"{namespace} text", decoding) as texts:
            wander(Against(texts, plain), Random(seed), 30)


@pytest.mark.parametrize("seed", range(2))
def test_fakeredis_against_the_model(namespace: str, seed: int) -> None:
    """The same on fakeredis, with which users test."""
    with fakeredis.FakeRedis() as client, handles(namespace, client) as made:
        wander(Against(made, client), Random(seed), 60)


def test_a_cluster_against_the_model(tmp_path: Path) -> None:
    """The same on a cluster."""
    with cluster(tmp_path) as ports, redis.RedisCluster(host=HOST, port=ports[0]) as client:
        address = f"redis+cluster://{HOST}:{ports[0]}"
        with handles("one", address, address) as made:
            for seed in range(6):
                wander(Against(made, client, f"s{seed}"), Random(seed), 40)


async def test_the_async_twins_against_the_model(amake: MakeMotorhead, client: redis.Redis) -> None:
    """The async twins do what the model does, many at once on one session."""
    random, given_options = Random(1), options("")
    del given_options["namespace"]
    tested = Against([amake(**given_options)], client)
    session = tested.sessions[0]
    for step in range(60):
        size = random.choice([1, 3, 90])
        made = tested.messages([random.choice(POOL) for _ in range(size)], [step % 3] * size)
        given = [*tested.given[-random.randrange(100) :], *made]
        if step % 3 == 0:
            await session.aappend(made)
            tested.expected.append(made)
        elif step % 3 == 1:
            memory = await session.acatch_up(given)
            tested.expected.catch_up(given, None)
            assert remembered(memory) == tested.expected.said
        else:
            await session.aappend_new(given)
            tested.expected.catch_up(given, None)
        if step % 10 == 0:
            await session.acompact()
        tested.check()
    await session.adelete()
    once = [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(50)]
    await asyncio.gather(*(session.aappend(once) for _ in range(20)), *(session.acatch_up(once) for _ in range(20)))
    assert remembered(await session.aload()) == contents(once)


# Single cases ---------------------------------------------------------------------------------------------------------


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
    messages = [HumanMessage(f"m{at}", id=f"id-{at % 9_000}") for at in range(10_000)]
    session.append(messages)
    memory = session.load()
    assert contents(memory.messages) == contents(messages[:9_000])
    assert client.hget(session._keys.state, "size") == str(count(memory.messages)).encode()
    more = [*memory.messages, HumanMessage("new", id="new")]
    session.catch_up(more)
    session.append_new(more)
    session.append(more[-REMEMBERED:])
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


def test_an_append_of_any_length_sent_again(make: MakeMotorhead) -> None:
    """The newest 128 of an append that is sent again are left out: what `append` says, no more."""
    session = make(compaction="manual").session("s")
    messages = [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(200)]
    session.append(messages)
    session.append(messages[-REMEMBERED:])
    assert session.load().total == 200


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
    """The same for the async twins."""
    session, other = amake(compaction="manual").session("s"), amake(compaction="manual").session("other")
    await session.acatch_up([HumanMessage("m0", id="0")])
    client.script_flush()
    await other.aload()
    memory = await session.acatch_up([HumanMessage("m1", id="1")])
    assert contents(memory.messages) == ["m0", "m1"]
