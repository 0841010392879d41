"""Parses the URL of a Redis, and checks that of a server. Pure. No error repeats what may belong to a password.

An unescaped `/`, `?`, `#` or `@` in a password moves the end of the host, so that a part of the password is
taken for the host, the port or the path, and repeated in the errors of whoever connects. Such URLs are refused here.
No exception of another parser is involved, since its text and its `__context__` would hold the URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from langchain_motorhead.exceptions import InvalidInputError

FORMS = (
    "redis://[user:password@]host:6379/0, rediss:// for TLS, unix:///path/to/socket, "
    "redis+cluster://host:port, redis+sentinel://host:26379[,host:26379]/service[/db] "
    "(rediss+cluster, rediss+sentinel for TLS), embedded:// or embedded:///some/folder; "
    "http:// or https:// for a server"
)
SCHEMES = frozenset("redis rediss unix redis+cluster rediss+cluster redis+sentinel rediss+sentinel embedded".split())
_ESCAPE = (
    "Percent-encode these characters in the user name and the password: / as %2F, ? as %3F, # as %23, @ as %40, "
    ": as %3A, % as %25"
)
_DEFAULT_PORT, _SENTINEL_PORT = 6379, 26379
_MAX_PORT = 65_535
# What stands before :// may be a part of a password. It is repeated in an error only if it looks like this.
_SCHEME = re.compile(r"[a-z+-]*(redis|valkey|keydb|sentinel|cluster)[a-z+-]*|[a-z]{2,5}")
# The characters that Sentinels allow in a name.
_SERVICE = re.compile(r"[\w.-]*", re.ASCII)
_IPV6 = re.compile(r"[0-9a-fA-F:.]+(%[\w.-]+)?")
_TRUE = frozenset({"true", "1"})


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is, and how to log in. Its `repr` shows no credentials.

    Attributes:
        scheme: `redis`, `rediss` or `unix`, without `+cluster` or `+sentinel`.
        kind: `"single"`, `"cluster"` or `"sentinel"`.
        hosts: Names and ports. More than one with Sentinels only; none for a Unix socket.
        path: Path of a Unix socket; else the database's number, or the name of a Sentinel's service and the number.
        query: Parameters for redis-py, without those of this package.
        username: User name, or None.
        password: Password, or None.
        sentinel_access: Arguments of a Sentinel's own client: `username` and `password`, if the URL has them.
    """

    scheme: str
    kind: str
    hosts: tuple[tuple[str, int], ...]
    path: str
    query: Mapping[str, str] = field(repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    sentinel_access: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL of one server or a cluster, as redis-py takes it, with everything percent-encoded."""
        login = ""
        if self.username is not None or self.password is not None:
            secret = "" if self.password is None else f":{quote(self.password, safe='')}"
            login = f"{quote(self.username or '', safe='')}{secret}@"
        where = ",".join(f"{_bracketed(host)}:{port}" for host, port in self.hosts)
        return f"{self.scheme}://{login}{where}{quote(self.path)}{self.query_string}"

    @property
    def query_string(self) -> str:
        """The parameters for redis-py, with the question mark, or an empty string."""
        pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.query.items())
        return f"?{pairs}" if pairs else ""


def scheme_of(url: object) -> str:
    """Return the scheme of a Redis URL.

    Raises:
        InvalidInputError: It is not a string, or has another scheme.
    """
    if not isinstance(url, str):
        raise InvalidInputError(f"a Redis URL is a string, not {type(url).__name__}. Forms: {FORMS}")
    before, separator, _ = url.strip().partition("://")
    scheme = before.lower() if separator else ""
    if scheme not in SCHEMES:
        if not separator:
            shown = "a URL without a scheme"
        else:
            shown = f"the scheme {scheme!r}" if _SCHEME.fullmatch(scheme) else "the scheme of this URL"
        raise InvalidInputError(f"{shown} is not supported for Redis. Forms: {FORMS}")
    return scheme


def parse(url: str) -> RedisAddress:
    """Parse a URL in one of `FORMS`, except `embedded`, `http` and `https`.

    Raises:
        InvalidInputError: It cannot be parsed.
    """
    scheme = scheme_of(url)
    if not url.strip().isprintable():
        raise InvalidInputError("the Redis URL has a line break or a control character in it")
    rest = url.strip().partition("://")[2]
    if scheme == "unix":
        return _parse_socket(rest)
    authority, after = _authority_of(rest)
    path, query = _path_and_query(after)
    scheme, _, kind = scheme.partition("+")
    if query.pop("cluster", "") in _TRUE and not kind:
        kind = "cluster"
    login, _, where = authority.rpartition("@")
    many = kind == "sentinel"
    default = _SENTINEL_PORT if many else _DEFAULT_PORT
    hosts = tuple(_host_and_port(each, default) for each in (where.split(",") if many else [where]))
    service, _, database = path.strip("/").partition("/") if many else ("", "/", path.strip("/"))
    if not _SERVICE.fullmatch(service) or (database and not _is_number(database)):
        raise InvalidInputError(f"what stands after the host in the Redis URL cannot be used. Forms: {FORMS}")
    username, password = _login(login)
    own = {name: value for name in ("username", "password") if (value := query.pop(f"sentinel_{name}", None))}
    return RedisAddress(scheme, kind or "single", hosts, path, query, username, password, own if many and own else None)


def with_sentinel_access(url: str, username: str | None, password: str | None) -> str:
    """Return a URL of Sentinels with their own user name and password, unless it has these. Other URLs are unchanged.

    Raises:
        InvalidInputError: The URL cannot be parsed.
    """
    given = {"sentinel_username": username, "sentinel_password": password}
    if scheme_of(url).partition("+")[2] != "sentinel" or parse(url).sentinel_access is not None:
        return url
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value)
    return f"{url.strip()}{'&' if '?' in url else '?'}{pairs}" if pairs else url


def check_server_url(url: str) -> str:
    """Check the URL of a REST server, and return its scheme, host and port, without a login.

    Raises:
        InvalidInputError: It has no host, or more than a login, a host and a path, or it cannot be parsed.
    """
    scheme, _, rest = url.partition("://")
    authority, after = _authority_of(rest)
    where = authority.rpartition("@")[2]
    if not where or "?" in after or "#" in after or not url.isprintable():
        raise InvalidInputError("the server's URL has a host, maybe a path, and no more: http://localhost:8000")
    _host_and_port(where, _DEFAULT_PORT)
    return f"{scheme.lower()}://{where}"


def _authority_of(rest: str) -> tuple[str, str]:
    """Split what follows the scheme into login and host, and all after them."""
    authority, after = _split_before(rest, "/?#")
    if "@" in after:
        raise InvalidInputError(
            f"the URL has an @ after its first /, ? or #, so it is not clear where its password ends. {_ESCAPE}"
        )
    return authority, after


def _parse_socket(rest: str) -> RedisAddress:
    authority, after = _split_before(rest, "/")
    if authority and (not authority.endswith("@") or "?" in authority or "#" in authority):
        raise InvalidInputError(
            f"the URL of a Unix socket is unix:///path/to/socket, or unix://user:password@/path/to/socket. {_ESCAPE}"
        )
    path, query = _path_and_query(after)
    if path in ("", "/"):
        raise InvalidInputError("the URL of a Unix socket needs a path: unix:///path/to/socket")
    username, password = _login(authority.removesuffix("@"))
    return RedisAddress("unix", "single", (), path, query, username, password)


def _split_before(text: str, characters: str) -> tuple[str, str]:
    """Split a text before the first of some characters."""
    at = min((found for each in characters if (found := text.find(each)) >= 0), default=len(text))
    return text[:at], text[at:]


def _path_and_query(after: str) -> tuple[str, dict[str, str]]:
    if "#" in after:
        raise InvalidInputError(f"the Redis URL has a # in it. {_ESCAPE}")
    path, _, query = after.partition("?")
    pairs = (each.partition("=") for each in query.split("&") if each)
    # A plus sign stays one: passwords contain it.
    return unquote(path), {unquote(name): unquote(value) for name, _, value in pairs}


def _login(login: str) -> tuple[str | None, str | None]:
    username, colon, password = login.partition(":")
    return unquote(username) or None, unquote(password) if colon and password else None


def _host_and_port(where: str, default: int) -> tuple[str, int]:
    """Parse a host with an optional port. Its error does not repeat them: they may be the rest of a password."""
    bracketed, closing, rest = where.partition("]")
    if where.startswith("[") and closing:
        host, is_host = bracketed[1:], _IPV6.fullmatch(bracketed[1:]) is not None
        colon, port = rest[:1], rest[1:]
        is_host &= colon in ("", ":")
    else:
        host, colon, port = where.partition(":")
        is_host = all(char.isalnum() or char in "._-" for char in host)
    if not is_host or (port and not (_is_number(port) and int(port) <= _MAX_PORT)):
        raise InvalidInputError(f"the host or the port in the URL cannot be used. {_ESCAPE}. Forms: {FORMS}")
    return host or "localhost", int(port or default)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(2**31))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def as_service(address: RedisAddress) -> tuple[str, int]:
    """Return the name of a Sentinel's service, and the number of the database."""
    service, _, database = address.path.strip("/").partition("/")
    return service or "mymaster", int(database or 0)


def for_one_server(address: RedisAddress) -> RedisAddress:
    """Return the address without hosts, path and login, for redis-py to parse the parameters alone."""
    return replace(
        address, scheme="redis", hosts=(("localhost", _DEFAULT_PORT),), path="", username=None, password=None
    )
