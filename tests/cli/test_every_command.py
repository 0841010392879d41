"""What holds for every command: where it finds sessions, that it takes a server's URL, how it ends and looks."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from langchain_motorhead import HashingEmbeddings, Motorhead
from support.commands import Commands, Ended
from support.factory import MakeMotorhead
from support.messages import numbered
from support.openai_stub import Stub


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


def test_commands_find_what_chat_stored(motorhead: Motorheads, tmp_path: Path, stub: Stub) -> None:
    """Without a URL, processes work on the Redis in which `chat` keeps its memory, and can be joined by pipes."""
    home = {"XDG_DATA_HOME": str(tmp_path)}
    stub.status = 403
    chat = motorhead("chat", "--user", "bob", stdin="I live in Oslo\n", OPENAI_BASE_URL=stub.url, **home)
    assert chat.returncode == 1  # the model refused
    assert "The messages are stored" in chat.stderr
    exported = motorhead("export", **home)
    assert "I live in Oslo" in exported.stdout
    imported = motorhead("import", "-", "--namespace", "other", stdin=exported.stdout, **home)
    assert (imported.returncode, imported.stderr) == (0, "1 session with 1 message imported\n")


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
        (("sessions", "list", "--page", str(10**20)), 2, "--page"),
        (("sessions", "show", "x", "--last", str(10**20)), 2, "--last"),
        (("sessions", "search", "x", "-k", "10001"), 2, "-k"),
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


def test_a_folder_that_cannot_be_made(motorhead: Motorheads, tmp_path: Path) -> None:
    """Where the memory of `chat` has no place, a line says what to set."""
    (tmp_path / "file").touch()
    ended = motorhead("sessions", "list", XDG_DATA_HOME=str(tmp_path / "file"))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "cannot be made" in ended.stderr
    assert "XDG_DATA_HOME" in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk to try")
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_a_full_disk(option: str) -> None:
    """Output that cannot be written is an error of one line."""
    command = [sys.executable, "-m", "langchain_motorhead.cli", option]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "Error: No space left on device\n")


def test_serve_where_the_port_is_in_use(motorhead: Motorheads) -> None:
    """A server that cannot listen ends with 1, and the last line says what to try."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = motorhead("serve", "--host", "127.0.0.1", "--port", port, REDIS_URL="redis://127.0.0.1:1")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"Error: the server cannot listen on 127.0.0.1, port {port}. ")


@pytest.mark.parametrize("module", ["uvicorn", "starlette", "prometheus_client", "pydantic_settings", "typer", "rich"])
def test_serve_names_one_extra_that_is_enough(module: str) -> None:
    """Where a package is missing, `serve` names the extra `server`, which has all that it needs."""
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv = ['motorhead', 'serve']; "
    code += "from langchain_motorhead.cli.main import main; main()"
    ended: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.count("Traceback")) == (1, 0)
    assert 'pip install "langchain-motorhead[server]"' in ended.stderr


def test_shells_can_complete(motorhead: Motorheads, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line has a completion script for shells."""
    monkeypatch.setenv(
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1"
    )  # the shell that runs the tests may be another
    shown = motorhead("--show-completion", "bash")
    assert "_MOTORHEAD" in shown.stdout.upper() or "complete" in shown.stdout
