"""CPU and memory of processes of this machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import psutil


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process and those it has started have used, by themselves and in the system."""
    return _total(pid, lambda each: sum(each.cpu_times()[:2]))


def resident_bytes(pid: int) -> int:
    """Return the memory of a process and of those it has started."""
    return int(_total(pid, lambda each: each.memory_info().rss))


def listener(port: int) -> int | None:
    """Return the process that listens on a port, or None if it is not found, such as one of another user."""
    try:
        sockets = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS shows them to root alone
        return None
    listening = (each for each in sockets if each.status == psutil.CONN_LISTEN and each.laddr.port == port)
    return next((each.pid for each in listening), None)


def _total(pid: int, measured: Callable[[psutil.Process], float]) -> float:
    process = psutil.Process(pid)
    total = measured(process)
    for each in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            total += measured(each)
    return total
