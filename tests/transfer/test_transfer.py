"""Export and import of our own sessions: exact, and page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead import InvalidInputError, Motorhead
from langchain_motorhead.messages.acceptance import is_name
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.server import groups as posting
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.sessions.registry import Walk, all_sessions
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.keys import registry_key, session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from langchain_motorhead.transfer.policies import Existing
from langchain_motorhead.transfer.snapshot import PAGE
from support.factory import MakeMotorhead
from support.messages import contents, numbered, with_tools
from support.summarizers import remembered
from support.transfers import moved, stored

HOSTILE = ["a\nb", "{x}:messages", "\x1b[31mred", "..//\\", "\ud800", "*", "%2F", "\x00", " ", "ß" * 5_000, '"}', "a/b"]
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
ids = st.text(st.characters(codec=None, exclude_categories=()), min_size=1, max_size=20)
messages = st.one_of(
    st.builds(HumanMessage, texts, id=st.none() | ids),
    st.builds(AIMessage, texts, name=st.none() | st.just("bob"), response_metadata=st.dictionaries(texts, st.floats())),
    st.builds(SystemMessage, texts, additional_kwargs=st.dictionaries(texts, st.binary() | st.integers())),
    st.builds(ToolMessage, texts, tool_call_id=texts),
    st.builds(lambda role, content: {"role": role, "content": content}, texts.filter(is_name), texts),
)


@settings(max_examples=60)
@given(
    sessions=st.dictionaries(
        ids, st.tuples(st.none() | ids, st.lists(messages, min_size=1, max_size=6), st.booleans()), max_size=4
    )
)
def test_round_trip_is_exact(
    pair: tuple[Motorhead, Motorhead], client: redis.Redis, sessions: dict[str, tuple[Any, list[Any], bool]]
) -> None:
    """State and list of every session come back as they were, byte by byte, but for the epoch."""
    source, target = pair
    for motorhead in pair:
        for session_id in motorhead.sessions():
            motorhead.session(session_id).delete()
    for session_id, (user, given_messages, compact) in sessions.items():
        session = source.session(session_id, user)
        session.append(given_messages)
        if compact:
            session.append(numbered(20))
            session.compact()
    tally = moved(source, target)
    assert (tally.imported, tally.problems, tally.details) == (len(sessions), 0, [])
    for session_id, (user, _, _) in sessions.items():
        assert stored(client, target, session_id) == stored(client, source, session_id)
        if user is not None:
            assert session_id in target.sessions(user)
    assert target.sessions() == source.sessions()
    assert [strip(line) for line in export_lines(target)] == [strip(line) for line in export_lines(source)]


def strip(line: bytes) -> dict[str, Any]:
    """Read a line, without the namespace that it came from."""
    read: dict[str, Any] = json.loads(line)
    read.pop("namespace", None)
    return read


def test_what_a_list_may_hold_beside_messages_comes_back(
    pair: tuple[Motorhead, Motorhead], client: redis.Redis
) -> None:
    """Records that are no messages, no JSON, no text, or JSON that is written otherwise, keep their bytes."""
    source, target = pair
    odd = [
        b"", b"no JSON", b"\xff\x00", b'{"role": "AI",  "content": 1.50}', b'{"a":1,"a":2}', b"[]", b"null", b'"text"',
        b'{"$base64":"AA=="}', b'{"big":123456789012345678901234567890}', b'{"x":' + b"[" * 600 + b"]" * 600 + b"}",
        b'{"role":"AI","content":"\\ud800"}', b'{"role":"AI","content":"NaN"}', b'{"n":NaN}',
    ]  # fmt: skip
    source.session("odd").append(HumanMessage("hi"))
    client.rpush(session_keys(source.namespace, "odd").messages, *odd)
    client.hset(session_keys(source.namespace, "odd").state, "summary", b"\xff\xfe")
    assert moved(source, target).imported == 1
    assert stored(client, target, "odd") == stored(client, source, "odd")


@pytest.mark.parametrize("session_id", HOSTILE)
def test_hostile_ids(pair: tuple[Motorhead, Motorhead], session_id: str) -> None:
    """Any id is moved, whatever it holds, as id of a session and of a user."""
    source, target = pair
    source.session(session_id, session_id).append(HumanMessage("hi"))
    lines = list(export_lines(source, user_id=session_id, session_ids=[session_id]))
    assert len(lines) == 1
    assert lines[0].count(b"\n") == 1
    assert import_lines(target, lines).imported == 1
    assert target.sessions(session_id) == [session_id]
    assert contents(target.session(session_id, session_id).load().messages) == ["hi"]


def test_user_and_session_select(pair: tuple[Motorhead, Motorhead]) -> None:
    """Only the sessions asked for are exported; one that does not exist, or belongs to another user, is reported."""
    source, _ = pair
    for name, user in (("a", "bob"), ("b", "bob"), ("c", "eve")):
        source.session(name, user).append(HumanMessage(name))
    found = [json.loads(line)["session"] for line in export_lines(source, user_id="bob")]
    assert found == ["a", "b"]
    told: list[str] = []
    assert list(export_lines(source, user_id="bob", session_ids=["c", "none"], complain=told.append)) == []
    assert len(told) == 2


def test_imported_sessions_go_on(pair: tuple[Motorhead, Motorhead]) -> None:
    """An imported session is appended to, knows the ids of its messages again, and is compacted, losing nothing."""
    source, target = pair
    first: list[BaseMessage] = [HumanMessage(f"m{at}", id=f"id{at}") for at in range(20)]
    source.session("a", "bob").append(first)
    source.session("a").compact()
    moved(source, target)
    session = target.session("a", "bob")
    session.append([*first[-3:], *numbered(20, start=20)])
    session.append(with_tools("t"))
    session.compact()
    assert remembered(session.load())[:40] == [f"m{at}" for at in range(40)]
    assert session.load().total == 44
    with pytest.raises(InvalidInputError):
        target.session("a", "eve").load()


def test_time_to_live_is_moved(make: MakeMotorhead, namespace: str, client: redis.Redis) -> None:
    """A session that is to expire still is, and one that is not is not."""
    source, target = make(namespace=f"{namespace} from", ttl=1_000), make(namespace=f"{namespace} to")
    source.session("a").append(HumanMessage("hi"))
    source.session("long").append(numbered(PAGE + 1))
    make(namespace=f"{namespace} from").session("b").append(HumanMessage("hi"))
    moved(source, target)
    for name, expires in (("a", True), ("long", True), ("b", False)):
        keys = session_keys(target.namespace, name)
        for key in (keys.messages, keys.state):
            life: Any = client.pttl(key)
            assert (0 < life <= 1_000_000) == expires


def test_long_sessions_stream(pair: tuple[Motorhead, Motorhead], client: redis.Redis, monkeypatch: Any) -> None:
    """Of 10,000 messages no more than a page is read, held or sent at once, in either direction."""
    source, target = pair
    for at in range(0, 10_000, 1_000):
        source.session("long").append(numbered(1_000, start=at))
    store = type(source.backend.require_redis().driver.executor)
    run, largest, calls = store.run, [0], [0]

    def counted(self: Any, operation: Operation[Any]) -> Any:
        sent = max(len(command.args) for command in operation.commands)
        result = run(self, operation)
        got = len(getattr(result, "records", ()))
        largest[0], calls[0] = max(largest[0], sent, got), calls[0] + 1
        return result

    monkeypatch.setattr(store, "run", counted)
    lines = list(export_lines(source))
    assert [len(json.loads(line)["messages"]) for line in lines] == [PAGE] * 20
    assert largest[0] <= PAGE
    assert calls[0] == 2 + 20  # ids, marks, and pages

    ahead: list[int] = []

    def read() -> Iterator[bytes]:
        for at, line in enumerate(lines):
            ahead.append(at - calls[0])
            yield line

    calls[0] = 0
    assert import_lines(target, read()).messages == 10_000
    assert largest[0] <= PAGE + 2  # and marks
    assert max(ahead) <= 1  # a line is asked for when the one before it was sent
    assert stored(client, target, "long") == stored(client, source, "long")


def test_compaction_during_an_export(pair: tuple[Motorhead, Motorhead], monkeypatch: Any) -> None:
    """A long session that is compacted and appended to while its pages are read is exported as of one instant."""
    source, target = pair
    session = source.session("long")
    session.append(numbered(3 * PAGE))
    disturbances = [1]

    def disturbed(keys: Any, start: int, stop: int = -1) -> Any:
        if start == PAGE and disturbances:
            disturbances.pop()
            session.append(numbered(4, start=3 * PAGE))
            session.compact()
        return read_snapshot(keys, start, stop)

    monkeypatch.setattr("langchain_motorhead.transfer.exporter.read_snapshot", disturbed)
    moved(source, target)
    assert not disturbances
    assert remembered(target.session("long").load()) == contents(numbered(3 * PAGE + 4))


async def test_many_sessions_of_one_instant(amake: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """2,500 sessions that were active at the same time are all found, sync and async, and are exported once each."""
    motorhead = amake()
    lines = (b'{"session":"s%d","updated":5,"messages":[{"role":"q","content":"x"}]}' % at for at in range(2_500))
    assert import_lines(motorhead, lines).imported == 2_500
    expected = sorted(f"s{at}" for at in range(2_500))
    assert client.zcount(registry_key(namespace), 5, 5) == 2_500
    assert sorted(motorhead.backend.require_redis().run(all_sessions(namespace))) == expected
    assert sorted(await motorhead.backend.require_redis().arun(all_sessions(namespace))) == expected
    assert sorted(json.loads(line)["session"] for line in export_lines(motorhead)) == expected


def test_sessions_that_are_written_to_while_they_are_listed(
    make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """What is there all the while is met once, though its time changes, and not only forward: clocks differ."""
    motorhead, registry = make(), registry_key(namespace)
    client.zadd(registry, {f"s{at}": at for at in range(5_000)})
    walk, found = Walk(registry), list[str]()
    for at in count(0, 500):
        found += motorhead.backend.require_redis().run(walk.page())
        if walk.ended:
            break
        client.zadd(registry, {f"s{each % 5_000}": 4_999 - each for each in range(at, at + 500)})
        client.zadd(registry, {f"new {at}": 1})
        client.zrem(registry, f"new {at - 500}")
    assert at >= 2_000  # pages
    assert sorted(each for each in found if each[0] == "s") == sorted(f"s{at}" for at in range(5_000))


def test_a_session_that_redis_gives_twice_is_met_once() -> None:
    """What a scan may repeat, as while a table shrinks, is left out; a page may be empty."""
    walk, found = Walk("sessions"), list[str]()
    for reply in ((7, ["a", "b"]), (5, []), (9, ["b", "a"]), (0, ["c", "a"])):
        assert not walk.ended
        page = walk.page()
        next(page)
        with pytest.raises(StopIteration) as end:
            page.send(reply)
        found += end.value.value
    assert walk.ended
    assert found == ["a", "b", "c"]


def in_group(motorhead: Motorhead, session_id: str, group: str | None) -> None:
    """Append a message as the server does, in a group."""
    keys = session_keys(motorhead.namespace, session_id)
    records = [Record(encode(HumanMessage("hi")), None, None)]
    redis = motorhead.backend.require_redis()
    config = redis.append_config
    redis.execute(posting.post(posting.grouped_keys(keys, group), records, config, context=None, group=group))


def test_groups_are_moved(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """Sessions are listed in the groups that they were in, those in groups alone there alone; deletion ends it."""
    source, target = pair
    for name, groups in (("alone", ["g/ä {1}", "h"]), ("both", [None, "h"]), ("none", [None])):
        for group in groups:
            in_group(source, name, group)
    in_group(target, "alone", "h")
    in_group(target, "alone", "old")
    assert moved(source, target, existing=Existing.REPLACE).imported == 3

    def listed(motorhead: Motorhead, group: str | None) -> list[str]:
        return sorted(
            motorhead.backend.require_redis().run(posting.list_group(motorhead.namespace, group, page=1, size=9))
        )

    expected = {"g/ä {1}": ["alone"], "h": ["alone", "both"], "old": [], None: ["both", "none"]}
    assert {group: listed(source, group) for group in expected} == expected
    assert {group: listed(target, group) for group in expected} == expected
    again = [json.loads(line).get("groups") for line in export_lines(target, session_ids=["alone", "both", "none"])]
    assert again == [["g/ä {1}", "h"], ["h"], None]
    for session_id in target.sessions():
        target.session(session_id).delete()
    assert not list(client.scan_iter(f"motorhead:group*{quote(target.namespace)}*"))


def test_cluster(cluster_url: str, namespace: str) -> None:
    """Sessions come into a cluster and out of it, listed and replaced as elsewhere."""
    with (
        Motorhead.from_url(cluster_url, namespace=f"{namespace} a", compaction="manual") as source,
        Motorhead.from_url(cluster_url, namespace=f"{namespace} b", compaction="manual") as target,
    ):
        for at in range(6):
            source.session(f"s{at}", "bob").append(numbered(3))
        source.session("long", "bob").append(numbered(PAGE + 1))
        in_group(source, "in group", "g")
        target.session("s0", "eve").append(numbered(1))
        tally = moved(source, target, existing=Existing.REPLACE)
        assert (tally.imported, tally.details) == (8, [])
        assert target.sessions("bob") == source.sessions("bob")
        assert target.sessions() == source.sessions()
        assert target.sessions("eve") == []
        assert moved(source, target).before == 8
        assert contents(target.session("s0").load().messages) == contents(numbered(3))
        assert target.backend.require_redis().run(posting.list_group(target.namespace, "g", page=1, size=9)) == [
            "in group"
        ]
