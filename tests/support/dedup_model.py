"""A model of what a session accepts and knows by its id, and a session beside it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead import Memory, Motorhead, Window
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.matching import trailing_count
from langchain_motorhead.session import Session
from support.summarizers import Ledger, remembered

REMEMBERED = 128
WINDOW = Window(max_messages=6, max_tokens=40, hard_limit=100_000)
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
    """What a session should be: everything accepted, and the marks of the last 128 ids."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.marks: list[str] = []
        self.epoch: str | None = None

    def delete(self) -> None:
        """Forget all."""
        self.__init__()  # type: ignore[misc]

    def knows(self, id_: str | None) -> bool:
        """Say whether a message of this id is known: it is marked, or was given by the session itself."""
        if not id_:
            return False
        own = self.epoch and re.fullmatch(rf"motorhead-{self.epoch}-([0-9]+|summary)", id_)
        return bool(own) or mark(id_) in self.marks

    def append(self, messages: Sequence[Given], *, unless_known: bool = True) -> None:
        """Take what is not known."""
        if not unless_known:
            self.said += map(text_of, messages)
            ids = dict.fromkeys(id_ for message in messages if (id_ := id_of(message)))
            self.marks = (self.marks + [new for id_ in ids if (new := mark(id_)) not in self.marks])[-REMEMBERED:]
            return
        self._take([message for message in messages if not self.knows(id_of(message))])

    def catch_up(self, messages: Sequence[Given], after: str | None) -> None:
        """Take what comes after a message, or after the newest that is known."""
        ids = [id_of(message) for message in messages]
        if after is not None and after in ids:
            messages = messages[len(ids) - ids[::-1].index(after) :]
        known = [at for at, message in enumerate(messages) if self.knows(id_of(message))]
        self._take(messages[known[-1] + 1 if known else 0 :])

    def is_clear(self, messages: Sequence[Given], after: str | None) -> bool:
        """Say whether the ids of a conversation tell what is new: those known are a piece, which new ones follow."""
        ids = [id_of(message) for message in messages]
        newest = trailing_count(messages)
        if after is not None and after in ids:
            messages = messages[len(ids) - ids[::-1].index(after) :]
            newest = len(messages)
        known = [self.knows(id_of(message)) for message in messages]
        if not any(known):
            return len(known) <= newest or not self.said
        first = known.index(True)
        new = known[::-1].index(True)
        return 0 < new <= newest and all(known[first : len(known) - new])

    def _take(self, messages: Sequence[Given]) -> None:
        new: list[str] = []
        for message in messages:
            if id_ := id_of(message):
                if mark(id_) in new:
                    continue
                new.append(mark(id_))
            self.said.append(text_of(message))
        self.marks = (self.marks + new)[-REMEMBERED:]


def mark(id_: str) -> str:
    """Give the mark of an id."""
    digest = blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return b64encode(digest).decode().rstrip("=")


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
        """Make messages of new texts."""
        made = []
        for id_, shape in zip(ids, shapes, strict=True):
            made.append(make_message(f"m{self.number}", id_, shape))
            self.number += 1
        self.given = (self.given + made)[-400:]
        return made

    def append(self, messages: Sequence[Given], handle: int, *, unless_known: bool = True) -> None:
        """Append."""
        self.sessions[handle].append(list(messages), unless_known=unless_known)
        self.expected.append(messages, unless_known=unless_known)

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
        ids, size = self.client.hmget(keys.state, "ids", "size")
        assert (ids or b"") == "".join(self.expected.marks).encode()
        records = self.client.lrange(keys.messages, 0, -1)
        assert int(size or 0) == count([decode(record) for record in records])
        return memory


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
