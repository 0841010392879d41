"""What someone new does: talk through a pipe, then find it again with every other command, wherever it is stored."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import mcp
import pytest
from langchain_core.language_models import FakeListChatModel
from mcp.client.stdio import StdioServerParameters, stdio_client

from langchain_motorhead import Facts, HashingEmbeddings, Window
from langchain_motorhead.cli.chat import command as chat
from langchain_motorhead.cli.main import main
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served

SAID = ["I live in Oslo", "My dog is called Fido", "I work as a nurse"]
ANSWERED = ["Nice!", "A good name.", "I see."]


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    code: int | str | None
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command in this process, in 80 columns, with an input, and a data folder of its own."""
    for name in ("REDIS_URL", "MOTORHEAD_API_KEY", "FORCE_COLOR", "GITHUB_ACTIONS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    model = FakeListChatModel(responses=ANSWERED)
    monkeypatch.setattr(chat, "models", lambda _: (model, None, "a model of the test"))

    def run(*args: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["motorhead", *args])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(end.value.code or 0, *capfd.readouterr())

    return run


@pytest.fixture
def own(tmp_path: Path) -> Iterator[str]:
    """URL of the embedded Redis that commands use without `--url`. It is kept running, to save time."""
    (tmp_path / "motorhead").mkdir()
    url = f"embedded://{tmp_path / 'motorhead'}"
    server = acquire(url)
    yield url
    server.release()


def talk(run: Run, *at: str) -> None:
    """Talk in session `trip` of bob, and let it be summarized."""
    lines = [*SAID, "/compact"]
    options = ("--session", "trip", "--user", "bob", "--max-messages", "4")
    done = run("chat", *at, *options, stdin="\n".join(lines))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:3] == ANSWERED


def looked_up(run: Run, *at: str) -> None:
    """Check that the commands that only read find the conversation."""
    (row,) = json.loads(run("sessions", "list", *at, "--json").out)
    assert (row["session"], row["user"], row["messages"]) == ("trip", "bob", 6)
    assert row["messages"] == row["window"] + row["summarized"]
    assert row["summarized"] > 0
    listed = run("sessions", "list", *at, "--user", "bob").out
    assert "just now" in listed
    assert json.loads(run("sessions", "list", *at, "--user", "eve", "--json").out) == []
    shown = json.loads(run("sessions", "show", "trip", *at, "--json").out)
    assert SAID[0] in shown["summary"]
    assert shown["messages"][-1]["content"] == ANSWERED[-1]
    whole = run("sessions", "show", "trip", *at, "--all").out.splitlines()
    assert [line.rpartition(": ")[2] for line in whole] == [
        each for pair in zip(SAID, ANSWERED, strict=True) for each in pair
    ]
    (version,) = json.loads(run("sessions", "summaries", "trip", *at, "--json").out)
    assert (version["start"], version["stop"]) == (0, row["summarized"])
    doctor = json.loads(run("doctor", *at, "--json").out)
    assert [each["value"][:10] for each in doctor if each["name"] == "backlog"] == ["1 session;"]


def corrected(run: Run, *at: str) -> None:
    """Check that the commands that change something change the conversation, and say what they did."""
    assert run("facts", "bob", *at, "--remember", "Likes tea").code == 0
    (fact, *_) = json.loads(run("facts", "bob", *at, "--json").out)
    assert fact["text"] == "Likes tea"
    assert run("facts", "bob", *at, "--forget", fact["id"]).code == 0
    edited = run("sessions", "edit", "trip", "0", *at, "--seq", stdin="I live in Bergen\n")
    assert edited.out.startswith("1 message edited (")
    forgotten = run("sessions", "forget", "trip", "1", *at, "--seq", "--yes")
    assert forgotten.out.startswith("1 message forgotten (")
    assert run("sessions", "rebuild", "trip", *at).out.endswith(" again, in 1 batch, for 0 tokens\n")
    assert "Bergen" in json.loads(run("sessions", "show", "trip", *at, "--json").out)["summary"]
    assert run("sessions", "set-summary", "trip", "Bob is a nurse.", *at, "--override").out == "replaced\n"
    assert "Bob is a nurse." in run("sessions", "show", "trip", *at).out
    assert run("sessions", "delete", "trip", *at, "--yes").out == "1 deleted\n"
    assert run("sessions", "list", *at).err.startswith("there are no sessions")


