"""The stored description of a namespace's recall index, and the Redis commands that read and change it, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.recall.words.terms import TERMS_VERSION
from langchain_motorhead.storage.keys import from_member, recall_key
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies
from langchain_motorhead.storage.scripts import SCRIPTS

_DESCRIBED = ("model", "dimensions", "settings", "generation")
_DOCUMENTS = "documents"
_TERMS = "terms"
_ERASING = "erasing"
_PLANNED = tuple(f"next_{name}" for name in _DESCRIBED)


@dataclass(frozen=True, slots=True)
class Description:
    """The stored description of a namespace's index.

    Attributes:
        model: Name of the embedding model.
        dimensions: Dimensions of its vectors.
        settings: Algorithm, metric and datatype of the vectors, and language of the terms.
        generation: Number of the index. It grows with each rebuild.
        erasing: Whether documents of deleted sessions may still be there.
    """

    model: str
    dimensions: int
    settings: str
    generation: int
    erasing: bool = field(default=False, compare=False)


def describe(namespace: str) -> Operation[Description | None]:
    """Return the operation that reads the description of the index."""
    return Operation((describing(namespace),), lambda replies: to_description(replies[0]))


def establish(namespace: str, description: Description) -> Operation[tuple[bool, bool, Description]]:
    """Store the description of the index, unless it has one.

    Returns:
        Whether it was stored, whether documents may exist already, and the description that is stored now.
    """

    def read(replies: list[Any]) -> tuple[bool, bool, Description]:
        new, flat = replies[0]
        known = dict(zip(map(from_member, flat[::2]), flat[1::2], strict=True))
        found = to_description([known.get(name) for name in _DESCRIBED])
        if found is None:
            raise StoreError(
                f"the key {recall_key(namespace)} does not hold the description of an index. Delete it, then reindex"
            )
        return bool(new), not new or _DOCUMENTS in known, found

    return Operation(
        (
            Command(
                SCRIPTS["index_describe"],
                (recall_key(namespace),),
                (*_pairs(_DESCRIBED, description), _TERMS, TERMS_VERSION),
            ),
        ),
        read,
    )


def terms_version(namespace: str) -> Operation[int]:
    """Return the operation that reads by which version of the rules the terms of all documents are made."""
    return Operation((Command("HMGET", (recall_key(namespace),), (_TERMS,)),), lambda replies: int(replies[0][0] or 1))


def set_terms_version(namespace: str, version: int) -> Operation[None]:
    """Store by which version of the rules the terms of all documents are made."""
    return Operation((Command("HSET", (recall_key(namespace),), (_TERMS, version)),), ignore_replies)


def announce(namespace: str) -> Operation[Description | None]:
    """Record that documents are stored before the index is described, and read its description.

    Whoever makes the index then includes these documents. If there is a description in the reply, its index may have
    been made without them: make sure that it exists before they are stored.
    """
    commands = (Command("HSET", (recall_key(namespace),), (_DOCUMENTS, "1")), describing(namespace))
    return Operation(commands, lambda replies: to_description(replies[-1]))


def switch(namespace: str, description: Description, index: str, *, one_slot: bool) -> Operation[None]:
    """Store another description, and direct searches to its index.

    Args:
        namespace: Namespace of the index.
        description: Description of the new index.
        index: Name of the new index.
        one_slot: Whether both can happen in one transaction, which is impossible in a cluster.
    """
    key = recall_key(namespace)
    both = (
        Command("HSET", (key,), tuple(_pairs(_DESCRIBED, description))),
        Command("FT.ALIASUPDATE", (key,), (index,)),
    )

    def read(replies: list[Any]) -> None:
        for reply in replies[-1] if one_slot else ():
            if isinstance(reply, Exception):
                raise StoreError(
                    f"the index {index} was made, but searches could not be directed to it: {reply}"
                ) from reply

    if not one_slot:
        return Operation(both, read)
    return Operation(
        (Command("MULTI", ()), *both, Command("EXEC", ())),
        read,
        split=lambda: switch(namespace, description, index, one_slot=False),
    )


def unplan(namespace: str) -> Operation[None]:
    """Delete the description of the index under construction, since that index is in use now."""
    return Operation((Command("HDEL", (recall_key(namespace),), _PLANNED),), ignore_replies)


def planned(namespace: str) -> Operation[Description | None]:
    """Read the description of the index under construction."""
    return Operation(
        (Command("HMGET", (recall_key(namespace),), _PLANNED),), lambda replies: to_description(replies[0])
    )


def plan(namespace: str, description: Description) -> Operation[None]:
    """Store the description of an index under construction."""
    return Operation((Command("HSET", (recall_key(namespace),), tuple(_pairs(_PLANNED, description))),), ignore_replies)


def _pairs(names: Sequence[str], description: Description) -> list[Value]:
    values: tuple[Value, ...] = (
        description.model,
        description.dimensions,
        description.settings,
        description.generation,
    )
    pairs: list[Value] = []
    for name, value in zip(names, values, strict=True):
        pairs += (name, value)
    return pairs


def describing(namespace: str) -> Command:
    """Return the command that reads the description of the index."""
    return Command("HMGET", (recall_key(namespace),), (*_DESCRIBED, _ERASING))


def to_description(values: Sequence[Any]) -> Description | None:
    """Return the description in the reply to `describing`, or None if there is none."""
    described = values[: len(_DESCRIBED)]
    if any(value is None for value in described):
        return None
    model, dimensions, settings, generation = map(from_member, described)
    erasing = any(value is not None for value in values[len(_DESCRIBED) :])
    return Description(model, int(dimensions), settings, int(generation), erasing)
