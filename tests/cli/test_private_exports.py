"""An export contains what was said, so its file can be read by its owner only, at every moment."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead.cli import transfer
from langchain_motorhead.cli.main import main
from support.factory import MakeMotorhead

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the permissions of POSIX")


def modes(folder: Path) -> dict[str, int]:
    """Return the permissions of the files in a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def exported(monkeypatch: pytest.MonkeyPatch, url: str, namespace: str, path: Path) -> int | str | None:
    """Run the command, and return its exit status."""
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setattr(sys, "argv", ["motorhead", "export", "--namespace", namespace, "-o", str(path)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077], ids=oct)
@pytest.mark.parametrize("before", [None, 0o600, 0o644, 0o666], ids=str)
def test_an_export(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, url: str, namespace: str, tmp_path: Path,
    umask: int, before: int | None,
) -> None:  # fmt: skip
    """Whatever the umask, and whether or not a file of this name existed, the new one is private, and alone."""
    make().session("s").append(HumanMessage("secret"))
    path = tmp_path / ("x" * 250)
    if before is not None:
        path.write_text("old")
        path.chmod(before)
    old = os.umask(umask)
    try:
        assert exported(monkeypatch, url, namespace, path) == 0
    finally:
        os.umask(old)
    assert modes(tmp_path) == {path.name: 0o600}
    assert b"secret" in path.read_bytes()


def test_while_it_is_written(tmp_path: Path) -> None:
    """The file is private from its beginning, two writers at once do not mix, and a failure leaves nothing."""
    path = tmp_path / "out.jsonl"
    old = os.umask(0)
    try:
        with transfer._writing(str(path)) as first, transfer._writing(str(path)) as second:
            first.write(b"first")
            second.write(b"second")
            assert set(modes(tmp_path).values()) == {0o600}
            assert path.name not in modes(tmp_path)
        assert path.read_bytes() == b"first"  # which was completed last
        with pytest.raises(TypeError), transfer._writing(str(path)) as file:
            file.writelines([b"half", None])  # type: ignore[list-item]
    finally:
        os.umask(old)
    assert modes(tmp_path) == {"out.jsonl": 0o600}
    assert path.read_bytes() == b"first"
