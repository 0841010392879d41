"""langchain-mcp-adapters, with the version of MCP's SDK that it needs: `make adapters` runs these tests."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from langchain_motorhead import Facts, HashingEmbeddings, Motorhead
from langchain_motorhead.server import Settings, create_app
from support.http_servers import served

adapters = pytest.importorskip("langchain_mcp_adapters.client", reason="it needs mcp<2: run make adapters")


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_every_tool(url: str, namespace: str, transport: str) -> None:
    """Each tool and resource works through the adapters, by both transports, and stays with its user."""
    options: Any = {"namespace": namespace, "embeddings": HashingEmbeddings(), "facts": Facts()}
    with Motorhead.from_url(url, **options) as motorhead:
        motorhead.session("his", "bob").append([{"role": "human", "content": "Rain in Oslo"}])
        motorhead.session("hers", "eve").append([{"role": "human", "content": "A secret in Paris"}])
    args = ["-m", "langchain_motorhead.cli", "mcp", "--url", url, "--namespace", namespace, "--user", "bob"]
    stdio = {"transport": "stdio", "command": sys.executable, "args": [*args, "--embeddings", "hashing"]}
    app = create_app(Settings(api_keys={"k": namespace}), motorhead=lambda _: Motorhead.from_url(url, **options))
    with served(app) as base:
        http = {
            "transport": "http", "url": f"{base}/mcp?user_id=bob", "headers": {"Authorization": "Bearer k"},
        }  # fmt: skip
        client = adapters.MultiServerMCPClient({"motorhead": stdio if transport == "stdio" else http})
        async with client.session("motorhead") as session:
            tools = {tool.name: tool for tool in await adapters.load_mcp_tools(session)}
            assert len(tools) == 7

            async def ask(name: str, **arguments: Any) -> str:
                return str(await tools[name].ainvoke(arguments))

            assert "Rain in Oslo" in await ask("search_memory", query="rain")
            assert "Rain in Oslo" in await ask("read_conversation", session_id="his")
            assert '"his"' in await ask("list_sessions")
            fact = (await ask("remember", text="Lives in Oslo")).partition("as fact ")[2][:16]
            fact = (await ask("correct_fact", fact_id=fact, text="Lives in Rome")).partition("by fact ")[2][:16]
            assert "Lives in Rome" in await ask("user_profile")
            assert "was removed" in await ask("forget_fact", fact_id=fact)
            assert "there is no conversation" in await ask("read_conversation", session_id="hers")
            assert "hers" not in await ask("list_sessions")
            with pytest.raises(Exception, match="there is no conversation"):
                await session.read_resource("motorhead://sessions/hers/summary")
