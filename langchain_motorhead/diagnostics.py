"""What a Redis lacks of what the promise needs: looks, and changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from langchain_motorhead.exceptions import EmbeddingMismatchError, IndexMissingError, SearchUnavailableError, StoreError
from langchain_motorhead.flows.protocol import Embed, Flow, Vectors
from langchain_motorhead.recall import index_operations as recall
from langchain_motorhead.recall.index import PROBE
from langchain_motorhead.search_index.lifecycle import command
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions import registry as sessions
from langchain_motorhead.storage.keys import recall_key, registry_key, session_keys
from langchain_motorhead.storage.operation import Command, Operation, together

if TYPE_CHECKING:
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.client import Motorhead

_OLDEST = (6, 2)
_TOGETHER = 200


class Level(StrEnum):
    """How a finding bears on the promise."""

    FINE = "fine"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, how it is, and what that means."""

    level: Level
    name: str
    value: str
    advice: str = ""


def examine(motorhead: Motorhead) -> Iterator[Finding]:
    """Look at the Redis, the index and the sessions of a namespace.

    Raises:
        StoreUnavailableError: Redis could not be reached.
    """
    redis = motorhead.backend.require_redis()
    redis.execute(Operation((Command("ZCARD", (registry_key(redis.namespace),)),), list))
    client = redis.connection.sync_client
    nodes = client.get_primaries() if redis.one_slot is False else [None]
    for node in nodes:
        yield from _server(client, "" if node is None else f" of {node.name}", node)
    yield from _index(redis)
    yield from _backlog(redis)


def _server(client: Any, where: str, node: Any) -> Iterator[Finding]:
    from redis.exceptions import RedisError

    target = {} if node is None else {"target_nodes": node}
    try:
        info: Mapping[str, Any] = client.info(**target)
    except RedisError as error:
        yield Finding(Level.NOTE, f"server{where}", "unknown", f"INFO is refused: {error}")
        return
    try:
        config: Mapping[str, Any] | None = client.config_get("*", **target)
    except RedisError:
        config = None  # as with many that are managed
    yield _version(info, where)
    yield from _persistence(info, config, where)
    yield _eviction(info, where)
    yield _replication(info, config, where)


def _version(info: Mapping[str, Any], where: str) -> Finding:
    version = str(info.get("redis_version", ""))
    shown = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < _OLDEST:
        return Finding(Level.BROKEN, f"server{where}", shown, "6.2 or later is needed")
    return Finding(Level.FINE, f"server{where}", shown)


def _persistence(info: Mapping[str, Any], config: Mapping[str, Any] | None, where: str) -> Iterator[Finding]:
    name = f"persistence{where}"
    if info.get("aof_enabled"):
        how = "unknown" if config is None else str(config.get("appendfsync", "unknown"))
        advice = "" if how == "always" else "a crash may lose the last second; appendfsync always does not"
        yield Finding(Level.NOTE if advice else Level.FINE, name, f"append-only file, appendfsync {how}", advice)
    elif config is None:
        yield Finding(Level.NOTE, name, "no append-only file", "its configuration cannot be read; ask who runs it")
    else:
        saved = config.get("save")
        value = f"snapshots alone ({saved})" if saved else "none"
        lost = "what came after the last snapshot" if saved else "everything"
        yield Finding(Level.BROKEN, name, value, f"a restart of Redis loses {lost}: appendonly yes")
    for field in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(field, "ok") != "ok":
            yield Finding(Level.BROKEN, name, f"{field} {info[field]}", "Redis cannot write to its disk: see its log")


def _eviction(info: Mapping[str, Any], where: str) -> Finding:
    policy, limit = str(info.get("maxmemory_policy", "unknown")), int(info.get("maxmemory", 0))
    name, value = f"memory{where}", f"{policy}, maxmemory {limit or 'none'}"
    if policy.startswith("allkeys"):
        level = Level.BROKEN if limit else Level.NOTE
        return Finding(level, name, value, "at its limit Redis drops sessions: maxmemory-policy noeviction")
    if policy.startswith("volatile"):
        return Finding(Level.NOTE, name, value, "at its limit Redis drops sessions that have a time to live")
    return Finding(Level.FINE, name, value)


def _replication(info: Mapping[str, Any], config: Mapping[str, Any] | None, where: str) -> Finding:
    name, replicas = f"replication{where}", int(info.get("connected_slaves", 0))
    if info.get("role") in ("slave", "replica"):
        return Finding(Level.BROKEN, name, "a replica", "it takes no messages: connect to its primary")
    least = "unknown" if config is None else str(config.get("min-replicas-to-write", "0"))
    value = f"{replicas} replicas, min-replicas-to-write {least}"
    if replicas and least == "0":
        return Finding(Level.NOTE, name, value, "a failover may lose messages: min-replicas-to-write 1 bounds it")
    return Finding(Level.FINE, name, value)


def _index(redis: RedisBackend) -> Iterator[Finding]:
    wanted = redis.maintenance.indexer is not None
    try:
        with contextlib.suppress(IndexMissingError):  # which only the module says
            redis.execute(command("FT.INFO", recall_key(redis.namespace)))
        yield Finding(Level.FINE, "search module", "there")
    except SearchUnavailableError:
        yield Finding(Level.BROKEN if wanted else Level.NOTE, "search module", "none", "recall needs Redis 8, or Stack")
    except StoreError as error:
        yield Finding(Level.NOTE, "search module", "unknown", str(error))
    described = redis.execute(recall.describe(redis.namespace))
    if described is None:
        yield Finding(Level.FINE, "index", "none yet")
        return
    value = f"{described.model}, {described.dimensions} dimensions, {described.settings}"
    try:
        if redis.maintenance.indexer is not None:
            redis.maintenance.indexer.check(described, redis.run(_dimensions()))
        yield Finding(Level.FINE, "index", value)
    except EmbeddingMismatchError as error:
        yield Finding(Level.BROKEN, "index", value, str(error))


def _dimensions() -> Flow[int]:
    vectors: Vectors = yield Embed((PROBE,))
    return len(vectors[0])


def _backlog(redis: RedisBackend) -> Iterator[Finding]:
    ids = redis.run(sessions.all_sessions(redis.namespace))
    due = waiting = failing = unindexed = 0
    for start in range(0, len(ids), _TOGETHER):
        keys = [session_keys(redis.namespace, session_id) for session_id in ids[start : start + _TOGETHER]]
        for reading in redis.execute(together(*(operations.read(each, 1, 0) for each in keys))):
            over = max(0, reading.length - redis.window.max_messages)
            due, waiting, failing = due + (over > 0), waiting + over, failing + (reading.failures > 0)
            if reading.indexed is not None:
                unindexed += max(0, reading.first + reading.length - reading.indexed)
    advice = "their summarizer fails; nothing is lost, and prompts grow" if failing else ""
    value = f"{len(ids)} sessions; {waiting} messages of {due} wait to be summarized; {failing} sessions fail"
    yield Finding(Level.NOTE if failing else Level.FINE, "backlog", value, advice)
    if unindexed:
        yield Finding(Level.NOTE, "index backlog", f"{unindexed} messages wait to be indexed")
