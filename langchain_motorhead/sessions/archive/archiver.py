"""The archiver: builds what each commit of a compaction writes into the archive. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_motorhead.sessions.archive.chunks import ArchivedMessage, ArchiveWrite, extend
from langchain_motorhead.sessions.snapshot import SessionSnapshot


class Archiver:
    """Builds the changes of a session's archive, one for each commit, from the snapshot that a compaction began with.

    Args:
        seen: The snapshot.
    """

    def __init__(self, seen: SessionSnapshot) -> None:
        self._tail = seen.tail
        self._first = seen.first
        self._messages = with_times(seen.records, seen.first, seen.times)

    def move(self, count: int) -> ArchiveWrite:
        """Return the change that archives the next `count` messages, at least one.

        It fits only on an archive that has all changes returned before.
        """
        leaving, self._messages = self._messages[:count], self._messages[count:]
        write = extend(self._tail, self._first, leaving)
        self._tail, self._first = write.tail, self._first + count
        return write


def with_times(records: Sequence[bytes | str], first: int, times: Sequence[tuple[int, int]]) -> list[ArchivedMessage]:
    """Return stored messages with the times at which they were appended.

    Args:
        records: Consecutive messages as stored.
        first: Sequence number of the first one.
        times: Sequence numbers with the time that holds from there on, ascending.
    """
    known = dict(times)
    found, time = list[ArchivedMessage](), None
    for seq, record in enumerate(records, first):
        time = known.get(seq, time)
        data = record if isinstance(record, bytes) else record.encode("utf-8", "surrogateescape")
        found.append(ArchivedMessage(data, time))
    return found
