"""The command `sessions show ID --all` prints the whole conversation, from Redis and from a server."""

from __future__ import annotations

import json
import sys

import pytest
import redis

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.cli.main import main
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served
from support.messages import numbered


@pytest.fixture
def motorhead(make: MakeMotorhead, client: redis.Redis) -> Motorhead:
    """A session whose first 128 messages are damaged, and whose next ones are in its archive."""
    made = make(window=Window(max_messages=4), compaction="manual")
    session = made.session("s")
    session.append(numbered(300))
    session.compact()
    client.lset(session._keys.archive, 0, "damaged")
    return made


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    """Run the command, and return the lines that it prints."""
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["motorhead", "sessions", "show", "s", "--all", *args])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    return capsys.readouterr().out.splitlines()


def test_all_messages_are_shown(
    motorhead: Motorhead, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message has a line with its number, its time and its text, and so has what is missing."""
    lines = shown(monkeypatch, capsys, "--url", url, "--namespace", motorhead.namespace)
    assert lines[0] == "0 to 127: damaged"
    assert [line.split()[0] for line in lines[1:]] == [str(at) for at in range(128, 300)]
    assert lines[-1].endswith("AI: m299")


def test_lines_of_json(
    motorhead: Motorhead, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--json`, each line is an object with the message and its number."""
    lines = shown(monkeypatch, capsys, "--url", url, "--namespace", motorhead.namespace, "--json")
    assert json.loads(lines[0]) == {"first": 0, "last": 127, "missing": "damaged"}
    found = [json.loads(line) for line in lines[1:]]
    assert [(each["seq"], each["content"]) for each in found] == [(at, f"m{at}") for at in range(128, 300)]
    assert all(each["time"] and each["role"] and each["id"] for each in found)


def test_the_same_from_a_server(
    motorhead: Motorhead, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session on a server is shown as one in Redis."""
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base:
        lines = shown(monkeypatch, capsys, "--url", base)
    assert lines[0] == "0 to 127: damaged"
    assert len(lines) == 173
