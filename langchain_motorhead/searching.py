"""Searching as a flow: embed the query, ask the index by meaning and by words together, rank, read what was chosen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from langchain_motorhead import search_operations as operations
from langchain_motorhead.exceptions import EmbeddingError, IndexMissingError, SearchUnavailableError, StoreError
from langchain_motorhead.flows import Embed, Flow
from langchain_motorhead.fusion import Place, fuse
from langchain_motorhead.indexing import Indexer, set_up
from langchain_motorhead.keys import SessionKeys, from_tag, session_keys
from langchain_motorhead.recall_operations import describe
from langchain_motorhead.schema import DISTANCE, nearest, scope, to_bytes, vector_field, worded
from langchain_motorhead.search_operations import Match
from langchain_motorhead.terms import terms, words
from langchain_motorhead.transcript import sayable

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression

logger = logging.getLogger(__name__)

# Found by meaning, and by words, to rank; measured, as `fusion.py` says.
_NEAREST, _WORDED = 100, 200
# Of a query; it need not be longer than what is searched.
_CHARACTERS = 4_000
# Of a long message, about what matched.
_MOST_PIECES = 8
# Read beside those asked for, since some may be gone by then.
_SPARE = 4


@dataclass(frozen=True, slots=True)
class Query:
    """What to search, where, and how. See `MotorheadRetriever`."""

    text: str
    k: int = 4
    session_id: str | None = None
    user_id: str | None = None
    search_type: str = "hybrid"
    score_threshold: float | None = None
    filters: tuple[FilterExpression, ...] = ()
    neighbors: int = 0
    exclude_window: int = 0
    fetch_k: int = 20
    lambda_mult: float = 0.5


@dataclass(slots=True)
class Hit:
    """A message that was found.

    Attributes:
        session_id: Session that it is in.
        seq: Its sequence number there.
        message_id: Its id.
        text: What it says; of a very long one, the part about what matched.
        role: LangChain's type of it, or its role if it is a `ChatMessage`.
        name: Who said it, if it has a name.
        user_id: Whose session it is, if known.
        created: When it was appended.
        score: How well it fits, higher for better.
        before: Messages before it, oldest first, where they were asked for.
        after: Messages after it.
    """

    session_id: str
    seq: int
    message_id: str
    text: str
    role: str
    name: str | None
    user_id: str | None
    created: datetime
    score: float
    before: list[Hit] = field(default_factory=list)
    after: list[Hit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    keys: SessionKeys
    seq: int
    piece: int
    pieces: int
    score: float


def search(query: Query, indexer: Indexer) -> Flow[list[Hit]]:
    """Search what was said, in two round trips.

    Raises:
        EmbeddingError: The model failed, and the query is not `"hybrid"`, which then goes by words alone.
        EmbeddingMismatchError: The index was made with another model, or otherwise.
        SearchUnavailableError: Redis has no search module.
    """
    text = sayable(query.text).strip()[:_CHARACTERS]
    if not text:
        return []
    vector = yield from _vector(text, query)
    filters = [*scope(query.session_id, query.user_id), *query.filters]
    filter_: Any = None
    for each in filters:
        filter_ = each if filter_ is None else filter_ & each
    wanted = query.k + query.exclude_window + _SPARE
    found_by = terms(text, indexer.recall.language) if query.search_type == "hybrid" else []
    queries, kinds = [], []
    if vector is not None:
        count = max(_NEAREST, 2 * wanted) if found_by else max(wanted, query.fetch_k) + _SPARE
        queries.append(nearest(to_bytes(vector, indexer.recall.datatype), filter_, count))
        kinds.append("near")
    if found_by:
        queries.append(worded(found_by, filter_, max(_WORDED, 4 * wanted)))
        kinds.append("worded")
    if not queries:
        return []
    answers = yield from _ask(queries, indexer, None if vector is None else len(vector))
    by_kind = dict(zip(kinds, answers, strict=True))
    limit = wanted if query.search_type != "mmr" else max(wanted, query.fetch_k)
    ranked = _ranked(by_kind.get("near", []), by_kind.get("worded", []), query, indexer, limit)
    if query.search_type == "mmr":
        return (yield from _diverse(ranked, vector or [], query, indexer))
    hits = yield from _read(ranked, query)
    return [hit for hit, _ in hits][: query.k]


def _vector(text: str, query: Query) -> Flow[list[float] | None]:
    try:
        (vector,) = yield Embed((text,), query=True)
    except EmbeddingError as error:
        if query.search_type != "hybrid":
            raise
        logger.warning("searching by words alone, since %s", error)
        return None
    return list(vector)


def _ask(queries: Sequence[tuple[Any, ...]], indexer: Indexer, dimensions: int | None) -> Flow[list[list[Match]]]:
    """Run the queries; on an index that was dropped, once more when it is there again."""
    for last in (False, True):
        try:
            answers, there = yield operations.search(indexer.namespace, queries, DISTANCE)
        except SearchUnavailableError:
            raise
        except StoreError as error:
            there = yield describe(indexer.namespace)
            if there is None:
                return [[] for _ in queries]  # nothing was ever indexed
            indexer.check(there, dimensions)
            if last or not isinstance(error, IndexMissingError):
                raise
            yield from set_up(indexer, there.dimensions)
            continue
        if there is not None:
            indexer.check(there, dimensions)
        return list(answers)
    raise AssertionError  # pragma: no cover - the second time returns or raises


def _ranked(
    near: Sequence[Match], by_words: Sequence[Match], query: Query, indexer: Indexer, limit: int
) -> list[_Found]:
    best: dict[Place, tuple[int, int]] = {}
    meaning: dict[Place, float] = {}
    wording: dict[Place, float] = {}
    names: dict[Place, str] = {}
    # Words tell better than the meaning which piece of a long message it is.
    for matches, scores, to_score in ((near, meaning, _SIMILARITY[indexer.recall.metric]), (by_words, wording, float)):
        for match in matches:
            session, _, rest = match.key.rpartition(":")
            seq, _, piece = rest.partition("/")
            place, score = (session, int(seq)), to_score(match.score)
            if place not in scores or score > scores[place]:
                scores[place] = score
                best[place] = (int(piece or 0), int(match.fields.get("pieces", 1)))
            if "name" in match.fields:
                names[place] = match.fields["name"]
    if query.search_type == "hybrid":
        ranking = fuse(meaning, wording, names, words(query.text))
    else:
        ranking = dict(sorted(meaning.items(), key=lambda item: (-item[1], item[0])))
    found = []
    for place, score in islice(ranking.items(), limit):
        session_id = from_tag(place[0].rpartition("/")[2].rstrip("}"))
        wrong = query.session_id not in (None, session_id)  # as if a filter could fail
        if not wrong and (query.score_threshold is None or score >= query.score_threshold):
            found.append(_Found(session_keys(indexer.namespace, session_id), place[1], *best[place], score))
    return found


def _diverse(ranked: Sequence[_Found], vector: list[float], query: Query, indexer: Indexer) -> Flow[list[Hit]]:
    """Choose of the nearest those that repeat each other least."""
    import numpy as np
    from langchain_core.vectorstores.utils import maximal_marginal_relevance

    there = yield describe(indexer.namespace)
    name = vector_field(1 if there is None else there.generation)
    hits = yield from _read(ranked, query, name)
    with_vectors = [(hit, from_bytes(data, indexer.recall.datatype)) for hit, data in hits if data]
    chosen = maximal_marginal_relevance(
        np.array(vector), [each for _, each in with_vectors], lambda_mult=query.lambda_mult, k=query.k
    )
    return [with_vectors[at][0] for at in chosen]


def _read(found: Sequence[_Found], query: Query, vector: str | None = None) -> Flow[list[tuple[Hit, bytes | None]]]:
    """Read what was found, leaving out what is gone by now, another's, or still in the window."""
    if not found:
        return []
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
        epoch, first = by_state[each.keys.state]
        fields = by_key[_key(each.keys, each.seq, each.piece)]
        if fields is None or fields["epoch"] != epoch:
            continue
        hit = _hit(each, fields)
        if query.user_id is not None and hit.user_id != query.user_id:
            continue
        if query.exclude_window and each.seq >= first:
            continue
        if each.pieces > 1:
            pieces = [by_key[_key(each.keys, each.seq, piece)] for piece in _pieces(each)]
            hit.text = "".join(piece["text"] for piece in pieces if piece is not None)
        if query.neighbors:
            _surround(hit, each, by_key, epoch, query.neighbors)
        hits.append((hit, fields.get(vector) if vector else None))
    return hits


