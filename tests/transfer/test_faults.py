"""Exports that were cut off, broken lines, and imports that were killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

import langchain_motorhead
from langchain_motorhead import Motorhead
from langchain_motorhead.cli.main import main
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.keys import from_member, session_keys
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from langchain_motorhead.transfer.jsonl import first_line, last_line
from langchain_motorhead.transfer.snapshot import PAGE
from support.messages import contents, numbered
from support.redis_servers import wait_until
from support.transfers import moved, stored


def test_an_export_that_was_cut_off_is_told(pair: tuple[Motorhead, Motorhead]) -> None:
    """What was written by a command that ended early, or lost lines, is reported, even if what is there is whole."""
    source, target = pair
    for name in "abc":
        source.session(name).append(HumanMessage("hi"))
    lines = [first_line(), *export_lines(source), last_line(3)]
    assert import_lines(target, lines[:-1]).details == [
        "the last line of the export is missing, so the file is incomplete. Export again"
    ]
    assert import_lines(target, [*lines[:-1], *lines]).problems == 1
    assert import_lines(target, [*lines[:2], *lines[3:]]).details == [
        "the export has 3 sessions, but only 2 were found"
    ]
    again = import_lines(target, lines + lines)
    assert (again.before, again.details) == (6, [])


def test_ids_of_a_file_by_hand_are_known_again(pair: tuple[Motorhead, Motorhead]) -> None:
    """A message that was imported is not stored again by who has it with its id, whoever wrote the file."""
    _, target = pair
    said = [{"role": "user", "content": f"m{at}", "id": f"id{at}"} for at in range(PAGE + 100)]
    assert import_lines(target, [json.dumps({"session": "a", "messages": said}).encode()]).problems == 0
    target.session("a").append([HumanMessage(f"m{at}", id=f"id{at}") for at in range(PAGE - 28, PAGE + 101)])
    assert target.session("a").load().total == PAGE + 101


def test_a_list_that_others_shorten(
    pair: tuple[Motorhead, Motorhead], client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list that somebody cuts while its pages are read is read anew, so that its parts fit together."""
    source, target = pair
    source.session("long").append(numbered(3 * PAGE))
    disturbances = [1]

    def disturbed(keys: Any, start: int, stop: int = -1) -> Any:
        if start == PAGE and disturbances:
            disturbances.pop()
            client.ltrim(keys.messages, 0, PAGE + 5)
        return read_snapshot(keys, start, stop)

    monkeypatch.setattr("langchain_motorhead.transfer.exporter.read_snapshot", disturbed)
    tally = moved(source, target)
    assert (tally.messages, tally.problems) == (PAGE + 6, 0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"no JSON", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "no list of messages"),
        (b'{"messages":[]}', "no session id"),
        (b'{"session":"","messages":[]}', "no session id"),
        (b'{"archive":true,"messages":[]}', "no session id"),
        (b'{"session":"x","messages":[1]}', "message"),
        (b'{"session":"x","messages":[{"$base64":"%"}]}', "base64"),
        (b'{"session":"x","messages":[],"rest":{"epoch":"1"}}', "unknown"),
        (b'{"session":"x","messages":[],"rest":{"t:x":"1"}}', "unknown"),
        (b'{"session":"x","messages":[],"rest":{"format":"2"}}', "later version"),
        (b'{"session":"x","messages":[],"summaries":{}}', "not a list of records"),
        (b'{"session":"x","messages":[],"summaries":["broken"]}', "a record has no header"),
        (b'{"session":"x","messages":[],"summaries":["3 5 0 {}\\ns"]}', "does not continue"),
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
        (b'{"session":"x","from":500,"messages":[{}]}', "first line"),
    ],
)
def test_broken_lines_are_told(pair: tuple[Motorhead, Motorhead], line: bytes, why: str) -> None:
    """A line that cannot be read is reported with its reason, and the lines around it are imported."""
    _, target = pair
    around = [b'{"session":"a","messages":[{"role":"q","content":"1"}]}', b'{"session":"b","messages":[]}']
    tally = import_lines(target, [around[0], line, b"\n", around[1]])
    assert (tally.imported, tally.problems) == (2, 1)
    assert why in tally.details[0]
    assert set(target.sessions()) == {"a", "b"}


def test_part_of_a_long_session_is_none(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """A long session of which lines are missing is reported once, and nothing of it is stored or left."""
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


def test_wrong_types_are_told(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """A key of another type in the place of a session is reported, and its neighbours are exported."""
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
