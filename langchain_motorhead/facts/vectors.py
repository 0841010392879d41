"""Vectors of facts, as flows: read, and made where they are missing. Without a working model, words have to do."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import HumanMessage

from langchain_motorhead.exceptions import EmbeddingError
from langchain_motorhead.facts.meaning import Vector, statement, unit
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.flows.protocol import Embed, Flow
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.search_index.vectors import to_bytes
from langchain_motorhead.storage.keys import FactKeys
from langchain_motorhead.storage.operation import Command, Operation, Value
from langchain_motorhead.storage.scripts import SCRIPTS

logger = logging.getLogger(__name__)

MOST = 1_000
"""Facts of a user that are compared by meaning: pinned ones, and the newest."""
_MOST_MISSING = 100  # vectors that are made at once
_DATATYPE = "float16"


@dataclass(frozen=True, slots=True)
class Embedding:
    """How facts are embedded.

    Attributes:
        model: Name of the model, which is stored with each vector. Those of another model are not used.
        count: Counts the tokens of messages.
    """

    model: str
    count: TokenCounter


@dataclass(slots=True)
class Known:
    """Vectors by the statements that they are of, and the tokens that making them took."""

    vectors: dict[str, Vector] = field(default_factory=dict)
    tokens: int = 0


def know(
    keys: FactKeys,
    facts: Sequence[Fact],
    embedding: Embedding,
    texts: Iterable[str] = (),
    heartbeat: Operation[None] | None = None,
) -> Flow[Known]:
    """Return the vectors of facts and of other texts. Those of facts that are missing are made and stored.

    Args:
        keys: Keys of the facts.
        facts: Stored facts, those that matter most first. `MOST` are looked at.
        embedding: How they are embedded.
        texts: Texts of statements that are not stored.
        heartbeat: Operation to execute while the model is called.

    Returns:
        The vectors. If the model failed, those that were stored.
    """
    facts = facts[:MOST]
    stored = (yield read_vectors(keys, [fact.id for fact in facts], embedding.model)) if facts else {}
    known = Known({statement(fact): stored[fact.id] for fact in facts if fact.id in stored})
    missing = [fact for fact in facts if fact.id not in stored][:_MOST_MISSING]
    wanted = list(dict.fromkeys([*texts, *map(statement, missing)]))
    made = yield from _embed(wanted, embedding, known, heartbeat)
    known.vectors.update(made)
    yield from keep(keys, missing, embedding, known, known.tokens)
    return known


def keep(keys: FactKeys, facts: Iterable[Fact], embedding: Embedding, known: Known, tokens: int) -> Flow[None]:
    """Store the vectors that are known of facts, and count the tokens of a model."""
    found = {fact.id: known.vectors[statement(fact)] for fact in facts if statement(fact) in known.vectors}
    if found or tokens:
        yield store_vectors(keys, found, embedding.model, tokens)


def query_vector(query: str) -> Flow[Vector | None]:
    """Return the vector of a query; None if the model failed."""
    try:
        (vector,) = yield Embed((query,), query=True)
    except EmbeddingError as error:
        logger.warning("searching facts by words only, because %s", error)
        return None
    return unit(vector)


def read_vectors(keys: FactKeys, ids: Sequence[str], model: str) -> Operation[dict[str, Vector]]:
    """Build the operation that reads the vectors that a model made of facts, by the facts' ids."""
    head = _head(model)

    def parse(replies: list[Any]) -> dict[str, Vector]:
        import numpy as np

        found = {
            id_: unit(np.frombuffer(data[len(head) :], _DATATYPE))
            for id_, data in zip(ids, replies[0], strict=True)
            if data is not None and data.startswith(head)
        }
        return {id_: vector for id_, vector in found.items() if vector is not None}

    return Operation((Command("HMGET", (keys.vectors,), tuple(ids)),), parse)


def store_vectors(keys: FactKeys, vectors: Mapping[str, Vector], model: str, tokens: int) -> Operation[int]:
    """Build the operation that stores vectors of facts that still exist. Returns how many were stored."""
    args: list[Value] = [tokens]
    for id_, data in zip(vectors, to_bytes(list(vectors.values()), _DATATYPE), strict=True):
        if data is not None:
            args += (id_, _head(model) + data)
    command = Command(SCRIPTS["facts_vectors"], (keys.current, keys.past, keys.state, keys.vectors), tuple(args))
    return Operation((command,), lambda replies: int(replies[0]))


def _embed(
    texts: Sequence[str], embedding: Embedding, known: Known, heartbeat: Operation[None] | None
) -> Flow[dict[str, Vector]]:
    if not texts:
        return {}
    try:
        vectors = yield Embed(tuple(texts), heartbeat=heartbeat)
    except EmbeddingError as error:
        logger.warning("facts are compared by words only, because %s", error)
        return {}
    known.tokens += embedding.count([HumanMessage(text) for text in texts])
    pairs = zip(texts, map(unit, vectors), strict=True)
    return {text: vector for text, vector in pairs if vector is not None}


def _head(model: str) -> bytes:
    return model.encode() + b"\0"
