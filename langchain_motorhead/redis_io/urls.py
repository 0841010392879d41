"""Redis URLs: parses them and builds clients. Only a cluster client connects, to look up its nodes."""

from __future__ import annotations

import socket
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from langchain_motorhead.exceptions import InvalidInputError

if TYPE_CHECKING:
    from types import ModuleType

FORMS = (
    "redis://[user:password@]host:6379/0, rediss:// for TLS, unix:///path/to/socket, "
    "redis+cluster://host:port, redis+sentinel://host:26379[,host:26379]/service[/db] "
    "(rediss+cluster, rediss+sentinel for TLS), embedded:// or embedded:///some/folder; "
    "http:// or https:// for a server"
)
_HTTP = ("http://", "https://")
_PLAIN = frozenset({"redis", "rediss", "unix"})
_MULTI_NODE = frozenset({"redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"})
# Seconds. Without them, a caller would hang if the network is lost. Parameters in the URL take precedence.
_TIMEOUTS: dict[str, Any] = {"socket_timeout": 10.0, "socket_connect_timeout": 5.0}
# A connection that a router or NAT has silently forgotten is found before it is used, if it was idle for two minutes.
_KEEPALIVE_SECONDS = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
# Size of an async client's pool, and how long a task waits for a connection. Pools that cannot wait are larger.
_POOL_CONNECTIONS, _POOL_WAIT_SECONDS = 64, 20.0
_MAX_POOL_CONNECTIONS = 1_024


def is_http(url: object) -> bool:
    """Return whether a URL is that of a REST server in front of Redis."""
    return isinstance(url, str) and url.lower().startswith(_HTTP)


def scheme_of(url: object) -> str:
    """Return the scheme of a Redis URL.

    Raises:
        InvalidInputError: It is not a string, or has another scheme. The message does not repeat the URL, which may
            contain a password.
    """
    if not isinstance(url, str):
        raise InvalidInputError(f"a Redis URL is a string, not {type(url).__name__}. Forms: {FORMS}")
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in _PLAIN and scheme not in _MULTI_NODE and scheme != "embedded":
        shown = f"the scheme {scheme!r}" if scheme else "a URL without a scheme"
        raise InvalidInputError(f"{shown} is not supported for Redis. Forms: {FORMS}")
    return scheme


def is_cluster(url: str) -> bool:
    """Return whether a URL is that of a cluster.

    Raises:
        InvalidInputError: The URL cannot be parsed.
    """
    scheme = scheme_of(url)
    try:
        query = dict(parse_qsl(urlsplit(url).query))
    except ValueError as error:
        raise InvalidInputError(f"the Redis URL cannot be parsed. Forms: {FORMS}") from error
    return scheme.endswith("+cluster") or query.get("cluster", "") in ("true", "1")


def make_client(url: str, redis: ModuleType) -> Any:
    """Build a client for a URL.

    Args:
        url: A URL in one of `FORMS`, except `embedded` and `http`.
        redis: The module `redis` or `redis.asyncio`.

    Raises:
        InvalidInputError: The URL cannot be parsed.
    """
    try:
        if scheme_of(url).endswith("+sentinel"):
            return _from_sentinel(url, redis)
        options = {"retry": _no_retries(redis), **_identity(), **_TIMEOUTS}
        if scheme_of(url) != "unix":
            options |= _keepalive()
        if is_cluster(url):
            return redis.RedisCluster.from_url(_without_cluster(url), max_connections=_MAX_POOL_CONNECTIONS, **options)
        if "cluster=" in url:
            url = _without_cluster(url)
        if redis.__name__ == "redis":
            return redis.Redis.from_url(url, max_connections=_MAX_POOL_CONNECTIONS, **options)
        pool = redis.BlockingConnectionPool.from_url(
            url, max_connections=_POOL_CONNECTIONS, timeout=_POOL_WAIT_SECONDS, **options
        )
        return redis.Redis.from_pool(pool)
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"the Redis URL cannot be parsed. Forms: {FORMS}") from error


def prepare() -> None:
    """Import what an async client needs, and read its version metadata, since both read files."""
    import redis.asyncio.sentinel  # noqa: F401

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


def _from_sentinel(url: str, redis: ModuleType) -> Any:
    from importlib import import_module

    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    sentinels = []
    for host in hosts.split(","):
        name, _, port = host.rpartition(":") if ":" in host else (host, "", "26379")
        sentinels.append((name.strip("[]"), int(port)))
    service, _, db = parts.path.strip("/").partition("/")
    options: dict[str, Any] = {
        **_TIMEOUTS,
        **_keepalive(),
        **_identity(),
        "db": int(db or 0),
        **import_module(f"{redis.__name__}.connection").parse_url(f"redis://?{parts.query}"),
        "ssl": parts.scheme.startswith("rediss"),
    }
    if credentials:
        options |= {"username": unquote(user) or None, "password": unquote(password) or None}
    access = {key: value for key, value in options.items() if key != "db"}
    sentinel = import_module(f"{redis.__name__}.sentinel").Sentinel(sentinels, sentinel_kwargs=access, **options)
    return sentinel.master_for(
        unquote(service) or "mymaster", retry=_no_retries(redis), max_connections=_MAX_POOL_CONNECTIONS
    )


def _without_cluster(url: str) -> str:
    parts = urlsplit(url)
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key != "cluster"])
    return urlunsplit(parts._replace(scheme=parts.scheme.removesuffix("+cluster"), query=query))


def _no_retries(redis: ModuleType) -> Any:
    """Return redis-py's policy of no retries, since an append without a reply may have been executed."""
    from importlib import import_module

    from redis.backoff import NoBackoff

    return import_module(f"{redis.__name__}.retry").Retry(NoBackoff(), 0)
