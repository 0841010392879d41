"""Which requests come from pages of other sites: the check of `Host`, `Origin` and `Sec-Fetch-Site`. Pure.

Without API keys, whoever reaches the server may read and delete everything, and a browser on the same machine reaches
it for any page. A page of another site is known by its `Origin`. A page that made its own host name resolve to this
machine (DNS rebinding) is known by its `Host`, which is none of this server's names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ANY = "*"
_SHOWN_CHARS = 100


class Sites:
    """The names of a server, and the origins whose pages may use it.

    Args:
        hosts: Host names of this server, beyond those of the loopback. `*.example.com` is any name below it, and `*` is
            any name at all.
        origins: Origins of other sites whose pages may use this server, or `*` for all.
    """

    def __init__(self, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)
        self._origins = frozenset(origin.lower() for origin in origins)

    def refusal(self, method: str, headers: Headers, address: str | None) -> str | None:
        """Return why a request is refused, or None if it is not from another site.

        Args:
            method: Method of the request.
            headers: Headers of the request.
            address: The address of this server that the client connected to, if known.
        """
        hosts = headers.getlist("host")
        if hosts and not (len(hosts) == 1 and self._is_ours(hosts[0], address)):
            shown = _name_and_port(hosts[0])[0][:_SHOWN_CHARS]
            return f"the host name {shown!r} is not allowed. Add it to MOTORHEAD_ALLOWED_HOSTS, or use API keys"
        origins = headers.getlist("origin")
        if _ANY in self._origins or (len(origins) == 1 and origins[0].lower() in self._origins):
            return None
        if any(not _is_same(origin, hosts[0] if hosts else "") for origin in origins):
            return (
                "requests from pages of other sites are refused. Add the page's origin to MOTORHEAD_CORS_ORIGINS, or "
                "use API keys"
            )
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _is_visit(method, headers):
            return "requests from pages of other sites are refused"
        return None

    def _is_ours(self, host: str, address: str | None) -> bool:
        name, _ = _name_and_port(host)
        if not name:
            return False
        if _ANY in self._hosts or name in self._hosts or _is_loopback(name) or name == address:
            return True
        return any(name.endswith(each[1:]) for each in self._hosts if each.startswith("*."))


def _is_same(origin: str, host: str) -> bool:
    """Return whether an origin is the host and port that the request was sent to. The scheme may be a proxy's."""
    try:
        parts = urlsplit(origin.lower())
        name, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return False
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or not name:  # as "null", which pages without an origin send
        return False
    host_name, host_port = _name_and_port(host)
    return name == host_name and (port or default) == (host_port or default)


def _is_visit(method: str, headers: Headers) -> bool:
    """Return whether a user follows a link to this server, of which the page with the link sees nothing."""
    navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return navigates and method in ("GET", "HEAD")


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _name_and_port(host: str) -> tuple[str, int | None]:
    """Return the name in lower case, without the brackets of IPv6 and a final dot, and the port, of a `Host` header."""
    host = host.strip().lower()
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = host.partition(":")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return "", None
    return name.rstrip("."), int(port) if port else None
