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
        fields: Their returned fields, names and values as bytes.
        total: How many there are, including documents that expired meanwhile.
    """

    keys: list[str]
    scores: list[float]
    fields: list[Mapping[bytes, bytes]]
    total: int = 0

    def first(self, count: int, *, nearest: bool) -> SearchReply:
        """Return the best documents. In a cluster, each primary returns this number of its own."""
        if len(self.keys) <= count:
            return self
        rows = {key: (score, fields) for key, score, fields in zip(self.keys, self.scores, self.fields, strict=True)}
        best = sorted(rows.items(), key=lambda row: row[1][0] if nearest else -row[1][0])[:count]
        return SearchReply(
            [key for key, _ in best], [score for _, (score, _) in best], [fields for _, (_, fields) in best], self.total
        )


def to_reply(reply: Any, distance: str) -> SearchReply:
    """Parse a reply of FT.SEARCH, a flat list in RESP2 and a map in RESP3. Written for speed with hundreds of rows.

    Args:
        reply: The reply.
        distance: Field that has the distance, if the query returns it.
    """
    if isinstance(reply, dict):
        said = to_mapping(reply)
        found, count = said.get("results", []), int(said.get("total_results", 0))
        if found and b"id" not in found[0]:  # the client has decoded it
            found = _encoded(found)
        keys = [row[b"id"] for row in found]
        fields = [row.get(b"extra_attributes") or {} for row in found]
        scored = [row.get(b"score") for row in found]
    else:
        # A list of fields follows the key, or the score if the query has scores.
        count, rest = int(reply[0]), reply[1:]
        if rest and isinstance(rest[0], str):
            rest = _encoded(rest)
        step = 3 if len(rest) > 2 and not isinstance(rest[1], list | None) else 2
        keys, flat = rest[::step], rest[step - 1 :: step]
        turns = [iter(each or ()) for each in flat]  # names and values in turn
        fields = [dict(zip(each, each)) for each in turns]  # noqa: B905 - with `strict` it takes twice the time
        scored = rest[1::step] if step > 2 else [None] * len(keys)
    if keys and scored[0] is None:
        name = distance.encode()
        there = [at for at, each in enumerate(fields) if name in each]
        if len(there) < len(keys):  # documents expired during the search
            keys, fields = [keys[at] for at in there], [fields[at] for at in there]
        scored = [each[name] for each in fields]
    return SearchReply(list(map(bytes.decode, keys)), list(map(float, scored)), fields, count)


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
