"""Plays the flow of indexing: a session of a list, and what its requests return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from langchain_core.messages import BaseMessage

from langchain_motorhead import EmbeddingError, Recall
from langchain_motorhead.flows.protocol import Embed, Flow, Request
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.indexing.operations import IndexLease, IndexOutcome, Unindexed
from langchain_motorhead.storage.keys import session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import SCRIPTS, Script

# What the operations of indexing say.
DONE, MORE, STALE, AGAIN = IndexOutcome.DONE, IndexOutcome.MORE, IndexOutcome.STALE, IndexOutcome.AGAIN
BUSY, NOTHING = IndexLease.BUSY, IndexLease.DONE
T = TypeVar("T")

KEYS = session_keys("ns", "s")
SETTINGS = "flat cosine float32 english"
THERE = Description("m", 2, SETTINGS, 1)
DOWN = EmbeddingError("the model is away")
# What FT.INFO tells: the dimensions, and whether the index is being filled.
FILLED, FILLING, LEFT_OVER = (2, False), (2, True), (3, False)


def size(messages: Sequence[BaseMessage]) -> int:
    """Count a token for a character."""
    return sum(len(str(message.content)) for message in messages)


def an_indexer(*, ready: bool = True) -> Indexer:
    """Give what indexing needs to know, where the index is known to exist by default."""
    return Indexer("ns", Recall(), "m", size, ready=ready)


def vectors(request: Request, dimensions: int = 2) -> Any:
    """Answer a request for vectors: the length of each text tells them apart."""
    assert isinstance(request, Embed)
    return np.array([[float(len(text))] * dimensions for text in request.texts])


def seen(messages: Sequence[BaseMessage | bytes], indexed: int = 0, start: int | None = None, **more: Any) -> Unindexed:
    """Make what is read of a session: messages from `start` on, of which those from `indexed` on are not indexed."""
    records: list[bytes | str] = [each if isinstance(each, bytes) else encode(each) for each in messages]
    first = indexed if start is None else start
    fields = {"epoch": "e", "user": None, "earlier": [], "total": first + len(records), "embedded": indexed, **more}
    return Unindexed(indexed=indexed, start=first, records=records, **fields)


def name(request: Request) -> str:
    """Say what a request is for: the names of its script or commands, or its type."""
    if not isinstance(request, Operation):
        return type(request).__name__
    called = request.commands[0].name
    if called in ("FT.ALIASADD", "FT.ALIASUPDATE"):  # the latter where nothing else can have made one
        return "alias"
    return next(each for each in SCRIPTS if SCRIPTS[each] is called) if isinstance(called, Script) else called


def play(flow: Flow[T], answers: Sequence[Any]) -> tuple[list[Request], T | None]:
    """Answer a flow's requests in order: by what is given, what it makes of the request, or raising it."""
    requests = [next(flow)]
    try:
        for answer in answers:
            given = answer(requests[-1]) if callable(answer) else answer
            requests.append(flow.throw(given) if isinstance(given, Exception) else flow.send(given))
        if name(requests[-1]) == "lease_renew":  # it failed, and releases its lease
            flow.send(None)
    except StopIteration as end:
        return requests, end.value
    return requests, None


def stored(request: Request) -> dict[str, dict[str, Any]]:
    """Give the documents that a request stores: their fields by the rest of their keys."""
    assert name(request) == "index_commit"
    assert isinstance(request, Operation)
    rest = list(request.commands[0].args[14:])
    documents = {}
    while rest:
        suffix, _, count = rest[:3]
        flat = rest[3 : 3 + int(count)]
        fields = {text_of(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)}
        documents[text_of(suffix)] = {
            key: value if "vector" in key else text_of(value) for key, value in fields.items()
        }
        rest = rest[3 + int(count) :]
    return documents


def text_of(value: Any) -> str:
    """Give text, decoded if it is bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def embeds(requests: Sequence[Request]) -> list[tuple[str, ...]]:
    """Give the texts that were to be embedded, call by call."""
    return [request.texts for request in requests if isinstance(request, Embed)]


def names(requests: Sequence[Request]) -> list[str]:
    """Say what requests are for."""
    return [name(request) for request in requests]
