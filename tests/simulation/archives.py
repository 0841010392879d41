"""What has to hold of a session's archive and of the times of its messages: checked on its raw keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from langchain_motorhead.sessions.archive.chunks import ArchivedMessage, read_chunk, read_header
from langchain_motorhead.storage.keys import SessionKeys

# The same few chunks are looked at again and again.
_read_chunk = lru_cache(maxsize=10_000)(read_chunk)


class Violation(AssertionError):  # noqa: N818
    """Something does not hold that has to."""


def must(holds: object, otherwise: str, *about: object) -> None:
    """Raise a violation unless something holds."""
    if not holds:
        raise Violation(otherwise.format(*about))


def archive_of(keys: SessionKeys, there: Mapping[bytes, Any]) -> list[ArchivedMessage]:
    """List the messages of the archive, in order.

    Raises:
        Violation: A chunk is not where its messages belong, or messages are there twice or missing.
    """
    found = list[ArchivedMessage]()
    for chunk in there.get(keys.archive.encode(), ()):
        header = read_header(chunk)
        must(header.first == len(found), "a chunk begins with message {}, and not with {}", header.first, len(found))
        found += _read_chunk(chunk)
    return found


def check_archive(keys: SessionKeys, state: Mapping[bytes, bytes], there: Mapping[bytes, Any], count: int) -> None:
    """The archive has the first messages, and the session's hash counts them and their chunks."""
    archive = there.get(keys.archive.encode(), ())
    found = archive_of(keys, there)
    must(len(found) == count, "{} messages are archived, and {} should be", len(found), count)
    counted = [int(state.get(name, 0)) for name in (b"archived", b"chunks", b"archive_bytes")]
    due = [len(found), len(archive), sum(map(len, archive))]
    must(counted == due, "messages, chunks and bytes of the archive are counted as {}, and are {}", counted, due)


def check_times(
    keys: SessionKeys, when: Sequence[int], state: Mapping[bytes, bytes], there: Mapping[bytes, Any]
) -> None:
    """Each message has the time of its append, and no time is kept of messages that left the list."""
    first = int(state.get(b"first", 0))
    stored = {int(name[2:]): int(value) for name, value in state.items() if name.startswith(b"t:")}
    must(all(first <= seq < len(when) for seq in stored), "times are kept of {}, from {} on", sorted(stored), first)
    found: list[int | None] = [message.time for message in archive_of(keys, there)]
    found += [None] * (first - len(found))
    for seq in range(first, len(when)):
        found.append(stored.get(seq, found[-1] if seq > first else None))
    due = [None if time is None else when[seq] for seq, time in enumerate(found[:first])] + list(when[first:])
    must(found == due, "the times of messages are {}, and should be {}", found, due)


def length_of(keys: SessionKeys, there: Mapping[bytes, Any]) -> int:
    """Give the length of the list."""
    return len(there.get(keys.messages.encode(), ()))
