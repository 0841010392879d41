"""A TCP proxy in front of a Redis, which passes everything on but for the requests that a test has it spoil."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

from langchain_motorhead.storage.scripts import SCRIPTS

How = Literal["unsent", "unanswered", "half answered", "late"]
CUTS: list[How] = ["unsent", "unanswered", "half answered"]


@dataclass
class Fault:
    """What becomes of a request.

    Attributes:
        marks: It is a request that holds one of these.
        how: `"unsent"`: the connection is cut before it is passed on. `"unanswered"`: cut when its reply comes.
            `"half answered"`: cut in the middle of that. `"late"`: the reply is held back until `go` is set.
        then: Called when the request was passed on, at once.
        instead: Called when its reply came, before anything is done about it.
    """

    marks: tuple[bytes, ...]
    how: How
    then: Callable[[], object]
    instead: Callable[[], object]
    met: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """What passes through is damaged as scripted, each fault once."""

    def __init__(self, far: Callable[[], socket.socket]) -> None:
        self.far = far
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._open: list[socket.socket] = [self.listener]

    def spoil(
        self,
        command: str,
        how: How,
        *,
        then: Callable[[], object] = lambda: None,
        instead: Callable[[], object] = lambda: None,
    ) -> Fault:
        """Spoil the next request of a script of ours, or of a command."""
        fault = Fault(marks_of(command), how, then, instead)
        with self._lock:
            self._faults.append(fault)
        return fault

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = self.far()
            except OSError:  # the server is down
                _cut(near)
                continue
            with self._lock:
                self._open += [near, far]
            line = _Line(self, near, far)
            for work in (line.pass_up, line.pass_down):
                threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """Cut everything."""
        with self._lock:
            for each in self._open:
                _cut(each)
            for fault in self._faults:
                fault.go.set()

    def met(self, data: bytes) -> Fault | None:
        """Take the fault that a request is to have, if any."""
        with self._lock:
            for fault in self._faults:
                if any(mark in data for mark in fault.marks):
                    self._faults.remove(fault)
                    return fault
        return None


class _Line:
    """One connection, and the fault that its next reply is to have."""

    def __init__(self, proxy: Proxy, near: socket.socket, far: socket.socket) -> None:
        self.proxy, self.near, self.far = proxy, near, far
        self.fault: Fault | None = None

    def pass_up(self) -> None:
        try:
            while data := self.near.recv(1 << 20):
                fault = self.proxy.met(data)
                if fault is not None and fault.how == "unsent":
                    fault.met.set()
                    break
                self.fault = fault
                self.far.sendall(data)
                if fault is not None:
                    fault.then()
        except OSError:
            pass
        self.cut()

    def pass_down(self) -> None:
        try:
            while data := self.far.recv(1 << 20):
                fault, self.fault = self.fault, None
                if fault is not None:
                    fault.instead()
                    fault.met.set()
                    if fault.how == "late":
                        assert fault.go.wait(60)
                    else:
                        if fault.how == "half answered":
                            self.near.sendall(data[: len(data) // 2])
                        break
                self.near.sendall(data)
        except OSError:
            pass
        self.cut()

    def cut(self) -> None:
        for each in (self.near, self.far):
            _cut(each)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


def marks_of(command: str) -> tuple[bytes, ...]:
    """Give what tells a request apart: of a script its hash, or where it is sent whole its first line."""
    if command not in SCRIPTS:
        return (command.encode(),)
    first = (files("langchain_motorhead.storage") / "lua" / f"{command}.lua").read_text().splitlines()[0]
    return (SCRIPTS[command].sha.encode(), first.encode())


@contextmanager
def proxied(to: str | int) -> Iterator[Proxy]:
    """Run a proxy to a Unix socket, or a port of this machine."""

    def far() -> socket.socket:
        if isinstance(to, int):
            return socket.create_connection(("127.0.0.1", to))
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(to)
        except OSError:
            connection.close()
            raise
        return connection

    proxy = Proxy(far)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
