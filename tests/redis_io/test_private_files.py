"""What was said can be read by the owner of its files only, whatever the umask is and whoever made the folder."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.embedded_servers import Hold, ask, str_url, wait_for

pytestmark = [
    pytest.mark.usefixtures("runtimes"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs the permissions of POSIX"),
]


def opened(folder: Path) -> dict[str, str]:
    """Return what others may read, write or enter in a folder, and the folder itself: path to mode."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077:
            found[str(path.relative_to(folder))] = oct(mode)
    return found


@pytest.fixture(params=[0o000, 0o002, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set a umask for a test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def store(url: str, hold: Hold) -> None:
    """Store something, and have the server write all of its files anew."""
    server = hold(url)
    ask(server, "SET", "said", "secret")
    assert ask(server, "BGREWRITEAOF")
    wait_for(lambda: ask(server, "INFO", "persistence")["aof_rewrite_in_progress"] == 0)
    wait_for(lambda: ask(server, "INFO", "persistence")["aof_last_bgrewrite_status"] == "ok")
    ask(server, "SAVE")
    server.release()


@pytest.mark.parametrize("exists", [False, True])
def test_a_data_folder(umask: int, hold: Hold, tmp_path: Path, exists: bool) -> None:
    """A folder that the server makes, or an empty one that exists, is the owner's with all that is stored in it."""
    folder = tmp_path / "parent" / "data"
    if exists:
        folder.mkdir(parents=True)
    store(str_url(folder), hold)
    assert {path.name for path in folder.iterdir()} == {"motorhead.server", "appendonlydir", "dump.rdb"}
    assert len(list((folder / "appendonlydir").iterdir())) >= 3
    assert opened(folder) == {}


def test_a_folder_of_an_earlier_version(hold: Hold, tmp_path: Path) -> None:
    """What was stored with wider permissions gets the right ones when a server starts on it, and is still there."""
    store(str_url(tmp_path), hold)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    server = hold(str_url(tmp_path))
    assert opened(tmp_path) == {}
    assert ask(server, "GET", "said") == b"secret"


def test_a_folder_with_other_files(hold: Hold, tmp_path: Path) -> None:
    """In a folder with files of others, only the server's files become private."""
    tmp_path.chmod(0o755)
    (tmp_path / "page.html").write_text("for all")
    (tmp_path / "page.html").chmod(0o644)
    store(str_url(tmp_path), hold)
    assert opened(tmp_path) == {".": "0o755", "page.html": "0o644"}


def test_links_are_not_followed(hold: Hold, tmp_path: Path) -> None:
    """A link in a data folder does not change the permissions of the file that it leads to."""
    other = tmp_path / "other"
    other.write_text("for all")
    other.chmod(0o644)
    folder = tmp_path / "data"
    store(str_url(folder), hold)
    (folder / "appendonlydir" / "link").symlink_to(other)
    hold(str_url(folder)).release()
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to become another user")
def test_another_user(umask: int, hold: Hold, runtimes: Path) -> None:
    """Another user of the machine can read none of the files."""
    folder = runtimes / "shared"
    folder.mkdir(mode=0o755)
    runtimes.chmod(0o755)
    store(str_url(folder / "data"), hold)
    cat = shutil.which("cat")
    assert cat is not None
    for path in (folder / "data").rglob("*"):
        read = subprocess.run([cat, path], capture_output=True, user=65534, check=False)
        assert read.returncode != 0
        assert read.stdout == b""
    shutil.rmtree(folder)
