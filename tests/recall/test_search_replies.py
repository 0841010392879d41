"""Replies of the search module are read by columns, and what was found is brought together by message."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from langchain_motorhead import HashingEmbeddings, Recall
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.query import Query
from langchain_motorhead.recall.search.findings import ranked
from langchain_motorhead.recall.words.question import Question
from langchain_motorhead.search_index.queries import DISTANCE, SearchReply, to_reply

FIELDS = st.dictionaries(st.sampled_from([b"role", b"name", b"created"]), st.sampled_from([b"ai", b"role", b""]))
INDEXER = Indexer("n", Recall(), type(HashingEmbeddings()).__name__, len)
SESSION = "motorhead:recall:n:{n/s}"


@given(st.lists(FIELDS, max_size=6), st.booleans())
def test_replies_are_the_same_by_both_protocols(rows: list[dict[bytes, bytes]], scored: bool) -> None:
    """Whichever fields documents have, a list (RESP2) and a map (RESP3) give the same columns, and these the rows."""
    flat, results = list[Any]([len(rows)]), list[dict[bytes, Any]]()
    for at, fields in enumerate(rows):
        key, score = f"k{at}".encode(), str(at / 8).encode()
        there = fields if scored else {DISTANCE.encode(): score, **fields}
        flat += [key, *([score] if scored else []), [part for pair in there.items() for part in pair]]
        results.append({b"id": key, b"extra_attributes": there, **({b"score": at / 8} if scored else {})})
    one, other = to_reply(flat, DISTANCE), to_reply({b"total_results": len(rows), b"results": results}, DISTANCE)
    assert (one.keys, one.scores, one.total) == (other.keys, other.scores, other.total)
    assert one.scores == [at / 8 for at in range(len(rows))]
    for reply in (one, other):
        found = [reply.row(at) for at in range(len(rows))]
        assert [{name: value for name, value in row.items() if name != DISTANCE.encode()} for row in found] == rows
        assert reply.some([0][: len(rows)]).column(b"role") == [row.get(b"role") for row in rows[:1]]


def test_documents_of_others_are_passed_over() -> None:
    """A document whose key does not end in a number of a message is no result, nor is one whose number is too long."""
    keys = [f"{SESSION}:{end}" for end in ("7/2", "seven", "7", "9" * 40, "8", "/1")]
    reply = SearchReply(keys, [0.1, 0.0, 0.3, 0.0, 0.2, 0.0], {b"role": [b"ai"] * len(keys)}, len(keys))
    found = {("near", "all"): reply, ("worded", "all"): reply.some([1, 4])}
    hybrid, _ = ranked(found, Question(), Query("x"), INDEXER)
    assert {(each.seq, each.piece) for each in hybrid} == {(7, 2), (8, 0)}
    nearest, all_fit = ranked({("near", "all"): reply}, Question(), Query("x", search_type="similarity"), INDEXER)
    assert [(each.keys.session_id, each.seq, each.piece) for each in nearest] == [("s", 7, 2), ("s", 8, 0)]
    assert all_fit
