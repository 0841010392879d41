"""Vector queries of the search module, and the parsing of search replies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_motorhead.storage.keys import from_member

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression

RETURNED = ("name", "role", "pieces")
"""Fields that a search returns if it finds many documents to choose from."""
DISTANCE = "vector_distance"
# By default the module stops after half a second and returns an incomplete result without saying so.
TO_THE_END = ("TIMEOUT", 0)


def nearest(
    vector: bytes, filter_: FilterExpression | None, count: int, fields: Sequence[str] = RETURNED
) -> tuple[Any, ...]:
    """Return the arguments of FT.SEARCH after the index's name that find the nearest neighbours of a vector."""
    from redisvl.query import VectorQuery

    query = VectorQuery(vector, "vector", return_fields=list(fields), filter_expression=filter_, num_results=count)
    return (*query.get_args(), "PARAMS", 2, "vector", vector, *TO_THE_END)


class Match(NamedTuple):
    """A document that a query found: its key, its score or distance, and the returned fields."""

    key: str
    score: float
    fields: dict[str, str]


class SearchReply(NamedTuple):
    """The documents that a query found, and their total, which includes documents that expired meanwhile."""

    matches: list[Match]
    total: int


def to_matches(reply: Any, distance: str) -> list[Match]:
    """Parse a reply of FT.SEARCH, a flat list in RESP2 and a map in RESP3. Written for speed with hundreds of rows."""
    rows: Iterable[tuple[Any, Any, Iterable[tuple[Any, Any]]]]
    if isinstance(reply, dict):
        found = to_mapping(reply).get("results", [])
        encoded = bool(found) and b"id" in found[0]
        names: list[Any] = [b"id", b"score", b"extra_attributes"] if encoded else ["id", "score", "extra_attributes"]
        id_, score, fields = names
        rows = [(row[id_], row.get(score), (row.get(fields) or {}).items()) for row in found]
    else:
        # A list of fields follows the key, or the score if the query has scores.
        rest = reply[1:]
        if len(rest) > 2 and not isinstance(rest[1], list | None):
            keys, scores, lists = rest[::3], rest[1::3], rest[2::3]
        else:
            keys, scores, lists = rest[::2], [None] * len(rest), rest[1::2]
        rows = zip(keys, scores, map(_pairs, lists), strict=False)
    return _matches(rows, distance)


def _pairs(flat: Sequence[Any] | None) -> Iterable[tuple[Any, Any]]:
    names = iter(flat or ())
    return zip(names, names, strict=True)


def _matches(rows: Iterable[tuple[Any, Any, Iterable[tuple[Any, Any]]]], distance: str) -> list[Match]:
    known: dict[Any, str] = {}  # names of fields, which are the same in each row
    matches = []
    for key, score, fields in rows:
        plain = {}
        for name, value in fields:
            text = known.get(name)
            if text is None:
                text = known[name] = from_member(name)
            if text == distance:
                score = value  # noqa: PLW2901 - it has no other
            else:
                plain[text] = value.decode("utf-8", "surrogatepass") if type(value) is bytes else value
        if score is not None:  # it did not expire during the search
            matches.append(Match(key.decode() if type(key) is bytes else key, float(score), plain))
    return matches


def total(reply: Any) -> int:
    """Return how many documents a reply of FT.SEARCH counted."""
    return int(to_mapping(reply).get("total_results", 0) if isinstance(reply, dict) else reply[0])


def to_mapping(value: Any) -> dict[str, Any]:
    """Return a map of the search module, which RESP2 sends as a flat list, with decoded names."""
    # An extra element at the end of a list is a flag.
    pairs = value.items() if isinstance(value, dict) else zip(value[::2], value[1::2], strict=False)
    return {from_member(name): each for name, each in pairs}
