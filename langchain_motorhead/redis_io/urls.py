"""Redis clients from a URL. Makes them, and does not connect: no I/O but a cluster client's own first look."""

from __future__ import annotations

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
_MANY = frozenset({"redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"})
# Without them a lost network would hang a caller. A URL's own parameters come first.
_TIMEOUTS: dict[str, Any] = {"socket_timeout": 10.0, "socket_connect_timeout": 5.0}
# Tasks are many: above so many connections they wait for one, for so many seconds. Pools that cannot wait get more.
_CONNECTIONS, _PATIENCE = 64, 20.0
_MANY_CONNECTIONS = 1_024


def is_http(url: object) -> bool:
    """Say whether a URL is of a server in front of Redis."""
    return isinstance(url, str) and url.lower().startswith(_HTTP)


def scheme_of(url: object) -> str:
    """Give the scheme of a URL that this package can connect to.

    Raises:
        InvalidInputError: It is not a string, or has another scheme. The message does not repeat the URL, which may
            hold a password.
    """
    if not isinstance(url, str):
        raise InvalidInputError(f"a Redis URL is a string, not {type(url).__name__}. Forms: {FORMS}")
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in _PLAIN and scheme not in _MANY and scheme != "embedded":
        shown = f"the scheme {scheme!r}" if scheme else "a URL without a scheme"
        raise InvalidInputError(f"{shown} is not one of Redis. Forms: {FORMS}")
    return scheme


def is_cluster(url: str) -> bool:
    """Say whether a URL is of a cluster.

    Raises:
        InvalidInputError: The URL cannot be understood.
    """
    scheme = scheme_of(url)
    try:
        query = dict(parse_qsl(urlsplit(url).query))
    except ValueError as error:
        raise InvalidInputError(f"the Redis URL cannot be understood. Forms: {FORMS}") from error
    return scheme.endswith("+cluster") or query.get("cluster", "") in ("true", "1")


def make_client(url: str, redis: ModuleType) -> Any:
    """Make a client for a URL.

    Args:
        url: In one of the forms of this module's `FORMS`, but for `embedded`.
        redis: The module `redis`, or `redis.asyncio`.

    Raises:
        InvalidInputError: The URL cannot be understood.
    """
    try:
        if scheme_of(url).endswith("+sentinel"):
            return _from_sentinel(url, redis)
        options = {"retry": _never(redis), **_identity(), **_TIMEOUTS}
        if is_cluster(url):
            return redis.RedisCluster.from_url(_without_cluster(url), max_connections=_MANY_CONNECTIONS, **options)
        if "cluster=" in url:
            url = _without_cluster(url)
        if redis.__name__ == "redis":
            return redis.Redis.from_url(url, max_connections=_MANY_CONNECTIONS, **options)
        pool = redis.BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, timeout=_PATIENCE, **options)
        return redis.Redis.from_pool(pool)
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"the Redis URL cannot be understood. Forms: {FORMS}") from error


def prepare() -> None:
    """Import what an async client needs, and read what it says of itself: work that reads files."""
    import redis.asyncio.sentinel  # noqa: F401

    _identity()


@cache
def _identity() -> dict[str, Any]:
    """Give what a client tells the server of itself; without it, redis-py reads files for each new connection."""
    try:
        from redis.driver_info import DriverInfo
    except ImportError:  # before redis-py 7.2, which reads them when imported
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
        **_identity(),
        "db": int(db or 0),
        **import_module(f"{redis.__name__}.connection").parse_url(f"redis://?{parts.query}"),
        "ssl": parts.scheme.startswith("rediss"),
    }
    if credentials:
        options |= {"username": unquote(user) or None, "password": unquote(password) or None}
    access = {key: value for key, value in options.items() if key != "db"}
    sentinel = import_module(f"{redis.__name__}.sentinel").Sentinel(sentinels, sentinel_kwargs=access, **options)
    return sentinel.master_for(unquote(service) or "mymaster", retry=_never(redis), max_connections=_MANY_CONNECTIONS)


def _without_cluster(url: str) -> str:
    parts = urlsplit(url)
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key != "cluster"])
    return urlunsplit(parts._replace(scheme=parts.scheme.removesuffix("+cluster"), query=query))


def _never(redis: ModuleType) -> Any:
    """Give redis-py's policy of not sending again: an append whose answer was lost may have been carried out."""
    from importlib import import_module

    from redis.backoff import NoBackoff

    return import_module(f"{redis.__name__}.retry").Retry(NoBackoff(), 0)
