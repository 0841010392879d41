"""Export and import of our own sessions: exact, atomic, resumable, and page by page."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from conftest import MakeMotorhead
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from servers import wait_until
from support import Ledger, contents, numbered, remembered, with_tools

import langchain_motorhead
from langchain_motorhead import HashingEmbeddings, InvalidInputError, Motorhead, Window
from langchain_motorhead.cli.main import main
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.server import groups as posting
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.sessions.registry import Walk, all_sessions
from langchain_motorhead.storage.keys import from_member, registry_key, session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.transfer import snapshot as snapshots
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import ImportReport, import_lines
from langchain_motorhead.transfer.jsonl import first_line, last_line, read_lines
from langchain_motorhead.transfer.policies import Existing
from langchain_motorhead.transfer.snapshot import PAGE

HOSTILE = ["a\nb", "{x}:messages", "\x1b[31mred", "..//\\", "\ud800", "*", "%2F", "\x00", " ", "ß" * 5_000, '"}', "a/b"]
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
ids = st.text(st.characters(codec=None, exclude_categories=()), min_size=1, max_size=20)
messages = st.one_of(
    st.builds(HumanMessage, texts, id=st.none() | ids),
    st.builds(AIMessage, texts, name=st.none() | st.just("bob"), response_metadata=st.dictionaries(texts, st.floats())),
    st.builds(SystemMessage, texts, additional_kwargs=st.dictionaries(texts, st.binary() | st.integers())),
    st.builds(ToolMessage, texts, tool_call_id=texts),
    st.builds(lambda role, content: {"role": role, "content": content}, texts, texts),
)


def stored(client: redis.Redis, motorhead: Motorhead, session_id: str) -> tuple[dict[bytes, bytes], list[bytes]]:
    """Give the state of a session but for its epoch, and its list."""
    keys = session_keys(motorhead.namespace, session_id)
    state: Any = client.hgetall(keys.state)
    records: Any = client.lrange(keys.messages, 0, -1)
    state.pop(b"epoch", None)
    return state, records


def moved(source: Motorhead, target: Motorhead, **options: Any) -> ImportReport:
    """Move all sessions from one namespace to another."""
    return import_lines(target, export_lines(source), **options)


@pytest.fixture
def pair(make: MakeMotorhead, namespace: str) -> tuple[Motorhead, Motorhead]:
    """Two namespaces on one server."""
    made = [make(namespace=f"{namespace} {name}", compaction="manual", llm=Ledger()) for name in ("from", "to")]
    return made[0], made[1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    assert (tally.imported, tally.problems, tally.told) == (len(sessions), 0, [])
    for session_id, (user, _, _) in sessions.items():
        assert stored(client, target, session_id) == stored(client, source, session_id)
        if user is not None:
            assert session_id in target.sessions(user)
    assert target.sessions() == source.sessions()
    assert [strip(line) for line in export_lines(target)] == [strip(line) for line in export_lines(source)]


def strip(line: bytes) -> dict[str, Any]:
    """Read a line, without the namespace that it came from."""
    read: dict[str, Any] = json.loads(line)
    read.pop("namespace")
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
    """Only the sessions asked for are exported; one that is not there, or another user's, is told."""
    source, _ = pair
    for name, user in (("a", "bob"), ("b", "bob"), ("c", "eve")):
        source.session(name, user).append(HumanMessage(name))
    found = [json.loads(line)["session"] for line in export_lines(source, user_id="bob")]
    assert found == ["a", "b"]
    told: list[str] = []
    assert list(export_lines(source, user_id="bob", session_ids=["c", "none"], complain=told.append)) == []
    assert len(told) == 2


