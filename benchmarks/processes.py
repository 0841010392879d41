"""CPU and memory of processes of this machine, from `/proc`."""

from __future__ import annotations

import os
from pathlib import Path

_LISTENS = "0A"


def family(pid: int) -> list[int]:
    """Return a process, and the processes that it has started, and these."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process and those it has started have used, by themselves and in the system."""
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family(pid)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Return the memory of a process and of those it has started."""
    pages = (int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in family(pid))
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def listener(port: int) -> int | None:
    """Return the process that listens on a port, or None if it is not found, such as one of another user."""
    sockets = set[str]()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if Path(table).exists():
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    for folder in Path("/proc").glob("[0-9]*/fd") if sockets else ():
        try:
            if any(str(each.readlink()) in sockets for each in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:  # it has ended, or belongs to another user
            continue
    return None
