"""A model of what a session accepts and knows by its id, and a session beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead import IdConflictError, Memory, Motorhead, Window
from langchain_motorhead.handles.session import Session
from langchain_motorhead.messages.codec import decode, encode
from langchain_motorhead.messages.content_digest import content_digest
from langchain_motorhead.messages.ids import mark
from langchain_motorhead.messages.matching import trailing_count
from langchain_motorhead.sessions.marks import read_marks
from support.summarizers import Ledger, remembered

WINDOW = Window(max_messages=6, max_tokens=40, hard_limit=100_000, hard_limit_tokens=10**9)
ZERO_MARK = " " * 11
POOL = [
    None, "", "a", "b", "c", "d", "e", "A", " a", "0", "\0", ZERO_MARK, "a\nb", "é", "e\u0301", "\ud800", "\udfff",
    "motorhead-0123456789abcdef-1", "motorhead-0000000000000000-1", "motorhead--1", "x" * 10_000, "x" * 9_999 + "y",
    *(f"n{at}" for at in range(200)),
]  # fmt: skip
Given = BaseMessage | Mapping[str, Any]


def count(messages: Sequence[BaseMessage]) -> int:
    """Count tokens: what each message has beside its text, and a token for each of its characters."""
    return sum(2 + len(str(message.content)) for message in messages)


class Expected:
    """What a session should be: everything accepted, and a content for each id that was."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.known: dict[str, bytes] = {}
        self.epoch: str | None = None

    def delete(self) -> None:
        """Forget all."""
        self.__init__()  # type: ignore[misc]

    def append(self, messages: Sequence[Given], *, unless_known: bool = True) -> list[int]:
        """Take what is not known, or nothing; return the positions of messages that have the ids of others."""
        return self._take(messages, unless_known=unless_known)

    def catch_up(self, messages: Sequence[Given], after: str | None) -> None:
        """Take what comes after a message, or after the newest that is known, under new ids where that is needed."""
        ids = [id_of(message) for message in messages]
        if after is not None and after in ids:
            messages = messages[len(ids) - ids[::-1].index(after) :]
        known = [at for at, message in enumerate(messages) if self._has(message, self.known)]
        self._take(messages[known[-1] + 1 if known else 0 :])

    def is_clear(self, messages: Sequence[Given], after: str | None) -> bool:
        """Say whether ids and contents tell what is new: those known are a piece, which new ones follow.

        No message has the id of another one.
        """
        ids = [id_of(message) for message in messages]
        newest = trailing_count(messages)
        if after is not None and after in ids:
            messages = messages[len(ids) - ids[::-1].index(after) :]
            newest = len(messages)
        known = [self._has(message, self.known) for message in messages]
        if False in known or self._share_ids(messages):
            return False
        if not any(known):
            return len(known) <= newest or not self.said
        first = known.index(True)
        new = known[::-1].index(True)
        return 0 < new <= newest and all(known[first : len(known) - new])

    def _share_ids(self, messages: Sequence[Given]) -> bool:
        contents: dict[str, bytes] = {}
        return any(
            contents.setdefault(id_of(each), content_of(each)) != content_of(each) for each in messages if id_of(each)
        )

    def _has(self, message: Given, known: Mapping[str, bytes]) -> bool | None:
        """Say whether a message is known (True), or its id is that of another (False)."""
        id_ = id_of(message)
        if not id_:
            return None
        own = self.epoch and re.fullmatch(rf"motorhead-{self.epoch}-(0|[1-9][0-9]*|summary|continued)", id_)
        if own:
            return not own[1].isdigit() or int(own[1]) < len(self.said)
        return None if id_ not in known else known[id_] == content_of(message)

    def _take(self, messages: Sequence[Given], *, unless_known: bool = True) -> list[int]:
        known, wrong, new = dict(self.known), list[int](), list[Given]()
        for at, message in enumerate(messages):
            has, id_ = self._has(message, known), id_of(message)
            if has is False and (unless_known or id_ not in known):
                wrong.append(at)
            elif has is None or not unless_known:
                new.append(message)
                if id_ and has is None:
                    known[id_] = content_of(message)
        if not wrong:
            self.said += map(text_of, new)
            self.known = known
        return wrong


def content_of(message: Given) -> bytes:
    """Give the digest of a content."""
    return content_digest(decode(encode(message)))


def id_of(message: Given) -> Any:
    """Give the id of a message or a wire's object."""
    return message.id if isinstance(message, BaseMessage) else message.get("id")


