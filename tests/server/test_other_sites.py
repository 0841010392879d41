"""A server without API keys serves the programs of its users, and no page of another site."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from langchain_motorhead import Motorhead
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http.sites import Sites
from langchain_motorhead.server.variables import variables
from support.http_servers import served
from support.rest import JSON, known, said, with_key

BODY = json.dumps(said("planted")).encode()
REQUESTS = [
    ("GET", "/sessions"),
    ("GET", "/sessions/s/memory"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("POST", "/sessions/s/memory"),
    ("POST", "/sessions/s/compact"),
    ("POST", "/search"),
    ("DELETE", "/sessions/s/memory"),
    ("DELETE", "/users/u"),
    ("OPTIONS", "/sessions/s/memory"),
]


def answer(base: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Send a request with exactly these headers, and return the status and the JSON of the answer."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        body = BODY if method == "POST" else b""
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        data = response.read()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(data) if is_json and data else None
    finally:
        connection.close()


@contextmanager
def serving(motorhead: Motorhead, **settings: Any) -> Iterator[tuple[str, str]]:
    """Serve a `Motorhead` that has a session, and yield the base URL and the `Host` that fits it."""
    with served(create_app(Settings(**settings), motorhead=lambda _: motorhead)) as base:
        headers = with_key("k") if "api_keys" in settings else {}
        assert httpx.post(f"{base}/sessions/s/memory", json=said("mine"), headers=headers).status_code == 200
        yield base, base.removeprefix("http://")


@pytest.mark.parametrize(
    "more",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000", "Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example:8000"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "169.254.10.20"},
        {"Host": "user@127.0.0.1"},
        {"Host": "localhost:x"},
        {"Host": ""},
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},
        {"Origin": "http://evil.example", "Content-Type": "application/json"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
    ids=str,
)
def test_other_sites(motorhead: Motorhead, more: dict[str, str]) -> None:
    """Each request that a page of another site can make is a 403, and reads, writes and deletes nothing."""
    with serving(motorhead) as (base, host), httpx.Client(base_url=base) as client:
        for method, path in REQUESTS:
            status, body = answer(base, method, path, {"Host": host, **JSON, **more})
            assert (status, body["code"]) == (403, "forbidden"), (method, path)
        assert known(client, "s") == ["mine"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Host": "localhost"},
        {"Host": "LOCALHOST.:8000"},
        {"Host": "app.localhost:1"},
        {"Host": "127.9.9.9:80"},
        {"Host": "[::1]:8000"},
        {"Host": "[::1]", "Origin": "http://[::1]:80", "Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost", "Origin": "https://localhost"},
        {"Host": "localhost:8000", "Origin": "http://LocalHost:8000"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_own_programs_and_pages(motorhead: Motorhead, more: dict[str, str]) -> None:
    """Programs of this machine, the server's own pages, and what a user types are answered."""
    with serving(motorhead) as (base, host):
        assert answer(base, "GET", "/sessions", {"Host": host, **more}) == (200, ["s"])
        assert answer(base, "POST", "/sessions/s/memory", {"Host": host, **JSON, **more}) == (200, {"status": "Ok"})


def test_a_link_may_be_followed(motorhead: Motorhead) -> None:
    """A link of another site to the documentation works; a form of another site that deletes or posts does not."""
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with serving(motorhead) as (base, host):
        assert answer(base, "GET", "/docs", {"Host": host, **visit})[0] == 200
        assert answer(base, "POST", "/sessions/s/memory", {"Host": host, **JSON, **visit})[0] == 403


def test_programs_without_a_host(motorhead: Motorhead) -> None:
    """A client of HTTP/1.0 that names no host, as some health checks do, is answered: no browser omits it."""
    with serving(motorhead) as (base, _):
        assert answer(base, "GET", "/sessions", {})[0] == 200


def test_names_of_the_server(motorhead: Motorhead) -> None:
    """Configured names are allowed, with any port, and the error for others says which setting it is."""
    with serving(motorhead, allowed_hosts="memory, *.corp.example", host="192.168.1.5") as (base, _):
        for host in ("memory", "MEMORY:8000", "a.corp.example", "a.b.corp.example:1", "192.168.1.5:8000"):
            assert answer(base, "GET", "/sessions", {"Host": host})[0] == 200
            assert answer(base, "GET", "/sessions", {"Host": host, "Origin": f"http://{host}"})[0] == 200
            assert answer(base, "GET", "/sessions", {"Host": host, "Origin": "http://memory:81"})[0] == 403
        for host in ("corp.example", "xcorp.example", "memory.example", "192.168.1.6"):
            status, body = answer(base, "GET", "/sessions", {"Host": host})
            assert status == 403
            assert host in body["error"]
            assert "MOTORHEAD_ALLOWED_HOSTS" in body["error"]