def _surround(hit: Hit, found: _Found, by_key: dict[str, dict[str, Any] | None], epoch: str | None, count: int) -> None:
    for seqs, around in ((_earlier(found, count), hit.before), (_later(found, count), hit.after)):
        for seq in seqs:
            fields = by_key[_key(found.keys, seq)]
            if fields is not None and fields["epoch"] == epoch and len(around) < count:
                around.append(_hit(replace(found, seq=seq, piece=0, pieces=1), fields))
    hit.before.reverse()


def _keys(found: _Found, neighbors: int) -> list[str]:
    keys = [_key(found.keys, found.seq, piece) for piece in _pieces(found)]
    if neighbors:
        keys += [_key(found.keys, seq) for seq in (*_earlier(found, neighbors), *_later(found, neighbors))]
    return keys


# What is not indexed, such as tool results, stands between: three times as many are looked at as are wanted.


def _earlier(found: _Found, count: int) -> range:
    return range(found.seq - 1, max(-1, found.seq - 1 - 3 * count), -1)


def _later(found: _Found, count: int) -> range:
    return range(found.seq + 1, found.seq + 1 + 3 * count)


def _pieces(found: _Found) -> range:
    start = max(0, min(found.piece - _MOST_PIECES // 2, found.pieces - _MOST_PIECES))
    return range(start, min(found.pieces, start + _MOST_PIECES))


def _key(keys: SessionKeys, seq: int, piece: int = 0) -> str:
    return f"{keys.documents}{seq}/{piece}" if piece else f"{keys.documents}{seq}"


def _hit(found: _Found, fields: dict[str, Any]) -> Hit:
    user = fields.get("user")
    return Hit(
        session_id=found.keys.session_id,
        seq=found.seq,
        message_id=fields.get("id") or f"motorhead-{fields['epoch']}-{found.seq}",
        text=fields["text"],
        role=fields["role"],
        name=fields.get("name"),
        user_id=None if user is None else from_tag(user),
        created=datetime.fromtimestamp(float(fields["created"]), UTC),
        score=found.score,
    )


def from_bytes(data: bytes, datatype: str) -> list[float]:
    """Undo `to_bytes`."""
    from redisvl.redis.utils import buffer_to_array

    return [float(number) for number in buffer_to_array(data, datatype)]


_SIMILARITY: dict[str, Any] = {
    "cosine": lambda distance: 1 - distance,
    "ip": lambda distance: 1 - distance,
    "l2": lambda distance: 1 / (1 + distance),
}
