"""What holds for every command: where it finds sessions, that it takes a server's URL, how it ends and looks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from support.commands import Commands, Ended
from support.factory import MakeMotorhead
from support.http_servers import served
from support.messages import numbered
from support.openai_stub import Stub

COMMANDS = ["chat", "demo", "doctor", "export", "facts", "import", "learn", "mcp", "reindex", "serve", "sessions list",
            "sessions show", "sessions search", "sessions delete", "ui"]  # fmt: skip


class Motorheads(Protocol):
    """Runs a command."""

    def __call__(self, *args: str, stdin: str = "", **environment: str) -> Ended:
        """Run it with arguments, input and environment variables."""
        ...


@pytest.fixture(scope="module")
def motorhead() -> Iterator[Motorheads]:
    """Run a command in a process of its own."""
    with Commands() as commands:
        yield commands.run


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that speaks OpenAI's protocol."""
    made = Stub()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def server(make: MakeMotorhead) -> Iterator[str]:
    """URL of a server with one tenant, whose key is `k`, and two sessions of bob, one of them indexed."""
    given = make(embeddings=HashingEmbeddings(16), window=Window(max_messages=4), compaction="manual")
    given.session("trip", "bob").append(numbered(3))
    app = create_app(Settings(api_keys={"k": "tenant"}), motorhead=lambda _: given)
    with served(app) as base:
        yield base


def test_every_command_finds_what_chat_stored(motorhead: Motorheads, tmp_path: Path, stub: Stub) -> None:
    """Without a URL, all commands work on the Redis in which `chat` keeps its memory."""
    home = {"XDG_DATA_HOME": str(tmp_path)}
    stub.status = 403
    chat = motorhead("chat", "--user", "bob", stdin="I live in Oslo\n", OPENAI_BASE_URL=stub.url, **home)
    assert chat.returncode == 1  # the model refused
    assert "The messages are stored" in chat.stderr
    rows = json.loads(motorhead("sessions", "list", "--json", **home).stdout)
    assert [(row["session"], row["user"], row["window"]) for row in rows] == [("chat", "bob", 1)]
    assert "I live in Oslo" in motorhead("sessions", "show", "chat", **home).stdout
    exported = motorhead("export", **home)
    assert "I live in Oslo" in exported.stdout
    assert "1 session;" in motorhead("doctor", "--json", **home).stdout
    imported = motorhead("import", "-", "--namespace", "other", stdin=exported.stdout, **home)
    assert (imported.returncode, imported.stderr) == (0, "1 session with 1 message imported\n")
    assert motorhead("sessions", "delete", "chat", "--yes", **home).stdout == "1 deleted\n"


def test_commands_work_on_a_server(motorhead: Motorheads, server: str, stub: Stub) -> None:
    """The commands for sessions, the chat and the doctor work on the URL of a server, with its API key."""
    at = ("--url", server, "--api-key", "k")
    (row,) = json.loads(motorhead("sessions", "list", *at, "--json").stdout)
    assert (row["session"], row["user"], row["window"], row["summarized"]) == ("trip", "bob", 3, 0)
    assert row["messages"] == 3
    assert row["active"] > "2026"
    assert json.loads(motorhead("sessions", "list", *at, "--user", "eve", "--json").stdout) == []
    shown = json.loads(motorhead("sessions", "show", "trip", *at, "--last", "2", "--json").stdout)
    assert [each["content"] for each in shown["messages"]] == ["m1", "m2"]
    chat = ("chat", *at, "--session", "trip", "--user", "bob")
    stub.status = 403
    talked = motorhead(*chat, stdin="hi\n/window\n", OPENAI_API_BASE=stub.url)
    assert "The messages are stored" in talked.stderr
    assert "human: hi" in talked.stdout
    doctor = motorhead("doctor", "--url", server, MOTORHEAD_API_KEY="k")
    assert (doctor.returncode, "1 session;" in doctor.stdout) == (0, True), doctor.stderr
    assert "trip" in motorhead("sessions", "search", "m1", *at).stdout
    assert motorhead("sessions", "delete", "trip", *at, "--yes").stdout == "1 deleted\n"
    assert motorhead("sessions", "show", "trip", *at).returncode == 1
    refused = motorhead("sessions", "list", "--url", server, "--api-key", "wrong")
    assert (refused.returncode, "API key" in refused.stderr) == (1, True)