def text_of(message: Given) -> str:
    """Give the text of a message or a wire's object."""
    return str(message.content if isinstance(message, BaseMessage) else message["content"])


def make_message(text: str, id_: str | None, shape: int) -> Given:
    """Make a message, or a wire's object, of three shapes."""
    if shape == 0:
        return HumanMessage(text, id=id_)
    if shape == 1:
        return AIMessage(text, id=id_)
    return {"role": "user", "content": text, **({} if id_ is None else {"id": id_})}


class Against:
    """A session under test, by several handles, and what it should be.

    Args:
        handles: Handles of one configuration.
        state: Reads the session's state and list.
    """

    def __init__(self, handles: Sequence[Motorhead], client: Any, name: str = "s") -> None:
        self.sessions: list[Session] = [handle.session(name) for handle in handles]
        self.client, self.expected, self.number = client, Expected(), 0
        self.given: list[Given] = []

    def messages(self, ids: Sequence[str | None], shapes: Sequence[int]) -> list[Given]:
        """Make messages. Every fifth has a text of its own, so that its id may be that of another."""
        made = []
        for id_, shape in zip(ids, shapes, strict=True):
            text = f"m{self.number}" if not id_ or self.number % 5 == 0 else f"of {POOL.index(id_)}"
            made.append(make_message(text, id_, shape if not id_ else len(id_) % 3))
            self.number += 1
        self.given = (self.given + made)[-400:]
        return made

    def append(self, messages: Sequence[Given], handle: int, *, unless_known: bool = True) -> None:
        """Append. What is refused is refused as a whole."""
        wrong = self.expected.append(messages, unless_known=unless_known)
        if wrong:
            with pytest.raises(IdConflictError) as refused:
                self.sessions[handle].append(list(messages), unless_known=unless_known)
            assert list(refused.value.positions) == wrong
        else:
            self.sessions[handle].append(list(messages), unless_known=unless_known)

    def catch_up(self, messages: Sequence[Given], after: str | None, handle: int, *, reads: bool) -> None:
        """Catch up, or append what is new."""
        if not self.expected.is_clear(messages, after):
            return  # matched by content then, as test_matching.py has it
        if reads:
            memory = self.sessions[handle].catch_up(messages, after=after)
            self.expected.catch_up(messages, after)
            assert remembered(memory) == self.expected.said
        else:
            self.sessions[handle].append_new(messages, after=after)
            self.expected.catch_up(messages, after)

    def compact(self, handle: int) -> None:
        """Compact."""
        self.sessions[handle].compact()

    def delete(self, handle: int) -> None:
        """Delete."""
        assert self.sessions[handle].delete() == bool(self.expected.said)
        self.expected.delete()

    def check(self) -> Memory:
        """Hold that the session is as it should be."""
        memory = self.sessions[0].load()
        assert remembered(memory) == self.expected.said
        assert memory.total == len(self.expected.said)
        self.expected.epoch = memory.epoch
        keys = self.sessions[0]._keys
        known = sorted(mark(id_, content) for id_, content in self.expected.known.items())
        assert sorted(self.marks()) == known
        count_known, size = self.client.hmget(keys.state, "marks", "size")
        assert int(count_known or 0) == len(known)
        records = self.client.lrange(keys.messages, 0, -1)
        assert int(size or 0) == count([decode(record) for record in records])
        return memory

    def marks(self) -> list[bytes]:
        """Read the marks that the session has."""
        backend, keys = self.sessions[0]._backend.require_redis(), self.sessions[0]._keys
        start: int | None = 0
        found = list[bytes]()
        while start is not None:
            _, start, page = backend.execute(read_marks(keys, start))
            found += [page[at : at + 9] for at in range(0, len(page), 9)]
        return found


def options(namespace: str) -> dict[str, Any]:
    """Give the options of every handle under test."""
    return {
        "namespace": namespace, "llm": Ledger(), "window": WINDOW, "token_counter": count, "compaction": "manual",
    }  # fmt: skip


@contextmanager
def handles(namespace: str, *ways: Any) -> Iterator[list[Motorhead]]:
    """Open handles, by URLs or clients."""
    made = [
        Motorhead.from_url(way, **options(namespace)) if isinstance(way, str) else Motorhead(way, **options(namespace))
        for way in ways
    ]
    yield made
    for each in made:
        each.close()
