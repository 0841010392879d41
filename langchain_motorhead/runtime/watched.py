"""The operations that have spans and metrics, and the attributes of each. No I/O.

The names in `convention` are those of OpenTelemetry's conventions for generative AI. For operations without such a
name, they are our own, which the conventions allow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.codec import loads
from langchain_motorhead.sessions.snapshot import SessionSnapshot

if TYPE_CHECKING:
    from langchain_motorhead.recall.query import Hit
    from langchain_motorhead.sessions.load import Memory

Attributes: TypeAlias = Mapping[str, str | int | float | bool]

COUNT = "gen_ai.memory.record.count"
QUERY = "gen_ai.memory.query.text"
RECORDS = "gen_ai.memory.records"
TOKENS = "motorhead.tokens"


def _nothing(_: Any) -> Attributes:
    return {}


def _no_records(_: Any) -> Sequence[dict[str, Any]]:
    return ()


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind of operation.

    Attributes:
        name: Name in the attribute `motorhead.operation`, and in a server's metrics.
        convention: Name of the span, and its `gen_ai.operation.name`.
        found: Returns the attributes of a span for a result.
        records: Returns the content of a result, for spans that hold content.
        is_remote: Whether most of its time is spent in requests to Redis. Otherwise the work is done in this process.
        is_metered: Whether a server counts and times it. What nearly every request does is counted with the requests.
    """

    name: str
    convention: str
    found: Callable[[Any], Attributes] = _nothing
    records: Callable[[Any], Sequence[dict[str, Any]]] = _no_records
    is_remote: bool = True
    is_metered: bool = True


def _of_memory(memory: Memory) -> Attributes:
    return {COUNT: len(memory.messages), "motorhead.backlog": memory.backlog}


def _memory_records(memory: Memory) -> list[dict[str, Any]]:
    summary = [] if memory.summary is None else [{"content": memory.summary, "metadata": {"kind": "summary"}}]
    return [*summary, *records_of(memory.messages)]


def _snapshot_records(seen: SessionSnapshot) -> list[dict[str, Any]]:
    summary = [] if seen.summary is None else [{"content": seen.summary, "metadata": {"kind": "summary"}}]
    return [*summary, *records_of([loads(each) for each in seen.records])]


def _stored(result: Any) -> int:
    appended = getattr(result, "appended", result)
    return 0 if appended is None else int(appended.added)


def _of_catch_up(result: Any) -> Attributes:
    return {**_of_memory(result.memory), "motorhead.stored": _stored(result)}


def _of_compaction(report: Any) -> Attributes:
    return {COUNT: report.summarized, "motorhead.batches": report.batches, TOKENS: report.tokens}


def _of_learning(report: Any) -> Attributes:
    return {COUNT: report.facts, "motorhead.messages": report.messages, TOKENS: report.tokens}


def _hit_record(hit: Hit) -> dict[str, Any]:
    identity = {} if hit.message_id is None else {"id": hit.message_id}
    return {**identity, "content": hit.text, "score": hit.score, "metadata": {"role": hit.role}}


def records_of(messages: Sequence[BaseMessage | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages as the conventions describe the records of a memory."""
    return [_record(each) for each in messages]


def _record(message: BaseMessage | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(message, BaseMessage):
        identity = {} if message.id is None else {"id": message.id}
        return {**identity, "content": message.content, "metadata": {"role": message.type}}
    return {"content": message.get("content"), "metadata": {"role": str(message.get("role"))}}


def to_json(records: Sequence[dict[str, Any]]) -> str:
    """Return records as the value of an attribute."""
    try:
        return orjson.dumps(list(records), default=str).decode()
    except TypeError:  # half a character, which the standard library escapes, or a key that is no text
        return json.dumps(list(records), default=str, skipkeys=True)


def to_text(text: str) -> str:
    """Return a text that every exporter can encode: an id may hold half a character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


APPEND = Watched("append", "create_memory", lambda result: {COUNT: _stored(result)}, is_metered=False)
# In one round trip, it stores what is new and loads the session: the load of an agent's run.
CATCH_UP = Watched(
    "catch_up", "load_memory", _of_catch_up, lambda result: _memory_records(result.memory), is_metered=False
)
LOAD = Watched("load", "load_memory", _of_memory, _memory_records, is_metered=False)
READ = Watched("read", "load_memory", lambda seen: {COUNT: len(seen.records)}, _snapshot_records, is_metered=False)
TRANSCRIPT = Watched("transcript", "load_memory", lambda page: {COUNT: len(page)}, is_metered=False)
SEARCH = Watched(
    "search", "search_memory", lambda hits: {COUNT: len(hits)}, lambda hits: [_hit_record(hit) for hit in hits]
)
FORGET = Watched("forget", "delete_memory", lambda receipt: {COUNT: len(receipt.messages)})
EDIT = Watched("edit", "update_memory", lambda receipt: {COUNT: len(receipt.messages)})
SET_SUMMARY = Watched("set_summary", "update_memory")
DELETE = Watched("delete", "delete_memory")
DELETE_USER = Watched("delete_user", "delete_memory")
COMPACT = Watched("compact", "upsert_memory", _of_compaction, is_remote=False)
REBUILD = Watched(
    "rebuild", "upsert_memory", lambda report: {"motorhead.batches": report.batches, TOKENS: report.tokens},
    is_remote=False,
)  # fmt: skip
LEARN = Watched("learn", "upsert_memory", _of_learning, is_remote=False)
INDEX = Watched("index", "index_memory", lambda state: {"motorhead.state": state.value}, is_remote=False)

REMEMBER_FACT = Watched("remember_fact", "create_memory", lambda fact: {COUNT: 1, "gen_ai.memory.record.id": fact.id})
CORRECT_FACT = Watched("correct_fact", "update_memory", lambda fact: {COUNT: 1, "gen_ai.memory.record.id": fact.id})
FORGET_FACT = Watched("forget_fact", "delete_memory", lambda gone: {COUNT: int(gone)})
FIND_FACTS = Watched("find_facts", "search_memory", lambda facts: {COUNT: len(facts)})

# Calls of models, within the operations above.
SUMMARIZE = Watched(
    "summarize", "summarize",
    lambda summary: {TOKENS: summary.tokens, **({"gen_ai.response.model": summary.model} if summary.model else {})},
    lambda summary: [] if summary.text is None else [{"content": summary.text}],
    is_remote=False,
)  # fmt: skip
EXTRACT_FACTS = Watched(
    "extract_facts", "extract_facts",
    lambda learned: {TOKENS: learned.tokens, "motorhead.operations": len(learned.operations)},
    is_remote=False,
)  # fmt: skip
EMBED = Watched("embed", "embeddings", lambda vectors: {"motorhead.texts": len(vectors)})
EMBED_QUERY = Watched("embed_query", "embeddings", lambda vectors: {"motorhead.texts": len(vectors)})
