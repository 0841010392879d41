"""A proxy that makes a Redis look like one endpoint in front of a cluster, as Redis Enterprise offers it.

It refuses commands whose keys are in several slots, and the commands of a cluster. Everything else passes. The real one
was not tried.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from redis.crc import key_slot

_REFUSED = b"-ERR command is not allowed\r\n"
_CROSS_SLOT = b"-CROSSSLOT Keys in request don't hash to the same slot (context='', command='%s')\r\n"


class EnterpriseProxy:
    """The proxy.

    Attributes:
        port: Port that it listens on.
        cross_slot: How many commands it has refused because of their slots.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cross_slot = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no further connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        """Pass one command after the other, in order."""
        with suppress(OSError, ValueError), near, self._connect() as far:
            asked, answered = near.makefile("rb"), far.makefile("rb")
            while command := _read_command(asked):
                answer = self._refusal(command)
                if answer is None:
                    far.sendall(_pack(command))
                    answer = _read_reply(answered)
                near.sendall(answer)

    def _refusal(self, command: list[bytes]) -> bytes | None:
        name = command[0].upper()
        if name in (b"CLUSTER", b"READONLY", b"ASKING"):
            return _REFUSED
        if len({key_slot(key) for key in _keys(command)}) > 1:
            with self._lock:
                self.cross_slot += 1
            return _CROSS_SLOT % name.lower()
        return None


@contextmanager
def enterprise(connect: Callable[[], socket.socket]) -> Iterator[EnterpriseProxy]:
    """Run a proxy before a server.

    Args:
        connect: Opens a connection to the server.
    """
    proxy = EnterpriseProxy(connect)
    yield proxy
    proxy.close()


def _keys(command: list[bytes]) -> list[bytes]:
    name = command[0].upper()
    if name in (b"EVAL", b"EVALSHA"):
        return command[3 : 3 + int(command[2])]
    return command[1:] if name in (b"DEL", b"UNLINK", b"EXISTS", b"MGET") else []


def _pack(command: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in command)


def _read_command(stream: Any) -> list[bytes]:
    line = stream.readline()
    return [stream.read(int(stream.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))] if line else []


def _read_reply(stream: Any) -> bytes:
    """Read one whole reply of RESP2 or RESP3."""
    line: bytes = stream.readline()
    if not line:
        raise OSError("the server closed the connection")
    kind, size = line[:1], line[1:-2]
    if kind in b"$=!" and size != b"-1":
        return line + bytes(stream.read(int(size) + 2))
    if kind in b"*~>%" and size != b"-1":
        return line + b"".join(_read_reply(stream) for _ in range(int(size) * (2 if kind == b"%" else 1)))
    return line
