"""The async client beside a sync one that a user gave, or the other way round, with the same settings."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langchain_motorhead.exceptions import InvalidInputError

# Settings that mean the same on both sides. Others (parsers, callbacks, caches) are of one side.
_SHARED = frozenset(
    "host port path db username password credential_provider socket_timeout socket_connect_timeout socket_keepalive "
    "socket_keepalive_options encoding encoding_errors decode_responses client_name protocol "
    "health_check_interval".split()
)
PLAIN_CONNECTIONS = frozenset({"Connection", "SSLConnection", "UnixDomainSocketConnection"})
"""Classes of redis-py's own connections, by name, on either side."""


def is_async(client: object) -> bool:
    """Say whether a Redis client is an async one.

    Raises:
        InvalidInputError: It is no Redis client.
    """
    if not callable(getattr(client, "execute_command", None)) or not callable(getattr(client, "pipeline", None)):
        raise InvalidInputError(
            f"{type(client).__name__} is not a Redis client. Give a redis.Redis, redis.asyncio.Redis, "
            "redis.RedisCluster or redis.asyncio.RedisCluster"
        )
    return hasattr(client, "__aenter__")


def is_clustered(client: object) -> bool:
    """Say whether a Redis client is one of a cluster."""
    return hasattr(client, "nodes_manager")


def sentinels_of(client: Any) -> list[Any]:
    """List the clients through which a client finds its primary; redis-py leaves them open when it is closed."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    return list(manager.sentinels) if manager is not None else []


def make_counterpart(client: Any) -> Any:
    """Make the other client of a user's: an async one beside a sync one, or a sync one beside an async one.

    Raises:
        InvalidInputError: The client is of a kind whose settings cannot be carried over.
    """
    name = "redis" if is_async(client) else "redis.asyncio"
    if is_clustered(client):
        return _cluster_twin(client, name)
    pool = client.connection_pool
    if hasattr(pool, "sentinel_manager"):
        return _sentinel_twin(pool, name)
    kind = pool.connection_class.__name__
    if kind not in PLAIN_CONNECTIONS:
        other = "client" if is_async(client) else "async_client"
        raise InvalidInputError(f"a client with {kind} has no twin. Give both clients: {other}=... beside this one")
    module = import_module(f"{name}.connection")
    pool_class = getattr(module, type(pool).__name__, module.ConnectionPool)
    twin_pool = pool_class(
        connection_class=getattr(module, kind), max_connections=pool.max_connections, **_shared(pool.connection_kwargs)
    )
    return import_module(name).Redis.from_pool(twin_pool)


def _cluster_twin(client: Any, name: str) -> Any:
    nodes = client.nodes_manager.startup_nodes.values()
    module = import_module(f"{name}.cluster")
    own = getattr(client, "connection_kwargs", None) or client.nodes_manager.connection_kwargs
    settings = {key: value for key, value in _shared(own).items() if key not in ("host", "port", "db")}
    if "ssl" in own or "SSL" in getattr(own.get("connection_class"), "__name__", ""):
        settings["ssl"] = True
    return module.RedisCluster(startup_nodes=[module.ClusterNode(node.host, node.port) for node in nodes], **settings)


def _sentinel_twin(pool: Any, name: str) -> Any:
    manager = pool.sentinel_manager
    addresses = [
        (kwargs["host"], kwargs["port"]) for kwargs in (s.connection_pool.connection_kwargs for s in manager.sentinels)
    ]
    sentinel = import_module(f"{name}.sentinel").Sentinel(
        addresses, sentinel_kwargs=manager.sentinel_kwargs, **manager.connection_kwargs
    )
    return sentinel.master_for(pool.service_name, **_shared(pool.connection_kwargs))


def _shared(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key in _SHARED or key.startswith("ssl_")}