def test_any_name(motorhead: Motorhead) -> None:
    """With a star every name is allowed, and pages of other sites are still refused."""
    with serving(motorhead, allowed_hosts="*") as (base, _):
        assert answer(base, "GET", "/sessions", {"Host": "any.example"})[0] == 200
        assert answer(base, "GET", "/sessions", {"Host": "any.example", "Origin": "http://evil.example"})[0] == 403


def test_the_address_that_a_client_connected_to() -> None:
    """The server's own address is a name of it, as for a health check by the address of a container."""
    sites = Sites((), ())
    assert sites.refusal("GET", Headers({"host": "10.1.2.3:8000"}), "10.1.2.3") is None
    assert sites.refusal("GET", Headers({"host": "10.1.2.3:8000"}), "10.1.2.4") is not None
    assert sites.refusal("GET", Headers({"host": "[fd00::1]:8000"}), "fd00::1") is None


def test_two_hosts() -> None:
    """A request that names two hosts is refused, whichever comes first."""
    for names in (("localhost", "evil.example"), ("evil.example", "localhost")):
        headers = Headers(raw=[(b"host", name.encode()) for name in names])
        assert Sites((), ()).refusal("GET", headers, None) is not None


def test_origins_that_are_allowed() -> None:
    """Pages of configured origins are answered, also with a star, but the host is checked all the same."""
    page = {"host": "localhost", "origin": "https://chat.example", "sec-fetch-site": "cross-site"}
    for origins in (("https://chat.example",), ("*",)):
        sites = Sites((), origins)
        assert sites.refusal("POST", Headers(page), None) is None
        assert sites.refusal("POST", Headers({**page, "host": "evil.example"}), None) is not None
    only = Sites((), ("https://chat.example",))
    assert only.refusal("POST", Headers({**page, "origin": "https://evil.example"}), None) is not None


@pytest.mark.parametrize("hosts", ["http://x", "a/b", "a:8000", "a b", "*x", "a,*.b,c:1"])
def test_what_is_no_host(hosts: str) -> None:
    """A setting that is not a list of host names is refused at the start."""
    with pytest.raises(ValueError, match="allowed_hosts"):
        Settings(allowed_hosts=hosts)


def test_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names come from a variable, which the command's help has."""
    monkeypatch.setenv("MOTORHEAD_ALLOWED_HOSTS", " a , *.b.example,[::1], fd00::1 ,")
    assert Settings().allowed_hosts == ("a", "*.b.example", "[::1]", "fd00::1")
    assert "MOTORHEAD_ALLOWED_HOSTS" in {name for name, *_ in variables()}


def test_keys_protect(motorhead: Motorhead) -> None:
    """With API keys any host and origin is answered, since a page of another site has no key."""
    with serving(motorhead, api_keys={"k": "A"}) as (base, _):
        foreign = {"Host": "any.example", "Origin": "http://other.example", "Sec-Fetch-Site": "cross-site"}
        assert answer(base, "GET", "/sessions", {**foreign, **with_key("k")}) == (200, ["s"])
        assert answer(base, "GET", "/sessions", foreign)[0] == 401


@pytest.mark.parametrize("keys", [{}, {"api_keys": {"k": "A"}}], ids=["without keys", "with keys"])
@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "text/plain; x=application/json", "application/x-www-form-urlencoded",
             "multipart/form-data; boundary=x", "application/jsonx", "text/json"],
)  # fmt: skip
def test_only_json(motorhead: Motorhead, keys: dict[str, Any], kind: str | None) -> None:
    """A body of another type, or of none, is a 415 that names the right one, and stores nothing."""
    with serving(motorhead, **keys) as (base, host), httpx.Client(base_url=base, headers=with_key("k")) as client:
        headers = {"Host": host, **with_key("k"), **({} if kind is None else {"Content-Type": kind})}
        for path in ("/sessions/s/memory", "/sessions/s/retrieval", "/sessions/s/catch-up", "/search"):
            status, body = answer(base, "POST", path, headers)
            assert (status, body["code"]) == (415, "unsupported_media_type")
            assert "application/json" in body["error"]
        assert known(client, "s") == ["mine"]
        for right in ("application/json", "Application/JSON; charset=utf-8"):
            assert answer(base, "POST", "/sessions/s/memory", {**headers, "Content-Type": right})[0] == 200
