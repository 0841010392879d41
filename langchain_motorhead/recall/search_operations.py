"""The Redis commands of searching, as data: queries, what they find, and documents to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead.recall.index_operations import Description, describing, to_description
from langchain_motorhead.search_index.queries import Answer, to_matches, total
from langchain_motorhead.storage.keys import from_member, optional_member, recall_key
from langchain_motorhead.storage.operation import Command, Operation, Value

DOCUMENT_FIELDS = ("epoch", "user", "role", "name", "id", "created", "text", "pieces", "ttl", "sent")


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
        return [Answer(to_matches(reply, distance), total(reply)) for reply in replies[1:-1]], after

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
        sessions = [
            (optional_member(epoch), int(first or 0), optional_member(user))
            for epoch, first, user in replies[len(documents) :]
        ]
        return found, sessions

    return Operation(tuple(commands), read)


def _fields(reply: Sequence[Any], extra: Sequence[str]) -> dict[str, Any] | None:
    if reply[0] is None:
        return None
    usual = {name: from_member(value) for name, value in zip(DOCUMENT_FIELDS, reply, strict=False) if value is not None}
    return {**usual, **dict(zip(extra, reply[len(DOCUMENT_FIELDS) :], strict=True))}
