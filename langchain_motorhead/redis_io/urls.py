"""Builds clients for Redis URLs. Only a cluster client connects, to look up its nodes."""

from __future__ import annotations

import socket
from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_motorhead.redis_io.address import RedisAddress, as_service, parse, scheme_of
from langchain_motorhead.redis_io.parameters import check_parameters, parsed_parameters

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["check", "is_http", "make_client", "prepare", "scheme_of"]

_HTTP = ("http://", "https://")
# Parameters in the URL take precedence. Without time limits, in seconds, a caller would hang if the network is lost. As
# redisvl does, RESP2 is spoken: in RESP3, the search module names each part of each document that it found, so that its
# reply takes eight times as long to parse.
_DEFAULTS: dict[str, Any] = {"socket_timeout": 10.0, "socket_connect_timeout": 5.0, "protocol": 2}
# A connection that a router or NAT has silently forgotten is found before it is used, if it was idle for two minutes.
_KEEPALIVE_SECONDS = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
# Size of an async client's pool, and how long a task waits for a connection. Pools that cannot wait are larger.
_POOL_CONNECTIONS, _POOL_WAIT_SECONDS = 64, 20.0
_MAX_POOL_CONNECTIONS = 1_024


def is_http(url: object) -> bool:
    """Return whether a URL is that of a REST server in front of Redis."""
    return isinstance(url, str) and url.lower().startswith(_HTTP)


def check(url: str) -> bool:
    """Check a Redis URL with all its parameters, without connecting, and return whether it is that of a cluster.

    Raises:
        InvalidInputError: It cannot be parsed, or a parameter does not exist, or does not fit the kind of URL.
    """
    address = parse(url)
    if address.query:
        check_parameters(address)
    return address.kind == "cluster"


def make_client(url: str, redis: ModuleType) -> Any:
    """Build a client for a URL.

    Args:
        url: A URL in one of `FORMS`, except `embedded` and `http`.
        redis: The module `redis` or `redis.asyncio`.

    Raises:
        InvalidInputError: The URL cannot be parsed.
    """
    address = parse(url)
    options = {"retry": _no_retries(redis), **_identity(), **_DEFAULTS}
    if address.kind == "sentinel":
        return _from_sentinel(address, redis)
    if address.scheme != "unix":
        options |= _keepalive()
    if address.kind == "cluster":
        if redis.__name__ != "redis":
            # Each fifth command whose slot has moved would close all connections, also those that are used. The slot is
            # noted in any case, and all of them are asked for when a node is lost.
            options["reinitialize_steps"] = 0
        return redis.RedisCluster.from_url(address.url, max_connections=_MAX_POOL_CONNECTIONS, **options)
    if redis.__name__ == "redis":
        return redis.Redis.from_url(address.url, max_connections=_MAX_POOL_CONNECTIONS, **options)
    pool = redis.BlockingConnectionPool.from_url(
        address.url, max_connections=_POOL_CONNECTIONS, timeout=_POOL_WAIT_SECONDS, **options
    )
    return redis.Redis.from_pool(pool)


def prepare() -> None:
    """Import what an async client needs, and read its version metadata, since both read files."""
    import langchain_motorhead.redis_io.fast_path  # noqa: F401

    _identity()


def _keepalive() -> dict[str, Any]:
    """Return settings of TCP connections: the system asks whether an idle connection is still there."""
    options = {
        getattr(socket, name): value for name, value in _KEEPALIVE_SECONDS.items() if hasattr(socket, name)
    }  # not all systems have all of them
    return {"socket_keepalive": True, "socket_keepalive_options": options}


@cache
def _identity() -> dict[str, Any]:
    """Return the name and version that a client reports. Otherwise redis-py reads files for each connection."""
    try:
        from redis.driver_info import DriverInfo
    except ImportError:  # redis-py before 7.2 reads them when it is imported
        return {}
    return {"driver_info": DriverInfo()}


def _from_sentinel(address: RedisAddress, redis: ModuleType) -> Any:
    from importlib import import_module

    service, database = as_service(address)
    options: dict[str, Any] = {
        **_DEFAULTS,
        **_keepalive(),
        **_identity(),
        **parsed_parameters(address, redis),
        "db": database,
        "ssl": address.scheme == "rediss",
    }
    login = {"username": address.username, "password": address.password}
    options |= {name: value for name, value in login.items() if value is not None}
    access = {name: value for name, value in options.items() if name != "db"}
    if address.sentinel_access is not None:
        access = {**access, "username": None, "password": None, **address.sentinel_access}
    sentinel = import_module(f"{redis.__name__}.sentinel").Sentinel(
        list(address.hosts), sentinel_kwargs=access, **options
    )
    return sentinel.master_for(service, retry=_no_retries(redis), max_connections=_MAX_POOL_CONNECTIONS)


def _no_retries(redis: ModuleType) -> Any:
    """Return redis-py's policy of no retries, since an append without a reply may have been executed."""
    from importlib import import_module

    from redis.backoff import NoBackoff

    return import_module(f"{redis.__name__}.retry").Retry(NoBackoff(), 0)