@pytest.mark.parametrize("command", ["export", "import -", "reindex --embeddings hashing", "demo"])
def test_commands_that_need_redis_say_so(motorhead: Motorheads, server: str, command: str) -> None:
    """A command that works on Redis only says that, given the URL of a server, and ends with 1."""
    ended = motorhead(*command.split(), "--url", server, MOTORHEAD_API_KEY="k")
    assert ended.returncode == 1
    assert "Redis" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_reindex(motorhead: Motorheads, url: str, make: MakeMotorhead, namespace: str) -> None:
    """The index is built anew with the model that is given, and searches use it."""
    with Motorhead.from_url(url, namespace=namespace, embeddings=HashingEmbeddings(16)) as given:
        given.session("s").append(numbered(3))
    at = ("--url", url, "--namespace", namespace, "--embeddings", "hashing")
    assert motorhead("sessions", "search", "m1", *at).returncode == 1  # another model's index
    done = motorhead("reindex", *at)
    assert (done.returncode, done.stdout) == (0, "the index is complete; 3 documents embedded anew\n")
    assert "m1" in motorhead("sessions", "search", "m1", *at).stdout
    make().session("s").delete()


def test_the_demo_takes_the_options_of_chat(motorhead: Motorheads, stub: Stub) -> None:
    """`--model` names the summarizing model of the demo too, and an address alone is enough."""
    done = motorhead("demo", "--dialogues", "1", "--delay", "0", "--model", "llama3.2:3b", OPENAI_BASE_URL=stub.url)
    assert (done.returncode, "summarized by: llama3.2:3b" in done.stdout) == (0, True), done.stderr
    assert {request["model"] for request in stub.requests} == {"llama3.2:3b"}


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("sessions", "list", "--url", "redis://127.0.0.1:1"), 1, "cannot be reached"),
        (("sessions", "show", "nobody"), 1, "there is no session"),
        (("sessions", "search", "x"), 1, "--embeddings"),
        (("reindex",), 1, "--embeddings"),
        (("chat",), 1, "OPENAI_BASE_URL"),
        (("doctor", "--url", "http://127.0.0.1:1"), 1, "cannot be reached"),
        (("import", "redis://:hush@h"), 1, "--from"),
        (("sessions", "list", "--url", "http://127.0.0.1:1", "--namespace", "a"), 1, "the API key decides"),
        (("sessions", "lst"), 2, "Did you mean"),
        (("sessions", "list", "--usr", "x"), 2, "--user"),
    ],
)
def test_failures_end_with_a_status_and_say_what_to_do(
    motorhead: Motorheads, tmp_path: Path, args: tuple[str, ...], code: int, says: str
) -> None:
    """What failed ends with 1, a wrong command line with 2; the message says what to do, without a traceback."""
    ended = motorhead(*args, XDG_DATA_HOME=str(tmp_path))
    assert (ended.returncode, ended.stdout) == (code, "")
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hush" not in ended.stderr


@pytest.mark.parametrize("module", ["uvicorn", "starlette", "prometheus_client", "pydantic_settings", "typer", "rich"])
def test_serve_names_one_extra_that_is_enough(module: str) -> None:
    """Where a package is missing, `serve` names the extra `server`, which has all that it needs."""
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv = ['motorhead', 'serve']; "
    code += "from langchain_motorhead.cli.main import main; main()"
    ended: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.count("Traceback")) == (1, 0)
    assert 'pip install "langchain-motorhead[server]"' in ended.stderr


@pytest.mark.parametrize("command", ["", "sessions", *COMMANDS])
def test_help_fits_80_columns(motorhead: Motorheads, command: str) -> None:
    """Help has no line of more than 80 columns, through a pipe too."""
    shown = motorhead(*command.split(), "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_shells_can_complete(motorhead: Motorheads, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line has a completion script for shells."""
    monkeypatch.setenv(
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1"
    )  # the shell that runs the tests may be another
    shown = motorhead("--show-completion", "bash")
    assert "_MOTORHEAD" in shown.stdout.upper() or "complete" in shown.stdout
