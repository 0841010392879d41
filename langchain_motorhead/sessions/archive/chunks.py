"""The archive's chunks: messages that left a session's list, compressed, to bytes and back. Pure.

A chunk holds consecutive messages. It begins with a header, one line of text that a Lua script can parse:

    FIRST LAST OLDEST NEWEST CODEC CHECKSUM

FIRST and LAST are sequence numbers. OLDEST and NEWEST are times in microseconds since 1970, or 0 where no time is
known. CODEC names the compression, and CHECKSUM is the CRC-32 of everything else in the chunk. The compressed part has
the times of the messages in its first line, and then each message, as it was stored, in a line of its own.

A session's first chunk is small. Until it is full, each compaction replaces the newest chunk by one that has its
messages too, because a larger chunk needs less memory for each message.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.sessions.archive.dictionary import WORDS_1

CHUNK_MESSAGES = 128
"""Messages in a full chunk."""
CHUNK_BYTES = 32_768
"""Bytes of uncompressed messages from which a chunk is full, if it has fewer messages than `CHUNK_MESSAGES`."""

_CODEC = b"z1"
_LEVEL = 6
# Large messages are compressed less, so that an event loop is not held up for long.
_FAST_LEVEL, _FAST_FROM_BYTES = 1, 262_144
_RAW_DEFLATE = -15
_HEADER_FIELDS = 6
_NUL = b"\x00"
_NUL_ESCAPE, _BREAK_ESCAPE = _NUL + b"0", _NUL + b"n"


class DamagedChunkError(StoreError):
    """A chunk of an archive cannot be read: its bytes are not those that were stored, or of a later version."""


class ArchivedMessage(NamedTuple):
    """A message that leaves the list, or is read from the archive.

    Attributes:
        data: The message as it was stored.
        time: When it was appended, in microseconds since 1970, or None if that is not known.
    """

    data: bytes
    time: int | None


class Header(NamedTuple):
    """The header of a chunk.

    Attributes:
        first: Sequence number of its first message.
        last: Sequence number of its last message.
        oldest: Time of its oldest message in microseconds since 1970, or 0 if none is known.
        newest: Time of its newest message in microseconds since 1970, or 0 if none is known.
    """

    first: int
    last: int
    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class ArchiveWrite:
    """A change of the end of an archive.

    Attributes:
        chunks: The new chunks, oldest first.
        replaces: First sequence number of the newest chunk so far, if the new chunks have its messages too. Else None.
        growth: Bytes by which the archive grows.
    """

    chunks: tuple[bytes, ...]
    replaces: int | None = None
    growth: int = 0

    @property
    def tail(self) -> bytes:
        """The newest chunk after the change."""
        return self.chunks[-1]


def extend(tail: bytes | None, first: int, messages: Sequence[ArchivedMessage]) -> ArchiveWrite:
    """Add messages to the end of an archive: to its newest chunk until that is full, then to further ones.

    A newest chunk that is damaged, or does not end before `first`, is left as it is.

    Args:
        tail: The newest chunk, or None if there is none.
        first: Sequence number of the first of the messages.
        messages: The messages, at least one.
    """
    start, kept = first, list[ArchivedMessage]()
    if tail is not None:
        try:
            header = read_header(tail)
            if header.last == first - 1 and header.last - header.first + 1 < CHUNK_MESSAGES:
                found = read_chunk(tail)
                if _size(found) < CHUNK_BYTES:
                    start, kept = header.first, found
        except DamagedChunkError:
            pass
    chunks, at = list[bytes](), start
    for part in _split([*kept, *messages]):
        chunks.append(make_chunk(at, part))
        at += len(part)
    growth = sum(map(len, chunks)) - (len(tail) if tail is not None and kept else 0)
    return ArchiveWrite(tuple(chunks), start if kept else None, growth)


def make_chunk(first: int, messages: Sequence[ArchivedMessage]) -> bytes:
    """Build a chunk of consecutive messages, at least one.

    Args:
        first: Sequence number of the first message.
        messages: The messages.
    """
    times = [message.time for message in messages if message.time is not None]
    body = b"\n".join((_times_line(messages), *(_escape(message.data) for message in messages)))
    level = _LEVEL if len(body) < _FAST_FROM_BYTES else _FAST_LEVEL
    deflate = zlib.compressobj(level, zlib.DEFLATED, _RAW_DEFLATE, 9, zdict=WORDS_1)
    data = deflate.compress(body) + deflate.flush()
    last = first + len(messages) - 1
    head = b"%d %d %d %d %s" % (first, last, min(times, default=0), max(times, default=0), _CODEC)
    return b"%s %08x\n%s" % (head, zlib.crc32(data, zlib.crc32(head)), data)


def read_header(chunk: bytes) -> Header:
    """Parse the header of a chunk.

    Raises:
        DamagedChunkError: It is not a header.
    """
    fields = chunk[:200].partition(b"\n")[0].split(b" ")
    if len(fields) != _HEADER_FIELDS or not all(field.isdigit() for field in fields[:4]):
        raise DamagedChunkError("a chunk of the archive has no header")
    return Header(*map(int, fields[:4]))


def read_chunk(chunk: bytes) -> list[ArchivedMessage]:
    """Return the messages of a chunk.

    Raises:
        DamagedChunkError: The chunk was changed after it was stored, or was stored by a later version.
    """
    header = read_header(chunk)
    line, _, data = chunk.partition(b"\n")
    head, _, checksum = line.rpartition(b" ")
    if not head.endswith(b" " + _CODEC):
        raise DamagedChunkError("a chunk of the archive was written by a later version of this package")
    if b"%08x" % zlib.crc32(data, zlib.crc32(head)) != checksum:
        raise DamagedChunkError("a chunk of the archive does not have the bytes that were stored")
    body = zlib.decompressobj(_RAW_DEFLATE, zdict=WORDS_1).decompress(data)
    times, *records = body.split(b"\n")
    found = [ArchivedMessage(_unescape(data), time) for data, time in zip(records, _read_times(times), strict=True)]
    if len(found) != header.last - header.first + 1:
        raise DamagedChunkError("a chunk of the archive has another number of messages than its header says")
    return found


def _split(messages: Sequence[ArchivedMessage]) -> Iterator[list[ArchivedMessage]]:
    part, size = list[ArchivedMessage](), 0
    for message in messages:
        if part and (len(part) >= CHUNK_MESSAGES or size >= CHUNK_BYTES):
            yield part
            part, size = [], 0
        part.append(message)
        size += len(message.data)
    yield part


def _size(messages: Sequence[ArchivedMessage]) -> int:
    return sum(len(message.data) for message in messages)


# The times are written as runs: how many messages share a time, and by how much it differs from the time before.


def _times_line(messages: Sequence[ArchivedMessage]) -> bytes:
    runs, before, at = list[bytes](), 0, 0
    while at < len(messages):
        time, start = messages[at].time, at
        while at < len(messages) and messages[at].time == time:
            at += 1
        if time is None:
            runs.append(b"%d" % (at - start))
        else:
            runs.append(b"%d:%d" % (at - start, time - before))
            before = time
    return b" ".join(runs)


def _read_times(line: bytes) -> Iterator[int | None]:
    before = 0
    for run in line.split():
        count, known, difference = run.partition(b":")
        before += int(difference) if known else 0
        for _ in range(int(count)):
            yield before if known else None


# A stored message has no line break, since JSON escapes it. But what another program wrote into the list may have one.


def _escape(data: bytes) -> bytes:
    return data.replace(_NUL, _NUL_ESCAPE).replace(b"\n", _BREAK_ESCAPE)


def _unescape(data: bytes) -> bytes:
    return data.replace(_BREAK_ESCAPE, b"\n").replace(_NUL_ESCAPE, _NUL)
