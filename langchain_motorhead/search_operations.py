"""The Redis commands of searching, as data: queries, what they find, and documents to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from langchain_motorhead.keys import from_member, recall_key
from langchain_motorhead.operations import Command, Operation, Value
from langchain_motorhead.recall_operations import Description, describing, to_description

DOCUMENT_FIELDS = ("epoch", "user", "role", "name", "id", "created", "text", "pieces", "ttl")


class Match(NamedTuple):
    """A document that a query found: its key, the score or distance, and what was returned of it."""

    key: str
    score: float
    fields: dict[str, str]


class Answer(NamedTuple):
    """What a query found, and how many it counted: documents that expired are counted, and not given."""

    matches: list[Match]
    total: int


def inspect(index: str) -> Operation[tuple[int, bool]]:
    """Ask an index for the dimensions of its vectors, and whether it is still being filled with what was there."""

    def read(replies: list[Any]) -> tuple[int, bool]:
        info = _mapping(replies[0])
        attributes = map(_mapping, info["attributes"])
        dimensions = next((int(each["dim"]) for each in attributes if "dim" in each), 0)
        return dimensions, bool(int(info.get("indexing", 0))) or float(info.get("percent_indexed", 1)) < 1

    return Operation((Command("FT.INFO", (index,)),), read)


def search(
    namespace: str, queries: Sequence[tuple[Value, ...]], distance: str
) -> Operation[tuple[list[Answer] | None, Description | None]]:
    """Run queries on the index, together, and read what is known of it.

    Args:
        namespace: Whose index.
        queries: What follows the index's name in FT.SEARCH.
        distance: Field that has the distance, where a query gives one.

    Returns:
        What each query found, or None if the index was changed for another meanwhile; and what is known of it.
    """
    name = recall_key(namespace)
    commands = tuple(Command("FT.SEARCH", (name,), query) for query in queries)

    def read(replies: list[Any]) -> tuple[list[Answer] | None, Description | None]:
        before, after = to_description(replies[0]), to_description(replies[-1])
        if before != after:
            return None, after
        return [Answer(to_matches(reply, distance), _total(reply)) for reply in replies[1:-1]], after

    return Operation((describing(namespace), *commands, describing(namespace)), read)


def fetch(
    documents: Sequence[str], states: Sequence[str], extra: Sequence[str] = ()
) -> Operation[tuple[list[dict[str, Any] | None], list[tuple[str | None, int, str | None]]]]:
    """Read documents, and of sessions their epoch, first sequence number in the list and user, in one go.

    Args:
        documents: Keys of documents.
        states: Keys of sessions' states.
        extra: Fields to read beside the usual ones, as bytes.

    Returns:
        The fields of each document, or None if it is gone; the epoch, None if it is gone, `first`, and
        user of each session.
    """
    fields = (*DOCUMENT_FIELDS, *extra)
    commands = [Command("HMGET", (key,), fields) for key in documents]
    commands += [Command("HMGET", (state,), ("epoch", "first", "user")) for state in states]

    def read(
        replies: list[Any],
    ) -> tuple[list[dict[str, Any] | None], list[tuple[str | None, int, str | None]]]:
        found = [_fields(reply, extra) for reply in replies[: len(documents)]]
        sessions = [(_text(epoch), int(first or 0), _text(user)) for epoch, first, user in replies[len(documents) :]]
        return found, sessions

    return Operation(tuple(commands), read)


def _fields(reply: Sequence[Any], extra: Sequence[str]) -> dict[str, Any] | None:
    if reply[0] is None:
        return None
    usual = {name: from_member(value) for name, value in zip(DOCUMENT_FIELDS, reply, strict=False) if value is not None}
    return {**usual, **dict(zip(extra, reply[len(DOCUMENT_FIELDS) :], strict=True))}


def to_matches(reply: Any, distance: str) -> list[Match]:
    """Read a reply of FT.SEARCH: a flat list by RESP2, a map by RESP3. Hundreds of rows, so with little ado."""
    if isinstance(reply, dict):
        rows = _mapping(reply).get("results", [])
        encoded = bool(rows) and b"id" in rows[0]
        names: list[Any] = [b"id", b"score", b"extra_attributes"] if encoded else ["id", "score", "extra_attributes"]
        id_, score, fields = names
        found = (_match(row[id_], row.get(score), (row.get(fields) or {}).items(), distance) for row in rows)
        return [match for match in found if match is not None]
    # A list of fields follows the key, or the score if there is one.
    rest = reply[1:]
    if len(rest) > 2 and not isinstance(rest[1], list | None):
        keys, scores, lists = rest[::3], rest[1::3], rest[2::3]
    else:
        keys, scores, lists = rest[::2], [None] * len(rest), rest[1::2]
    found = (
        _match(key, score, zip(flat[::2], flat[1::2], strict=True), distance)
        for key, score, flat in zip(keys, scores, (each or [] for each in lists), strict=False)
    )
    return [match for match in found if match is not None]


def _total(reply: Any) -> int:
    return int(_mapping(reply).get("total_results", 0) if isinstance(reply, dict) else reply[0])


def _match(key: bytes | str, score: Any, fields: Iterable[tuple[Any, Any]], distance: str) -> Match | None:
    plain = {}
    for name, value in fields:
        text = name.decode() if type(name) is bytes else name
        if text == distance:
            score = value
        else:
            plain[text] = from_member(value)
    if score is None:  # it expired while it was searched
        return None
    return Match(key.decode() if isinstance(key, bytes) else key, float(score), plain)


def _mapping(value: Any) -> dict[str, Any]:
    # What is odd at the end of a list is a flag.
    pairs = value.items() if isinstance(value, dict) else zip(value[::2], value[1::2], strict=False)
    return {from_member(name): each for name, each in pairs}


def _text(value: bytes | str | None) -> str | None:
    return None if value is None else from_member(value)
