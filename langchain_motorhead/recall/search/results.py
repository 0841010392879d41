"""Search results: reads the documents of the messages found, and leaves out what was deleted or is out of scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.search import operations
from langchain_motorhead.recall.search.repeats import without_repeats
from langchain_motorhead.search_index.queries import SearchReply
from langchain_motorhead.storage.keys import DIGEST, SessionKeys, from_quoted

SPARE_HITS = 4
"""How many more messages are read than requested, as some may have been deleted."""
GROWTH = 8
"""Factor by which a search is enlarged if it found too few messages."""
_DIGEST = DIGEST.encode()


class Candidate(NamedTuple):
    """A message that a search found: its session, sequence number, best piece, and score."""

    keys: SessionKeys
    seq: int
    piece: int
    score: float


def read_hits(
    ranked: Iterable[Candidate],
    found: Mapping[tuple[str, str], SearchReply],
    enough: int,
    query: Query,
    vector: str | None,
    *,
    check: bool = False,
) -> Flow[list[tuple[Hit, Any]]]:
    """Read the best messages found, and return those that still exist and are in scope.

    Args:
        ranked: The messages found, best first.
        found: The documents that each kind of query found.
        enough: Largest number of messages to return.
        query: The search request.
        vector: Vector field to read as well, or None.
        check: Whether documents of deleted sessions may be among them.

    Returns:
        Each message, with its vector as bytes if that was requested.
    """
    if found and query.search_type == "similarity" and not (query.neighbors or query.exclude_window or check):
        reply = found["near", "all"]
        # No further read is needed, unless a document may have outlived its session, or is incomplete.
        if not any(b"ttl" in fields or fields.get(b"user", b"").startswith(_DIGEST) for fields in reply.fields):
            known = dict(zip(reply.keys, reply.fields, strict=True))
            made = (_known_hit(each, known[_key(each.keys, each.seq, each.piece)]) for each in ranked)
            return [(hit, None) for hit in islice((hit for hit in made if _is_in_scope(hit, query)), enough)]
    left = iter(ranked)
    hits, size = list[tuple[Hit, Any]](), enough + SPARE_HITS
    while len(hits) < enough and (some := list(islice(left, size))):
        hits += yield from _read(some, query, vector)
        size *= GROWTH
    if query.search_type != "hybrid" or len(hits) <= enough:
        return hits[:enough]
    return [hits[at] for at in without_repeats([hit.text for hit, _ in hits], enough)]


def _read(found: Sequence[Candidate], query: Query, vector: str | None) -> Flow[list[tuple[Hit, Any]]]:
    """Return the hits of candidates that still exist, are in scope, and are not in an excluded window."""
    wanted: dict[str, None] = {}
    for each in found:
        wanted.update(dict.fromkeys(_keys(each, query.neighbors)))
    sessions = {each.keys.state: each.keys for each in found}
    extra = () if vector is None else (vector,)
    documents, states = yield operations.fetch(list(wanted), list(sessions), extra)
    by_key = dict(zip(wanted, documents, strict=True))
    by_state = dict(zip(sessions, states, strict=True))
    hits = []
    for each in found:
        epoch, first, user = by_state[each.keys.state]
        fields = by_key[_key(each.keys, each.seq, each.piece)]
        if fields is None or fields["epoch"] != epoch:
            continue
        hit = _hit(each, fields, user)
        if not _is_in_scope(hit, query):
            continue
        if query.exclude_window and each.seq >= first:
            continue
        if query.neighbors:
            _surround(hit, each, by_key, epoch, query.neighbors)
        hits.append((hit, fields.get(vector) if vector else None))
    return hits


def _is_in_scope(hit: Hit, query: Query) -> bool:
    """Return whether a message is in the scope of the search. This check does not rely on the filters."""
    return query.session_id in (None, hit.session_id) and query.user_id in (None, hit.user_id)


def _surround(
    hit: Hit, found: Candidate, by_key: dict[str, dict[str, Any] | None], epoch: str | None, count: int
) -> None:
    for seqs, around in ((earlier(found, count), hit.before), (later(found, count), hit.after)):
        for seq in seqs:
            fields = by_key[_key(found.keys, seq)]
            if fields is not None and fields["epoch"] == epoch and len(around) < count:
                around.append(replace(_hit(found._replace(seq=seq, piece=0), fields, hit.user_id), pieces=1))
    hit.before.reverse()


def _keys(found: Candidate, neighbors: int) -> list[str]:
    keys = [_key(found.keys, found.seq, found.piece)]
    if neighbors:
        keys += [_key(found.keys, seq) for seq in (*earlier(found, neighbors), *later(found, neighbors))]
    return keys


# More neighbors are read than requested, since messages that are not indexed, such as tool results, lie between.
_EXTRA_NEIGHBORS = 8


def earlier(found: Candidate, count: int) -> range:
    """Return the sequence numbers at which to look for neighbors before a message, nearest first."""
    return range(found.seq - 1, max(-1, found.seq - 1 - _EXTRA_NEIGHBORS - 3 * count), -1)


def later(found: Candidate, count: int) -> range:
    """Return the sequence numbers at which to look for neighbors after a message, nearest first."""
    return range(found.seq + 1, found.seq + 1 + _EXTRA_NEIGHBORS + 3 * count)


def _key(keys: SessionKeys, seq: int, piece: int = 0) -> str:
    return f"{keys.documents}{seq}/{piece}" if piece else f"{keys.documents}{seq}"


def _hit(found: Candidate, fields: dict[str, Any], user_id: str | None) -> Hit:
    return Hit(
        session_id=found.keys.session_id,
        seq=found.seq,
        message_id=fields.get("id") or derived_id(fields["epoch"], found.seq),
        text=fields["text"],
        role=fields["role"],
        name=fields.get("name"),
        user_id=user_id,
        created=datetime.fromtimestamp(float(fields["created"]), UTC),
        score=found.score,
        piece=found.piece,
        pieces=int(fields.get("pieces", 1)),
        sent=fields.get("sent"),
    )


def _known_hit(found: Candidate, fields: Mapping[bytes, bytes]) -> Hit:
    """Return the hit of a candidate whose document a search has returned."""
    there = operations.decoded(fields)
    return _hit(found, there, from_quoted(there["user"]) if "user" in there else None)
