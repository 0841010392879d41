"""The archive's chunks: what is stored is what is read, damage is noticed, and small chunks grow into large ones."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.sessions.archive.chunks import (
    CHUNK_BYTES,
    CHUNK_MESSAGES,
    ArchivedMessage,
    DamagedChunkError,
    extend,
    make_chunk,
    read_chunk,
    read_header,
)
from langchain_motorhead.sessions.archive.config import Archive
from langchain_motorhead.sessions.archive.dictionary import WORDS_1

_MESSAGES = st.lists(
    st.builds(
        ArchivedMessage, st.binary(max_size=60) | st.text("\x00\n0n").map(str.encode), st.none() | st.integers(0, 2**53)
    ),
    min_size=1,
    max_size=40,
)
_TIME = 1_700_000_000_000_000


def _said(*numbers: int) -> list[ArchivedMessage]:
    return [ArchivedMessage(b'{"role":"Human","content":"%d"}' % at, _TIME + at) for at in numbers]


@given(first=st.integers(0, 10**12), messages=_MESSAGES)
def test_a_chunk_gives_back_what_it_was_made_of(first: int, messages: list[ArchivedMessage]) -> None:
    """Any bytes and times are read as they were stored, in order, and the header tells their range."""
    chunk = make_chunk(first, messages)
    times = [message.time for message in messages if message.time is not None]
    assert read_chunk(chunk) == messages
    assert read_header(chunk) == (first, first + len(messages) - 1, min(times, default=0), max(times, default=0))


@given(messages=_MESSAGES, data=st.data())
def test_any_damage_is_noticed(messages: list[ArchivedMessage], data: st.DataObject) -> None:
    """A chunk with one changed byte, or that was cut off, is refused; it never gives other messages."""
    chunk = make_chunk(7, messages)
    at = data.draw(st.integers(0, len(chunk) - 1))
    changed = chunk[:at] + bytes([chunk[at] ^ data.draw(st.integers(1, 255))]) + chunk[at + 1 :]
    for damaged in (changed, chunk[:at]):
        with pytest.raises(DamagedChunkError):
            read_chunk(damaged)


@given(counts=st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_chunks_cover_every_message_once_however_they_arrive(counts: list[int]) -> None:
    """Chunks that grow with each commit have all messages, in order, and all but the newest are full."""
    archive, at = dict[int, bytes](), 0
    tail = None
    for count in counts:
        write = extend(tail, at, _said(*range(at, at + count)))
        if write.replaces is not None:
            del archive[write.replaces]
        archive |= {read_header(chunk).first: chunk for chunk in write.chunks}
        tail, at = write.tail, at + count
    found = [message for first in sorted(archive) for message in read_chunk(archive[first])]
    assert found == _said(*range(at))
    headers = [read_header(archive[first]) for first in sorted(archive)]
    assert all(one.last + 1 == other.first for one, other in pairwise(headers))
    assert all(each.last - each.first + 1 == CHUNK_MESSAGES for each in headers[:-1])


def test_a_chunk_of_large_messages_is_full_early() -> None:
    """Chunks are bounded in bytes too, and one message of any size has a chunk."""
    large = [ArchivedMessage(bytes([65 + at]) * CHUNK_BYTES, None) for at in range(3)]
    write = extend(None, 0, large)
    assert [read_header(chunk).first for chunk in write.chunks] == [0, 1, 2]
    assert extend(write.tail, 3, large[:1]).replaces is None


@pytest.mark.parametrize("tail", [b"", b"nonsense", make_chunk(0, _said(0))[:-1], make_chunk(0, _said(0))])
def test_a_tail_that_cannot_be_extended_stays(tail: bytes) -> None:
    """A newest chunk that is damaged, or does not end where the messages begin, is not replaced."""
    write = extend(tail, 5, _said(5))
    assert write.replaces is None
    assert [read_chunk(chunk) for chunk in write.chunks] == [_said(5)]


def test_the_dictionary_does_not_change() -> None:
    """Chunks that are stored somewhere can be read for as long as the dictionary of their codec is the same."""
    assert zlib.crc32(WORDS_1) == 3018505301


@pytest.mark.parametrize("limits", [{"max_age": 0}, {"max_age": True}, {"max_bytes": 0}, {"max_bytes": 1.5}])
def test_limits_are_numbers_above_zero(limits: dict[str, float]) -> None:
    """A limit that would remove everything, or is no number, is refused."""
    with pytest.raises(InvalidInputError):
        Archive(**limits)  # type: ignore[arg-type]
