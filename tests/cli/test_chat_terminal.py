"""`chat` at a terminal: its greeting, and what is typed, kept and completed."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from langchain_motorhead import Motorhead
from langchain_motorhead.cli.chat import command
from langchain_motorhead.cli.chat.history import PrivateHistory, chat_history, looks_secret
from langchain_motorhead.cli.chat.repl import COMPLETIONS
from langchain_motorhead.cli.chat.terminal import CommandCompleter, typed
from support.chat_stub import ChatStub
from support.messages import contents
from support.terminal import PROMPT, Terminal

PASTED = "\x1b[200~first\nsecond\x1b[201~"


@pytest.fixture
def stub() -> Iterator[ChatStub]:
    """A server that answers with one that waits to be stopped, and with two others."""
    made = ChatStub(["one", " two", None], ["three"], ["four"])
    yield made
    made.close()


def test_terminal(stub: ChatStub, tmp_path: Path) -> None:
    """In 80 columns, chat greets with what it remembers. It stops an answer, cancels a line, and keeps no secret."""
    environment = {**stub.environment, "XDG_DATA_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    environment.pop("REDIS_URL", None)
    with Terminal("chat", "--user", "bob", environment=environment) as terminal:
        greeting = terminal.until("(nothing was said yet)")
        assert "session chat of bob. /help lists the commands" in greeting
        assert max(map(len, greeting.splitlines())) <= 80
        terminal.until(PROMPT)
        terminal.type("count\r")
        terminal.until("one two")
        terminal.type("\x03")  # stops the answer
        terminal.until(PROMPT)
        terminal.type("never sent\x03")
        terminal.until(PROMPT)
        terminal.type(f"{PASTED}\r")
        terminal.until("three")
        terminal.until(PROMPT)
        terminal.type("my password is hunter2\r")
        terminal.until("four")
        terminal.until(PROMPT)
        terminal.type("\x04")
        assert terminal.wait() == 0
    with Motorhead.from_url(f"embedded://{tmp_path / 'motorhead'}") as motorhead:
        said = contents(motorhead.session("chat").load().messages)
    assert said == ["count", "one two", "first\nsecond", "three", "my password is hunter2", "four"]
    kept = tmp_path / "state" / "motorhead" / "chat-history"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    lines = [line for line in kept.read_text().splitlines() if line.startswith("+")]
    assert lines == ["+count", "+first", "+second"]


def test_keys() -> None:
    """Ctrl-C cancels a line, Alt-Enter begins a new one, lines are pasted as one, arrows bring back, Ctrl-D ends."""
    history = InMemoryHistory()
    with create_pipe_input() as keys:
        lines = typed(COMPLETIONS, history, input_=keys, output=DummyOutput())
        for sent, read in [
            ("hello\r", "hello"),
            ("dropped\x03kept\r", "kept"),
            ("one\x1b\rtwo\r", "one\ntwo"),
            (f"{PASTED} third\r", "first\nsecond third"),
            ("helo\x1b[Dl\r", "hello"),
            ("\x1b[A!\r", "hello!"),
        ]:
            keys.send_text(sent)
            assert next(lines) == read
        keys.send_text("\x04")
        assert list(lines) == []
    assert history.get_strings() == ["hello", "kept", "one\ntwo", "first\nsecond third", "hello", "hello!"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/", list(COMPLETIONS)),
        ("/s", ["/summary", "/search "]),
        ("/search w", []),
        ("a /s", []),
        ("", []),
    ],
)
def test_completion(text: str, found: list[str]) -> None:
    """A command is completed at the beginning of a line, with what it does."""
    completions = list(CommandCompleter(COMPLETIONS).get_completions(Document(text), CompleteEvent()))
    assert [each.text for each in completions] == found
    assert all(each.display_meta_text for each in completions)
    assert all(len(each.text) + len(each.display_meta_text) < 70 for each in completions)


def test_history_is_private_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is its owner's alone, has the newest lines, and none with a blank in front, a secret, or much text."""
    path = tmp_path / "motorhead" / "chat-history"
    path.parent.mkdir()
    path.write_text("".join(f"\n# time\n+line {number}\n" for number in range(2_001)))
    path.chmod(0o644)
    history = PrivateHistory(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for line in ("plain", " begins with a blank", "x" * 4_001, "token: abc"):
        history.append_string(line)
    newest = list(PrivateHistory(path).load_history_strings())
    assert (len(newest), newest[0], newest[1], newest[-1]) == (1_001, "plain", "line 2000", "line 1001")
    assert [each.name for each in path.parent.iterdir()] == ["chat-history"]
    monkeypatch.setenv("XDG_STATE_HOME", str(path))  # where no folder can be made
    for keeps in (True, False):
        assert isinstance(chat_history(keeps=keeps), InMemoryHistory)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("what is my password?", False),
        ("I live in Oslo, at Karl Johans gate 31", False),
        ("read https://docs.example.com/a/long/path/to-2026/the-page.html", False),
        ("the password is hunter2", True),
        ("use api_key=abcdef", True),
        ("sk-abcdefgh12345678", True),
        ("redis://me:hush@host/0", True),
        ("AKIAABCDEFGHIJKLMNOP", True),
        ("ghp_abcdefghijkl", True),
        ("it is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", True),
        ("mine is open-sesame", True),
    ],
)
def test_secrets_are_recognized(text: str, secret: bool) -> None:
    """What looks like a credential, or is the value of a variable that holds one, is a secret."""
    assert looks_secret(text, {"MY_API_KEY": "open-sesame", "HOME": "Oslo", "SOME_TOKEN": "at"}) is secret


def test_without_prompt_toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra `server` is installed, and `cli` is not, lines are read all the same, and Ctrl-C drops one."""
    keys: list[str | BaseException] = ["one", KeyboardInterrupt(), "two", EOFError()]

    def read(_: str) -> str:
        line = keys.pop(0)
        if isinstance(line, BaseException):
            raise line
        return line

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", read)
    monkeypatch.setitem(sys.modules, "langchain_motorhead.cli.chat.history", None)
    assert list(command.typed_lines(keeps=True)) == ["one", "two"]
