"""Passages: what the newest messages of sessions say, read from the archive and the list. A flow, for a bounded search.

Without a search module, a search reads what it searches. It begins with the session that was active last, and with the
newest messages of each session, and ends at a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidMessageError, SessionReplacedError
from langchain_motorhead.flows.gather import gather
from langchain_motorhead.flows.protocol import Compute, Flow
from langchain_motorhead.messages.codec import decode, other_role
from langchain_motorhead.messages.tombstones import is_tombstone
from langchain_motorhead.recall.indexing.documents import to_drafts
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.query import Query
from langchain_motorhead.sessions.archive.chunks import ArchivedMessage
from langchain_motorhead.sessions.archive.operations import StoredRange, read_range
from langchain_motorhead.sessions.archive.transcript import RecordPage, read_records
from langchain_motorhead.sessions.registry_operations import listed
from langchain_motorhead.storage.keys import SessionKeys, registry_key, session_keys
from langchain_motorhead.storage.operation import together

MAX_MESSAGES = 5_000
"""How many messages are read at most, the newest ones first."""
MAX_BYTES = 4_000_000
"""How many bytes of stored messages are read at most, about."""

_PAGE_SESSIONS = 100
# Messages that are read as one block, and blocks that share a round trip.
_BLOCK_MESSAGES, _CONCURRENT_BLOCKS = 500, 8
# Average bytes of a token. Tokens are not counted, which takes longer than all the rest.
_BYTES_PER_TOKEN = 4
# Above every sequence number: nothing is read but what is known of the session.
_BEHIND_ALL = 2**52


class Passage(NamedTuple):
    """A message, or a passage of a long one.

    Attributes:
        keys: Keys of its session.
        epoch: Epoch of its session.
        user: User of its session, or None.
        seq: Sequence number of the message.
        time: When the message was appended, in microseconds since 1970, or None if that is not known.
        in_window: Whether the message is still in the list of its session.
        piece: Number of the passage, from 0.
        pieces: How many passages the message has.
        role: LangChain's type of the message, or the role of a `ChatMessage`.
        name: Name of the speaker, or None.
        id: Id of the message, or None.
        text: The text.
        sent: The role that a REST client wrote, if this package would have written another.
        counts: How often each term that is to be counted occurs.
        length: How many terms there are.
    """

    keys: SessionKeys
    epoch: str
    user: str | None
    seq: int
    time: int | None
    in_window: bool
    piece: int
    pieces: int
    role: str
    name: str | None
    id: str | None
    text: str
    sent: str | None
    counts: dict[str, int]
    length: int

    @property
    def document(self) -> str:
        """Key of its document, if it has one."""
        return f"{self.keys.documents}{self.seq}/{self.piece}" if self.piece else f"{self.keys.documents}{self.seq}"


class _Block(NamedTuple):
    """Consecutive messages of a session that are read together."""

    keys: SessionKeys
    known: StoredRange
    start: int
    stop: int


def read_passages(query: Query, searched: frozenset[str] | None, indexer: Indexer) -> Flow[list[Passage]]:
    """Return the passages of the newest messages in the scope of a search, as far as the limits go.

    Args:
        query: The search request.
        searched: Terms to count, or None for all.
        indexer: How messages are indexed.
    """
    found, messages, size = list[Passage](), MAX_MESSAGES, MAX_BYTES
    sessions = _Sessions(query, indexer.namespace)
    while messages > 0 and size > 0 and (some := (yield from sessions.page())):
        known = yield together(*(read_range(keys, _BEHIND_ALL, None) for keys in some))
        blocks = _blocks(query, list(zip(some, known, strict=True)), messages)
        while size > 0 and (now := list(islice(blocks, _CONCURRENT_BLOCKS))):
            pages = yield from gather([_read(block) for block in now])
            for block, records in zip(now, pages, strict=True):
                found += yield Compute(partial(_passages, block, records, searched, indexer))
                messages -= block.stop - block.start
                size -= sum(len(record.data) for _, record in records)
    return found


class _Sessions:
    """The sessions in the scope of a search, page by page, the one that was active last first."""

    def __init__(self, query: Query, namespace: str) -> None:
        self._namespace = namespace
        self._only = query.session_id
        self._registry = registry_key(namespace, query.user_id)
        self._at = 0
        self._seen: set[str] = set()

    def page(self) -> Flow[list[SessionKeys]]:
        """Return the next sessions; none at the end."""
        if self._only is not None:
            ids, self._at = [self._only] if self._at == 0 else [], 1
            return [session_keys(self._namespace, session_id) for session_id in ids]
        while True:
            rows = yield listed(self._registry, self._at, self._at + _PAGE_SESSIONS - 1, newest_first=True)
            self._at += len(rows)
            # A session that was active meanwhile moves the others by one place.
            new = [session_id for session_id, _ in rows if session_id not in self._seen]
            self._seen.update(new)
            if new or not rows:
                return [session_keys(self._namespace, session_id) for session_id in new]


def _blocks(
    query: Query, sessions: Sequence[tuple[SessionKeys, StoredRange | None]], messages: int
) -> Iterator[_Block]:
    """Return an iterator over the blocks to read, up to a number of messages."""
    for keys, known in sessions:
        if known is None or (query.user_id is not None and known.user != query.user_id):
            continue
        stop = known.first if query.exclude_window else known.total
        if query.unseen is not None and query.unseen[0] == keys.session_id:
            stop = min(stop, query.unseen[1])
        while stop > 0 and messages > 0:
            start = max(0, stop - min(_BLOCK_MESSAGES, messages))
            yield _Block(keys, known, start, stop)
            messages -= stop - start
            stop = start


def _read(block: _Block) -> Flow[list[tuple[int, ArchivedMessage]]]:
    """Read the messages of a block; none if the session was deleted meanwhile."""
    records, at = list[tuple[int, ArchivedMessage]](), block.start
    while True:
        try:
            page: RecordPage = yield from read_records(block.keys, at, block.stop, block.stop - at, block.known.epoch)
        except SessionReplacedError:
            return []
        records += page.records
        if page.next is None:
            return records
        at = page.next


def _passages(
    block: _Block, records: Sequence[tuple[int, ArchivedMessage]], searched: frozenset[str] | None, indexer: Indexer
) -> list[Passage]:
    made = list[Passage]()
    for seq, (data, time) in records:
        if (message := _message(data)) is None:
            continue
        sent = other_role(data, message)
        for pieces in to_drafts([message], seq, (), indexer.recall, _estimate, {} if sent is None else {seq: sent}):
            for draft in pieces:
                terms = draft.terms.split()
                made.append(
                    Passage(
                        block.keys, block.known.epoch, block.known.user, seq, time, seq >= block.known.first,
                        draft.piece, draft.pieces, draft.role, draft.name, draft.id, draft.text, draft.sent,
                        Counter(term for term in terms if searched is None or term in searched), len(terms),
                    )
                )  # fmt: skip
    return made


def _estimate(messages: Sequence[BaseMessage]) -> int:
    return sum(len(message.text.encode()) for message in messages) // _BYTES_PER_TOKEN


def _message(data: bytes) -> BaseMessage | None:
    if is_tombstone(data):
        return None
    try:
        return decode(data)
    except InvalidMessageError:
        return None
