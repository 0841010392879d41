"""Builds the archive of an imported session: chunks, and the counts that the session's hash has of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from langchain_motorhead.sessions.archive.chunks import CHUNK_MESSAGES, ArchivedMessage, extend
from langchain_motorhead.transfer.archive_lines import ArchiveRun
from langchain_motorhead.transfer.snapshot import Fingerprint

# Messages that are made into chunks at once.
_MESSAGES = 8 * CHUNK_MESSAGES


class RestoredArchive:
    """Builds chunks of runs of messages, and counts.

    Attributes:
        messages: Number of messages so far.
        chunks: Number of chunks so far.
        size: Bytes of the chunks so far.
    """

    def __init__(self) -> None:
        self.messages = self.chunks = self.size = 0

    def build(
        self, runs: Iterable[ArchiveRun], fingerprint: Fingerprint, replaced: Callable[[int, bytes], bytes]
    ) -> Iterator[list[bytes]]:
        """Return an iterator over chunks, some at a time.

        Args:
            runs: The messages, in order.
            fingerprint: Digest to which each message is added.
            replaced: Returns what is stored of a message, which is given with its sequence number.
        """
        first, pending = 0, list[ArchivedMessage]()
        for run in runs:
            fingerprint.add([b"%d" % run.first, *(part for message in run.messages for part in _parts(message))])
            if run.first != first + len(pending):
                yield self._counted(first, pending)
                first, pending = run.first, []
            pending += [
                each._replace(data=replaced(seq, each.data)) for seq, each in enumerate(run.messages, run.first)
            ]
            if len(pending) >= _MESSAGES:
                full = len(pending) - len(pending) % CHUNK_MESSAGES
                yield self._counted(first, pending[:full])
                first, pending = first + full, pending[full:]
        yield self._counted(first, pending)

    @property
    def state(self) -> dict[str, bytes]:
        """Fields of the session's hash."""
        return {
            "archived": b"%d" % self.messages,
            "chunks": b"%d" % self.chunks,
            "archive_bytes": b"%d" % self.size,
        }

    def _counted(self, first: int, messages: list[ArchivedMessage]) -> list[bytes]:
        made = list(extend(None, first, messages).chunks) if messages else []
        self.messages += len(messages)
        self.chunks += len(made)
        self.size += sum(map(len, made))
        return made


def _parts(message: ArchivedMessage) -> tuple[bytes, bytes]:
    return message.data, b"" if message.time is None else b"%d" % message.time
