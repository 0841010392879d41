"""Diagnostics of a Redis server: version, persistence, eviction and replication. They only read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from langchain_motorhead.messages.wording import counted

MAX_NAMED_COUNT = 5
MIN_REDIS_VERSION = (6, 2)


class Level(StrEnum):
    """How serious a finding is: `BROKEN` means that messages can be lost, or that something does not work."""

    FINE = "fine"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        level: How serious it is.
        name: What was checked.
        value: What was found.
        advice: What it means and what to do, or an empty string.
    """

    level: Level
    name: str
    value: str
    advice: str = ""


def some_of(names: Iterable[str]) -> str:
    """Return the first few names, as a list in words."""
    return ", ".join(islice(names, MAX_NAMED_COUNT))


def examine_server(client: Any, where: str, node: Any) -> Iterator[Finding]:
    """Check one server, and yield what is found.

    Args:
        client: A synchronous client of redis-py.
        where: What follows the names of the checks, such as ` of NODE`.
        node: Node of a cluster, or None.
    """
    from redis.exceptions import RedisError

    target = {} if node is None else {"target_nodes": node}
    try:
        info: Mapping[str, Any] = client.info(**target)
    except RedisError as error:
        yield Finding(Level.NOTE, f"server{where}", "unknown", f"Redis refused INFO: {error}")
        return
    try:
        config: Mapping[str, Any] | None = client.config_get("*", **target)
    except RedisError:
        config = None  # many managed services refuse CONFIG
    yield _version(info, where)
    yield from _persistence(info, config, where)
    yield _eviction(info, where)
    yield _replication(info, config, where)


def _version(info: Mapping[str, Any], where: str) -> Finding:
    version = str(info.get("redis_version", ""))
    shown = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < MIN_REDIS_VERSION:
        return Finding(Level.BROKEN, f"server{where}", shown, "Redis 6.2 or later is needed")
    return Finding(Level.FINE, f"server{where}", shown)


def _persistence(info: Mapping[str, Any], config: Mapping[str, Any] | None, where: str) -> Iterator[Finding]:
    name = f"persistence{where}"
    if info.get("aof_enabled"):
        how = "unknown" if config is None else str(config.get("appendfsync", "unknown"))
        advice = (
            "" if how == "always" else "a crash may lose the last second of messages. appendfsync always prevents that"
        )
        yield Finding(Level.NOTE if advice else Level.FINE, name, f"append-only file, appendfsync {how}", advice)
    elif config is None:
        yield Finding(
            Level.NOTE, name, "no append-only file", "CONFIG cannot be read. Ask the operator how the data is persisted"
        )
    else:
        saved = config.get("save")
        value = f"only snapshots ({saved})" if saved else "none"
        lost = "all messages since the last snapshot" if saved else "all messages"
        yield Finding(Level.BROKEN, name, value, f"a restart of Redis loses {lost}. Set appendonly yes")
    for field in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(field, "ok") != "ok":
            yield Finding(Level.BROKEN, name, f"{field} {info[field]}", "Redis cannot write to its disk. See its log")


def _eviction(info: Mapping[str, Any], where: str) -> Finding:
    policy, limit = str(info.get("maxmemory_policy", "unknown")), int(info.get("maxmemory", 0))
    name, value = f"memory{where}", f"{policy}, maxmemory {limit or 'none'}"
    if policy.startswith("allkeys"):
        level = Level.BROKEN if limit else Level.NOTE
        return Finding(level, name, value, "when memory is full, Redis drops sessions. Set maxmemory-policy noeviction")
    if policy.startswith("volatile"):
        return Finding(Level.NOTE, name, value, "when memory is full, Redis drops sessions that have a time to live")
    return Finding(Level.FINE, name, value)


def _replication(info: Mapping[str, Any], config: Mapping[str, Any] | None, where: str) -> Finding:
    name, replicas = f"replication{where}", int(info.get("connected_slaves", 0))
    if info.get("role") in ("slave", "replica"):
        return Finding(Level.BROKEN, name, "a replica", "a replica accepts no writes. Connect to its primary")
    least = "unknown" if config is None else str(config.get("min-replicas-to-write", "0"))
    value = f"{counted(replicas, 'replica')}, min-replicas-to-write {least}"
    if replicas and least == "0":
        return Finding(Level.NOTE, name, value, "a failover may lose messages. min-replicas-to-write 1 limits how many")
    return Finding(Level.FINE, name, value)
