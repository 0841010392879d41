"""Pages of other origins, path prefixes of proxies, and clients that are slow or idle."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from langchain_motorhead import Motorhead
from langchain_motorhead.server import Settings, create_app
from support.http_servers import process, served
from support.rest import said

ORIGIN = "https://chat.example"
FROM_A_PAGE = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
PREFLIGHT = {**FROM_A_PAGE, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type,x-metal-api-key"}  # fmt: skip
ALLOWED = "access-control-allow-origin"


@pytest.mark.parametrize("origins", [(ORIGIN,), ("*",)])
@pytest.mark.parametrize("key", [None, "k"])
def test_pages_of_a_known_origin(motorhead: Motorhead, origins: tuple[str, ...], key: str | None) -> None:
    """A page of an origin in the setting may ask first, read, write, and read errors, with API keys and without."""
    settings = Settings(cors_origins=origins, api_keys={"k": "tenant"} if key else None)
    headers = {**FROM_A_PAGE, **({"x-metal-api-key": key} if key else {})}
    with served(create_app(settings, motorhead=lambda _: motorhead)) as base:
        asked = httpx.options(f"{base}/sessions/s/memory", headers=PREFLIGHT)
        assert asked.status_code == 200
        assert "POST" in asked.headers["access-control-allow-methods"]
        written = httpx.post(f"{base}/sessions/s/memory", json=said("a"), headers=headers)
        read = httpx.get(f"{base}/sessions/s/memory", headers=headers)
        wrong = httpx.get(f"{base}/sessions?size=x", headers=headers)
    assert [each.status_code for each in (written, read, wrong)] == [200, 200, 400]
    for each in (asked, written, read, wrong):
        assert each.headers[ALLOWED] in (ORIGIN, "*")


def test_pages_of_other_origins(motorhead: Motorhead) -> None:
    """A page of an origin that is not in the setting may neither read nor write."""
    for settings in (Settings(), Settings(cors_origins=("https://other.example",))):
        with served(create_app(settings, motorhead=lambda _: motorhead)) as base:
            assert ALLOWED not in httpx.options(f"{base}/sessions/s/memory", headers=PREFLIGHT).headers
            assert httpx.post(f"{base}/sessions/s/memory", json=said("a"), headers=FROM_A_PAGE).status_code == 403
            assert ALLOWED not in httpx.get(f"{base}/sessions/s/memory", headers=FROM_A_PAGE).headers


@pytest.mark.parametrize("prefix", ["", "/mem", "/mem/v1"])
def test_a_prefix_is_removed_or_kept(motorhead: Motorhead, prefix: str) -> None:
    """With a prefix in the settings, requests with it and without it are answered, with encoded ids, and described."""
    app = create_app(Settings(root_path=prefix), motorhead=lambda _: motorhead)
    with served(app) as base, httpx.Client(base_url=base) as http:
        assert http.post(f"{prefix}/sessions/a%2Fb/memory", json=said("a")).status_code == 200
        for path in {"", prefix}:
            assert http.get(f"{path}/sessions/a%2Fb/memory").json()["total"] == 1
            assert http.get(f"{path}/docs").status_code == http.get(f"{path}/health").status_code == 200
            assert http.get(f"{path}/nothing").json()["code"] == "not_found"
            assert http.delete(f"{path}/sessions").headers["allow"] == "GET, HEAD"
            assert http.get(f"{path}/openapi.json").json()["servers"] == [{"url": prefix or "/"}]
        assert 'route="/sessions/{session_id}/memory"' in http.get("/metrics").text


def test_inside_another_application(motorhead: Motorhead) -> None:
    """Mounted in another application, requests are answered, and the document names the prefix."""
    inner = create_app(Settings(), motorhead=lambda _: motorhead)

    @asynccontextmanager
    async def inside(_: Starlette) -> AsyncIterator[None]:
        async with inner.router.lifespan_context(inner):  # Starlette runs that of the outer application only
            yield

    app = Starlette(routes=[Mount("/in ner", inner)], lifespan=inside)
    with served(app) as base, httpx.Client(base_url=f"{base}/in%20ner") as http:
        assert http.post("/sessions/a%2Fb/memory", json=said("a")).status_code == 200
        assert http.get("/sessions/a%2Fb/memory").json()["total"] == 1
        assert http.get("/openapi.json").json()["servers"] == [{"url": "/in%20ner"}]


def test_a_large_page_is_reduced(http: httpx.Client) -> None:
    """A size above 1,000 is reduced to it, as the original did; one that is no number is refused."""
    http.post("/sessions/s/memory", json=said("a"))
    for size in (1_000, 1_001, 10**10, 2**63 - 1):
        assert http.get("/sessions", params={"size": size}).json() == ["s"]
    assert http.get("/sessions", params={"size": "1e3"}).status_code == 400


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(20)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    return True


def test_slow_and_idle_clients(url: str, namespace: str) -> None:
    """Connections with half a head, nothing at all, half a second head, or no further request are closed in time."""
    heads = {
        "nothing": b"",
        "half a head": b"POST /sessions/s/memory HTTP/1.1\r\nHost: localhost\r\nX-A",
        "half a second head": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHo",
        "idle": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    }
    environment = {"REDIS_URL": url, "MOTORHEAD_NAMESPACE": namespace}
    limits = {"MOTORHEAD_CLIENT_TIMEOUT": "0.5", "MOTORHEAD_KEEP_ALIVE": "1"}
    with process(**environment, **limits) as (running, base):
        port = httpx.URL(base).port or 0
        for name, head in heads.items():
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(head)
                assert _is_closed(connection), name
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = b"POST /sessions/s/memory HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            connection.sendall(head + b"Content-Length: 9\r\n\r\n{")
            answer = b""
            connection.settimeout(20)
            while part := connection.recv(4096):
                answer += part
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"code":"request_timeout"' in answer
        with httpx.Client(base_url=base) as http:  # a client that is fast is not closed
            for _ in range(8):
                assert http.post("/sessions/s/memory", json=said("a")).status_code == 200
                time.sleep(0.2)
        assert running.poll() is None
