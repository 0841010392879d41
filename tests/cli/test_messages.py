"""The commands `sessions forget` and `sessions edit`."""

from __future__ import annotations

import io
import json
import sys

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Motorhead
from langchain_motorhead.cli.main import main
from support.factory import MakeMotorhead
from support.messages import contents


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """A session of three messages."""
    made = make(compaction="manual")
    made.session("s").append([HumanMessage("a", id="1"), AIMessage("b", id="2"), HumanMessage("c", id="3")])
    return made


def run(monkeypatch: pytest.MonkeyPatch, motorhead: Motorhead, url: str, *args: str, stdin: str = "") -> int:
    """Run a command on sessions, and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["motorhead", "sessions", *args, "--url", url, "--namespace", motorhead.namespace])
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_messages_are_forgotten(
    motorhead: Motorhead, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By ids and by numbers, after a confirmation; the receipt is printed, as JSON if asked for."""
    assert run(monkeypatch, motorhead, url, "forget", "s", "1") == 1
    assert "--yes" in capsys.readouterr().err
    assert run(monkeypatch, motorhead, url, "forget", "s", "1", "--yes") == 0
    assert capsys.readouterr().out.startswith("1 message forgotten (1 in the list, 0 in the archive, 0 search")
    assert run(monkeypatch, motorhead, url, "forget", "s", "2", "--seq", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ids"] == ["3"]
    assert run(monkeypatch, motorhead, url, "forget", "s", "none", "-y") == 1
    assert "never had 'none'" in " ".join(capsys.readouterr().err.split())
    assert contents(motorhead.session("s").load().messages) == ["b"]


def test_a_message_is_edited(
    motorhead: Motorhead, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its text is replaced by an argument, or by the standard input; type and id stay."""
    assert run(monkeypatch, motorhead, url, "edit", "s", "2", "new text") == 0
    assert "1 message edited" in capsys.readouterr().out
    assert run(monkeypatch, motorhead, url, "edit", "s", "0", "--seq", stdin="two\nlines\n") == 0
    memory = motorhead.session("s").load()
    assert contents(memory.messages) == ["two\nlines", "new text", "c"]
    assert [(each.type, each.id) for each in memory.messages] == [("human", "1"), ("ai", "2"), ("human", "3")]
    assert run(monkeypatch, motorhead, url, "edit", "s", "2", stdin="") == 1
    assert "the new text is empty" in " ".join(capsys.readouterr().err.split())
    assert run(monkeypatch, motorhead, url, "edit", "s", "7", "text") == 1
    assert "With --seq" in capsys.readouterr().err
    for which in (("none",), ("9", "--seq"), ("x", "--seq")):
        assert run(monkeypatch, motorhead, url, "edit", "s", *which, stdin="x") == 1


def test_hints_can_be_pasted(
    motorhead: Motorhead, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command in an error quotes the id for a shell; and a session without a summary says so, not an empty table."""
    motorhead.session("my *").append(HumanMessage("a"))
    assert run(monkeypatch, motorhead, url, "forget", "my *", "none", "-y") == 1
    assert "motorhead sessions show 'my *' --all" in " ".join(capsys.readouterr().err.split())
    assert run(monkeypatch, motorhead, url, "summaries", "my *") == 0
    assert capsys.readouterr() == ("", "no summary was written yet\n")
