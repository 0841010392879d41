"""Counterpart clients: the async client for a user's sync client, or the reverse, with the same settings."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from langchain_motorhead.exceptions import InvalidInputError

# Settings that sync and async clients share. Others (parsers, callbacks, caches) exist for one of them only.
_SHARED_SETTINGS = frozenset(
    "host port path db username password credential_provider socket_timeout socket_connect_timeout socket_keepalive "
    "socket_keepalive_options encoding encoding_errors decode_responses client_name protocol "
    "health_check_interval".split()
)
PLAIN_CONNECTIONS = frozenset({"Connection", "SSLConnection", "UnixDomainSocketConnection"})
"""Names of redis-py's own connection classes, which are the same for sync and async clients."""


def is_async(client: object) -> bool:
    """Return whether a Redis client is async.

    Raises:
        InvalidInputError: The object is not a Redis client.
    """
    if not callable(getattr(client, "execute_command", None)) or not callable(getattr(client, "pipeline", None)):
        raise InvalidInputError(
            f"{type(client).__name__} is not a Redis client. Give a redis.Redis, redis.asyncio.Redis, "
            "redis.RedisCluster or redis.asyncio.RedisCluster"
        )
    return hasattr(client, "__aenter__")


def is_clustered(client: object) -> bool:
    """Return whether a Redis client is a cluster client."""
    return hasattr(client, "nodes_manager")


def has_cache(client: Any) -> bool:
    """Return whether a sync client has redis-py's client-side cache."""
    manager = getattr(client, "nodes_manager", None)
    if manager is not None:
        return getattr(manager, "_cache", None) is not None
    return getattr(getattr(client, "connection_pool", None), "cache", None) is not None


def sentinels_of(client: Any) -> list[Any]:
    """Return the clients through which a client finds its primary. redis-py does not close them."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    return list(manager.sentinels) if manager is not None else []


def make_counterpart(client: Any) -> Any:
    """Return an async client for a sync client, or a sync client for an async one, with the same settings.

    Raises:
        InvalidInputError: The settings of this kind of client cannot be copied.
    """
    return _copy(client, "redis" if is_async(client) else "redis.asyncio")


def make_sibling(client: Any) -> Any:
    """Return an async client with the settings of another one, for another event loop.

    Raises:
        InvalidInputError: The settings of this kind of client cannot be copied.
    """
    pool = getattr(client, "connection_pool", None)
    if pool is None or hasattr(pool, "sentinel_manager") or pool.connection_class.__name__ in PLAIN_CONNECTIONS:
        return _copy(client, "redis.asyncio")
    return type(client)(
        connection_pool=type(pool)(
            connection_class=pool.connection_class, max_connections=pool.max_connections, **pool.connection_kwargs
        )
    )


async def drop_idle(client: Any) -> None:
    """Disconnect the connections of an async client that nobody uses. It makes new ones when it needs them.

    An error means that a connection is gone already, or that its event loop is.
    """
    from redis.exceptions import RedisError

    with suppress(RedisError, OSError, RuntimeError):
        if is_clustered(client):
            await client.aclose()
        else:
            await client.connection_pool.disconnect(inuse_connections=False)


def _copy(client: Any, name: str) -> Any:
    if is_clustered(client):
        return _cluster_counterpart(client, name)
    pool = client.connection_pool
    if hasattr(pool, "sentinel_manager"):
        return _sentinel_counterpart(pool, name)
    kind = pool.connection_class.__name__
    if kind not in PLAIN_CONNECTIONS:
        other = "client" if is_async(client) else "async_client"
        raise InvalidInputError(
            f"the settings of a client with {kind} cannot be copied. Give both clients: this one, and {other}=..."
        )
    module = import_module(f"{name}.connection")
    pool_class = getattr(module, type(pool).__name__, module.ConnectionPool)
    other_pool = pool_class(
        connection_class=getattr(module, kind),
        max_connections=pool.max_connections,
        **_shared_settings(pool.connection_kwargs),
    )
    return import_module(name).Redis.from_pool(other_pool)


def _cluster_counterpart(client: Any, name: str) -> Any:
    nodes = client.nodes_manager.startup_nodes.values()
    module = import_module(f"{name}.cluster")
    own = getattr(client, "connection_kwargs", None) or client.nodes_manager.connection_kwargs
    settings = {key: value for key, value in _shared_settings(own).items() if key not in ("host", "port", "db")}
    if "ssl" in own or "SSL" in getattr(own.get("connection_class"), "__name__", ""):
        settings["ssl"] = True
    return module.RedisCluster(startup_nodes=[module.ClusterNode(node.host, node.port) for node in nodes], **settings)


def _sentinel_counterpart(pool: Any, name: str) -> Any:
    manager = pool.sentinel_manager
    addresses = [
        (kwargs["host"], kwargs["port"]) for kwargs in (s.connection_pool.connection_kwargs for s in manager.sentinels)
    ]
    sentinel = import_module(f"{name}.sentinel").Sentinel(
        addresses, sentinel_kwargs=manager.sentinel_kwargs, **manager.connection_kwargs
    )
    return sentinel.master_for(pool.service_name, **_shared_settings(pool.connection_kwargs))


def _shared_settings(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key in _SHARED_SETTINGS or key.startswith("ssl_")}
