"""Vector queries of the search module, and the parsing of search replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_motorhead.storage.keys import from_member

if TYPE_CHECKING:
    from redisvl.query.filter import FilterExpression

RETURNED = ("name", "role")
"""Fields that a search returns for candidates, of which only some become results."""
DISTANCE = "vector_distance"
# By default the module stops after half a second and returns an incomplete result without saying so.
TO_THE_END = ("TIMEOUT", 0)


def nearest(
    vector: bytes, filter_: FilterExpression | None, count: int, fields: Sequence[str] = RETURNED
) -> tuple[Any, ...]:
    """Return the arguments of FT.SEARCH after the index's name that find the nearest neighbours of a vector."""
    wanted = "*" if filter_ is None else str(filter_)
    return (*_nearest(wanted, count, tuple(fields)), "PARAMS", 2, "vector", vector, *TO_THE_END)


@lru_cache(maxsize=1024)
def _nearest(filter_: str, count: int, fields: tuple[str, ...]) -> tuple[Any, ...]:
    """Return what redisvl makes of such a query. Many have the same filter, that of a user."""
    from redisvl.query import VectorQuery

    query = VectorQuery(b"", "vector", return_fields=list(fields), filter_expression=filter_, num_results=count)
    return tuple(query.get_args())


class SearchReply(NamedTuple):
    """The documents that a query found, best first, by columns.

    Attributes:
        keys: Their keys.
        scores: Their scores, or their distances if the query returns these.
        fields: By the name of a returned field, its value for each document, or None.
        total: How many there are, including documents that expired meanwhile.
    """

    keys: list[str]
    scores: list[float]
    fields: Mapping[bytes, Sequence[bytes | None]]
    total: int = 0

    def first(self, count: int, *, nearest: bool) -> SearchReply:
        """Return the best documents. In a cluster, each primary returns this number of its own."""
        if len(self.keys) <= count:
            return self
        places = {key: at for at, key in enumerate(self.keys)}.values()
        best = sorted(places, key=lambda at: self.scores[at] if nearest else -self.scores[at])[:count]
        return self.some(best)

    def some(self, places: Sequence[int]) -> SearchReply:
        """Return the documents at these places of the columns."""
        fields = {name: [column[at] for at in places] for name, column in self.fields.items()}
        return SearchReply([self.keys[at] for at in places], [self.scores[at] for at in places], fields, self.total)

    def column(self, field: bytes) -> Sequence[bytes | None]:
        """Return the value of a field for each document."""
        return self.fields.get(field) or [None] * len(self.keys)

    def row(self, at: int) -> dict[bytes, bytes]:
        """Return the fields of one document."""
        return {name: value for name, column in self.fields.items() if (value := column[at]) is not None}


def to_reply(reply: Any, distance: str) -> SearchReply:
    """Parse a reply of FT.SEARCH, a flat list in RESP2 and a map in RESP3. Written for speed with hundreds of rows.

    Args:
        reply: The reply.
        distance: Field that has the distance, if the query returns it.
    """
    if isinstance(reply, dict):
        said = to_mapping(reply)
        rows, count = said.get("results", []), int(said.get("total_results", 0))
        if rows and b"id" not in rows[0]:  # the client has decoded it
            rows = _encoded(rows)
        keys = [row[b"id"] for row in rows]
        fields = _columns([row.get(b"extra_attributes") or {} for row in rows])
        scored: Sequence[Any] = [row.get(b"score") for row in rows]
    else:
        # A list of fields follows the key, or the score if the query has scores.
        count, rest = int(reply[0]), reply[1:]
        if rest and isinstance(rest[0], str):
            rest = _encoded(rest)
        step = 3 if len(rest) > 2 and not isinstance(rest[1], list | None) else 2
        keys, fields = rest[::step], _flat_columns(rest[step - 1 :: step])
        scored = rest[1::step] if step > 2 else [None] * len(keys)
    there = None
    if keys and scored[0] is None:
        scored = fields.get(distance.encode()) or [None] * len(keys)
        if None in scored:  # documents expired during the search
            there = [at for at, each in enumerate(scored) if each is not None]
            scored = [each or 0 for each in scored]
    found = SearchReply(list(map(bytes.decode, keys)), list(map(float, scored)), fields, count)
    return found if there is None else found.some(there)


def _flat_columns(rows: Sequence[Any]) -> dict[bytes, Sequence[bytes | None]]:
    """Return the columns of rows in which names and values stand in turn."""
    if rows and None not in rows and len(set(map(len, rows))) == 1:  # mostly, all rows have the same fields
        columns = list(zip(*rows, strict=True))
        names, values = columns[::2], columns[1::2]
        if all(each.count(each[0]) == len(each) for each in names):
            return {each[0]: column for each, column in zip(names, values, strict=True)}
    turns = [iter(row or ()) for row in rows]
    return _columns([dict(zip(each, each, strict=True)) for each in turns])


def _columns(rows: Sequence[Mapping[bytes, bytes]]) -> dict[bytes, Sequence[bytes | None]]:
    return {name: [row.get(name) for row in rows] for name in set().union(*rows)}


def _encoded(value: Any) -> Any:
    """Return a part of a reply with bytes in the place of strings."""
    if isinstance(value, list):
        return [_encoded(each) for each in value]
    if isinstance(value, dict):
        return {_encoded(name): _encoded(each) for name, each in value.items()}
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def total(reply: Any) -> int:
    """Return how many documents a reply of FT.SEARCH counted."""
    return int(to_mapping(reply).get("total_results", 0) if isinstance(reply, dict) else reply[0])


def to_mapping(value: Any) -> dict[str, Any]:
    """Return a map of the search module, which RESP2 sends as a flat list, with decoded names."""
    # An extra element at the end of a list is a flag.
    pairs = value.items() if isinstance(value, dict) else zip(value[::2], value[1::2], strict=False)
    return {from_member(name): each for name, each in pairs}