def failing(run: Run, *at: str) -> None:
    """Check that commands for what is not there end with 1, and a line that says what to do."""
    for args, advice in [
        (("sessions", "show", "nobody"), "sessions list"),
        (("sessions", "summaries", "nobody"), "sessions list"),
        (("sessions", "rebuild", "nobody"), "sessions list"),
        (("sessions", "set-summary", "nobody", "x"), "sessions list"),
        (("sessions", "delete", "nobody", "--yes"), "sessions list"),
        (("sessions", "forget", "nobody", "x", "--yes"), "sessions list"),
        (("sessions", "edit", "trip", "x", "y"), "sessions show trip --all"),
        (("sessions", "forget", "trip", "99", "--seq", "--yes"), "sessions show trip --all"),
        (("facts", "bob", "--forget", "no-such-fact"), "Without --forget"),
        (("sessions", "delete"), "--user"),
    ]:
        ended = run(*args, *at)
        assert (ended.code, advice in ended.err, len(ended.err.splitlines())) == (1, True, 1), (args, ended)


def test_on_a_redis(run: Run, own: str, url: str, namespace: str) -> None:
    """Every command finds what `chat` stored, without a URL, and with that of a Redis."""
    for at in ((), ("--url", url, "--namespace", namespace)):
        indexed = (*at, "--embeddings", "hashing")
        talk(run, *at)
        looked_up(run, *at)
        failing(run, *at)
        assert run("reindex", *indexed).out == "the index is complete\n"
        assert SAID[0] in run("sessions", "search", "where is Oslo", *indexed).out
        assert run("learn", *at).out.startswith("6 messages learned: ")
        facts = run("facts", "bob", *at).out
        assert f"  trip 0: {SAID[0]}" in facts
        missing = run("learn", *at, "--session", "nobody")
        assert (missing.code, "sessions list" in missing.err) == (1, True)
        exported = run("export", *at)
        assert (exported.code, exported.err) == (0, "1 session with 6 messages exported\n")
        copied = (*at[:2], "--namespace", f"{namespace} copy")
        assert run("import", "-", *copied, stdin=exported.out).err == "1 session with 6 messages imported\n"
        assert SAID[0] in run("sessions", "show", "trip", *copied, "--all").out
        wrong = run("import", "-", *copied, stdin="no export\n")
        assert (wrong.code, "motorhead export" in wrong.err) == (1, True)
        corrected(run, *at)
        assert run("sessions", "delete", "--user", "bob", *copied, "--yes").out == "1 deleted\n"


def test_on_a_server(run: Run, make: MakeMotorhead) -> None:
    """Every command that works on a server finds what `chat` stored there. The others say what to do."""
    given = make(embeddings=HashingEmbeddings(64), facts=Facts(), window=Window(max_messages=4), compaction="manual")
    app = create_app(Settings(api_keys={"k": "tenant"}), motorhead=lambda _: given)
    with served(app) as base:
        at = ("--url", base, "--api-key", "k")
        talk(run, *at)
        looked_up(run, *at)
        failing(run, *at)
        assert SAID[0] in run("sessions", "search", "where is Oslo", *at).out
        page = run("ui", "--url", base, "--no-browser")
        assert (page.code, page.out) == (0, f"{base}/ui\n")
        for command in (("export",), ("import", "-"), ("reindex", "--embeddings", "hashing"), ("demo",)):
            refused = run(*command, *(at[:2] if command == ("demo",) else at))
            assert (refused.code, "Redis" in refused.err) == (1, True)
        assert run("learn", *at).out.startswith("6 messages learned: ")
        assert f"  trip 0: {SAID[0]}" in run("facts", "bob", *at).out
        for key in ((), ("--api-key", "wrong")):
            denied = run("sessions", "list", "--url", base, *key)
            assert (denied.code, "API key" in denied.err) == (1, True)
        corrected(run, *at)


def test_serve_and_mcp(run: Run, own: str, tmp_path: Path) -> None:
    """The server, its page, and the MCP server find what `chat` stored in the embedded Redis."""
    talk(run)
    with served(create_app(Settings(redis_url=own))) as base:
        assert httpx.get(f"{base}/sessions/trip").json()["total"] == 6
        assert 'href="/ui/session?id=trip"' in httpx.get(f"{base}/ui").text
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "langchain_motorhead.cli", "mcp", "--user", "bob"],
        env={"XDG_DATA_HOME": str(tmp_path)},
    )  # fmt: skip

    async def read() -> str:
        async with mcp.Client(stdio_client(command)) as client:
            return str(await client.call_tool("read_conversation", {"session_id": "trip"}))

    assert SAID[0] in asyncio.run(read())
