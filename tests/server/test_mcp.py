"""MCP: the official client gets the tools by stdio and HTTP, and reaches one user of one tenant only."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from langchain_motorhead import Facts, HashingEmbeddings, Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.json_logs import JSONLines
from support.http_servers import served
from support.redis_servers import wait_until
from support.rest import JSON, said, with_key

mcp = pytest.importorskip("mcp")
KEYS = {"key-a": "A", "key-b": "B"}
READING = ["search_memory", "read_conversation", "list_sessions", "user_profile"]
WRITING = ["remember", "correct_fact", "forget_fact"]
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
HEADERS = {"Accept": "application/json, text/event-stream"}
Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def by_http(base: str, key: str = "key-a", mode: str = "auto") -> AsyncIterator[Any]:
    """Connect the official client to `/mcp`."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    async with (
        httpx2.AsyncClient(headers=with_key(key)) as http,
        mcp.Client(streamable_http_client(f"{base}/mcp?user_id=bob", http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def by_stdio(url: str, namespace: str, *options: str) -> AsyncIterator[Any]:
    """Connect the official client to `motorhead mcp`."""
    from mcp.client.stdio import StdioServerParameters, stdio_client

    args = ["-m", "langchain_motorhead.cli", "mcp", "--url", url, "--namespace", namespace, "--user", "bob"]
    command = StdioServerParameters(command=sys.executable, args=[*args, "--embeddings", "hashing", *options])
    async with mcp.Client(stdio_client(command)) as client:
        yield client


def fill(motorhead: Motorhead) -> Motorhead:
    """Store what two users said."""
    motorhead.session("a/b", "bob").append([{"role": "human", "content": f"Rain in Oslo {at}"} for at in range(8)])
    motorhead.session("hers", "eve").append([{"role": "human", "content": "A secret in Paris"}])
    return motorhead


@pytest.fixture
def base(url: str, namespace: str) -> Iterator[str]:
    """URL of a server with two tenants that have recall and facts."""

    def of(name: str) -> Motorhead:
        return fill(
            Motorhead.from_url(
                url, namespace=f"{namespace} {name}", embeddings=HashingEmbeddings(), facts=Facts(),
                window=Window(max_messages=4), compaction="inline",
            )
        )  # fmt: skip

    with served(create_app(Settings(api_keys=KEYS), motorhead=of)) as address:
        yield address


async def text(client: Any, tool: str, **arguments: Any) -> str:
    """Call a tool, and return its answer; for one that failed, with a mark."""
    result = await client.call_tool(tool, arguments)
    (content,) = result.content
    return f"{'failed: ' if result.is_error else ''}{content.text}"


async def check_everything(client: Any) -> None:
    """Use each tool and each resource once, as bob, and try to leave his memory."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(listed) == [*READING, *WRITING]
    assert [name for name, tool in listed.items() if not tool.annotations.read_only_hint] == WRITING
    assert "user_id" not in str([tool.input_schema for tool in listed.values()])
    assert '["a/b", message ' in await text(client, "search_memory", query="rain in Oslo")
    assert "Messages 2 to 4 of" in await text(client, "read_conversation", session_id="a/b", around=3, count=3)
    assert '"a/b": 8 messages' in await text(client, "list_sessions")
    fact = (await text(client, "remember", text="Lives in Oslo")).split()[-1].rstrip(".")
    corrected = (await text(client, "correct_fact", fact_id=fact, text="Lives in Rome")).split()[-1].rstrip(".")
    assert "Lives in Rome" in await text(client, "user_profile")
    addresses = [str(each.uri) for each in (await client.list_resources()).resources]
    assert addresses == ["motorhead://user/profile", "motorhead://sessions/a%2Fb/summary"]
    profile, summary = [(await client.read_resource(each)).contents[0].text for each in addresses]
    assert profile.startswith("<profile>\n- Lives in Rome")
    assert summary.startswith("<summary>\n")
    assert "Rain in Oslo 0" in summary
    (template,) = (await client.list_resource_templates()).resource_templates
    assert template.uri_template == "motorhead://sessions/{session_id}/summary"
    assert "was removed" in await text(client, "forget_fact", fact_id=corrected)
    for tool, arguments in (
        ("read_conversation", {"session_id": "hers", "user_id": "eve"}), ("read_conversation", {"count": 99}),
        ("forget_fact", {"fact_id": "x"}), ("delete_everything", {}),
    ):  # fmt: skip
        assert (await text(client, tool, **arguments)).startswith("failed: ")
    assert "Paris" not in await text(client, "search_memory", query="a secret in Paris", user_id="eve")
    for uri in ("motorhead://sessions/hers/summary", "motorhead://user/eve"):
        with pytest.raises(mcp.MCPError, match="there is no"):
            await client.read_resource(uri)


async def test_http(base: str) -> None:
    """By HTTP, a tenant's key and the user in the URL decide what is reached; another tenant's ids fail."""
    for mode in ("auto", "legacy"):  # without and with the handshake of earlier versions of the protocol
        async with by_http(base, mode=mode) as client:
            await check_everything(client)
    async with httpx.AsyncClient(base_url=base, headers=with_key("key-a")) as http:
        await http.post("/sessions/of-a/memory?user_id=bob", json=said("only A knows"))
    async with by_http(base, key="key-b") as other:
        assert "failed: there is no conversation" in await text(other, "read_conversation", session_id="of-a")
        assert "of-a" not in await text(other, "list_sessions")


def test_http_refusals(base: str) -> None:
    """A request without a key, without a user, or with a wrong body is refused as elsewhere; nothing starts for it."""
    with httpx.Client(base_url=base, headers=HEADERS) as http:
        key = with_key("key-a")
        for path, headers, status in (
            ("/mcp?user_id=bob", {}, 401), ("/mcp?user_id=bob", with_key("key-c"), 401), ("/mcp", key, 400),
            ("/mcp?user_id=%00", key, 400),
        ):  # fmt: skip
            assert http.post(path, json=PING, headers=headers).status_code == status, path
        assert "/mcp?user_id=bob" in http.post("/mcp", json=PING, headers=key).json()["error"]
        assert http.post("/mcp?user_id=bob", content=b"{}", headers=key).status_code == 415
        large = http.post("/mcp?user_id=bob", content=b" " * 20_000_000, headers={**JSON, **key})
        assert large.status_code == 413
        assert http.post("/mcp?user_id=bob", json=PING, headers=key).json()["result"] == {}
        assert http.get("/mcp?user_id=bob", headers=key).status_code == 405
        assert 'route="/mcp"' in http.get("/metrics").text


async def test_read_only(url: str, namespace: str) -> None:
    """With the setting, clients of the server get no tool that writes, and cannot call one."""
    given = Motorhead.from_url(url, namespace=namespace, facts=Facts())
    app = create_app(Settings(mcp_read_only=True), motorhead=given)
    with given, served(app) as base:
        async with by_http(base) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == READING[1:]
            assert (await text(client, "remember", text="x")).startswith("failed: there is no tool")


async def test_stdio(url: str, namespace: str) -> None:
    """By stdio, the command's user and namespace decide what is reached; with `--read-only`, nothing is written."""
    with Motorhead.from_url(
        url, namespace=namespace, embeddings=HashingEmbeddings(), window=Window(max_messages=4), compaction="inline"
    ) as motorhead:
        fill(motorhead)
    async with by_stdio(url, namespace) as client:
        await check_everything(client)
    async with by_stdio(url, namespace, "--read-only") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == READING
        assert "failed: there is no tool" in await text(client, "remember", text="x")


def test_without_the_extra(base: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the extra, the path says what to install."""
    monkeypatch.setattr("langchain_motorhead.server.mcp.endpoint.find_spec", lambda _: None)
    answer = httpx.post(f"{base}/mcp?user_id=bob", json=PING, headers={**HEADERS, **with_key("key-a")})
    assert answer.status_code == 501
    assert "[server,mcp]" in answer.json()["error"]


def test_changes_are_in_the_audit_log(base: str, caplog: pytest.LogCaptureFixture) -> None:
    """A tool that changes something has a line with whose memory it was, also if it failed; one that reads has none."""
    caplog.set_level(logging.INFO)
    headers = {"Authorization": "Bearer key-a", "Accept": "application/json, text/event-stream"}
    for tool, arguments in (
        ("remember", {"text": "likes hush-1"}),
        ("user_profile", {}),
        ("forget_fact", {"fact_id": "none"}),
    ):
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        answer = httpx.post(f"{base}/mcp?user_id=ann", json=call, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text

    def logged() -> list[logging.LogRecord]:
        return [each for each in caplog.records if each.name == "langchain_motorhead.server.audit"]

    wait_until(lambda: len(logged()) == 2)  # a line is written after the answer
    lines = [json.loads(JSONLines().format(each)) for each in logged()]
    assert [(each["action"], each["user_id"], each.get("fact_id"), each["outcome"]) for each in lines] == [
        ("remember fact", "ann", None, "done"),
        ("forget fact", "ann", "none", "refused"),
    ]
    assert "hush" not in "".join(map(json.dumps, lines))
