"""`--help` of every command: short, grouped, and not wider than 80 columns, through a pipe too."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from langchain_motorhead.cli.main import main
from langchain_motorhead.server.variables import variables

COMMANDS = [
    "chat", "demo", "doctor", "export", "facts", "import", "learn", "mcp", "reindex", "serve", "ui", "sessions list",
    "sessions show", "sessions search", "sessions summaries", "sessions edit", "sessions forget",
    "sessions set-summary", "sessions rebuild", "sessions delete",
]  # fmt: skip
# Lines of the longest help.
MOST_LINES = 34


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Runs a command in 80 columns, and returns the lines that it prints."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["motorhead", *args])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert (end.value.code or 0, err) == (0, "")
        assert max(map(len, out.splitlines())) <= 80
        return out.splitlines()

    return run


def panels(lines: list[str]) -> list[str]:
    """Return the titles of the panels."""
    return [line.strip("╭╮─ ") for line in lines if line.startswith("╭")]


def test_help_is_short_and_grouped(shown: Callable[..., list[str]]) -> None:
    """Each command's help fits a screen, cuts no word, and has its options for the connection in one panel."""
    for command in COMMANDS:
        lines = shown(*command.split(), "--help")
        assert len(lines) <= MOST_LINES, command
        assert f" Usage: motorhead {command} " in lines[1]
        assert not [line for line in lines if "…" in line or "<bool>" in line], command
        assert set(panels(lines)) <= {"Arguments", "Options", "Connection", "Memory"}, command
        if command != "serve":
            connection = lines[next(at for at, line in enumerate(lines) if line.startswith("╭─ Connection")) :]
            assert [line for line in connection if line.startswith("│ --url")], command


def test_commands_are_grouped(shown: Callable[..., list[str]]) -> None:
    """The help of `motorhead` and of `motorhead sessions` has every command, in panels."""
    every = shown("--help")
    assert panels(every) == [
        "Options", "Try it", "See and correct what is stored", "Serve it", "Operate it",
    ]  # fmt: skip
    sessions = shown("sessions", "--help")
    assert panels(sessions) == ["Options", "Look", "Correct"]
    for command in COMMANDS:
        group, _, name = command.rpartition(" ")
        assert [line for line in (sessions if group else every) if line.startswith(f"│ {name} ")], command


def test_serve_explains_its_settings(shown: Callable[..., list[str]]) -> None:
    """`serve --settings` names each environment variable with its default, and starts no server."""
    lines = shown("serve", "--settings")
    for name, default, _ in variables():
        assert (f"{name} ({default})" if default else name) in lines
