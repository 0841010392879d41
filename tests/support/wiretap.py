"""A proxy to a Unix socket that counts round trips and bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wire:
    """Counts what goes over connections that pass through it: a round trip is a turn from sending to receiving."""

    def __init__(self) -> None:
        self.round_trips = 0
        self.up = 0
        self.down = 0

    def reset(self) -> None:
        """Count from zero."""
        self.round_trips = self.up = self.down = 0


@contextmanager
def wiretapped(path: str) -> Iterator[tuple[str, Wire]]:
    """Listen on a port of this machine, and pass everything on to a Unix socket, counting.

    Yields:
        A Redis URL, and the counts.
    """
    wire, listener = Wire(), socket.create_server(("127.0.0.1", 0))
    open_sockets = [listener]

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            open_sockets.extend((near, far))
            last = [""]
            for source, sink, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=_pass_on, args=(source, sink, up, wire, last), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}", wire
    finally:
        for each in open_sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()


def _pass_on(source: socket.socket, sink: socket.socket, up: bool, wire: Wire, last: list[str]) -> None:
    try:
        while data := source.recv(1 << 20):
            if up:
                wire.up += len(data)
                wire.round_trips += last[0] != "up"
            else:
                wire.down += len(data)
            last[0] = "up" if up else "down"
            sink.sendall(data)
    except OSError:
        return
