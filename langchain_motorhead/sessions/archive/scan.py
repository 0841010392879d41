"""Looking at every message of a session, and replacing some: a flow that reads archive and list part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.sessions.archive.chunks import DamagedChunkError, make_chunk, read_chunk, read_header
from langchain_motorhead.sessions.archive.operations import StoredRange, read_range
from langchain_motorhead.storage.keys import SessionKeys


@dataclass(slots=True)
class Scan:
    """What is to be replaced in a session, and where.

    Attributes:
        records: Sequence numbers and new records of messages in the list.
        chunks: For each chunk of the archive to replace its first sequence number, its header as read, and the new one.
        damaged: First and last sequence number of each chunk that cannot be read. None if its header cannot be read.
        total: Sequence number that the next message will get.
    """

    records: list[tuple[int, bytes]] = field(default_factory=list)
    chunks: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    damaged: list[tuple[int, int] | None] = field(default_factory=list)
    total: int = 0

    def may_hide(self, seq: int | None) -> bool:
        """Return whether a message may be in a chunk that cannot be read. None for a message of an unknown number."""
        return any(each is None or seq is None or each[0] <= seq <= each[1] for each in self.damaged)


def scan(keys: SessionKeys, epoch: str, look_at: Callable[[int, bytes], bytes | None]) -> Flow[Scan | None]:
    """Show every stored message of a session to a function once, in order. Memory is needed for a few chunks at a time.

    Args:
        keys: Keys of the session.
        epoch: Epoch of the session.
        look_at: Called with the sequence number and the record of each message. Returns what takes its place, or None.

    Returns:
        What is to be replaced. None if the session was deleted meanwhile.
    """
    result, at = Scan(), 0
    while True:
        found: StoredRange | None = yield read_range(keys, at, None)
        if found is None or found.epoch != epoch:
            return None
        result.total = found.total
        for chunk in found.chunks:
            at = _look_into(chunk, at, look_at, result)
            yield Pause(0)
        if not found.complete:
            continue
        for seq, data in enumerate(found.records, found.start):
            new = look_at(seq, data)
            if new is not None:
                result.records.append((seq, new))
        at = found.start + len(found.records)
        if at >= found.total:
            return result


def _look_into(chunk: bytes, at: int, look_at: Callable[[int, bytes], bytes | None], result: Scan) -> int:
    """Show the messages of a chunk that were not shown yet. Returns the sequence number after the last one."""
    try:
        header = read_header(chunk)
    except DamagedChunkError:
        result.damaged.append(None)
        return at
    if header.last < at:
        return at
    try:
        messages = read_chunk(chunk)
    except DamagedChunkError:
        result.damaged.append((header.first, header.last))
        return header.last + 1
    new = [None if seq < at else look_at(seq, message.data) for seq, message in enumerate(messages, header.first)]
    if any(each is not None for each in new):
        changed = [
            message if each is None else message._replace(data=each)
            for message, each in zip(messages, new, strict=True)
        ]
        line = chunk.partition(b"\n")[0] + b"\n"
        result.chunks.append((header.first, line, make_chunk(header.first, changed)))
    return header.last + 1
