"""The commands `export`, `import`, `sessions` and `doctor`, from end to end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from langchain_motorhead import HashingEmbeddings, Window
from langchain_motorhead.cli.common import age
from langchain_motorhead.cli.main import main
from support.factory import MakeMotorhead
from support.messages import numbered


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int | str | None
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str) -> Run:
    """Runs the command line in this process, on the server of the tests."""
    monkeypatch.setenv("REDIS_URL", url)
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["motorhead", *args])
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(end.value.code or 0, *capsys.readouterr())

    return run


def test_export_and_import(run: Run, make: MakeMotorhead, namespace: str, tmp_path: Path) -> None:
    """What is exported to a file, or to the standard output, is imported from it into another namespace."""
    session = make(compaction="manual", window=Window(max_messages=2)).session("a\x1b[2J", "bob")
    session.append(numbered(3))
    session.compact()
    path, other = tmp_path / "out.jsonl", f"{namespace} other"
    assert run("export", "--namespace", namespace, "-o", str(path)) == (0, "", "1 session with 3 messages exported\n")
    code, out, _ = run("export", "--namespace", namespace)
    assert (code, out.encode()) == (0, path.read_bytes())
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]
    done = run("import", str(path), "--namespace", other)
    assert done == (0, "", "1 session with 3 messages imported\n")
    make(namespace=other).session("b").append(numbered(1))
    path.write_text('no JSON\n{"session":"b","messages":[]}\n')
    code, out, err = run("import", str(path), "--namespace", other)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "0 sessions with 0 messages imported; 2 problems"
    assert run("import", str(path), "--namespace", other, "--existing", "skip").err.count("1 skipped") == 1


def test_export_to_a_pipe(run: Run, make: MakeMotorhead, namespace: str, tmp_path: Path) -> None:
    """What is no file is written to as it is, and not replaced, nor is a link."""
    make().session("a").append(numbered(1))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("export", "--namespace", namespace, "-o", str(pipe)).code == 0
        assert len(os.read(reader, 65_536).splitlines()) == 3
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    assert run("export", "--namespace", namespace, "-o", str(link)).code == 0
    assert link.is_symlink()
    assert len(file.read_bytes().splitlines()) == 3


@pytest.mark.parametrize("archive", [True, False])
def test_an_export_counts_its_messages(run: Run, make: MakeMotorhead, namespace: str, *, archive: bool) -> None:
    """An export counts archived messages. Without an archive, it says how many messages only the index still has."""
    window = Window(max_messages=4)
    motorhead = make(embeddings=HashingEmbeddings(64), compaction="manual", window=window, archive=archive)
    motorhead.session("a").append(numbered(9))
    motorhead.session("a").compact()
    summarized = motorhead.session("a").load().summarized
    code, _, err = run("export", "--namespace", namespace)
    assert code == 0
    warning = f"up to {summarized} summarized messages can be searched here, but not after an import"
    assert err.startswith(warning) is not archive
    assert err.endswith(f"1 session with {9 if archive else 9 - summarized} messages exported\n")


def test_errors_are_a_line(run: Run, tmp_path: Path) -> None:
    """A missing file or folder, and a Redis that is away, are a line without traceback or credentials."""
    for args in (
        ["import", str(tmp_path / "none")],
        ["export", "-o", str(tmp_path / "none" / "x")],
        ["export", "--url", "redis://me:secret@127.0.0.1:1"],
        ["import", "redis://me:secret@127.0.0.1:1", "--from", "motorhead"],
        ["doctor", "--url", "redis://me:secret@127.0.0.1:1"],
        ["sessions", "show", "none"],
        ["sessions", "search", "x"],
        ["sessions", "delete"],
        ["sessions", "delete", "x"],
    ):
        code, out, err = run(*args)
        assert (code, out) == (1, ""), args
        assert len(err.splitlines()) == 1
        assert "secret" not in err


def test_sessions(run: Run, make: MakeMotorhead, namespace: str) -> None:
    """Sessions are listed, shown, searched and deleted; nothing that a terminal obeys gets to it."""
    evil = "a\x1b[2J"
    motorhead = make()
    motorhead.session(evil, "bob").append([{"role": "user", "content": "I live in\x1b[31m Oslo"}])
    motorhead.session("b").append(numbered(2))
    common = ("--namespace", namespace)
    rows = json.loads(run("sessions", "list", "--json", *common).out)
    assert [(row["session"], row["user"], row["messages"]) for row in rows] == [("b", None, 2), (evil, "bob", 1)]
    assert run("sessions", "list", *common).out.count("just now") == 2
    assert [age("2026-05-01 10:00:00+00:00", datetime(2026, 5, day, 12, tzinfo=UTC)) for day in (1, 2, 4)] == [
        "2 hours ago", "1 day ago", "3 days ago",
    ]  # fmt: skip
    shown = json.loads(run("sessions", "show", evil, "--json", *common).out)
    assert shown["messages"] == [{"role": "user", "content": "I live in\x1b[31m Oslo"}]
    for command in (("list",), ("show", evil)):
        code, out, err = run("sessions", *command, *common)
        assert (code, err) == (0, "")
        assert "\\x1b" in out
        assert "\x1b" not in out
    assert run("sessions", "delete", evil, "--yes", *common) == (0, "1 deleted\n", "")
    assert run("sessions", "delete", evil, "--yes", *common).code == 1
    assert motorhead.sessions() == ["b"]


def test_search(run: Run, make: MakeMotorhead, namespace: str) -> None:
    """A search finds what was imported and indexed by the command itself."""
    make().session("a", "bob").append([{"role": "user", "content": "I live in Oslo"}])
    lines, other = run("export", "--namespace", namespace).out, f"{namespace} other"
    path = Path(namespace.replace(" ", "-"))
    try:
        path.write_text(lines)
        model = ("--embeddings", "hashing", "--namespace", other)
        assert run("import", str(path), *model).code == 0
    finally:
        path.unlink()
    found = json.loads(run("sessions", "search", "Oslo", "--json", *model).out)
    assert [each["text"] for each in found] == ["I live in Oslo"]
