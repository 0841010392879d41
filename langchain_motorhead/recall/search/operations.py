"""Redis commands of searching, as data: run queries, and read documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_motorhead.recall.indexing.descriptions import Description, describing, to_description
from langchain_motorhead.search_index.queries import SearchReply, to_reply
from langchain_motorhead.storage.keys import from_member, optional_member, recall_key
from langchain_motorhead.storage.operation import Command, Operation, Value

DOCUMENT_FIELDS = ("epoch", "user", "role", "name", "id", "created", "text", "pieces", "ttl", "sent")


def search(
    namespace: str, queries: Sequence[tuple[Value, ...]], distance: str, near: str | None = None
) -> Operation[tuple[list[SearchReply] | None, Description | None]]:
    """Run queries on the index in one round trip, and read its description.

    Args:
        namespace: Namespace of the index.
        queries: For each query the arguments of FT.SEARCH after the index's name.
        distance: Field that has the distance, if a query returns one.
        near: Key of the only session that is searched, or None. In a cluster, only its node is asked then.

    Returns:
        What each query found, or None if the index was replaced meanwhile; and the description.
    """
    name, description = recall_key(namespace), describing(namespace)
    commands = [Command("FT.SEARCH", (name,), query, near) for query in queries]

    def read(replies: list[Any]) -> tuple[list[SearchReply] | None, Description | None]:
        before, after = to_description(replies[0]), to_description(replies[-1])
        if before != after:
            return None, after
        return [to_reply(reply, distance) for reply in replies[1:-1]], after

    return Operation((description, *commands, description), read)


def fetch(
    documents: Sequence[str], states: Sequence[str], extra: Sequence[str] = ()
) -> Operation[tuple[list[dict[str, Any] | None], list[tuple[str | None, int, str | None]]]]:
    """Read documents and the state of their sessions in one round trip.

    Args:
        documents: Keys of documents.
        states: Keys of sessions' state hashes.
        extra: Fields to read besides `DOCUMENT_FIELDS`, as bytes.

    Returns:
        The fields of each document, or None if it does not exist; and for each session its epoch (None if it does not
        exist), the sequence number of its first message in the list, and its user.
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


def decoded(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the fields of a document as text."""
    return {name.decode(): value.decode("utf-8", "surrogatepass") for name, value in fields.items()}


def _fields(reply: Sequence[Any], extra: Sequence[str]) -> dict[str, Any] | None:
    if reply[0] is None:
        return None
    usual = {name: from_member(value) for name, value in zip(DOCUMENT_FIELDS, reply, strict=False) if value is not None}
    return {**usual, **dict(zip(extra, reply[len(DOCUMENT_FIELDS) :], strict=True))}
