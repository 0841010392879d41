"""What forgetting and editing mean for what should be there, and that nothing is left of what was forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.tombstones import FORGOTTEN_TEXT, TOMBSTONE
from langchain_motorhead.sessions.archive.chunks import read_chunk, read_header
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Operation
from simulation.archives import must

# The same few records and chunks are looked at again and again.
_decoded = lru_cache(maxsize=10_000)(decode)
_read_chunk = lru_cache(maxsize=10_000)(read_chunk)
# Arguments of `session_forget` before the sequence numbers.
_HEAD = 14
# Of a message that was edited, the id stays. It is its first text here.
_ID = re.compile(rb'"id":"[^"]*"')


@dataclass(frozen=True)
class Utterance:
    """A message that was accepted.

    Attributes:
        text: What it says now. Empty if it was forgotten.
        when: When it was accepted.
        is_result: Whether it is the result of a tool.
        was: What it said before it was edited or forgotten.
    """

    text: str
    when: int
    is_result: bool
    was: tuple[str, ...] = ()

    @property
    def first_text(self) -> str:
        """What it said when it was accepted, by which it is known when it is sent again."""
        return self.was[0] if self.was else self.text


def text_of(record: bytes) -> str:
    """Give the text of a record; nothing if it stands for a message that was forgotten."""
    return "" if record == TOMBSTONE else _decoded(record).text


def texts(said: Sequence[Utterance]) -> list[str]:
    """List the texts of messages, without those that were forgotten."""
    return [each.text for each in said if each.text]


def replaced(said: Sequence[Utterance], operation: Operation[Any]) -> tuple[Utterance, ...]:
    """Give what was said after messages were replaced."""
    args = operation.commands[0].args
    numbers, records, chunks = (int(args[at]) for at in (10, 11, 12))
    at = _HEAD + numbers
    new = {int(args[pair]): bytes(args[pair + 1]) for pair in range(at, at + 2 * records, 2)}  # type: ignore[arg-type]
    at += 2 * records
    for triple in range(at, at + 3 * chunks, 3):
        chunk = bytes(args[triple + 2])  # type: ignore[arg-type]
        new |= dict(enumerate((data for data, _ in _read_chunk(chunk)), read_header(chunk).first))
    now = list(said)
    for seq in map(int, args[_HEAD : _HEAD + numbers]):
        text = text_of(new[seq])
        result = now[seq].is_result and bool(text)
        now[seq] = replace(now[seq], text=text, is_result=result, was=(*now[seq].was, now[seq].text))
    return tuple(now)


def check_nothing_is_left(
    keys: SessionKeys, said: Sequence[Utterance], forgotten: frozenset[str], there: Mapping[bytes, Any]
) -> None:
    """What is said to be forgotten is; and no key has a word of it, also where it is compressed."""
    left = [each.text for each in said if each.first_text in forgotten and each.text not in ("", FORGOTTEN_TEXT)]
    must(not left, "{} are said to be forgotten, and are not", left)
    known = {each.text for each in said}
    gone = {text for each in said for text in each.was} - known
    if not gone:
        return
    words = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in sorted(gone)).encode())
    for key, value in there.items():
        for part in _parts(value):
            must(not words.search(part), "{} still has {}", key, words.findall(part))
    for chunk in there.get(keys.archive.encode(), ()):
        for data, _ in _read_chunk(chunk):
            must(not words.search(_ID.sub(b"", data)), "the archive still has {}", data)


def _parts(value: Any) -> Iterator[bytes]:
    """List what a key holds, without the ids of messages."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from (each for field, each in value.items() if field != b"id")
        yield from value
    else:
        yield from (_ID.sub(b"", each) for each in value)