def test_existing_sessions(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """Another session of the same id is refused and told, skipped, or replaced with all that belongs to it."""
    source, target = pair
    source.session("a", "bob").append([HumanMessage("new")])
    target.session("a", "eve").append([HumanMessage("old")])
    before = stored(client, target, "a")
    refused = moved(source, target)
    assert (refused.imported, refused.problems) == (0, 1)
    skipped = moved(source, target, existing=Existing.SKIP)
    assert (skipped.imported, skipped.skipped, skipped.problems) == (0, 1, 0)
    assert stored(client, target, "a") == before
    assert moved(source, target, existing=Existing.REPLACE).imported == 1
    assert stored(client, target, "a") == stored(client, source, "a")
    assert (target.sessions("bob"), target.sessions("eve")) == (["a"], [])


@pytest.mark.parametrize("existing", list(Existing))
def test_again_adds_nothing_and_takes_nothing_away(pair: tuple[Motorhead, Motorhead], existing: Existing) -> None:
    """A session of the same import is known again, also when it went on, or was compacted, since."""
    source, target = pair
    source.session("a").append(numbered(30))
    source.session("long").append(numbered(PAGE + 7))
    lines = list(export_lines(source))
    assert import_lines(target, lines).imported == 2
    target.session("a").append([HumanMessage("since")])
    target.session("a").compact()
    again = import_lines(target, lines, existing)
    assert (again.imported, again.before, again.problems) == (0, 2, 0)
    assert remembered(target.session("a").load()) == [*contents(numbered(30)), "since"]
    assert target.session("long").load().total == PAGE + 7


def test_replacing_removes_documents(make: MakeMotorhead, namespace: str, client: redis.Redis) -> None:
    """What was indexed of the session that is replaced is not found any more; what comes is indexed as ever."""
    source = make(namespace=f"{namespace} from")
    target = make(namespace=f"{namespace} to", embeddings=HashingEmbeddings(64), window=Window(max_messages=4))
    source.session("a", "bob").append([HumanMessage("The cat lives in Oslo.")])
    target.session("a", "bob").append([HumanMessage(f"The dog {at} lives in Rome.") for at in range(9)])
    target.flush()
    assert target.session("a").search("dog Rome")
    tally = moved(source, target, existing=Existing.REPLACE)
    assert (tally.imported, tally.problems) == (1, 0)
    found = target.retriever(user_id="bob", k=20).invoke("dog in Rome, cat in Oslo")
    assert [document.page_content for document in found] == ["The cat lives in Oslo."]
    assert len(list(client.scan_iter(f"{session_keys(target.namespace, 'a').documents}*"))) == 1


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


def test_a_restore_sent_again_is_another_session(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """What read a session before it was deleted is not to take one that was put in its place for it."""
    source, target = pair
    source.session("s").append(numbered(2))
    (snapshot,) = read_lines(export_lines(source), pytest.fail)
    keys = session_keys(target.namespace, "s")
    snapshot.state = {**snapshot.state, "updated": b"1"}
    records = [record for page in snapshot.pages for record in page]
    sent = snapshots.restore(keys, snapshot, records, "t", "0" * 8, replace=False, owner=keys, one_slot=True)
    epochs = set()
    for _ in range(2):
        assert target.backend.require_redis().execute(sent) is snapshots.RestoreOutcome.DONE
        epochs.add(client.hget(keys.state, "epoch"))
        target.session("s").delete()
    assert len(epochs) == 2


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
    assert calls[0] == 1 + 20  # ids, and pages

    ahead: list[int] = []

    def read() -> Iterator[bytes]:
        for at, line in enumerate(lines):
            ahead.append(at - calls[0])
            yield line

    calls[0] = 0
    assert import_lines(target, read()).messages == 10_000
    assert largest[0] <= PAGE
    assert max(ahead) <= 1  # a line is asked for when the one before it was sent
    assert stored(client, target, "long") == stored(client, source, "long")


def test_compaction_during_an_export(pair: tuple[Motorhead, Motorhead], monkeypatch: Any) -> None:
    """A long session that is compacted and appended to while its pages are read is exported as of one instant."""
    source, target = pair
    session = source.session("long")
    session.append(numbered(3 * PAGE))
    disturbances, read = [1], operations.read

    def disturbed(keys: Any, start: int, stop: int = -1) -> Any:
        if start == PAGE and disturbances:
            disturbances.pop()
            session.append(numbered(4, start=3 * PAGE))
            session.compact()
        return read(keys, start, stop)

    monkeypatch.setattr(operations, "read", disturbed)
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


def test_an_export_that_was_cut_off_is_told(pair: tuple[Motorhead, Motorhead]) -> None:
    """What was written by a command that ended early, or lost lines, is told, also if what is there is whole."""
    source, target = pair
    for name in "abc":
        source.session(name).append(HumanMessage("hi"))
    lines = [first_line(), *export_lines(source), last_line(3)]
    assert import_lines(target, lines[:-1]).told == [
        "the end of the export is missing: what came was cut off. Export again"
    ]
    assert import_lines(target, [*lines[:-1], *lines]).problems == 1
    assert import_lines(target, [*lines[:2], *lines[3:]]).told == ["of the 3 sessions of the export, 2 are here"]
    again = import_lines(target, lines + lines)
    assert (again.before, again.told) == (6, [])


def test_ids_of_a_file_by_hand_are_known_again(pair: tuple[Motorhead, Motorhead]) -> None:
    """A message that was imported is not stored again by who has it with its id, whoever wrote the file."""
    _, target = pair
    said = [{"role": "user", "content": f"m{at}", "id": f"id{at}"} for at in range(PAGE + 100)]
    assert import_lines(target, [json.dumps({"session": "a", "messages": said}).encode()]).problems == 0
    target.session("a").append([HumanMessage(f"m{at}", id=f"id{at}") for at in range(PAGE - 28, PAGE + 101)])
    assert target.session("a").load().total == PAGE + 101


def test_what_is_in_the_place_of_a_session_stays(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """Messages without their state, and keys of another type, are no free place: they are left, and told."""
    source, target = pair
    for name in ("list", "text", "stale"):
        source.session(name).append(HumanMessage("hi"))
    client.rpush(session_keys(target.namespace, "list").messages, "somebody's")
    client.set(session_keys(target.namespace, "text").messages, "somebody's")
    client.rpush(session_keys(target.namespace, "stale").stale, "somebody's")
    tally = moved(source, target)
    assert (tally.imported, tally.problems) == (0, 3)
    assert client.lrange(session_keys(target.namespace, "list").messages, 0, -1) == [b"somebody's"]
    assert client.get(session_keys(target.namespace, "text").messages) == b"somebody's"
    assert client.zcard(registry_key(target.namespace)) == 0


def test_a_list_that_others_shorten(
    pair: tuple[Motorhead, Motorhead], client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list that somebody cuts while its pages are read is read anew, so that its parts fit together."""
    source, target = pair
    source.session("long").append(numbered(3 * PAGE))
    disturbances, read = [1], operations.read

    def disturbed(keys: Any, start: int, stop: int = -1) -> Any:
        if start == PAGE and disturbances:
            disturbances.pop()
            client.ltrim(keys.messages, 0, PAGE + 5)
        return read(keys, start, stop)

    monkeypatch.setattr(operations, "read", disturbed)
    tally = moved(source, target)
    assert (tally.messages, tally.problems) == (PAGE + 6, 0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"no JSON", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "no list of messages"),
        (b'{"messages":[]}', "no id"),
        (b'{"session":"","messages":[]}', "no id"),
        (b'{"session":"x","messages":[1]}', "message"),
        (b'{"session":"x","messages":[{"$base64":"%"}]}', "base64"),
        (b'{"session":"x","messages":[],"rest":{"epoch":"1"}}', "unknown"),
        (b'{"session":"x","messages":[],"rest":{"t:x":"1"}}', "unknown"),
        (b'{"session":"x","messages":[],"rest":{"format":"2"}}', "later version"),
        (b'{"session":"x","messages":[],"rest":[]}', "rest"),
        (b'{"session":"x","messages":[],"rest":{"size":"x"}}', "size"),
        (b'{"session":"x","messages":[],"updated":"now"}', "updated"),
        (b'{"session":"x","messages":[],"updated":-1}', "updated"),
        (b'{"session":"x","messages":[],"user":""}', "user"),
        (b'{"session":"x","messages":[],"user":7}', "user"),
        (b'{"session":"x","messages":[],"summary":{}}', "summary"),
        (b'{"session":"x","messages":[],"count":true}', "count"),
        (b'{"session":"x","messages":[],"count":2}', "0 of its 2"),
        (b'{"session":"x","messages":[{},{}],"count":1}', "more messages"),
        (b'{"session":"x","from":500,"messages":[{}]}', "beginning"),
    ],
)
def test_broken_lines_are_told(pair: tuple[Motorhead, Motorhead], line: bytes, why: str) -> None:
    """A line that cannot be read is told with its reason, and the lines around it are imported."""
    _, target = pair
    around = [b'{"session":"a","messages":[{"role":"q","content":"1"}]}', b'{"session":"b","messages":[]}']
    tally = import_lines(target, [around[0], line, b"\n", around[1]])
    assert (tally.imported, tally.problems) == (2, 1)
    assert why in tally.told[0]
    assert set(target.sessions()) == {"a", "b"}


def test_part_of_a_long_session_is_none(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """A long session of which lines are missing is told once, and nothing of it is stored or left."""
    source, target = pair
    source.session("long").append(numbered(4 * PAGE))
    source.session("z").append(numbered(1))
    lines = list(export_lines(source))
    tally = import_lines(target, [*lines[:2], *lines[3:]])
    assert (tally.imported, tally.problems) == (1, 1)
    assert target.sessions() == ["z"]
    assert not list(client.scan_iter(f"*{target.namespace.replace(' ', '%20')}*long*"))


def test_a_file_by_hand(pair: tuple[Motorhead, Motorhead]) -> None:
    """The least that a line needs is an id and messages."""
    _, target = pair
    line = {"session": "a", "user": "bob", "summary": "They met.", "messages": [{"role": "user", "content": "hi"}]}
    assert import_lines(target, [json.dumps(line).encode()]).problems == 0
    memory = target.session("a", "bob").load()
    assert (memory.summary, contents(memory.messages)) == ("They met.", ["hi"])


def test_kill_in_mid_import(
    pair: tuple[Motorhead, Motorhead],
    client: redis.Redis,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An import that is killed leaves whole sessions only; run again, it brings the rest, and nothing twice."""
    source, target = pair
    for at in range(40):
        source.session(f"s{at}", "bob").append(numbered(at % 5 + 1))
    source.session("long").append(numbered(3 * PAGE))
    lines = list(export_lines(source))
    command = [
        sys.executable,
        "-c",
        "from langchain_motorhead.cli.main import main; main()",
        "import",
        "-",
        "--url",
        url,
    ]
    command += ["--namespace", target.namespace]
    root = str(Path(langchain_motorhead.__file__).parent.parent)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env={"PYTHONPATH": root})
    assert process.stdin
    process.stdin.writelines([*lines[:25], *lines[40:42], lines[42][:100]])
    process.stdin.flush()
    staged = f"{session_keys(target.namespace, 'long').lease.removesuffix('lease')}import:*"
    wait_until(lambda: any(client.llen(key) == 2 * PAGE for key in client.scan_iter(staged)))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    assert len(target.sessions()) == 25
    for session_id in target.sessions():
        assert stored(client, target, session_id) == stored(client, source, session_id)
    (left,) = client.scan_iter(staged)
    life: Any = client.pttl(left)
    assert life > 0  # and goes by itself

    path = tmp_path / "all.jsonl"
    path.write_bytes(b"".join(lines))
    command[command.index("-")] = str(path)
    monkeypatch.setattr(sys, "argv", ["motorhead", *command[3:]])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    assert (end.value.code or 0, out) == (0, "")
    assert "16 sessions with" in err
    assert "25 imported before" in err
    assert target.sessions() == source.sessions()
    for session_id in source.sessions():
        assert stored(client, target, session_id) == stored(client, source, session_id)


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
        assert (tally.imported, tally.told) == (8, [])
        assert target.sessions("bob") == source.sessions("bob")
        assert target.sessions() == source.sessions()
        assert target.sessions("eve") == []
        assert moved(source, target).before == 8
        assert contents(target.session("s0").load().messages) == contents(numbered(3))
        assert target.backend.require_redis().run(posting.list_group(target.namespace, "g", page=1, size=9)) == [
            "in group"
        ]


def test_wrong_types_are_told(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """A key of another type in the place of a session is told, and its neighbours are exported."""
    source, _ = pair
    for name in ("a", "b", "c"):
        source.session(name).append(HumanMessage(name))
    client.delete(session_keys(source.namespace, "b").messages)
    client.set(session_keys(source.namespace, "b").messages, "no list")
    told: list[str] = []
    found = [json.loads(line)["session"] for line in export_lines(source, complain=told.append)]
    assert (found, len(told)) == (["a", "c"], 1)
    assert from_member(b"b") in told[0]
    client.hset(session_keys(source.namespace, "a").state, b"\xff", "no text")
    told.clear()
    assert [json.loads(line)["session"] for line in export_lines(source, complain=told.append)] == ["c"]
    assert [line for line in told if "'a'" in line]
    client.hset(session_keys(source.namespace, "c").state, "first", "no number")
    told.clear()
    assert list(export_lines(source, complain=told.append)) == []
    assert len(told) == 3
